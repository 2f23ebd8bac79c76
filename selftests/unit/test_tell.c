// SPDX-License-Identifier: GPL-2.0-only
/* user/core/tell.c: however much there is to tell, there is room for what is to be done. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

#define MANY (ACTIONS_MAX + 1000u)
#define SECOND_NS 1000000000ull

/* Two servers; pool 1 has many services or few, pool 2 has one. */
struct fixture {
	struct policy_server servers[2];
	struct policy_pool pools[2];
	struct policy_service services[MANY + 1];
	struct policy policy;
	struct core core;
	struct actions actions;
	uint64_t now;
};

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return f ? 0 : -1;
}

static int close_fixture(void **state)
{
	free(*state);
	return 0;
}

static void step(struct fixture *f, struct event ev)
{
	f->now += SECOND_NS;
	ev.time_ns = f->now;
	core_step(&f->core, &ev, &f->actions);
	assert_true(f->actions.n < ACTIONS_MAX);
}

static void make_policy(struct fixture *f, uint32_t many)
{
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(f->servers[i].name, DFB_NAME_LEN, "s%u", i + 1);
		f->servers[i].id = i + 1;
		f->servers[i].has[DFB_FAMILY_IPV4] = true;
		f->servers[i].heartbeat.interval_ns = SECOND_NS / 100;
		snprintf(f->pools[i].name, DFB_NAME_LEN, "p%u", i + 1);
		f->pools[i].id = i + 1;
		f->pools[i].n_servers = 2;
		f->pools[i].servers[1] = 1;
		f->pools[i].families = 1u << DFB_FAMILY_IPV4;
		f->pools[i].fast = true;
	}
	for (uint32_t i = 0; i <= many; i++) {
		snprintf(f->services[i].name, DFB_NAME_LEN, "v%u", i);
		f->services[i].pool = i == many;
	}
	f->policy = (struct policy){.n_servers = 2, .servers = f->servers, .n_pools = 2, .pools = f->pools,
				    .n_services = many + 1, .services = f->services};
}

/* Both servers are up and the first one serves; @error: of the commits. */
static void start(struct fixture *f, uint32_t many, int error)
{
	make_policy(f, many);
	core_init(&f->core);
	step(f, (struct event){.kind = EVENT_POLICY, .policy = &f->policy});
	for (uint32_t i = 1; i <= 2; i++)
		step(f, (struct event){.kind = EVENT_ROUTABLE, .routable = {.server = i, .ok = true}});
	for (uint32_t i = 1; i <= 2; i++)
		step(f, (struct event){.kind = EVENT_TARGET,
				       .target = {.target = dfb_target_id(i, DFB_FAMILY_IPV4),
						  .state = DFB_STATE_UP, .since_ns = f->now}});
	for (uint32_t i = 1; i <= 2; i++)
		step(f, (struct event){.kind = EVENT_POOL,
				       .pool = {.pool = i, .share.slots = {1}, .epoch = 1}});
	for (uint32_t i = 1; i <= 2; i++)
		step(f, (struct event){.kind = EVENT_COMMITTED,
				       .result = {.pool = i, .epoch = 1, .error = error}});
}

static uint32_t count(const struct fixture *f, const char *pool, const char *service)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->actions.n; i++) {
		const struct action *a = &f->actions.action[i];

		n += a->kind == ACTION_REPORT && a->report.kind == REPORT_SERVICE_STATE &&
		     !strcmp(a->report.pool, pool) && (!service || !strcmp(a->report.service, service));
	}
	return n;
}

/* The other server is dead: the services are degraded. */
static void die(struct fixture *f)
{
	step(f, (struct event){.kind = EVENT_TARGET,
			       .target = {.target = dfb_target_id(2, DFB_FAMILY_IPV4),
					  .state = DFB_STATE_DOWN,
					  .reason = DFB_REASON_EXPIRED, .since_ns = f->now}});
}

static void few_services_are_told_of_one_by_one(void **state)
{
	struct fixture *f = *state;

	start(f, 3, 0);
	die(f);
	assert_int_equal(count(f, "p1", NULL), 3);
	assert_int_equal(count(f, "p1", "v1"), 1);
	assert_int_equal(count(f, "p2", "v3"), 1);
}

static void more_services_than_fit_are_told_of_together(void **state)
{
	const struct report *told = NULL;
	struct fixture *f = *state;
	char rest[64];

	start(f, MANY, 0);
	die(f);
	assert_int_equal(count(f, "p1", NULL), 1);
	assert_int_equal(count(f, "p1", "v0"), 1);
	assert_int_equal(count(f, "p2", NULL), 1);
	for (uint32_t i = 0; !told; i++) {
		if (!strcmp(f->actions.action[i].report.service, "v0"))
			told = &f->actions.action[i].report;
	}
	snprintf(rest, sizeof(rest), "and %u more of the pool", MANY - 1);
	assert_string_equal(told->reason, rest);
}

static void what_other_pools_need_done_is_not_lost(void **state)
{
	bool committed[3] = {false};
	struct fixture *f = *state;

	start(f, MANY, -EBUSY);
	f->now += 60 * SECOND_NS; /* both commits are to be tried again */
	die(f);
	assert_int_equal(count(f, "p2", NULL), 1);
	for (uint32_t i = 0; i < f->actions.n; i++) {
		const struct action *a = &f->actions.action[i];

		if (a->kind == ACTION_COMMIT)
			committed[a->commit.pool] = true;
	}
	assert_true(committed[1] && committed[2]);
}

#define IN_FIXTURE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FIXTURE(few_services_are_told_of_one_by_one),
		IN_FIXTURE(more_services_than_fit_are_told_of_together),
		IN_FIXTURE(what_other_pools_need_done_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
