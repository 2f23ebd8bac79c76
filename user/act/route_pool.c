// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool's nexthop objects and service routes. What is there already is kept up to date in any
 * case, so that commits go on working; what is new is added wholly or not at all.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "base/text.h"
#include "route_run.h"

/* What a family's routes of a pool should be. */
enum share {
	SHARE_NONE,	   /* the pool does not use the family */
	SHARE_LEAVE,	   /* nothing better is known: what is there stays */
	SHARE_SERVE,
	SHARE_WITHDRAW,
	SHARE_UNREACHABLE,
};

struct work {
	struct route_run *run;
	const struct route_pool *pool;
	enum share share[DFB_FAMILIES];
	struct netobject nexthop[DFB_FAMILIES];
	struct route_set added; /* to take back */
	bool blocked;		/* add nothing */
	char name[64];
};

static bool uses(const struct route_pool *pool, uint32_t family)
{
	for (uint32_t i = 0; i < pool->n_addresses; i++) {
		if (route_family(pool->addresses[i]) == family)
			return true;
	}
	return false;
}

static void server_name(const struct route_server *server, char text[48])
{
	if (server->name)
		snprintf(text, 48, "server %s", server->name);
	else
		snprintf(text, 48, "server %u", server->id);
}

/* Return: NULL, with a problem noted, if no packet can be sent to the server. */
static const struct route_server *server_for(struct work *work, uint32_t id, uint32_t family)
{
	const struct route_server *server = route_find_server(work->run->want, id);
	const char *version = family == DFB_FAMILY_IPV4 ? "IPv4" : "IPv6";
	char address[ADDRESS_TEXT_LEN];
	char name[48];

	if (!server) {
		route_run_problem(work->run, -ENOENT, "%s: there is no server %u", work->name, id);
		return NULL;
	}
	server_name(server, name);
	if (!server->has[family]) {
		route_run_problem(work->run, -ENODEV, "%s: %s has no %s address", work->name, name, version);
		return NULL;
	}
	if (!server->ifindex[family]) {
		route_run_problem(work->run, -ENODEV, "%s: %s cannot be reached directly at %s now", work->name,
				  name, address_format(server->address[family], address));
		return NULL;
	}
	return server;
}

/* Is there anybody to send packets to? */
static bool find_way(struct work *work, uint32_t family)
{
	const struct route_pool *pool = work->pool;
	bool any = false;

	if (!pool->group)
		return pool->server && server_for(work, pool->server, family);
	for (uint32_t i = 0; i < pool->n_shares; i++)
		any |= !!server_for(work, pool->shares[i].server, family);
	return any;
}

static enum share share_of(struct work *work, uint32_t family)
{
	const struct route_pool *pool = work->pool;

	work->nexthop[family] = route_plan_truth(work->run->want, pool, family);
	if (!uses(pool, family))
		return SHARE_NONE;
	if (pool->held && pool->how == POLICY_WITHDRAW)
		return SHARE_WITHDRAW;
	if (pool->held && pool->how == POLICY_UNREACHABLE)
		return SHARE_UNREACHABLE;
	return find_way(work, family) ? SHARE_SERVE : SHARE_LEAVE;
}

/* --- what is in the way ---------------------------------------------------------------------- */

static void check_nexthop(struct work *work, uint32_t family)
{
	const struct route_set *foreign = &work->run->found.foreign;

	for (size_t i = 0; i < foreign->n; i++) {
		if (foreign->at[i].kind != NETOBJECT_NEXTHOP ||
		    foreign->at[i].nexthop != work->nexthop[family].nexthop)
			continue;
		route_run_in_the_way(work->run, &foreign->at[i], work->name);
		work->blocked = true;
	}
}

static void take_one(void *arg, struct nlmsghdr *message)
{
	netobject_parse(message, arg);
}

/* Where would a packet to the service go, if we did nothing? Return: 0 or -errno. */
static int look_up(struct work *work, const uint8_t address[16], struct netobject *ret_found)
{
	*ret_found = (struct netobject){ .prefix = 0 };
	return netlink_query(work->run->route->netlink, netobject_lookup_message(address, true), take_one,
			     ret_found);
}

/* The kernel's own host route in main comes before the local one, while an address is new. */
static bool is_own(const struct netobject *found, const uint8_t address[16])
{
	struct netobject wanted = route_plan_service(address, 0);

	return (found->type != RTN_UNICAST && found->table != RT_TABLE_MAIN) ||
	       (found->prefix == wanted.prefix && found->protocol == RTPROT_KERNEL);
}

static bool needs_no_route(struct work *work, uint32_t index)
{
	const struct route_pool *pool = work->pool;
	struct netobject found;

	return index < pool->n_translated && !look_up(work, pool->addresses[index], &found) &&
	       is_own(&found, pool->addresses[index]);
}

static void check_address(struct work *work, const uint8_t address[16])
{
	struct netobject wanted = route_plan_service(address, 0), found;
	char text[NETOBJECT_TEXT_LEN];
	char name[ADDRESS_TEXT_LEN];

	if (look_up(work, address, &found))
		return;
	if (is_own(&found, address)) {
		route_run_problem(work->run, -EEXIST,
				  "%s: service address %s is this gateway's own, take it off the interface (`%s`)",
				  work->name, address_format(address, name), netobject_format(&found, text));
		work->blocked = true;
	} else if (found.prefix == wanted.prefix && found.table == RT_TABLE_MAIN &&
		   found.priority <= wanted.priority &&
		   !route_is_ours(work->run->want, &found, work->run->found.alone)) {
		route_run_in_the_way(work->run, &found, work->name);
		work->blocked = true;
	}
}

static void check_pool(struct work *work)
{
	const struct route_pool *pool = work->pool;

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (work->share[family] == SHARE_SERVE)
			check_nexthop(work, family);
	}
	for (uint32_t i = 0; i < pool->n_addresses; i++) {
		enum share share = work->share[route_family(pool->addresses[i])];

		if ((share == SHARE_SERVE || share == SHARE_UNREACHABLE) && !needs_no_route(work, i))
			check_address(work, pool->addresses[i]);
	}
}

/* --- what is there --------------------------------------------------------------------------- */

static struct netobject *keep(struct route_run *run, const struct netobject *name)
{
	struct netobject *there = route_set_find(&run->found.ours, name);

	if (there)
		there->tag = ROUTE_KEPT;
	return there;
}

/* A kept route keeps its nexthop object, which may be another pool's. */
static void keep_service(struct route_run *run, const uint8_t address[16])
{
	struct netobject name = route_plan_service(address, 0);
	const struct netobject *route = keep(run, &name);
	struct netobject nexthop = { .kind = NETOBJECT_NEXTHOP, .family = name.family };

	if (!route || !route->nexthop)
		return;
	nexthop.nexthop = route->nexthop;
	keep(run, &nexthop);
	nexthop.family = AF_UNSPEC; /* if it is a group */
	keep(run, &nexthop);
}

static void keep_family(struct work *work, uint32_t family)
{
	keep(work->run, &work->nexthop[family]);
	for (uint32_t i = 0; i < work->pool->n_addresses; i++) {
		if (route_family(work->pool->addresses[i]) == family)
			keep_service(work->run, work->pool->addresses[i]);
	}
}

/* --- what should be -------------------------------------------------------------------------- */

static void take_all(void *arg, struct nlmsghdr *message)
{
	struct netobject object;

	if (netobject_parse(message, &object) == 0)
		route_set_add(arg, &object);
}

static struct route_set found_by_dump(struct route_run *run, uint8_t family)
{
	struct route_set all = { 0 };

	netlink_query(run->route->netlink, netobject_dump_message(NETOBJECT_ROUTE, family, 0), take_all,
		      &all);
	route_set_sort(&all);
	return all;
}

/* The kernel says that it exists: name it. A lookup does not show what leads nowhere. */
static void problem_of(struct work *work, const struct netobject *object, int err)
{
	CLEAN_ROUTE_SET struct route_set all = { 0 };
	const struct netobject *other = NULL;
	char error[128];
	char text[NETOBJECT_TEXT_LEN];

	text_copy(error, sizeof(error), netlink_error(work->run->route->netlink));
	if (err == -EEXIST && object->kind == NETOBJECT_ROUTE) {
		all = found_by_dump(work->run, object->family);
		other = route_set_find(&all, object);
	}
	if (other)
		route_run_in_the_way(work->run, other, work->name);
	else
		route_run_problem(work->run, err, "%s: cannot set %s `%s`: %s", work->name,
				  netobject_kind_name(object->kind), netobject_format(object, text), error);
}

static int put(struct work *work, const struct netobject *object)
{
	bool there = route_set_find(&work->run->found.ours, object);
	bool done;
	int err;

	if (work->blocked && !there)
		return 0;
	err = route_run_put(work->run, object, &done);
	if (err)
		problem_of(work, object, err);
	else if (done && !there)
		route_set_add(&work->added, object);
	return err;
}

static void take_back(struct work *work)
{
	while (work->added.n > 0) {
		struct netobject *object = &work->added.at[--work->added.n];

		netlink_request(work->run->route->netlink, netobject_message(object, true, 0));
		work->run->result->added--;
	}
	work->blocked = true;
}

void route_run_members(struct route_run *run, const struct route_server *server)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		struct netobject member = route_plan_member(run->want, server, family);
		char text[NETOBJECT_TEXT_LEN];
		int err = 0;

		if (!server->has[family])
			continue;
		if (server->ifindex[family])
			err = route_run_put(run, &member, NULL);
		else
			keep(run, &member);
		if (err)
			route_run_problem(run, err, "cannot set nexthop `%s`: %s", netobject_format(&member, text),
					  netlink_error(run->route->netlink));
	}
}

static void put_members(struct work *work)
{
	for (uint32_t i = 0; work->pool->group && i < work->pool->n_shares; i++) {
		const struct route_server *server =
			route_find_server(work->run->want, work->pool->shares[i].server);

		if (server)
			route_run_members(work->run, server);
	}
}

static void put_nexthops(struct work *work)
{
	put_members(work);
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (work->share[family] == SHARE_SERVE && put(work, &work->nexthop[family]) != 0)
			work->share[family] = SHARE_LEAVE;
	}
}

static int put_service(struct work *work, const uint8_t address[16])
{
	uint32_t family = route_family(address);
	struct netobject route;

	if (work->share[family] != SHARE_SERVE && work->share[family] != SHARE_UNREACHABLE)
		return 0;
	route = route_plan_service(address,
				   work->share[family] == SHARE_SERVE ? work->nexthop[family].nexthop : 0);
	return put(work, &route);
}

static void put_pool(struct work *work)
{
	const struct route_pool *pool = work->pool;

	put_nexthops(work);
	for (uint32_t i = 0; i < pool->n_addresses; i++) {
		if (!needs_no_route(work, i) && put_service(work, pool->addresses[i]) != 0)
			take_back(work);
	}
}

static uint8_t ready_of(const struct work *work)
{
	uint8_t ready = 0;

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		bool there = route_set_find(&work->run->found.ours, &work->nexthop[family]);

		if (work->share[family] == SHARE_SERVE && (there || !work->blocked))
			ready |= (uint8_t)(1u << family);
	}
	return ready;
}

void route_run_pool(struct route_run *run, const struct route_pool *pool)
{
	struct work work = { .run = run, .pool = pool };

	if (pool->name)
		snprintf(work.name, sizeof(work.name), "pool %s", pool->name);
	else
		snprintf(work.name, sizeof(work.name), "pool %u", pool->id);
	if (!pool->id || pool->id > DFB_MAX_POOLS) {
		route_run_problem(run, -ERANGE, "%s: its id %u is out of range", work.name, pool->id);
		return;
	}
	for (uint32_t family = 0; family < DFB_FAMILIES; family++)
		work.share[family] = share_of(&work, family);
	check_pool(&work);
	put_pool(&work);
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (work.share[family] == SHARE_LEAVE ||
		    (work.blocked && work.share[family] != SHARE_WITHDRAW))
			keep_family(&work, family);
	}
	run->route->ready[pool->id] = ready_of(&work);
	route_set_fini(&work.added);
}
