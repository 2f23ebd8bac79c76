// SPDX-License-Identifier: GPL-2.0-only
/* What should be there: from servers and pools to rules, routes and nexthop objects. */
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "base/text.h"
#include "route_set.h"

/* What the kernel gives to an IPv6 route without a metric (IP6_RT_PRIO_USER). */
#define METRIC_IPV6 1024

static const uint8_t families[DFB_FAMILIES] = { [DFB_FAMILY_IPV4] = AF_INET, [DFB_FAMILY_IPV6] = AF_INET6 };

uint32_t route_family(const uint8_t address[16])
{
	return address_is_ipv4(address) ? DFB_FAMILY_IPV4 : DFB_FAMILY_IPV6;
}

const struct route_server *route_find_server(const struct route_want *want, uint32_t id)
{
	for (uint32_t i = 0; i < want->n_servers; i++) {
		if (want->servers[i].id == id)
			return &want->servers[i];
	}
	return NULL;
}

static uint32_t metric(uint32_t family)
{
	return family == DFB_FAMILY_IPV6 ? METRIC_IPV6 : 0;
}

bool route_plan_fits(const struct route_want *want, uint32_t server)
{
	uint32_t mark = server << want->mark_shift & want->mark_mask;

	return server > 0 && server <= DFB_MAX_SERVERS && mark >> want->mark_shift == server;
}

static struct netobject mark_rule(const struct route_want *want, uint32_t server)
{
	return (struct netobject){
		.kind = NETOBJECT_RULE,
		.type = FR_ACT_TO_TBL,
		.protocol = ROUTE_PROTOCOL,
		.priority = want->rule_priority,
		.table = want->table_base + server,
		.mark = server << want->mark_shift & want->mark_mask,
		.mask = want->mark_mask,
	};
}

static void plan_server(const struct route_want *want, const struct route_server *server, uint32_t family,
			struct route_set *set)
{
	struct netobject rule = mark_rule(want, server->id);
	struct netobject route = {
		.kind = NETOBJECT_ROUTE,
		.family = families[family],
		.type = RTN_UNICAST,
		.protocol = ROUTE_PROTOCOL,
		.has_gateway = true,
		.onlink = true,
		.table = rule.table,
		.priority = metric(family),
		.ifindex = server->ifindex[family],
	};

	memcpy(route.gateway, server->address[family], sizeof(route.gateway));
	if (family == DFB_FAMILY_IPV4)
		memcpy(route.address, server->address[family], 12);
	rule.family = families[family];
	route_set_add(set, &rule);
	if (route.ifindex)
		route_set_add(set, &route);
}

/* To jump over foreign rules at our priority would take them out of force. */
static bool shortcut_is_harmless(const struct route_want *want, const struct route_set *foreign,
				 uint8_t family)
{
	if (want->n_servers == 0 || want->rule_priority < 2 || !want->mark_mask)
		return false;
	for (size_t i = 0; i < foreign->n; i++) {
		const struct netobject *rule = &foreign->at[i];

		if (rule->kind == NETOBJECT_RULE && rule->family == family &&
		    (rule->priority == want->rule_priority || rule->priority == want->rule_priority + 1))
			return false;
	}
	return true;
}

static void plan_shortcut(const struct route_want *want, uint8_t family, struct route_set *set)
{
	struct netobject landing = {
		.kind = NETOBJECT_RULE,
		.family = family,
		.type = FR_ACT_NOP,
		.protocol = ROUTE_PROTOCOL,
		.priority = want->rule_priority + 1,
	};
	struct netobject jump = landing;

	jump.type = FR_ACT_GOTO;
	jump.priority = want->rule_priority - 1;
	jump.target = landing.priority;
	jump.mask = want->mark_mask;
	route_set_add(set, &landing);
	route_set_add(set, &jump);
}

void route_plan_servers(const struct route_want *want, const struct route_set *foreign,
			struct route_set *set)
{
	for (uint32_t i = 0; i < want->n_servers; i++) {
		for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
			if (want->servers[i].has[family] && route_plan_fits(want, want->servers[i].id))
				plan_server(want, &want->servers[i], family, set);
		}
	}
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (shortcut_is_harmless(want, foreign, families[family]))
			plan_shortcut(want, families[family], set);
	}
}

struct netobject route_plan_nexthop(const struct route_want *want, const struct route_pool *pool,
				    const struct route_server *server, uint32_t family)
{
	struct netobject nexthop = {
		.kind = NETOBJECT_NEXTHOP,
		.family = families[family],
		.protocol = ROUTE_PROTOCOL,
		.has_gateway = true,
		.onlink = true,
		.nexthop = netobject_nexthop_base(want->table_base) + pool->id * DFB_FAMILIES + family,
	};

	if (server) {
		nexthop.ifindex = server->ifindex[family];
		memcpy(nexthop.gateway, server->address[family], sizeof(nexthop.gateway));
	}
	return nexthop;
}

struct netobject route_plan_member(const struct route_want *want, const struct route_server *server,
				   uint32_t family)
{
	static const struct route_pool nobody;
	struct netobject member = route_plan_nexthop(want, &nobody, server, family);

	member.nexthop = netobject_member_base(want->table_base) + server->id * DFB_FAMILIES + family;
	return member;
}

struct netobject route_plan_group(const struct route_want *want, const struct route_pool *pool,
				  uint32_t family)
{
	struct netobject group = {
		.kind = NETOBJECT_NEXTHOP,
		.family = AF_UNSPEC,
		.protocol = ROUTE_PROTOCOL,
		.nexthop = netobject_member_base(want->table_base) + NETOBJECT_MEMBERS +
			   pool->id * DFB_FAMILIES + family,
	};

	for (uint32_t i = 0; i < pool->n_shares; i++) {
		const struct route_server *server = route_find_server(want, pool->shares[i].server);

		if (!server || !server->has[family] || !server->ifindex[family])
			continue;
		group.member[group.n_members++] = (struct netobject_member){
			.nexthop = route_plan_member(want, server, family).nexthop,
			.weight = (uint16_t)pool->shares[i].weight,
		};
	}
	return group;
}

struct netobject route_plan_truth(const struct route_want *want, const struct route_pool *pool,
				  uint32_t family)
{
	if (pool->group)
		return route_plan_group(want, pool, family);
	return route_plan_nexthop(want, pool, route_find_server(want, pool->server), family);
}

struct netobject route_plan_service(const uint8_t address[16], uint32_t nexthop)
{
	uint32_t family = route_family(address);
	struct netobject route = {
		.kind = NETOBJECT_ROUTE,
		.family = families[family],
		.prefix = family == DFB_FAMILY_IPV4 ? 32 : 128,
		.type = nexthop ? RTN_UNICAST : RTN_UNREACHABLE,
		.protocol = ROUTE_PROTOCOL,
		.table = RT_TABLE_MAIN,
		.priority = metric(family),
		.nexthop = nexthop,
	};

	memcpy(route.address, address, sizeof(route.address));
	return route;
}
