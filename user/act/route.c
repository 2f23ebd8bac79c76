// SPDX-License-Identifier: GPL-2.0-only
#include "route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route_run.h"

int route_new(struct route **ret_route)
{
	struct route *route = calloc(1, sizeof(*route));
	int err;

	if (!route)
		return -ENOMEM;
	err = netlink_open(NETLINK_ROUTE, &route->netlink);
	if (err) {
		free(route);
		return err;
	}
	*ret_route = route;
	return 0;
}

void route_free(struct route *route)
{
	if (!route)
		return;
	netlink_close(route->netlink);
	free(route);
}

uint32_t route_port(const struct route *route)
{
	return netlink_port(route->netlink);
}

static const struct route_pool *find_pool(const struct route_want *want, uint32_t id)
{
	for (uint32_t i = 0; i < want->n_pools; i++) {
		if (want->pools[i].id == id)
			return &want->pools[i];
	}
	return NULL;
}

static bool is_withdrawn(const struct route_pool *pool)
{
	return pool->held && pool->how != POLICY_KEEP;
}

static bool reaches(const struct route_want *want, uint32_t id, uint32_t family)
{
	const struct route_server *server = route_find_server(want, id);

	return server && server->has[family] && server->ifindex[family];
}

static bool reaches_all(const struct route_want *want, const struct route_pool *pool, uint32_t family)
{
	for (uint32_t i = 0; i < pool->n_shares; i++) {
		if (!reaches(want, pool->shares[i].server, family))
			return false;
	}
	return reaches(want, pool->server, family);
}

/* Is one replacement per family all it takes? */
static bool is_ready(const struct route *route, const struct route_want *want, const struct route_pool *pool)
{
	uint8_t ready = route->ready[pool->id];

	if (is_withdrawn(pool))
		return false;
	for (uint32_t i = 0; i < pool->n_addresses; i++) {
		uint32_t family = route_family(pool->addresses[i]);

		if (!(ready & 1u << family) || !reaches_all(want, pool, family))
			return false;
	}
	return true;
}

static int replace(struct route *route, const struct route_want *want, const struct route_pool *pool)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		struct netobject nexthop = route_plan_truth(want, pool, family);
		int err;

		if (!(route->ready[pool->id] & 1u << family))
			continue;
		err = netlink_request(route->netlink, netobject_message(&nexthop, false, NLM_F_REPLACE));
		if (err)
			return err;
	}
	return 0;
}

int route_commit(struct route *route, const struct route_want *want, uint32_t pool_id,
		 char ret_why[ROUTE_PROBLEM_LEN])
{
	const struct route_pool *pool = find_pool(want, pool_id);
	struct route_result result;
	int err;

	ret_why[0] = '\0';
	if (!pool || pool_id > DFB_MAX_POOLS || (!pool->server && !is_withdrawn(pool))) {
		snprintf(ret_why, ROUTE_PROBLEM_LEN, "pool %u %s", pool_id,
			 pool ? "has no server yet" : "does not exist");
		return -ENOENT;
	}
	if (is_ready(route, want, pool) && replace(route, want, pool) == 0)
		return 0;
	/* Something is missing or in the way: the long way finds it, and the words for it. */
	err = route_run_one_pool(route, want, pool, &result);
	if (err)
		snprintf(ret_why, ROUTE_PROBLEM_LEN, "%s", result.problem[0]);
	return err;
}
