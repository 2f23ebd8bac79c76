// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bridge port in the state "disabled" neither takes nor gives a frame from the next one on, in both
 * directions at once and whatever sends them (sockets, XDP_TX), while its carrier stays up: a server
 * that dies without a word. One netlink message does it. "unplug" takes the port down instead, and
 * its peer sees the carrier go.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "base/clean.h"
#include "base/netlink.h"
#include "base/text.h"
#include "../cable.h"

/* @names: a socket of any kind that was made in the namespace: names are looked up there. */
struct cables {
	struct netlink *netlink;
	int names;
};

struct change {
	const char *verb;
	bool admin; /* change the interface's flags */
	bool up;
	bool state; /* change the bridge port's state */
	uint8_t to;
};

static const struct change changes[] = {
	{"cut", false, false, true, BR_STATE_DISABLED},
	{"mend", false, false, true, BR_STATE_FORWARDING},
	{"unplug", true, false, false, 0},
	{"plug", true, true, false, 0}, /* the bridge forwards as soon as there is carrier */
};

static const struct change *find_change(const char *verb)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		if (!strcmp(changes[i].verb, verb))
			return &changes[i];
	}
	return NULL;
}

bool cable_knows(const char *verb)
{
	return find_change(verb) != NULL;
}

static int set_flags(struct netlink *netlink, int ifindex, bool up)
{
	struct ifinfomsg info = {.ifi_index = ifindex, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (!msg || nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return netlink_request(netlink, msg);
}

static int set_state(struct netlink *netlink, int ifindex, uint8_t state)
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
	return netlink_request(netlink, msg);
nomem:
	nlmsg_free(msg);
	return -ENOMEM;
}

int cable_change(struct cables *cables, const char *verb, const char *port)
{
	const struct change *change = find_change(verb);
	struct ifreq name = {0};
	int error = 0;

	if (!change)
		return -EINVAL;
	text_copy(name.ifr_name, sizeof(name.ifr_name), port);
	if (ioctl(cables->names, SIOCGIFINDEX, &name))
		return -errno;
	if (change->admin)
		error = set_flags(cables->netlink, name.ifr_ifindex, change->up);
	if (!error && change->state)
		error = set_state(cables->netlink, name.ifr_ifindex, change->to);
	return error;
}

/* --- the namespace --------------------------------------------------------------------------- */

static int open_here(struct cables *cables)
{
	cables->names = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return cables->names < 0 ? -errno : netlink_open(NETLINK_ROUTE, &cables->netlink);
}

/* A socket stays in the namespace where it was made. */
static int open_there(const char *namespace, struct cables *cables)
{
	CLEAN_CLOSE int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEAN_CLOSE int there = -1;
	char path[256];
	int error;

	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET))
		return -errno;
	error = open_here(cables);
	return setns(home, CLONE_NEWNET) ? -errno : error;
}

int cable_open(const char *namespace, struct cables **ret_cables)
{
	struct cables *cables = calloc(1, sizeof(*cables));
	int error;

	if (!cables)
		return -ENOMEM;
	cables->names = -1;
	error = open_there(namespace, cables);
	if (error) {
		cable_close(cables);
		return error;
	}
	*ret_cables = cables;
	return 0;
}

void cable_close(struct cables *cables)
{
	if (!cables)
		return;
	netlink_close(cables->netlink);
	clean_close(&cables->names);
	free(cables);
}
