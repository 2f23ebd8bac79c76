// SPDX-License-Identifier: GPL-2.0-only
/* user/core/vip.c: when a segment is told of an address, and what is made of others' claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

/* Pool 1 has a service on the clients' segment, pool 2 a routed one; server 1 serves both. */
struct fixture {
	struct policy_server servers[2];
	struct policy_pool pools[2];
	struct policy_service services[2];
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

static uint32_t count(const struct fixture *f, enum action_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->actions.n; i++)
		n += f->actions.action[i].kind == kind;
	return n;
}

static const struct report *told(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->actions.n; i++) {
		const struct action *a = &f->actions.action[i];

		if (a->kind == ACTION_REPORT && a->report.kind == REPORT_CLAIMED)
			return &a->report;
	}
	return NULL;
}

static void pool_becomes(struct fixture *f, uint32_t pool, uint32_t server, uint64_t epoch)
{
	step(f, (struct event){.kind = EVENT_POOL,
			       .pool = {.pool = pool, .share.slots = {server}, .epoch = epoch,
					.committed = epoch}});
}

static void station_becomes(struct fixture *f, uint32_t server, uint8_t last)
{
	step(f, (struct event){.kind = EVENT_STATION,
			       .station = {.server = server, .family = DFB_FAMILY_IPV4,
					   .at = {.ifindex = 3, .address = {2, 0, 0, 0, 0, last}}}});
}

static void claim(struct fixture *f, uint32_t pool, uint8_t last)
{
	struct dfb_claim c = {.pool = pool, .ifindex = 3, .station = {2, 0, 0, 0, 0, last}};

	memcpy(c.address, f->services[0].address[0], sizeof(c.address));
	step(f, (struct event){.kind = EVENT_CLAIM, .claim = c});
}

static int open_fixture(void **state)
{
	static const uint8_t address[16] = {[10] = 0xff, [11] = 0xff, 10, 78, 0, 100};
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(f->servers[i].name, DFB_NAME_LEN, "s%u", i + 1);
		f->servers[i].id = i + 1;
		f->servers[i].has[DFB_FAMILY_IPV4] = true;
		f->servers[i].heartbeat.interval_ns = MS;
		snprintf(f->pools[i].name, DFB_NAME_LEN, "p%u", i + 1);
		f->pools[i].id = i + 1;
		f->pools[i].n_servers = 2;
		f->pools[i].servers[1] = 1;
		f->pools[i].families = 1u << DFB_FAMILY_IPV4;
		snprintf(f->services[i].name, DFB_NAME_LEN, "v%u", i + 1);
		f->services[i].pool = i;
		f->services[i].n_addresses = 1;
	}
	memcpy(f->services[0].address[0], address, sizeof(address));
	f->services[0].redirect = DFB_REDIRECT_VIP;
	f->pools[0].vips = 1u << DFB_FAMILY_IPV4;
	f->policy = (struct policy){.n_servers = 2, .servers = f->servers, .n_pools = 2, .pools = f->pools,
				    .n_services = 2, .services = f->services};
	core_init(&f->core);
	step(f, (struct event){.kind = EVENT_POLICY, .policy = &f->policy});
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	free(*state);
	return 0;
}

static void a_switch_is_announced_before_anything_else(void **state)
{
	struct fixture *f = *state;

	pool_becomes(f, 1, 1, 1);
	assert_int_equal(count(f, ACTION_ANNOUNCE), 1);
	pool_becomes(f, 1, 2, 2);
	assert_int_equal(f->actions.action[0].kind, ACTION_ANNOUNCE);
	assert_int_equal(f->actions.action[0].announce.pool, 1);
	assert_int_equal(f->actions.action[0].announce.server, 2);
	pool_becomes(f, 1, 2, 2); /* no news */
	assert_int_equal(count(f, ACTION_ANNOUNCE), 0);
}

static void a_routed_pool_is_not_announced(void **state)
{
	struct fixture *f = *state;

	pool_becomes(f, 2, 1, 1);
	pool_becomes(f, 2, 2, 2);
	assert_int_equal(count(f, ACTION_ANNOUNCE), 0);
	claim(f, 2, 9);
	assert_int_equal(f->actions.n, 0);
}

static void a_station_is_passed_on_and_announced_if_it_serves(void **state)
{
	struct fixture *f = *state;

	station_becomes(f, 1, 1);
	assert_int_equal(count(f, ACTION_STATION), 1);
	assert_int_equal(count(f, ACTION_ANNOUNCE), 0); /* who serves is not known yet */
	pool_becomes(f, 1, 1, 1);
	pool_becomes(f, 2, 1, 1);
	station_becomes(f, 2, 2);
	assert_int_equal(count(f, ACTION_STATION), 1);
	assert_int_equal(count(f, ACTION_ANNOUNCE), 0);
	station_becomes(f, 1, 11); /* another network card */
	assert_int_equal(f->actions.action[0].kind, ACTION_STATION);
	assert_int_equal(f->actions.action[0].station.at.address[5], 11);
	assert_int_equal(f->actions.action[1].kind, ACTION_ANNOUNCE);
	assert_int_equal(f->actions.n, 2);
}

static void a_claim_is_answered_once_a_second_and_told_every_ten(void **state)
{
	struct fixture *f = *state;
	uint32_t announced = 0, reports = 0;

	pool_becomes(f, 1, 1, 1);
	for (uint32_t i = 0; i < 20500; i++) { /* milliseconds */
		claim(f, 1, 9);
		announced += count(f, ACTION_ANNOUNCE);
		reports += count(f, ACTION_REPORT);
	}
	assert_int_equal(announced, 21);
	assert_int_equal(reports, 3);
}

static void a_claim_is_told_with_who_and_what(void **state)
{
	struct fixture *f = *state;

	pool_becomes(f, 1, 1, 1);
	station_becomes(f, 2, 2);
	claim(f, 1, 9);
	assert_string_equal(told(f)->service, "v1");
	assert_string_equal(told(f)->pool, "p1");
	assert_string_equal(told(f)->server, "");
	assert_string_equal(told(f)->reason, "10.78.0.100 is claimed by 02:00:00:00:00:09, a stranger (heard 1 times);"
					     " it is announced again");
	f->now += 10 * SECOND;
	claim(f, 1, 2);
	assert_string_equal(told(f)->server, "s2");
	assert_non_null(strstr(told(f)->reason, "a server, which must hold it silently"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_switch_is_announced_before_anything_else),
		TEST(a_routed_pool_is_not_announced),
		TEST(a_station_is_passed_on_and_announced_if_it_serves),
		TEST(a_claim_is_answered_once_a_second_and_told_every_ten),
		TEST(a_claim_is_told_with_who_and_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
