// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel tells every object that a transaction adds or removes, and at its end, with the new
 * generation, who did it (linux/netfilter/nf_tables.h).
 */
#include "ruleset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>

#include "base/netlink.h"
#include "base/text.h"

#define TABLE_LEN 40
#define READS_PER_TURN 256

/* The first attribute of every object but a generation is the name of its table. */
_Static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
	       NFTA_SET_ELEM_LIST_TABLE == 1, "a table's name is found elsewhere");

/** struct ruleset - @touched: the transaction that is being told has changed our table */
struct ruleset {
	struct loop *loop;
	link_emit *emit;
	void *arg;
	struct netlink *news;
	char table[TABLE_LEN];
	bool touched;
};

static void tell(struct ruleset *ruleset, const char *who)
{
	struct event event = { .kind = EVENT_TAMPERED, .time_ns = clock_now_ns() };

	ruleset->touched = false;
	snprintf(event.text.what, sizeof(event.text.what), "%s changed table inet %s", who, ruleset->table);
	ruleset->emit(ruleset->arg, &event);
}

static void end_transaction(struct ruleset *ruleset, struct nlmsghdr *message)
{
	struct nlattr *attributes[NFTA_GEN_MAX + 1] = { 0 };
	struct nlattr *name, *pid;
	char who[64] = "somebody";

	if (!ruleset->touched)
		return;
	nlmsg_parse(message, sizeof(struct nfgenmsg), attributes, NFTA_GEN_MAX, NULL);
	name = attributes[NFTA_GEN_PROC_NAME];
	pid = attributes[NFTA_GEN_PROC_PID];
	if (name && pid)
		snprintf(who, sizeof(who), "%.16s (process %u)", nla_get_string(name),
			 ntohl(nla_get_u32(pid)));
	tell(ruleset, who);
}

static void heed(void *arg, struct nlmsghdr *message)
{
	struct nlattr *attributes[NFTA_TABLE_MAX + 1] = { 0 };
	const struct nfgenmsg *header = nlmsg_data(message);
	struct ruleset *ruleset = arg;

	if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) {
		end_transaction(ruleset, message);
		return;
	}
	if (header->nfgen_family != NFPROTO_INET ||
	    nlmsg_parse(message, sizeof(*header), attributes, NFTA_TABLE_MAX, NULL) < 0 ||
	    !attributes[NFTA_TABLE_NAME])
		return;
	ruleset->touched |= !strcmp(nla_get_string(attributes[NFTA_TABLE_NAME]), ruleset->table);
}

static void on_news(void *arg, uint32_t events)
{
	struct ruleset *ruleset = arg;
	int more = 1;

	(void)events;
	for (int i = 0; i < READS_PER_TURN && more > 0; i++) {
		more = netlink_read(ruleset->news, heed, ruleset);
		if (more == -ENOBUFS)
			tell(ruleset, "somebody changed a lot, and perhaps");
	}
}

int ruleset_new(struct loop *loop, const char *table, link_emit *emit, void *arg,
		struct ruleset **ret_ruleset)
{
	static const int groups[] = { NFNLGRP_NFTABLES };
	struct ruleset *ruleset = calloc(1, sizeof(*ruleset));
	int err;

	if (!ruleset)
		return -ENOMEM;
	ruleset->emit = emit;
	ruleset->arg = arg;
	text_copy(ruleset->table, sizeof(ruleset->table), table);
	err = netlink_listen(NETLINK_NETFILTER, groups, 1, &ruleset->news);
	if (!err)
		err = loop_add(loop, netlink_fd(ruleset->news), EPOLLIN, on_news, ruleset);
	if (err) {
		ruleset_free(ruleset);
		return err;
	}
	ruleset->loop = loop;
	*ret_ruleset = ruleset;
	return 0;
}

void ruleset_free(struct ruleset *ruleset)
{
	if (!ruleset)
		return;
	if (ruleset->loop)
		loop_del(ruleset->loop, netlink_fd(ruleset->news));
	netlink_close(ruleset->news);
	free(ruleset);
}

static void ignore(void *arg, struct nlmsghdr *message)
{
	(void)arg;
	(void)message;
}

void ruleset_forget(struct ruleset *ruleset)
{
	int more = 1;

	while (ruleset && (more > 0 || more == -ENOBUFS))
		more = netlink_read(ruleset->news, ignore, ruleset);
}
