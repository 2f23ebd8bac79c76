/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: the rules and routes of ours, in the network namespace the process is in
 *
 * For each server and family there is a rule that leads its mark to its table, and in that table
 * a default route straight to it (@prio, @base, @mask: of struct route_want):
 *
 *   780: from all fwmark 0x10000/0x3fff0000 lookup 780001 proto 223
 *   default via 10.78.0.11 dev e0 table 780001 proto 223 onlink
 *
 * For each pool and family there is one nexthop object, the committed truth, and for each service
 * address a route in the main table that uses it. A commit is one replacement of that object:
 *
 *   id 3623902722 via 10.78.0.11 dev e0 scope link proto 223 onlink
 *   10.79.0.100 nhid 3623902722 via 10.78.0.11 dev e0 proto 223 onlink
 *
 * Where several servers serve at once, it is a group, with a member for each of them; weights are slots:
 *
 *   id 3497033730 via 10.78.0.11 dev e0 scope link proto 223 onlink
 *   id 3497066498 group 3497033730,8/3497033732,8 proto 223
 *
 * Two more rules let a packet without a mark of ours jump over the hundreds that cannot match:
 *
 *   779: from all fwmark 0/0x3fff0000 goto 781 proto 223
 *   781: from all nop proto 223
 *
 * They are left out where someone else has a rule at our priority, which would be skipped too.
 *
 * Whatever is not ours (protocol 223, and an id or table in our ranges) is never touched. If it is
 * in the way, that is a problem with a text for people, and what belongs to the same pool stays
 * as it is; everything else goes on. An interface that goes down, or loses its carrier, takes its routes
 * and nexthop objects with it, silently: call route_sync() when it is back.
 */
#ifndef ACT_ROUTE_H
#define ACT_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <defib/abi.h>

#include "base/netobject.h"
#include "core/policy.h"

#define ROUTE_PROTOCOL NETOBJECT_PROTOCOL
#define ROUTE_PROBLEMS 8
#define ROUTE_PROBLEM_LEN 320

/**
 * struct route_server - where a server is
 * @id: 1 to DFB_MAX_SERVERS
 * @name: for texts; NULL: they say "server ID"
 * @has: it has an address of this family
 * @address: IPv4 as ::ffff:a.b.c.d
 * @ifindex: of the interface that reaches it; 0: not routable now
 */
struct route_server {
	uint32_t id;
	const char *name;
	bool has[DFB_FAMILIES];
	uint8_t address[DFB_FAMILIES][16];
	int ifindex[DFB_FAMILIES];
};

/** struct route_share - a server's part of a pool: slots, 1 to DFB_SLOTS */
struct route_share {
	uint32_t server;
	uint32_t weight;
};

/**
 * struct route_pool - whom its services' routes lead to
 * @id: 1 to DFB_MAX_POOLS
 * @name: for texts; NULL: they say "pool ID"
 * @server: id of the committed server; 0: none yet, what is there stays
 * @group: several may serve at once: @shares have who does, sorted by server; @server is one of them
 * @how: what to do while @held
 * @held: nobody is left
 * @n_addresses: of all its services
 * @addresses: both families mixed
 * @n_translated: the first so many of @addresses may be this gateway's own: then they need no route
 */
struct route_pool {
	uint32_t id;
	const char *name;
	uint32_t server;
	bool group;
	uint32_t n_shares;
	struct route_share shares[DFB_SLOTS];
	enum policy_when_none how;
	bool held;
	uint32_t n_addresses;
	const uint8_t (*addresses)[16];
	uint32_t n_translated;
};

/**
 * struct route_want - the complete desired state; lent by the caller for the call
 * @mark_mask: contiguous bits
 * @mark_shift: its lowest bit
 * @table_base: a server's table is this + id; those of other instances are NETOBJECT_TABLES apart
 * @rule_priority: 2 or more; it, the one before and the one after are ours
 */
struct route_want {
	uint32_t mark_mask;
	uint32_t mark_shift;
	uint32_t table_base;
	uint32_t rule_priority;
	uint32_t n_servers;
	const struct route_server *servers;
	uint32_t n_pools;
	const struct route_pool *pools;
};

/**
 * struct route_result - what was done
 * @n_problems: how many there were; the first ROUTE_PROBLEMS have a text
 */
struct route_result {
	uint32_t added;
	uint32_t changed;
	uint32_t removed;
	uint32_t n_problems;
	char problem[ROUTE_PROBLEMS][ROUTE_PROBLEM_LEN];
};

struct route;

/** route_new() - Return: 0 or -errno; route_free() it. */
int route_new(struct route **ret_route);

/** route_free() - forgets, but removes nothing. NULL is fine. */
void route_free(struct route *route);

/** route_port() - notifications with this nlmsg_pid are of our own doing; see link_own_port(). */
uint32_t route_port(const struct route *route);

/**
 * route_sync() - compare all that is there with all that should be, add, change, remove
 *
 * Doing it again does nothing and counts nothing.
 * Return: 0: all is as wanted; -EEXIST: something foreign is in the way; another -errno: see the
 * problems. @ret_result is always written.
 */
int route_sync(struct route *route, const struct route_want *want, struct route_result *ret_result);

/**
 * route_commit() - make the main table lead a pool's services to its server
 *
 * One message per family, acknowledged; where the objects are missing it does for this pool what
 * route_sync() does. A pool that is held is treated as route_sync() treats it.
 * @ret_why: one line, empty on success
 * Return: 0: every family that the pool uses is committed; -ENOENT: no such pool, or its server is
 * unknown; -ENODEV: the server cannot be reached directly; other -errno of the kernel.
 */
int route_commit(struct route *route, const struct route_want *want, uint32_t pool_id,
		 char ret_why[ROUTE_PROBLEM_LEN]);

/**
 * route_teardown() - remove everything of ours
 * @want: ranges as they were set; servers are not looked at; the addresses of pools, if given, tell
 *	which routes of type unreachable are this instance's while another one runs beside it
 * @keep_routes: the committed routes and nexthop objects go on serving
 * Return: 0 or the first -errno; it goes on after an error.
 */
int route_teardown(struct route *route, const struct route_want *want, bool keep_routes,
		   struct route_result *ret_result);

#endif
