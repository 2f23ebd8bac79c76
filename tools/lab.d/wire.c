// SPDX-License-Identifier: GPL-2.0-only
/*
 * wire - cut and mend the cables of the lab, and say when to the microsecond
 *
 * A bridge port in the state "disabled" neither takes nor gives a frame from the next one on, in both
 * directions at once and whatever sends them (sockets, XDP_TX), while its carrier stays up: a server
 * that dies without a word. One netlink message does it. "unplug" takes the port down instead, and
 * its peer sees the carrier go.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "base/clean.h"
#include "base/loop.h"

struct port_change {
	const char *verb;
	bool admin;  /* change the interface's flags */
	bool up;
	bool state;  /* change the bridge port's state */
	uint8_t to;
};

static const struct port_change changes[] = {
	{"cut", false, false, true, BR_STATE_DISABLED},
	{"mend", false, false, true, BR_STATE_FORWARDING},
	{"unplug", true, false, false, 0},
	{"plug", true, true, false, 0}, /* the bridge forwards as soon as there is carrier */
};

static const struct port_change *find_change(const char *verb)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		if (!strcmp(changes[i].verb, verb))
			return &changes[i];
	}
	return NULL;
}

static int send_and_free(struct nl_sock *sock, struct nl_msg *msg)
{
	int error = nl_send_sync(sock, msg); /* frees the message */

	return error < 0 ? -EIO : 0;
}

static int set_flags(struct nl_sock *sock, int ifindex, bool up)
{
	struct ifinfomsg info = {.ifi_index = ifindex, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (!msg || nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return send_and_free(sock, msg);
}

static int set_state(struct nl_sock *sock, int ifindex, uint8_t state)
{
	struct ifinfomsg info = {.ifi_family = AF_BRIDGE, .ifi_index = ifindex};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_SETLINK, 0);
	struct nlattr *nest;

	if (!msg || nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0)
		goto nomem;
	nest = nla_nest_start(msg, IFLA_PROTINFO | NLA_F_NESTED);
	if (!nest || nla_put_u8(msg, IFLA_BRPORT_STATE, state) < 0)
		goto nomem;
	nla_nest_end(msg, nest);
	return send_and_free(sock, msg);
nomem:
	nlmsg_free(msg);
	return -ENOMEM;
}

static int apply(struct nl_sock *sock, const struct port_change *change, const char *port)
{
	int ifindex = (int)if_nametoindex(port);
	int error = 0;

	if (!ifindex)
		return -ENODEV;
	if (change->admin)
		error = set_flags(sock, ifindex, change->up);
	if (!error && change->state)
		error = set_state(sock, ifindex, change->to);
	return error;
}

static int enter_namespace(const char *name)
{
	CLEAN_CLOSE int fd = -1;
	char path[256];

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return -errno;
	return 0;
}

static int run(const struct port_change *change, char **ports)
{
	struct nl_sock *sock = nl_socket_alloc();
	uint64_t begin, end;
	int error = 0;

	if (!sock || nl_connect(sock, NETLINK_ROUTE) < 0) {
		nl_socket_free(sock);
		return -ENOMEM;
	}
	begin = clock_now_ns();
	for (; *ports && !error; ports++)
		error = apply(sock, change, *ports);
	end = clock_now_ns();
	nl_socket_free(sock);
	if (error) {
		fprintf(stderr, "wire: %s: %s\n", ports[-1], strerror(-error));
		return error;
	}
	printf("{\"mono_ns\":%" PRIu64 ",\"took_ns\":%" PRIu64 "}\n", begin, end - begin);
	return 0;
}

int main(int argc, char **argv)
{
	const struct port_change *change = argc > 3 ? find_change(argv[1]) : NULL;
	int error;

	if (!change) {
		fprintf(stderr, "usage: wire cut|mend|unplug|plug NAMESPACE PORT...\n");
		return 2;
	}
	error = enter_namespace(argv[2]);
	if (error) {
		fprintf(stderr, "wire: %s: %s\n", argv[2], strerror(-error));
		return 1;
	}
	return run(change, argv + 3) ? 1 : 0;
}
