// SPDX-License-Identifier: GPL-2.0-only
/* user/core/reset.c: whose connections are gone when a pool moves, and whose are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

#define SECOND_NS 1000000000ull
#define SERVERS 3

/* A pool of three servers. */
struct fixture {
	struct policy_server servers[SERVERS];
	struct policy_pool pool;
	struct policy_service service;
	struct policy policy;
	struct core core;
	struct actions actions;
	uint64_t now;
};

static void step(struct fixture *f, struct event ev)
{
	f->now += SECOND_NS;
	ev.time_ns = f->now;
	core_step(&f->core, &ev, &f->actions);
}

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	strcpy(f->pool.name, "app");
	f->pool.id = 1;
	f->pool.families = 1 << DFB_FAMILY_IPV4;
	for (uint32_t i = 0; i < SERVERS; i++) {
		snprintf(f->servers[i].name, DFB_NAME_LEN, "s%u", i + 1);
		f->servers[i].id = i + 1;
		f->servers[i].has[DFB_FAMILY_IPV4] = true;
		f->servers[i].heartbeat.interval_ns = SECOND_NS / 100;
		f->pool.servers[f->pool.n_servers++] = i;
	}
	f->policy = (struct policy){.n_servers = SERVERS, .servers = f->servers, .n_pools = 1,
				    .pools = &f->pool, .n_services = 1, .services = &f->service};
	core_init(&f->core);
	step(f, (struct event){.kind = EVENT_POLICY, .policy = &f->policy});
	return 0;
}

static int close_fixture(void **state)
{
	free(*state);
	return 0;
}

static void hear_target(struct fixture *f, uint32_t server, enum dfb_target_state state)
{
	step(f, (struct event){.kind = EVENT_TARGET,
			       .target = {.target = dfb_target_id(server, DFB_FAMILY_IPV4), .state = state,
					  .since_ns = f->now}});
}

static void hear_pool(struct fixture *f, uint32_t server, uint64_t epoch, uint32_t from,
		      enum dfb_reason reason)
{
	struct event ev = {.kind = EVENT_POOL,
			   .pool = {.pool = 1, .server = server, .epoch = epoch, .committed = 1}};

	ev.pool.last = (struct dfb_switch){.from = from, .to = server, .reason = reason};
	step(f, ev);
}

/* Servers whose connections the last step wants to be reset, as bits. */
static uint32_t wanted(const struct fixture *f)
{
	uint32_t servers = 0;

	for (uint32_t i = 0; i < f->actions.n; i++) {
		const struct action *a = &f->actions.action[i];

		if (a->kind != ACTION_RESET)
			continue;
		assert_int_equal(a->reset.pool, 1);
		servers |= 1u << a->reset.server;
	}
	return servers;
}

static void those_with_a_dead_server_are_gone(void **state)
{
	const enum dfb_reason reasons[] = {DFB_REASON_EXPIRED, DFB_REASON_UNSENT, DFB_REASON_VERDICT,
					   DFB_REASON_RESCUE};
	struct fixture *f = *state;

	hear_pool(f, 1, 1, 0, DFB_REASON_INITIAL);
	assert_int_equal(wanted(f), 0);
	for (uint32_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		hear_pool(f, 1 + (i + 1) % SERVERS, i + 2, 1 + i % SERVERS, reasons[i]);
		assert_int_equal(wanted(f), 1u << (1 + i % SERVERS));
	}
}

static void those_with_a_live_one_are_not(void **state)
{
	const enum dfb_reason reasons[] = {DFB_REASON_OPERATOR, DFB_REASON_MAINTENANCE, DFB_REASON_REMOVED};
	struct fixture *f = *state;

	hear_pool(f, 1, 1, 0, DFB_REASON_INITIAL);
	for (uint32_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		hear_pool(f, 1 + (i + 1) % SERVERS, i + 2, 1 + i % SERVERS, reasons[i]);
		assert_int_equal(wanted(f), 0);
	}
}

static void an_operator_may_have_moved_away_from_a_dead_one(void **state)
{
	struct fixture *f = *state;

	hear_pool(f, 1, 1, 0, DFB_REASON_INITIAL);
	hear_target(f, 1, DFB_STATE_DOWN);
	hear_pool(f, 2, 2, 1, DFB_REASON_OPERATOR);
	assert_int_equal(wanted(f), 1u << 1);
}

static void what_happened_while_we_were_away_counts(void **state)
{
	struct fixture *f = *state;

	hear_target(f, 1, DFB_STATE_DOWN);
	hear_target(f, 2, DFB_STATE_DOWN);
	hear_pool(f, 3, 3, 2, DFB_REASON_EXPIRED);
	assert_int_equal(wanted(f), 1u << 1 | 1u << 2);
}

static void what_is_committed_is_no_news(void **state)
{
	struct fixture *f = *state;

	hear_pool(f, 2, 1, 1, DFB_REASON_EXPIRED);
	assert_int_equal(wanted(f), 0);
}

static const struct report *find_report(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->actions.n; i++) {
		const struct action *a = &f->actions.action[i];

		if (a->kind == ACTION_REPORT && a->report.kind == REPORT_FLOWS_RESET)
			return &a->report;
	}
	return NULL;
}

static void how_many_were_told_is_told(void **state)
{
	struct event ev = {.kind = EVENT_RESET, .reset = {.pool = 1, .server = 2}};
	struct fixture *f = *state;

	step(f, ev);
	assert_null(find_report(f));
	ev.reset.connections = 7;
	step(f, ev);
	assert_non_null(find_report(f));
	assert_string_equal(find_report(f)->pool, "app");
	assert_string_equal(find_report(f)->server, "s2");
	assert_int_equal(find_report(f)->connections, 7);
	assert_string_equal(find_report(f)->reason, "");
	ev.reset.failed = 2;
	strcpy(ev.reset.why, "Network is unreachable");
	step(f, ev);
	assert_string_equal(find_report(f)->reason, "2 more could not be told: Network is unreachable");
}

#define RESET_TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESET_TEST(those_with_a_dead_server_are_gone),
		RESET_TEST(those_with_a_live_one_are_not),
		RESET_TEST(an_operator_may_have_moved_away_from_a_dead_one),
		RESET_TEST(what_happened_while_we_were_away_counts),
		RESET_TEST(what_is_committed_is_no_news),
		RESET_TEST(how_many_were_told_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
