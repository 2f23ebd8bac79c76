/* SPDX-License-Identifier: GPL-2.0-only */
/* One pass over what should be and what is there; private to act/route*. */
#ifndef ACT_ROUTE_RUN_H
#define ACT_ROUTE_RUN_H

#include "route_set.h"

/* netobject.tag of what is there and shall stay */
#define ROUTE_KEPT 1

/**
 * struct route
 * @netlink: requests
 * @ready: by pool id: bit DFB_FAMILY_*: its nexthop object is there and ours, so a commit may replace it
 */
struct route {
	struct netlink *netlink;
	uint8_t ready[DFB_MAX_POOLS + 1];
};

/** struct route_run - @error is the first problem's */
struct route_run {
	struct route *route;
	const struct route_want *want;
	struct route_found found;
	struct route_result *result;
	int error;
};

/** route_run_problem() - note it, for the return value and for people. */
void route_run_problem(struct route_run *run, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** route_run_in_the_way() - the problem that @object of somebody else is; @what could not be done. */
void route_run_in_the_way(struct route_run *run, const struct netobject *object, const char *what);

/**
 * route_run_put() - add @object, or change what has its name, or find that all is well
 * @ret_done: set to whether anything was sent; may be NULL
 * Return: 0 or -errno, not yet noted as a problem; netlink_error() has the kernel's words.
 */
int route_run_put(struct route_run *run, const struct netobject *object, bool *ret_done);

/** route_run_remove() - remove one object of ours that is there. */
void route_run_remove(struct route_run *run, const struct netobject *object);

/** route_run_members() - the nexthop objects of a server that groups have as members. */
void route_run_members(struct route_run *run, const struct route_server *server);

/** route_run_pool() - all objects of a pool, but for those to remove. */
void route_run_pool(struct route_run *run, const struct route_pool *pool);

/** route_run_one_pool() - a sync that looks at one pool only. Return: as route_sync(). */
int route_run_one_pool(struct route *route, const struct route_want *want, const struct route_pool *pool,
		       struct route_result *ret_result);

#endif
