/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of rules, routes and nexthop objects: what should be, and what is there. */
#ifndef ACT_ROUTE_SET_H
#define ACT_ROUTE_SET_H

#include <stddef.h>

#include "base/netlink.h"
#include "base/netobject.h"
#include "route.h"

struct route_set {
	struct netobject *at; /* owned */
	size_t n;
	size_t room;
	int error; /* -ENOMEM: something could not be added */
};

/** route_set_fini() - free what it holds. */
void route_set_fini(struct route_set *set);

#define CLEAN_ROUTE_SET __attribute__((cleanup(route_set_fini)))

/** route_set_add() - a copy; out of memory shows in @set->error. */
void route_set_add(struct route_set *set, const struct netobject *object);

/** route_set_sort() - by netobject_order(); needed before route_set_find(). */
void route_set_sort(struct route_set *set);

/** route_set_find() - by name, whatever it says. Return: NULL if it is not there. */
struct netobject *route_set_find(const struct route_set *set, const struct netobject *name);

/**
 * struct route_found - what is there
 * @ours: sorted; netobject.tag is 0
 * @foreign: rules of others, and nexthop objects of others with ids of ours; sorted
 * @alone: no other instance has rules here
 */
struct route_found {
	struct route_set ours;
	struct route_set foreign;
	bool alone;
};

/** route_found_fini() - free what it holds. */
void route_found_fini(struct route_found *found);

#define CLEAN_ROUTE_FOUND __attribute__((cleanup(route_found_fini)))

/** route_found_read() - ask the kernel for all of it. Return: 0 or -errno. */
int route_found_read(struct netlink *netlink, const struct route_want *want, struct route_found *ret_found);

/** route_is_ours() - protocol and ranges; @alone: see struct route_found. */
bool route_is_ours(const struct route_want *want, const struct netobject *object, bool alone);

/** route_plan_fits() - is it a server id, and do the bits of the mark hold it? */
bool route_plan_fits(const struct route_want *want, uint32_t server);

/** route_plan_servers() - add the rules and table routes that should be. */
void route_plan_servers(const struct route_want *want, const struct route_set *foreign,
			struct route_set *set);

/** route_plan_nexthop() - the nexthop object of a pool, as it should be for @server (NULL: only its name). */
struct netobject route_plan_nexthop(const struct route_want *want, const struct route_pool *pool,
				    const struct route_server *server, uint32_t family);

/** route_plan_group() - likewise, where several may serve; those that cannot be reached are left out. */
struct netobject route_plan_group(const struct route_want *want, const struct route_pool *pool,
				  uint32_t family);

/** route_plan_member() - the nexthop object of a server in such groups. */
struct netobject route_plan_member(const struct route_want *want, const struct route_server *server,
				   uint32_t family);

/** route_plan_truth() - the one of these that the pool's routes use, as it should be */
struct netobject route_plan_truth(const struct route_want *want, const struct route_pool *pool,
				  uint32_t family);

/** route_plan_service() - the route of a service's address; @nexthop 0: unreachable. */
struct netobject route_plan_service(const uint8_t address[16], uint32_t nexthop);

/** route_family() - DFB_FAMILY_* of an address. */
uint32_t route_family(const uint8_t address[16]);

/** route_find_server() - Return: NULL if there is none with this id. */
const struct route_server *route_find_server(const struct route_want *want, uint32_t id);

#endif
