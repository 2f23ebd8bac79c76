// SPDX-License-Identifier: GPL-2.0-only
/* Where servers are on a segment that they share with clients, as rtnetlink tells. */
#include "world.h"

#include <net/if.h>

#include "base/loop.h"
#include "base/text.h"
#include "core/policy.h"
#include "sense/link.h"

#define TIME_LIMIT_S 10 /* the process ends, and the test fails */

/* e0 has clients and servers, e1 has servers only. Server 1 is behind e0, server 2 behind e1. */
struct fixture {
	struct policy policy;
	struct policy_server servers[2];
	struct policy_pool pool;
	struct loop *loop;
	struct link *link;
	struct dfb_station station[3]; /* by server id, IPv4 */
	struct event_routable said[3];
	unsigned int n_stations;
	bool waiting;
};

static void heed(void *arg, const struct event *event)
{
	struct fixture *f = arg;

	if (event->kind == EVENT_ROUTABLE)
		f->said[event->routable.server] = event->routable;
	if (event->kind != EVENT_STATION || event->station.family != DFB_FAMILY_IPV4)
		return;
	assert_true(event->time_ns > 0);
	assert_in_range(event->station.server, 1, 2);
	f->station[event->station.server] = event->station.at;
	f->n_stations++;
	if (f->waiting)
		loop_stop(f->loop);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || world_new(state) != 0)
		return -1;
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(f->servers[i].name, DFB_NAME_LEN, "s%u", i + 1);
		f->servers[i].id = i + 1;
		f->servers[i].has[DFB_FAMILY_IPV4] = true;
		assert_int_equal(address_parse(i ? "10.78.1.12" : "10.78.0.11",
					       f->servers[i].address[DFB_FAMILY_IPV4]), 0);
	}
	f->pool = (struct policy_pool){.n_servers = 2, .servers = {0, 1}};
	f->policy = (struct policy){
		.gateway = {.n_client_interfaces = 2, .client_interfaces = {"g0", "e0"},
			    .n_server_interfaces = 2, .server_interfaces = {"e0", "e1"},
			    .table_base = POLICY_DEFAULT_TABLE_BASE,
			    .rule_priority = POLICY_DEFAULT_RULE_PRIORITY},
		.n_servers = 2, .servers = f->servers, .n_pools = 1, .pools = &f->pool,
	};
	shell("ip link set e0 address 02:00:00:00:00:e0");
	f->loop = loop_new();
	*state = f;
	return f->loop ? 0 : -1;
}

static int cleanup(void **state)
{
	struct fixture *f = *state;

	link_free(f->link);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	f->link = link_new(f->loop, &f->policy, heed, f);
	assert_non_null(f->link);
	assert_int_equal(link_start(f->link), 0);
}

static void expect_station(const struct fixture *f, const char *address, const char *own)
{
	assert_int_equal(f->station[1].ifindex, if_nametoindex("e0"));
	assert_memory_equal(f->station[1].address, address, 6);
	assert_memory_equal(f->station[1].own, own, 6);
}

static void wait_for_station(struct fixture *f)
{
	f->waiting = true;
	alarm(TIME_LIMIT_S);
	assert_int_equal(loop_run(f->loop), 0);
	alarm(0);
}

static void who_is_known_at_start_is_told_once(void **state)
{
	struct fixture *f = *state;

	shell("ip neigh replace 10.78.0.11 dev e0 lladdr 02:00:00:00:00:01");
	shell("ip neigh replace 10.78.1.12 dev e1 lladdr 02:00:00:00:00:02");
	start(f);
	expect_station(f, "\x02\0\0\0\0\x01", "\x02\0\0\0\0\xe0");
	assert_int_equal(f->station[2].ifindex, 0); /* no clients there */
	assert_int_equal(link_reload(f->link, &f->policy), 0);
	assert_int_equal(f->n_stations, 1);
}

static void who_becomes_known_is_told(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(f->n_stations, 0);
	shell("ip neigh replace 10.78.0.11 dev g0 lladdr 02:00:00:00:00:09"); /* not the way to it */
	shell("ip neigh replace 10.78.0.11 dev e0 lladdr 02:00:00:00:00:01");
	wait_for_station(f);
	expect_station(f, "\x02\0\0\0\0\x01", "\x02\0\0\0\0\xe0");
}

static void another_address_is_told(void **state)
{
	struct fixture *f = *state;

	shell("ip neigh replace 10.78.0.11 dev e0 lladdr 02:00:00:00:00:01");
	start(f);
	shell("ip link set e0 address 02:00:00:00:00:e1");
	wait_for_station(f);
	expect_station(f, "\x02\0\0\0\0\x01", "\x02\0\0\0\0\xe1");
}

static void with_a_vip_a_server_must_be_where_clients_are(void **state)
{
	struct fixture *f = *state;

	f->pool.vips = 1u << DFB_FAMILY_IPV4;
	start(f);
	assert_true(f->said[1].ok);
	assert_false(f->said[2].ok);
	assert_string_equal(f->said[2].why, "10.78.1.12 is on-link through e1: no client interface, as vip needs");
}

static void without_one_it_need_not(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_true(f->said[1].ok && f->said[2].ok);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, cleanup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_known_at_start_is_told_once),
		TEST(who_becomes_known_is_told),
		TEST(another_address_is_told),
		TEST(with_a_vip_a_server_must_be_where_clients_are),
		TEST(without_one_it_need_not),
	};

	if (!world_can())
		return 1;
	return cmocka_run_group_tests_name("station", tests, NULL, NULL);
}
