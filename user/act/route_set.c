// SPDX-License-Identifier: GPL-2.0-only
#include "route_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

/* A table that changes all the time cannot be read at one go; the next change calls for a sync anyway. */
#define READ_TRIES 10

void route_set_fini(struct route_set *set)
{
	free(set->at);
	*set = (struct route_set){ 0 };
}

void route_found_fini(struct route_found *found)
{
	route_set_fini(&found->ours);
	route_set_fini(&found->foreign);
}

void route_set_add(struct route_set *set, const struct netobject *object)
{
	if (set->n == set->room) {
		size_t room = set->room ? set->room * 2 : 64;
		struct netobject *at = reallocarray(set->at, room, sizeof(*at));

		if (!at) {
			set->error = -ENOMEM;
			return;
		}
		set->at = at;
		set->room = room;
	}
	set->at[set->n++] = *object;
}

static int order(const void *a, const void *b)
{
	return netobject_order(a, b);
}

void route_set_sort(struct route_set *set)
{
	if (set->n)
		qsort(set->at, set->n, sizeof(*set->at), order);
}

struct netobject *route_set_find(const struct route_set *set, const struct netobject *name)
{
	return set->n ? bsearch(name, set->at, set->n, sizeof(*set->at), order) : NULL;
}

static bool table_is_ours(const struct route_want *want, uint32_t table)
{
	return table > want->table_base && table < want->table_base + NETOBJECT_TABLES;
}

static bool jumps_like_ours(const struct route_want *want, const struct netobject *rule)
{
	return rule->type == FR_ACT_GOTO && rule->protocol == ROUTE_PROTOCOL &&
	       rule->priority == want->rule_priority - 1 && rule->target == want->rule_priority + 1;
}

static bool rule_is_ours(const struct route_want *want, const struct netobject *rule)
{
	if (rule->type == FR_ACT_TO_TBL)
		return table_is_ours(want, rule->table);
	if (rule->type == FR_ACT_GOTO)
		return jumps_like_ours(want, rule) && rule->mask == want->mark_mask;
	return rule->type == FR_ACT_NOP && rule->priority == want->rule_priority + 1;
}

static bool nexthop_is_ours(const struct route_want *want, uint32_t nexthop)
{
	return netobject_nexthop_is_of(nexthop, want->table_base);
}

static bool is_service(const struct route_want *want, const struct netobject *route)
{
	for (uint32_t i = 0; i < want->n_pools; i++) {
		for (uint32_t k = 0; k < want->pools[i].n_addresses; k++) {
			if (!memcmp(want->pools[i].addresses[k], route->address, 16))
				return true;
		}
	}
	return false;
}

static bool service_is_ours(const struct route_want *want, const struct netobject *route, bool alone)
{
	if (route->table != RT_TABLE_MAIN)
		return false;
	if (route->nexthop)
		return nexthop_is_ours(want, route->nexthop);
	return route->type == RTN_UNREACHABLE && (alone || is_service(want, route));
}

bool route_is_ours(const struct route_want *want, const struct netobject *object, bool alone)
{
	if (object->protocol != ROUTE_PROTOCOL)
		return false;
	if (object->kind == NETOBJECT_RULE)
		return rule_is_ours(want, object);
	if (object->kind == NETOBJECT_NEXTHOP)
		return nexthop_is_ours(want, object->nexthop);
	return table_is_ours(want, object->table) || service_is_ours(want, object, alone);
}

struct reading {
	const struct route_want *want;
	struct route_found *found;
};

static void take(void *arg, struct nlmsghdr *message)
{
	const struct reading *reading = arg;
	struct route_found *found = reading->found;
	struct netobject object;

	if (netobject_parse(message, &object) != 0)
		return;
	if (route_is_ours(reading->want, &object, found->alone)) {
		route_set_add(&found->ours, &object);
		return;
	}
	if (object.kind == NETOBJECT_RULE) {
		route_set_add(&found->foreign, &object);
		found->alone &= object.protocol != ROUTE_PROTOCOL || object.type != FR_ACT_TO_TBL;
	} else if (object.kind == NETOBJECT_NEXTHOP && nexthop_is_ours(reading->want, object.nexthop)) {
		route_set_add(&found->foreign, &object);
	}
}

/* The jump of an instance that is no longer here, or ours with another mask. */
static void adopt_jumps(struct reading *reading)
{
	struct route_set *foreign = &reading->found->foreign;
	size_t left = 0;

	for (size_t i = 0; i < foreign->n; i++) {
		if (reading->found->alone && jumps_like_ours(reading->want, &foreign->at[i]))
			route_set_add(&reading->found->ours, &foreign->at[i]);
		else
			foreign->at[left++] = foreign->at[i];
	}
	foreign->n = left;
}

/* Rules first: they tell whether another instance is here. */
static int read_once(struct netlink *netlink, struct reading *reading)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int err = 0;

	for (enum netobject_kind kind = 0; kind < NETOBJECT_NEXTHOP && !err; kind++) {
		for (int i = 0; i < DFB_FAMILIES && !err; i++)
			err = netlink_query(netlink,
					    netobject_dump_message(kind, families[i], ROUTE_PROTOCOL),
					    take, reading);
		if (kind == NETOBJECT_RULE)
			adopt_jumps(reading);
	}
	if (err)
		return err;
	return netlink_query(netlink, netobject_dump_message(NETOBJECT_NEXTHOP, AF_UNSPEC, 0), take, reading);
}

int route_found_read(struct netlink *netlink, const struct route_want *want, struct route_found *ret_found)
{
	struct route_found found = { 0 };
	struct reading reading = { .want = want, .found = &found };
	int err = -EAGAIN;

	for (int i = 0; i < READ_TRIES && err == -EAGAIN; i++) {
		route_found_fini(&found);
		found.alone = true;
		err = read_once(netlink, &reading);
	}
	if (!err)
		err = found.ours.error ? found.ours.error : found.foreign.error;
	if (err) {
		route_found_fini(&found);
		return err;
	}
	route_set_sort(&found.ours);
	route_set_sort(&found.foreign);
	*ret_found = found;
	return 0;
}
