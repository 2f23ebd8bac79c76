// SPDX-License-Identifier: GPL-2.0-only
/* user/core/reset.c, drain.c: whose connections are gone when a pool moves, and whose may stay. */
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
			   .pool = {.pool = 1, .epoch = epoch, .committed = 1}};

	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		ev.pool.share.slots[i] = server;
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

static void those_with_a_server_that_was_left_are_gone(void **state)
{
	const enum dfb_reason reasons[] = {DFB_REASON_EXPIRED, DFB_REASON_UNSENT, DFB_REASON_VERDICT,
					   DFB_REASON_RESCUE, DFB_REASON_OPERATOR, DFB_REASON_CHECK,
					   DFB_REASON_MAINTENANCE, DFB_REASON_REMOVED};
	struct fixture *f = *state;

	hear_pool(f, 1, 1, 0, DFB_REASON_INITIAL);
	assert_int_equal(wanted(f), 0);
	for (uint32_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		hear_pool(f, 1 + (i + 1) % SERVERS, i + 2, 1 + i % SERVERS, reasons[i]);
		assert_int_equal(wanted(f), 1u << (1 + i % SERVERS));
	}
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

static const struct report *find_report(const struct fixture *f, enum report_kind kind)
{
	for (uint32_t i = 0; i < f->actions.n; i++) {
		const struct action *a = &f->actions.action[i];

		if (a->kind == ACTION_REPORT && a->report.kind == kind)
			return &a->report;
	}
	return NULL;
}

static void how_many_were_told_is_told(void **state)
{
	struct event ev = {.kind = EVENT_RESET, .reset = {.pool = 1, .server = 2}};
	struct fixture *f = *state;

	step(f, ev);
	assert_null(find_report(f, REPORT_FLOWS_RESET));
	ev.reset.connections = 7;
	step(f, ev);
	assert_non_null(find_report(f, REPORT_FLOWS_RESET));
	assert_string_equal(find_report(f, REPORT_FLOWS_RESET)->pool, "app");
	assert_string_equal(find_report(f, REPORT_FLOWS_RESET)->server, "s2");
	assert_int_equal(find_report(f, REPORT_FLOWS_RESET)->connections, 7);
	assert_string_equal(find_report(f, REPORT_FLOWS_RESET)->reason, "");
	ev.reset.failed = 2;
	strcpy(ev.reset.why, "Network is unreachable");
	step(f, ev);
	assert_string_equal(find_report(f, REPORT_FLOWS_RESET)->reason, "2 more could not be told: Network is unreachable");
}

#define RESET_TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

/* --- draining -------------------------------------------------------------------------------- */

#define DEADLINE_NS (30 * SECOND_NS)

static const struct action *find(const struct fixture *f, enum action_kind kind)
{
	for (uint32_t i = 0; i < f->actions.n; i++) {
		if (f->actions.action[i].kind == kind)
			return &f->actions.action[i];
	}
	return NULL;
}

static void tick(struct fixture *f)
{
	step(f, (struct event){.kind = EVENT_TICK});
}

static void maintain(struct fixture *f, bool on, uint64_t drain_until_ns)
{
	struct event ev = {.kind = EVENT_MAINTENANCE, .op = {.request = 1, .name = "s1", .on = on}};

	ev.op.drain_until_ns = drain_until_ns;
	step(f, ev);
}

static void count(struct fixture *f, uint32_t connections)
{
	step(f, (struct event){.kind = EVENT_COUNTED, .counted = {.server = 1, .connections = connections}});
}

/* s1 is in maintenance, its pool has moved to s2. Return: when the time of its connections is over. */
static uint64_t begin_draining(struct fixture *f)
{
	uint64_t until_ns = f->now + DEADLINE_NS;

	hear_pool(f, 1, 1, 0, DFB_REASON_INITIAL);
	maintain(f, true, until_ns);
	assert_non_null(find(f, ACTION_DRAIN));
	assert_int_equal(find(f, ACTION_DRAIN)->drain.until_ns, until_ns);
	assert_non_null(strstr(find(f, ACTION_ANSWER)->answer.text, "may stay for 28 s"));
	hear_pool(f, 2, 2, 1, DFB_REASON_MAINTENANCE);
	assert_int_equal(wanted(f), 0);
	tick(f);
	assert_non_null(find(f, ACTION_COUNT));
	assert_int_equal(find(f, ACTION_COUNT)->count.server, 1);
	return until_ns;
}

static void assert_drained(const struct fixture *f, uint32_t cut, const char *why)
{
	const struct report *r = find_report(f, REPORT_DRAINED);

	assert_non_null(find(f, ACTION_DRAIN));
	assert_int_equal(find(f, ACTION_DRAIN)->drain.until_ns, 0);
	assert_non_null(r);
	assert_string_equal(r->server, "s1");
	assert_string_equal(r->reason, why);
	assert_int_equal(r->connections, cut);
	assert_int_equal(wanted(f), cut ? 1u << 1 : 0);
	assert_int_equal(f->core.servers[1].drain.until_ns, 0);
}

static void a_server_is_drained_when_its_connections_have_ended(void **state)
{
	struct fixture *f = *state;

	begin_draining(f);
	tick(f);
	assert_null(find(f, ACTION_COUNT)); /* that is under way */
	count(f, 7);
	assert_null(find(f, ACTION_DRAIN));
	assert_true(core_deadline(&f->core) <= f->now + SECOND_NS);
	tick(f);
	assert_non_null(find(f, ACTION_COUNT));
	count(f, 0);
	assert_drained(f, 0, "its connections have ended");
	tick(f);
	assert_null(find(f, ACTION_COUNT));
}

static void what_is_left_at_the_deadline_is_cut(void **state)
{
	struct fixture *f = *state;
	uint64_t until_ns = begin_draining(f);

	count(f, 7);
	while (f->now + SECOND_NS < until_ns) {
		tick(f);
		assert_null(find(f, ACTION_DRAIN));
	}
	tick(f);
	assert_drained(f, 7, "the time is over");
}

static void a_server_that_dies_drains_no_longer(void **state)
{
	struct fixture *f = *state;

	begin_draining(f);
	count(f, 7);
	hear_target(f, 1, DFB_STATE_DOWN);
	tick(f);
	assert_drained(f, 7, "it is down");
}

static void an_operator_may_have_enough(void **state)
{
	struct fixture *f = *state;

	begin_draining(f);
	count(f, 7);
	maintain(f, true, 0);
	assert_drained(f, 7, "an operator ended it");
}

static void back_in_service_it_keeps_its_connections(void **state)
{
	struct fixture *f = *state;
	uint64_t until_ns = begin_draining(f);

	count(f, 7);
	maintain(f, false, 0);
	assert_non_null(find(f, ACTION_DRAIN));
	assert_true(find(f, ACTION_DRAIN)->drain.until_ns > until_ns + 3600 * SECOND_NS);
	assert_int_equal(wanted(f), 0);
}

static void what_the_kernel_went_on_with_is_ended(void **state)
{
	struct fixture *f = *state;

	hear_pool(f, 2, 1, 0, DFB_REASON_INITIAL);
	step(f, (struct event){.kind = EVENT_DRAIN, .drain = {1, f->now + 3 * SECOND_NS}});
	count(f, 1);
	tick(f);
	assert_drained(f, 1, "the time is over");
}

static void nobody_is_drained_while_it_serves(void **state)
{
	struct fixture *f = *state;

	hear_pool(f, 1, 1, 0, DFB_REASON_INITIAL);
	maintain(f, true, f->now + DEADLINE_NS);
	count(f, 0);
	assert_null(find(f, ACTION_DRAIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESET_TEST(those_with_a_server_that_was_left_are_gone),
		RESET_TEST(what_happened_while_we_were_away_counts),
		RESET_TEST(what_is_committed_is_no_news),
		RESET_TEST(how_many_were_told_is_told),
		RESET_TEST(a_server_is_drained_when_its_connections_have_ended),
		RESET_TEST(what_is_left_at_the_deadline_is_cut),
		RESET_TEST(a_server_that_dies_drains_no_longer),
		RESET_TEST(an_operator_may_have_enough),
		RESET_TEST(back_in_service_it_keeps_its_connections),
		RESET_TEST(what_the_kernel_went_on_with_is_ended),
		RESET_TEST(nobody_is_drained_while_it_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
