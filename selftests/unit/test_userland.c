// SPDX-License-Identifier: GPL-2.0-only
/* Userlands: what replies make of one (bpf/userland.h), and what the core makes of that, beside checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "core/core.h"
#include "core/plan.h"
#include "ctl/userland.h"
#include "userland.h"

#define MS 1000000ull
#define SECOND 1000000000ull
#define SERVERS 3
#define POOL 1

/* --- one reply after another ------------------------------------------------------------------- */

static int hear_age(struct dfb_userland *u, uint64_t age_ms, uint64_t stamp_ms)
{
	const struct dfb_target cfg = {
		.userland_ns = SECOND, .recover_replies = 3, .recover_hold_ns = 200 * MS};

	return userland_hear(&cfg, u, 1 + (uint32_t)(age_ms * MS >> DFB_USERLAND_SHIFT), stamp_ms * MS);
}

static void it_is_well_again_after_replies_and_a_hold_time(void **state)
{
	struct dfb_userland u = {};

	(void)state;
	assert_true(hear_age(&u, 2000, 5000));
	assert_int_equal(u.state, DFB_USERLAND_HUNG);
	assert_int_equal(u.since_ns, 5000 * MS);
	for (uint64_t i = 1; i <= 20; i++) /* enough of them, in too short a time */
		assert_false(hear_age(&u, 1, 5000 + i * 10));
	assert_true(hear_age(&u, 1, 5220));
	assert_int_equal(u.state, DFB_USERLAND_WELL);
	assert_true(hear_age(&u, 1100, 6000));
	assert_false(hear_age(&u, 1, 6100)); /* long enough, too few of them */
	assert_false(hear_age(&u, 1, 6400));
	assert_true(hear_age(&u, 1, 6500));
}

static void who_limps_begins_anew(void **state)
{
	struct dfb_userland u = {};

	(void)state;
	hear_age(&u, 2000, 5000);
	assert_false(hear_age(&u, 1, 5100));
	assert_false(hear_age(&u, 1, 5200));
	assert_false(hear_age(&u, 600, 5300)); /* more than half of the limit */
	assert_false(hear_age(&u, 1, 5400));
	assert_false(hear_age(&u, 1100, 5500));
	assert_false(hear_age(&u, 1, 5600));
	assert_false(hear_age(&u, 1, 5700));
	assert_true(hear_age(&u, 1, 5900));
}

static void the_last_sign_of_life_is_never_told_too_late(void **state)
{
	struct dfb_userland u = {};

	(void)state;
	for (uint64_t age_ms = 0; age_ms < 60000; age_ms += 997) {
		uint64_t stamp_ms = 100000 + age_ms;

		hear_age(&u, age_ms, stamp_ms);
		assert_true(u.alive_ns <= (stamp_ms - age_ms) * MS);
		assert_true(u.alive_ns + 3 * MS > (stamp_ms - age_ms) * MS);
	}
}

/* --- configuration ----------------------------------------------------------------------------- */

#define HEAD                                                                       \
	"gateway: {name: gw1, client-interfaces: [g0], server-interfaces: [e0]}\n" \
	"heartbeat: {userland: 2s}\n"                                              \
	"servers:\n"                                                               \
	"  - {name: s1, address: 10.78.0.11, heartbeat: {userland: off}}\n"        \
	"  - {name: s2, address: 10.78.0.12, heartbeat: {userland: 300ms}}\n"      \
	"  - {name: s3, address: 10.78.0.13}\n"                                    \
	"pools: [{name: app, servers: [s2, s3]}, {name: all, servers: [s1]}]\n"    \
	"services:\n"

static struct policy *parse(const char *services)
{
	struct conf_problems problems = {0};
	struct policy *policy = NULL;
	char text[2048];

	snprintf(text, sizeof(text), "%s%s", HEAD, services);
	assert_int_equal(conf_parse(text, strlen(text), &policy, &problems), 0);
	conf_problems_free(&problems);
	return policy;
}

/* "web in app:web" with a + if it needs userlands, and a ! if it is checked */
static void expect_pools(const char *services, const char *expected)
{
	struct policy *policy = parse(services);
	char text[256] = "";

	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_pool *pool = &policy->pools[policy->services[i].pool];

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s in %s%s%s", i ? ", " : "",
			 policy->services[i].name, pool->name, pool->userland ? "+" : "",
			 pool->checked ? "!" : "");
	}
	assert_string_equal(text, expected);
	policy_free(policy);
}

static void who_needs_it_has_a_pool_of_its_own(void **state)
{
	(void)state;
	expect_pools("  - {name: web, pool: app, address: 10.79.0.1, needs: userland}\n", "web in app+");
	expect_pools("  - {name: web, pool: app, address: 10.79.0.1, needs: userland}\n"
		     "  - {name: mail, pool: app, address: 10.79.0.2, needs: echo}\n", "web in app:web+, mail in app");
	expect_pools("  - {name: web, pool: app, address: 10.79.0.1, needs: userland}\n"
		     "  - {name: mail, pool: app, address: 10.79.0.2, checks: [{kind: smtp}]}\n",
		     "web in app:web+, mail in app:mail!");
	expect_pools("  - {name: web, pool: app, address: 10.79.0.1, ports: [tcp/80], needs: userland}\n"
		     "  - {name: tls, pool: app, address: 10.79.0.1, ports: [tcp/443], checks: [{kind: https}]}\n"
		     "  - {name: mail, pool: app, address: 10.79.0.2}\n",
		     "web in app:web+!, tls in app:web+!, mail in app");
}

static void each_server_has_its_limit(void **state)
{
	struct policy *policy = parse("  - {name: web, pool: app, address: 10.79.0.1, needs: userland}\n");
	struct dfb_target t = {};

	(void)state;
	assert_int_equal(policy->servers[0].heartbeat.userland_ns, 0);
	assert_int_equal(policy->servers[1].heartbeat.userland_ns, 300 * MS);
	assert_int_equal(policy->servers[2].heartbeat.userland_ns, 2 * SECOND);
	plan_target(&policy->servers[1], DFB_FAMILY_IPV4, &t, &t);
	assert_int_equal(t.userland_ns, 300 * MS);
	policy_free(policy);
}

/* --- the status document ------------------------------------------------------------------------- */

static void set_userland(struct snapshot *s, uint32_t target, enum dfb_userland_state state,
			 uint64_t heard_ns)
{
	s->targets[target] = (struct dfb_target){.server = dfb_target_server(target), .userland_ns = SECOND};
	s->state[target].userland = (struct dfb_userland){.state = state, .heard_ns = heard_ns,
							  .since_ns = s->now_ns - 2500 * MS,
							  .alive_ns = s->now_ns - 3500 * MS};
}

/* As the target has it that heard of it last. */
static void the_status_tells_the_latest(void **state)
{
	struct snapshot *s = snapshot_new(3, 1);
	json_t *doc;

	(void)state;
	assert_non_null(s);
	s->now_ns = 1000 * SECOND;
	set_userland(s, dfb_target_id(1, DFB_FAMILY_IPV4), DFB_USERLAND_WELL, s->now_ns - 2 * MS);
	set_userland(s, dfb_target_id(1, DFB_FAMILY_IPV6), DFB_USERLAND_HUNG, s->now_ns - MS);
	doc = userland_json(s, 1);
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "hung");
	assert_int_equal(json_integer_value(json_object_get(doc, "idle_ms")), 3500);
	assert_int_equal(json_integer_value(json_object_get(doc, "limit_ms")), 1000);
	assert_float_equal(json_real_value(json_object_get(doc, "since_s")), 2.5, 0.001);
	json_decref(doc);
	set_userland(s, dfb_target_id(1, DFB_FAMILY_IPV4), DFB_USERLAND_GONE, s->now_ns);
	doc = userland_json(s, 1);
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "gone");
	assert_null(json_object_get(doc, "idle_ms"));
	json_decref(doc);
	assert_true(json_is_null(userland_json(s, 2)));
	snapshot_free(s);
}

/* --- the core: one pool of three servers, of which the first serves ------------------------------ */

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
	f->now += MS;
	ev.time_ns = f->now;
	core_step(&f->core, &ev, &f->actions);
}

static const struct action *find_action(const struct fixture *f, enum action_kind kind)
{
	for (uint32_t i = 0; i < f->actions.n; i++) {
		if (f->actions.action[i].kind == kind)
			return &f->actions.action[i];
	}
	return NULL;
}

static const char *told(const struct fixture *f, enum report_kind kind)
{
	for (uint32_t i = 0; i < f->actions.n; i++) {
		const struct action *a = &f->actions.action[i];

		if (a->kind == ACTION_REPORT && a->report.kind == kind)
			return a->report.reason;
	}
	return NULL;
}

/* Where the next tick wants the pool to be; 0: where it is. */
static uint32_t wanted(struct fixture *f, enum dfb_reason *ret_reason)
{
	const struct action *a;

	step(f, (struct event){.kind = EVENT_TICK});
	a = find_action(f, ACTION_STEER);
	*ret_reason = a ? a->steer.reason : DFB_REASON_NONE;
	return a ? a->steer.to : 0;
}

static void expect_move(struct fixture *f, uint32_t to, enum dfb_reason reason)
{
	enum dfb_reason found;

	assert_int_equal(wanted(f, &found), to);
	assert_int_equal(found, reason);
}

static void serve(struct fixture *f, uint32_t server, uint64_t epoch, enum dfb_reason reason)
{
	struct event ev = {.kind = EVENT_POOL, .pool = {.pool = POOL, .epoch = epoch}};

	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		ev.pool.share.slots[i] = server;
	ev.pool.last.from = f->core.pools[POOL].share.slots[0];
	ev.pool.last.to = server;
	ev.pool.last.reason = reason;
	step(f, ev);
}

static void hear(struct fixture *f, uint32_t server, enum dfb_userland_state state, uint64_t since_ns,
		 uint64_t alive_ns)
{
	step(f, (struct event){.kind = EVENT_USERLAND,
			       .userland = {.target = dfb_target_id(server, DFB_FAMILY_IPV4), .state = state,
					    .since_ns = since_ns, .heard_ns = f->now, .alive_ns = alive_ns}});
}

static void hear_check(struct fixture *f, uint32_t server, enum check_state state, uint64_t good_ns,
		       uint64_t bad_ns)
{
	step(f, (struct event){.kind = EVENT_CHECK,
			       .check = {.pool = POOL, .server = server, .state = state, .good_ns = good_ns,
					 .bad_ns = bad_ns, .what = "tcp/80: refused"}});
}

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	f->now = 1000 * SECOND;
	f->pool = (struct policy_pool){.name = "app", .id = POOL, .userland = true, .fast = true,
				       .families = 1 << DFB_FAMILY_IPV4};
	for (uint32_t i = 0; i < SERVERS; i++) {
		f->servers[i] = (struct policy_server){.id = i + 1, .has = {true}};
		f->servers[i].heartbeat.interval_ns = MS;
		snprintf(f->servers[i].name, DFB_NAME_LEN, "s%u", i + 1);
		f->pool.servers[f->pool.n_servers++] = i;
	}
	f->policy = (struct policy){.n_servers = SERVERS, .servers = f->servers, .n_pools = 1,
				    .pools = &f->pool, .n_services = 1, .services = &f->service};
	core_init(&f->core);
	step(f, (struct event){.kind = EVENT_POLICY, .policy = &f->policy});
	for (uint32_t i = 1; i <= SERVERS; i++)
		step(f, (struct event){.kind = EVENT_TARGET,
				       .target = {.target = dfb_target_id(i, DFB_FAMILY_IPV4),
						  .state = DFB_STATE_UP, .since_ns = f->now}});
	serve(f, 1, 1, DFB_REASON_INITIAL);
	return 0;
}

static int close_fixture(void **state)
{
	free(*state);
	return 0;
}

static void only_who_has_run_since_takes_over(void **state)
{
	struct fixture *f = *state;
	uint64_t hung = f->now;

	hear(f, 2, DFB_USERLAND_WELL, hung - SECOND, hung - 1);
	hear(f, 1, DFB_USERLAND_HUNG, hung, hung - SECOND);
	assert_non_null(strstr(told(f, REPORT_USERLAND), "s1 hangs: no sign of life for 1000 ms"));
	assert_false(find_action(f, ACTION_FIT)->fit.ok);
	expect_move(f, 0, DFB_REASON_NONE); /* 2 ran before, of 3 nothing is known */
	hear(f, 3, DFB_USERLAND_WELL, hung + MS, hung + 1);
	expect_move(f, 3, DFB_REASON_USERLAND);
	serve(f, 3, 2, DFB_REASON_USERLAND);
	assert_non_null(strstr(told(f, REPORT_FAILOVER), "userland: s1 hangs"));
}

static void a_service_that_does_not_need_it_stays(void **state)
{
	struct fixture *f = *state;

	f->pool.userland = false;
	hear(f, 1, DFB_USERLAND_HUNG, f->now, f->now - SECOND);
	assert_non_null(told(f, REPORT_USERLAND));
	assert_null(find_action(f, ACTION_FIT));
	hear(f, 2, DFB_USERLAND_WELL, f->now, f->now);
	expect_move(f, 0, DFB_REASON_NONE);
	assert_int_equal(f->core.pools[POOL].told, SERVICE_SERVING);
}

static void what_is_not_known_moves_nothing(void **state)
{
	struct fixture *f = *state;

	hear(f, 2, DFB_USERLAND_WELL, f->now, f->now);
	expect_move(f, 0, DFB_REASON_NONE);
	hear(f, 1, DFB_USERLAND_GONE, f->now, f->now - SECOND);
	expect_move(f, 0, DFB_REASON_NONE);
	hear(f, 1, DFB_USERLAND_UNKNOWN, f->now, 0);
	expect_move(f, 0, DFB_REASON_NONE);
}

static void news_of_another_target_may_be_old(void **state)
{
	struct fixture *f = *state;
	uint64_t hung = f->now;
	struct event late = {.kind = EVENT_USERLAND,
			     .userland = {.target = dfb_target_id(1, DFB_FAMILY_IPV6),
					  .state = DFB_USERLAND_WELL, .since_ns = hung - SECOND,
					  .heard_ns = hung - SECOND, .alive_ns = hung - SECOND}};

	hear(f, 1, DFB_USERLAND_HUNG, hung, hung - SECOND);
	step(f, late);
	assert_int_equal(f->core.servers[1].userland.state, DFB_USERLAND_HUNG);
	hear(f, 1, DFB_USERLAND_HUNG, hung + 9 * MS, hung - SECOND); /* the other target says so, too */
	assert_null(told(f, REPORT_USERLAND));
	assert_int_equal(f->core.servers[1].userland.since_ns, hung);
}

/* Both layers count: one that is ill is enough, a witness is well in both. */
static void checks_and_userland_count_together(void **state)
{
	struct fixture *f = *state;
	uint64_t hung = f->now;

	f->pool.checked = true;
	for (uint32_t i = 1; i <= SERVERS; i++) {
		hear(f, i, DFB_USERLAND_WELL, hung, hung);
		assert_null(find_action(f, ACTION_FIT)); /* its checks are not known */
		hear_check(f, i, CHECK_PASS, hung, 0);
		assert_true(find_action(f, ACTION_FIT)->fit.ok);
	}
	hung = f->now;
	hear(f, 1, DFB_USERLAND_HUNG, hung, hung - SECOND);
	hear(f, 2, DFB_USERLAND_WELL, hung, hung + 1);
	hear_check(f, 3, CHECK_PASS, hung + 1, 0);
	expect_move(f, 0, DFB_REASON_NONE);
	hear(f, 3, DFB_USERLAND_WELL, hung, hung + 1);
	expect_move(f, 3, DFB_REASON_USERLAND);
}

static void what_hangs_fails_its_checks_and_is_named_for_what_it_is(void **state)
{
	struct fixture *f = *state;
	uint64_t bad = f->now;

	f->pool.checked = true;
	hear(f, 1, DFB_USERLAND_WELL, bad, bad);
	hear_check(f, 1, CHECK_PASS, bad, 0);
	hear_check(f, 1, CHECK_FAIL, bad, bad);
	assert_non_null(told(f, REPORT_CHECK_FAILED));
	hear(f, 1, DFB_USERLAND_HUNG, bad + MS, bad - SECOND);
	assert_null(find_action(f, ACTION_FIT)); /* no news for the kernel */
	hear(f, 2, DFB_USERLAND_WELL, bad, bad + 2 * MS);
	hear_check(f, 2, CHECK_PASS, bad + 2 * MS, 0);
	expect_move(f, 2, DFB_REASON_USERLAND);
	hear(f, 1, DFB_USERLAND_WELL, f->now, f->now);
	assert_null(find_action(f, ACTION_FIT)); /* its check fails */
	hear_check(f, 1, CHECK_PASS, f->now, 0);
	assert_true(find_action(f, ACTION_FIT)->fit.ok);
	assert_non_null(told(f, REPORT_CHECK_PASSED));
}

/* A reload in which services begin to need it. */
static void who_hangs_already_is_known_at_once(void **state)
{
	struct fixture *f = *state;

	f->pool.userland = false;
	hear(f, 2, DFB_USERLAND_HUNG, f->now, f->now - SECOND);
	assert_null(find_action(f, ACTION_FIT));
	f->pool.userland = true;
	step(f, (struct event){.kind = EVENT_POLICY, .policy = &f->policy});
	assert_non_null(find_action(f, ACTION_FIT));
	assert_int_equal(find_action(f, ACTION_FIT)->fit.server, 2);
	step(f, (struct event){.kind = EVENT_POLICY, .policy = &f->policy});
	assert_null(find_action(f, ACTION_FIT));
}

#define CORE_TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_well_again_after_replies_and_a_hold_time),
		cmocka_unit_test(who_limps_begins_anew),
		cmocka_unit_test(the_last_sign_of_life_is_never_told_too_late),
		cmocka_unit_test(who_needs_it_has_a_pool_of_its_own),
		cmocka_unit_test(each_server_has_its_limit),
		cmocka_unit_test(the_status_tells_the_latest),
		CORE_TEST(only_who_has_run_since_takes_over),
		CORE_TEST(a_service_that_does_not_need_it_stays),
		CORE_TEST(what_is_not_known_moves_nothing),
		CORE_TEST(news_of_another_target_may_be_old),
		CORE_TEST(checks_and_userland_count_together),
		CORE_TEST(what_hangs_fails_its_checks_and_is_named_for_what_it_is),
		CORE_TEST(who_hangs_already_is_known_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
