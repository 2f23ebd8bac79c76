/* SPDX-License-Identifier: GPL-2.0-only */
/* Three servers, one pool with a service of two families, and what is expected of route_sync(). */
#ifndef SELFTESTS_NET_ROUTES_H
#define SELFTESTS_NET_ROUTES_H

#include "world.h"

#include <net/if.h>

#include "act/route.h"
#include "base/text.h"

struct fixture {
	struct route_server servers[3];
	struct route_pool pool;
	uint8_t addresses[2][16];
	struct route_want want;
	struct route *route;
	struct route_result result;
	char why[ROUTE_PROBLEM_LEN];
};

static inline void set_server(struct route_server *server, uint32_t id, const char *ipv4,
			      const char *ipv6, const char *dev)
{
	int ifindex = (int)if_nametoindex(dev);

	*server = (struct route_server){ .id = id, .ifindex = { ifindex, ifindex } };
	server->has[DFB_FAMILY_IPV4] = ipv4 && !address_parse(ipv4, server->address[DFB_FAMILY_IPV4]);
	server->has[DFB_FAMILY_IPV6] = ipv6 && !address_parse(ipv6, server->address[DFB_FAMILY_IPV6]);
}

static inline void want_init(struct fixture *f)
{
	set_server(&f->servers[0], 1, "10.78.0.11", "fd78::11", "e0");
	set_server(&f->servers[1], 2, "10.78.0.12", "fd78::12", "e0");
	set_server(&f->servers[2], 3, "10.78.1.13", "fd78:1::13", "e1");
	address_parse("10.79.0.100", f->addresses[0]);
	address_parse("fd79::100", f->addresses[1]);
	f->pool = (struct route_pool){
		.id = 1, .name = "app", .server = 1, .n_addresses = 2, .addresses = f->addresses,
	};
	f->want = (struct route_want){
		.mark_mask = POLICY_DEFAULT_MARK_MASK, .mark_shift = 16,
		.table_base = POLICY_DEFAULT_TABLE_BASE, .rule_priority = POLICY_DEFAULT_RULE_PRIORITY,
		.n_servers = 3, .servers = f->servers, .n_pools = 1, .pools = &f->pool,
	};
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || world_new(state) != 0 || route_new(&f->route) != 0)
		return -1;
	want_init(f);
	*state = f;
	return 0;
}

static inline int cleanup(void **state)
{
	struct fixture *f = *state;

	route_free(f->route);
	free(f);
	return 0;
}

static inline void print_problems(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->result.n_problems && i < ROUTE_PROBLEMS; i++)
		print_message("  problem: %s\n", f->result.problem[i]);
}

static inline void expect_sync(struct fixture *f, uint32_t added, uint32_t changed, uint32_t removed)
{
	int err = route_sync(f->route, &f->want, &f->result);

	if (err || f->result.added != added || f->result.changed != changed || f->result.removed != removed) {
		print_problems(f);
		fail_msg("sync: %d, added %u (%u), changed %u (%u), removed %u (%u)", err, f->result.added, added,
			 f->result.changed, changed, f->result.removed, removed);
	}
}

static inline void expect_idle(struct fixture *f)
{
	expect_sync(f, 0, 0, 0);
}

/* Rules and tables of three servers and two shortcut rules, two families; nexthop and route, two families. */
#define ALL_OBJECTS (2 * (3 * 2 + 2) + 2 * 2)

/* @text must be part of the first problem; nothing may have been done. */
static inline void expect_problem(struct fixture *f, int error, const char *text)
{
	assert_int_equal(route_sync(f->route, &f->want, &f->result), error);
	print_problems(f);
	assert_true(f->result.n_problems > 0);
	if (!strstr(f->result.problem[0], text))
		fail_msg("'%s' does not say '%s'", f->result.problem[0], text);
}

static inline void expect_commit(struct fixture *f, uint32_t server)
{
	f->pool.server = server;
	if (route_commit(f->route, &f->want, 1, f->why) != 0)
		fail_msg("commit: %s", f->why);
	assert_string_equal(f->why, "");
}

static inline void expect_way(const char *address, const char *via, const char *dev)
{
	char line[256];

	snprintf(line, sizeof(line), "ip route get %s | grep -q 'via %s dev %s '", address, via, dev);
	if (!holds(line)) {
		shell("ip route get %s", address);
		fail_msg("%s does not go via %s dev %s", address, via, dev);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, cleanup)

#endif
