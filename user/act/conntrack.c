// SPDX-License-Identifier: GPL-2.0-only
#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>

#include "base/loop.h"
#include "base/netlink.h"

/**
 * struct conntrack
 * @requests: deletes; @entries: what is read
 * @sweeping: entries are being read; @again: from the beginning, when that is over
 */
struct conntrack {
	struct loop *loop;
	conntrack_fn *fn;
	void *arg;
	struct netlink *requests;
	struct netlink *entries;
	bool sweeping;
	bool again;
	uint32_t deleted;
};

/* --- messages -------------------------------------------------------------------------------- */

static struct nl_msg *message_new(int type, int flags, uint8_t family)
{
	struct nl_msg *message = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | type, flags);
	struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) != 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static struct nl_msg *dump_message(void)
{
	return message_new(IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
}

/* By what the dump said: its tuple, with the zone, and its id, as another may have the tuple by now. */
static struct nl_msg *delete_message(uint8_t family, struct nlattr *tuple, struct nlattr *id)
{
	struct nl_msg *message = message_new(IPCTNL_MSG_CT_DELETE, 0, family);

	if (!message)
		return NULL;
	if (nla_put(message, CTA_TUPLE_ORIG | NLA_F_NESTED, nla_len(tuple), nla_data(tuple)) != 0 ||
	    (id && nla_put(message, CTA_ID, nla_len(id), nla_data(id)) != 0)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static int parse_nested(struct nlattr *attribute, struct nlattr **to, int max)
{
	memset(to, 0, sizeof(*to) * ((size_t)max + 1));
	return attribute ? nla_parse_nested(to, max, attribute, NULL) : -EINVAL;
}

/* One side of a tuple into 16 bytes. */
static int read_address(struct nlattr **ip, int ipv4, int ipv6, uint8_t ret_address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (ip[ipv4] && nla_len(ip[ipv4]) == 4) {
		memcpy(ret_address, mapped, sizeof(mapped));
		memcpy(ret_address + 12, nla_data(ip[ipv4]), 4);
		return 0;
	}
	if (!ip[ipv6] || nla_len(ip[ipv6]) != 16)
		return -EINVAL;
	memcpy(ret_address, nla_data(ip[ipv6]), 16);
	return 0;
}

static int read_entry(struct nlattr **attributes, struct conntrack_entry *ret_entry)
{
	struct nlattr *tuple[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1];
	int err = parse_nested(attributes[CTA_TUPLE_ORIG], tuple, CTA_TUPLE_MAX);

	if (err || !tuple[CTA_TUPLE_ZONE])
		return -EINVAL;
	ret_entry->zone = ntohs(nla_get_u16(tuple[CTA_TUPLE_ZONE]));
	err = parse_nested(tuple[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	if (!err)
		err = read_address(ip, CTA_IP_V4_DST, CTA_IP_V6_DST, ret_entry->destination);
	if (!err)
		err = parse_nested(attributes[CTA_TUPLE_REPLY], tuple, CTA_TUPLE_MAX);
	if (!err)
		err = parse_nested(tuple[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	return err ? err : read_address(ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC, ret_entry->server);
}

static void judge(void *arg, struct nlmsghdr *message)
{
	struct nlattr *attributes[CTA_MAX + 1] = { 0 };
	const struct nfgenmsg *header = nlmsg_data(message);
	struct conntrack *conntrack = arg;
	struct conntrack_entry entry;
	struct nl_msg *deletion;

	if (nlmsg_parse(message, sizeof(*header), attributes, CTA_MAX, NULL) < 0 ||
	    read_entry(attributes, &entry) || !conntrack->fn(conntrack->arg, &entry))
		return;
	deletion = delete_message(header->nfgen_family, attributes[CTA_TUPLE_ORIG], attributes[CTA_ID]);
	if (netlink_request(conntrack->requests, deletion) == 0)
		conntrack->deleted++;
}

/* --- at leisure ------------------------------------------------------------------------------ */

static void on_entries(void *arg, uint32_t events)
{
	struct conntrack *conntrack = arg;
	int more = netlink_read(conntrack->entries, judge, conntrack);

	(void)events;
	if (more >= 0 && more != NETLINK_DONE)
		return;
	conntrack->sweeping = false;
	if (conntrack->again)
		conntrack_sweep(conntrack);
}

int conntrack_sweep(struct conntrack *conntrack)
{
	int err;

	conntrack->again = conntrack->sweeping;
	if (conntrack->sweeping)
		return 0;
	err = netlink_send(conntrack->entries, dump_message());
	conntrack->sweeping = !err;
	return err;
}

int conntrack_new(struct loop *loop, conntrack_fn *fn, void *arg, struct conntrack **ret_conntrack)
{
	struct conntrack *conntrack = calloc(1, sizeof(*conntrack));
	int err;

	if (!conntrack)
		return -ENOMEM;
	conntrack->fn = fn;
	conntrack->arg = arg;
	err = netlink_open(NETLINK_NETFILTER, &conntrack->requests);
	if (!err)
		err = netlink_listen(NETLINK_NETFILTER, NULL, 0, &conntrack->entries);
	if (!err)
		err = loop_add(loop, netlink_fd(conntrack->entries), EPOLLIN, on_entries, conntrack);
	if (err) {
		conntrack_free(conntrack);
		return err;
	}
	conntrack->loop = loop;
	*ret_conntrack = conntrack;
	return 0;
}

void conntrack_free(struct conntrack *conntrack)
{
	if (!conntrack)
		return;
	if (conntrack->loop)
		loop_del(conntrack->loop, netlink_fd(conntrack->entries));
	netlink_close(conntrack->entries);
	netlink_close(conntrack->requests);
	free(conntrack);
}

/* --- at once --------------------------------------------------------------------------------- */

int conntrack_clear(conntrack_fn *fn, void *arg, uint32_t *ret_deleted)
{
	struct conntrack conntrack = { .fn = fn, .arg = arg };
	struct netlink *entries;
	int err = netlink_open(NETLINK_NETFILTER, &entries);

	*ret_deleted = 0;
	if (err)
		return err;
	err = netlink_open(NETLINK_NETFILTER, &conntrack.requests);
	if (!err)
		err = netlink_query(entries, dump_message(), judge, &conntrack);
	netlink_close(conntrack.requests);
	netlink_close(entries);
	*ret_deleted = conntrack.deleted;
	return err == -EAGAIN ? 0 : err;
}
