// SPDX-License-Identifier: GPL-2.0-only
#include "clsact.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/classifier.h>
#include <stdio.h>
#include <string.h>

#include "own.h"

#define CLSACT_PRIORITY 780
#define CLSACT_HANDLE 0xdf1b

#define POINT(where, point)                                                           \
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = ifindex,                          \
		    .attach_point = (point) == CLSACT_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS)

/* Whose filter has our place? Return: 0: nobody's, 1: ours, -EBUSY: a foreign one. */
static int occupant(const struct bpf_tc_hook *hook, const char *pins)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);
	int err = bpf_tc_query(hook, &opts);

	if (err == -ENOENT || err == -EINVAL)
		return 0;
	if (err)
		return err;
	return own_has(pins, "", opts.prog_id) ? 1 : -EBUSY;
}

bool clsact_is_attached(int ifindex, enum clsact_point point, const char *pins)
{
	POINT(hook, point);

	return occupant(&hook, pins) == 1;
}

static int refuse(const char *name, char *why, size_t size)
{
	snprintf(why, size, "%s: another program has our place on clsact (priority %d, handle %#x);"
		 " is another instance using the interface?", name, CLSACT_PRIORITY, CLSACT_HANDLE);
	return -EBUSY;
}

int clsact_check(int ifindex, enum clsact_point point, const char *pins, char *why, size_t size)
{
	char name[IF_NAMESIZE] = "?";
	POINT(hook, point);

	if_indextoname((unsigned int)ifindex, name);
	return occupant(&hook, pins) == -EBUSY ? refuse(name, why, size) : 0;
}

int clsact_attach(int ifindex, enum clsact_point point, int prog, const char *pins, bool *ret_made_clsact,
		char *why, size_t size)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY, .prog_fd = prog);
	char name[IF_NAMESIZE] = "?";
	POINT(hook, point);
	int made, err;

	if_indextoname((unsigned int)ifindex, name);
	made = bpf_tc_hook_create(&hook);
	err = made && made != -EEXIST ? made : occupant(&hook, pins);
	if (err == -EBUSY)
		return refuse(name, why, size);
	if (err == 1)
		opts.flags = BPF_TC_F_REPLACE;
	if (err >= 0)
		err = bpf_tc_attach(&hook, &opts);
	if (err) {
		snprintf(why, size, "%s: cannot attach to clsact: %s", name, strerror(-err));
		return err;
	}
	if (!made)
		*ret_made_clsact = true;
	return 0;
}

/* libbpf can only ask for a filter by number. */
static bool is_empty(struct nl_sock *sock, int ifindex, uint32_t parent)
{
	struct nl_cache *filters;
	bool empty;

	if (rtnl_cls_alloc_cache(sock, ifindex, TC_H_MAKE(TC_H_CLSACT, parent), &filters))
		return false;
	empty = nl_cache_nitems(filters) == 0;
	nl_cache_free(filters);
	return empty;
}

static bool is_unused(int ifindex)
{
	struct nl_sock *sock = nl_socket_alloc();
	bool unused = sock && !nl_connect(sock, NETLINK_ROUTE) && is_empty(sock, ifindex, TC_H_MIN_INGRESS) &&
		      is_empty(sock, ifindex, TC_H_MIN_EGRESS);

	nl_socket_free(sock);
	return unused;
}

void clsact_detach(int ifindex, enum clsact_point point, const char *pins, bool remove_clsact)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);
	POINT(hook, point);

	if (occupant(&hook, pins) == 1)
		bpf_tc_detach(&hook, &opts);
	if (!remove_clsact || !is_unused(ifindex))
		return;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
}
