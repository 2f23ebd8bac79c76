// SPDX-License-Identifier: GPL-2.0-only
#include "netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "clean.h"
#include "text.h"

/* The kernel fills up to 32 KiB of a dump into one datagram. */
#define NETLINK_BUFFER 32768
#define NETLINK_QUEUE (4 << 20)

struct netlink {
	int fd;
	uint32_t port;
	uint32_t seq;
	char error[128];
	char buffer[NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static int socket_bind(struct netlink *netlink)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	socklen_t length = sizeof(address);

	if (bind(netlink->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (getsockname(netlink->fd, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	netlink->port = address.nl_pid;
	return 0;
}

static int socket_new(int type, int protocol, struct netlink **ret_netlink)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int err;

	if (!netlink)
		return -ENOMEM;
	netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | type, protocol);
	err = netlink->fd < 0 ? -errno : socket_bind(netlink);
	if (err) {
		netlink_close(netlink);
		return err;
	}
	*ret_netlink = netlink;
	return 0;
}

int netlink_open(int protocol, struct netlink **ret_netlink)
{
	static const int on = 1;
	struct netlink *netlink;
	int err = socket_new(0, protocol, &netlink);

	if (err)
		return err;
	/* Strict: the kernel filters dumps by what the request says, so a full BGP table costs nothing. */
	if (setsockopt(netlink->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0 ||
	    setsockopt(netlink->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) < 0 ||
	    setsockopt(netlink->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) < 0) {
		err = -errno;
		netlink_close(netlink);
		return err;
	}
	*ret_netlink = netlink;
	return 0;
}

int netlink_listen(int protocol, const int *groups, size_t n_groups, struct netlink **ret_netlink)
{
	static const int queue = NETLINK_QUEUE;
	struct netlink *netlink;
	int err = socket_new(SOCK_NONBLOCK, protocol, &netlink);

	if (err)
		return err;
	if (setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue)) < 0)
		setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof(queue));
	for (size_t i = 0; i < n_groups; i++) {
		if (setsockopt(netlink->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) == 0)
			continue;
		err = -errno;
		netlink_close(netlink);
		return err;
	}
	*ret_netlink = netlink;
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->fd >= 0)
		close(netlink->fd);
	free(netlink);
}

uint32_t netlink_port(const struct netlink *netlink)
{
	return netlink->port;
}

int netlink_fd(const struct netlink *netlink)
{
	return netlink->fd;
}

const char *netlink_error(const struct netlink *netlink)
{
	return netlink->error;
}

/* Return: length, 0 if it was not from the kernel (any process may write to our port), or -errno. */
static ssize_t receive(struct netlink *netlink)
{
	struct sockaddr_nl from = { 0 };
	socklen_t length = sizeof(from);
	ssize_t n;

	do
		n = recvfrom(netlink->fd, netlink->buffer, sizeof(netlink->buffer), MSG_TRUNC,
			     (struct sockaddr *)&from, &length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (from.nl_pid != 0)
		return 0;
	return n > (ssize_t)sizeof(netlink->buffer) ? -EMSGSIZE : n;
}

/* The error of an acknowledgement; the extended one explains it (linux/netlink.h, NLMSGERR_ATTR_MSG). */
static int acknowledgement(struct netlink *netlink, struct nlmsghdr *message)
{
	struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1] = { 0 };
	const struct nlmsgerr *error = nlmsg_data(message);

	if (nlmsg_datalen(message) < (int)sizeof(int))
		return -EBADMSG;
	if (!error->error)
		return 0;
	text_copy(netlink->error, sizeof(netlink->error), strerror(-error->error));
	if (message->nlmsg_flags & NLM_F_ACK_TLVS && message->nlmsg_flags & NLM_F_CAPPED)
		nlmsg_parse(message, sizeof(*error), attributes, NLMSGERR_ATTR_MAX, NULL);
	if (attributes[NLMSGERR_ATTR_MSG])
		text_copy(netlink->error, sizeof(netlink->error),
			  nla_get_string(attributes[NLMSGERR_ATTR_MSG]));
	return error->error;
}

struct answer {
	netlink_fn *fn;
	void *arg;
	bool torn; /* the kernel says that the dump is not consistent */
	bool done;
	int error;
};

static void answer_take(struct netlink *netlink, struct answer *answer, struct nlmsghdr *message)
{
	if (message->nlmsg_seq != netlink->seq || answer->done)
		return;
	answer->torn |= !!(message->nlmsg_flags & NLM_F_DUMP_INTR);
	if (message->nlmsg_type == NLMSG_ERROR) {
		answer->error = acknowledgement(netlink, message);
		answer->done = true;
	} else if (message->nlmsg_type == NLMSG_DONE) {
		if (nlmsg_datalen(message) >= (int)sizeof(int))
			answer->error = *(const int *)nlmsg_data(message);
		answer->done = true;
	} else if (answer->fn) {
		answer->fn(answer->arg, message);
	}
}

static int answer_wait(struct netlink *netlink, struct answer *answer)
{
	while (!answer->done) {
		ssize_t n = receive(netlink);
		struct nlmsghdr *message = (struct nlmsghdr *)netlink->buffer;
		int left = (int)n;

		if (n < 0)
			return (int)n;
		for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left))
			answer_take(netlink, answer, message);
	}
	if (answer->error)
		return answer->error < 0 ? answer->error : -EPROTO;
	return answer->torn ? -EAGAIN : 0;
}

int netlink_send(struct netlink *netlink, struct nl_msg *message)
{
	struct nlmsghdr *header;
	int err;

	netlink->error[0] = '\0';
	if (!message)
		return -ENOMEM;
	header = nlmsg_hdr(message);
	header->nlmsg_seq = ++netlink->seq;
	header->nlmsg_pid = netlink->port;
	header->nlmsg_flags |= NLM_F_REQUEST;
	if ((header->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		header->nlmsg_flags |= NLM_F_ACK;
	err = send(netlink->fd, header, header->nlmsg_len, 0) < 0 ? -errno : 0;
	nlmsg_free(message);
	return err;
}

int netlink_query(struct netlink *netlink, struct nl_msg *message, netlink_fn *fn, void *arg)
{
	struct answer answer = { .fn = fn, .arg = arg };
	int err = netlink_send(netlink, message);

	if (!err)
		err = answer_wait(netlink, &answer);
	if (err && !netlink->error[0])
		text_copy(netlink->error, sizeof(netlink->error), strerror(-err));
	return err;
}

int netlink_request(struct netlink *netlink, struct nl_msg *message)
{
	return netlink_query(netlink, message, NULL, NULL);
}

int netlink_read(struct netlink *netlink, netlink_fn *fn, void *arg)
{
	struct nlmsghdr *message = (struct nlmsghdr *)netlink->buffer;
	ssize_t n = receive(netlink);
	int left = (int)n, more = 1;

	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return (int)n;
	for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left)) {
		if (message->nlmsg_type >= NLMSG_MIN_TYPE)
			fn(arg, message);
		else if (message->nlmsg_type == NLMSG_ERROR)
			more = acknowledgement(netlink, message);
		else if (message->nlmsg_type == NLMSG_DONE)
			more = NETLINK_DONE;
	}
	return more;
}
