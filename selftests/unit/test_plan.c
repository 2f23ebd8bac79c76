// SPDX-License-Identifier: GPL-2.0-only
/* user/core/plan.h: what a reload changes in the kernel's maps, and what it must keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/plan.h"

/* A policy of one server in one pool. */
struct fixture {
	struct policy_server server;
	struct policy_pool pool;
	struct policy policy;
};

static void prepare(struct fixture *f)
{
	*f = (struct fixture){
		.server = {.name = "s1", .id = 7, .has = {true, false}, .address = {{10, 78, 0, 11}},
			   .heartbeat = {.port = 7, .interval_ns = 10000000, .misses = 3}},
		.pool = {.name = "app", .id = 3, .n_servers = 1, .families = 1, .fast = true},
	};
	f->policy = (struct policy){.n_servers = 1, .servers = &f->server, .n_pools = 1, .pools = &f->pool};
}

static void a_target_is_the_same_while_its_address_is(void **state)
{
	struct dfb_target first, second;
	struct fixture f;

	(void)state;
	prepare(&f);
	assert_true(plan_target(&f.server, DFB_FAMILY_IPV4, &(struct dfb_target){}, &first));
	first.cannot_leave = 1;
	f.server.heartbeat.interval_ns = 20000000;
	f.server.heartbeat.misses = 4;
	assert_false(plan_target(&f.server, DFB_FAMILY_IPV4, &first, &second));
	assert_int_equal(second.generation, first.generation);
	assert_int_equal(second.cannot_leave, 1);
	assert_int_equal(second.interval_ns, 20000000);
	assert_int_equal(second.misses, 4);
}

/* The prober and the programs know by the generation whom a probe was meant for. */
static void another_address_port_or_kind_is_another_target(void **state)
{
	struct dfb_target first, second;
	struct fixture f;

	(void)state;
	for (int what = 0; what < 3; what++) {
		prepare(&f);
		plan_target(&f.server, DFB_FAMILY_IPV4, &(struct dfb_target){}, &first);
		first.cannot_leave = 1;
		f.server.address[DFB_FAMILY_IPV4][3] += what == 0;
		f.server.heartbeat.port += what == 1;
		f.server.heartbeat.probe = what == 2 ? DFB_PROBE_ICMP : DFB_PROBE_ECHO;
		assert_true(plan_target(&f.server, DFB_FAMILY_IPV4, &first, &second));
		assert_int_equal(second.generation, first.generation + 1);
		assert_int_equal(second.cannot_leave, 0);
	}
}

static void a_removed_target_is_another_one_when_it_comes_back(void **state)
{
	struct dfb_target first, none, again;
	struct fixture f;

	(void)state;
	prepare(&f);
	plan_target(&f.server, DFB_FAMILY_IPV4, &(struct dfb_target){}, &first);
	plan_no_target(&first, &none);
	assert_int_equal(none.server, 0);
	assert_true(plan_target(&f.server, DFB_FAMILY_IPV4, &none, &again));
	assert_int_not_equal(again.generation, first.generation);
}

static void a_server_keeps_its_flags_and_a_pool_its_hold(void **state)
{
	struct dfb_server server = {.name = "s1", .flags = DFB_SERVER_MAINTENANCE};
	struct dfb_plan plan = {.name = "app", .held = 1, .paused = 1};
	struct fixture f;

	(void)state;
	prepare(&f);
	plan_server(&f.policy, 0, &server, &server);
	plan_pool(&f.policy, 0, &plan, &plan);
	assert_int_equal(server.flags, DFB_SERVER_MAINTENANCE);
	assert_int_equal(server.n_pools, 1);
	assert_int_equal(server.pools[0], 3);
	assert_int_equal(plan.held, 1);
	assert_int_equal(plan.paused, 1);
	assert_int_equal(plan.n_candidates, 1);
	assert_int_equal(plan.candidates[0], 7);
}

static void who_has_another_name_begins_without(void **state)
{
	struct dfb_server server = {.name = "s9", .flags = DFB_SERVER_MAINTENANCE};
	struct dfb_plan plan = {.name = "old", .held = 1, .paused = 1};
	struct fixture f;

	(void)state;
	prepare(&f);
	plan_server(&f.policy, 0, &server, &server);
	plan_pool(&f.policy, 0, &plan, &plan);
	assert_int_equal(server.flags, 0);
	assert_int_equal(plan.held, 0);
	assert_int_equal(plan.paused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_the_same_while_its_address_is),
		cmocka_unit_test(another_address_port_or_kind_is_another_target),
		cmocka_unit_test(a_removed_target_is_another_one_when_it_comes_back),
		cmocka_unit_test(a_server_keeps_its_flags_and_a_pool_its_hold),
		cmocka_unit_test(who_has_another_name_begins_without),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
