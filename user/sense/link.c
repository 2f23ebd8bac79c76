// SPDX-License-Identifier: GPL-2.0-only
#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "base/clean.h"
#include "link_state.h"

/* One turn of the loop is not given to a storm of notifications for longer. */
#define READS_PER_TURN 256
#define READ_TRIES 10

static struct nl_msg *dump_message(int type, const void *header, size_t size)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_DUMP);

	if (message && nlmsg_append(message, (void *)header, size, NLMSG_ALIGNTO) != 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static int dump(struct link *link, int type, const void *header, size_t size)
{
	int err = -EAGAIN;

	for (int i = 0; i < READ_TRIES && err == -EAGAIN; i++)
		err = netlink_query(link->requests, dump_message(type, header, size), link_heed, link);
	return err == -EAGAIN ? 0 : err; /* what changed meanwhile is notified */
}

/* What was not heard of must not be remembered: an interface or neighbour may have gone meanwhile. */
static void forget(struct link *link)
{
	for (size_t i = 0; i < link->policy.n_interfaces; i++) {
		struct link_interface *interface = &link->policy.interfaces[i];

		interface->ifindex = 0;
		interface->up = false;
		interface->carrier = false;
	}
	for (size_t i = 0; i < link->policy.n_servers; i++) {
		for (int family = 0; family < DFB_FAMILIES; family++)
			link->policy.servers[i].path[family].silent = false;
	}
}

static int read_world(struct link *link)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct ifinfomsg interfaces = { .ifi_family = AF_UNSPEC };
	bool watching = link->watching;
	int err;

	link->watching = false;
	forget(link);
	err = dump(link, RTM_GETLINK, &interfaces, sizeof(interfaces));
	for (int i = 0; i < DFB_FAMILIES && !err; i++) {
		const struct ndmsg neighbours = { .ndm_family = families[i] };

		err = dump(link, RTM_GETNEIGH, &neighbours, sizeof(neighbours));
	}
	link->watching = watching;
	link_look_again(link);
	return err;
}

static int open_sockets(struct link *link)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
				      RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP };
	int err = netlink_open(NETLINK_ROUTE, &link->requests);

	return err ? err : netlink_listen(NETLINK_ROUTE, groups, ARRAY_SIZE(groups), &link->news);
}

struct link *link_new(struct loop *loop, const struct policy *policy, link_emit *emit, void *arg)
{
	struct link *link = calloc(1, sizeof(*link));
	int err;

	if (!link)
		return NULL;
	link->loop = loop;
	link->emit = emit;
	link->arg = arg;
	err = link_policy_read(policy, &link->policy);
	/* Listen first: what changes while the world is read is heard afterwards. */
	if (!err)
		err = open_sockets(link);
	if (!err)
		err = read_world(link);
	if (err) {
		link_free(link);
		errno = -err;
		return NULL;
	}
	return link;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	if (link->watching)
		loop_del(link->loop, netlink_fd(link->news));
	netlink_close(link->news);
	netlink_close(link->requests);
	link_policy_fini(&link->policy);
	free(link);
}

void link_own_port(struct link *link, uint32_t port)
{
	if (link->n_ports < LINK_PORTS)
		link->ports[link->n_ports++] = port;
}

void link_on_interface(struct link *link, link_interfaces_fn *fn, void *arg)
{
	link->interfaces_fn = fn;
	link->interfaces_arg = arg;
}

static void ignore(void *arg, struct nlmsghdr *message)
{
	(void)arg;
	(void)message;
}

/*
 * After an overrun the kernel drops notifications until the queue was empty once, without
 * another word. So the queue is emptied first, and then everything is read again.
 */
static void read_after_loss(struct link *link)
{
	link->lost = false;
	read_world(link);
	link_changed(link, "notifications of the kernel were lost: anything may have changed");
}

static void on_news(void *arg, uint32_t events)
{
	struct link *link = arg;
	int more = 1;

	(void)events;
	for (int i = 0; i < READS_PER_TURN && more > 0; i++) {
		more = netlink_read(link->news, link->lost ? ignore : link_heed, link);
		if (more == -ENOBUFS) {
			link->lost = true;
			more = 1;
		}
	}
	if (link->lost && more == 0)
		read_after_loss(link);
	if (!link->lost)
		link_judge(link);
}

int link_start(struct link *link)
{
	int err = loop_add(link->loop, netlink_fd(link->news), EPOLLIN, on_news, link);

	if (err)
		return err;
	link->watching = true;
	link_judge(link);
	return 0;
}

int link_reload(struct link *link, const struct policy *policy)
{
	struct link_policy fresh;
	int err = link_policy_read(policy, &fresh);

	if (err)
		return err;
	link_policy_inherit(&fresh, &link->policy);
	link_policy_fini(&link->policy);
	link->policy = fresh;
	err = read_world(link);
	if (!err && link->watching)
		link_judge(link);
	return err;
}

int link_ifindex(const struct link *link, uint32_t server, uint32_t family)
{
	size_t at = link_server_at(&link->policy, server);

	return at < link->policy.n_servers ? link->policy.servers[at].path[family].ifindex : 0;
}
