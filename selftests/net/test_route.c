// SPDX-License-Identifier: GPL-2.0-only
/* The rules and routes of ours, in real namespaces: what ip(8) shows is what counts. */
#include "routes.h"

#include "base/loop.h"

static void sync_installs_what_ip_shows_and_a_second_one_does_nothing(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	expect_idle(f);
	shell("ip rule | grep -q '^780:.from all fwmark 0x10000/0x3fff0000 lookup 780001 proto 223'");
	shell("ip rule | grep -q '^779:.from all fwmark 0/0x3fff0000 goto 781 proto 223'");
	shell("ip -6 rule | grep -q '^780:.from all fwmark 0x30000/0x3fff0000 lookup 780003 proto 223'");
	shell("ip route show table 780003 | grep -q '^default via 10.78.1.13 dev e1 proto 223 onlink'");
	shell("ip -6 route show table 780002 | grep -q '^default via fd78::12 dev e0 proto 223 .*onlink'");
	shell("ip route show 10.79.0.100 | grep -q 'nhid .* via 10.78.0.11 dev e0 proto 223'");
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	expect_way("fd79::100", "fd78::11", "e0");
	expect_way("10.79.0.100 mark 0x30000", "10.78.1.13", "e1");
	expect_way("fd79::100 mark 0x30000", "fd78:1::13", "e1");
	expect_way("10.79.0.100 mark 0x20007", "10.78.0.12", "e0");
}

static void teardown_leaves_no_difference(void **state)
{
	struct fixture *f = *state;
	char *before, *after;

	shell("ip nexthop add id 7 via 10.78.0.99 dev e0 && ip route add 10.80.0.0/16 nhid 7 && "
	      "ip rule add pref 1000 from 10.1.2.3 lookup 55 && ip route add default via 10.78.0.98 table 55");
	before = output(EVERYTHING);
	expect_sync(f, ALL_OBJECTS, 0, 0);
	expect_commit(f, 3);
	assert_int_equal(route_teardown(f->route, &f->want, false, &f->result), 0);
	assert_int_equal(f->result.removed, ALL_OBJECTS);
	after = output(EVERYTHING);
	assert_string_equal(before, after);
	assert_int_equal(route_teardown(f->route, &f->want, false, &f->result), 0);
	assert_int_equal(f->result.removed, 0);
	free(before);
	free(after);
}

static void teardown_can_keep_the_committed_routes(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	assert_int_equal(route_teardown(f->route, &f->want, true, &f->result), 0);
	assert_int_equal(f->result.removed, ALL_OBJECTS - 4);
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	expect_way("fd79::100", "fd78::11", "e0");
	/* The next daemon knows nobody yet, and must not take away what serves. */
	f->pool.server = 0;
	expect_sync(f, ALL_OBJECTS - 4, 0, 0);
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	/* Nor if the pool has got another id meanwhile; its first commit takes the routes over. */
	f->pool.id = 9;
	expect_idle(f);
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	f->pool.server = 2;
	expect_sync(f, 2, 2, 2);
	expect_way("10.79.0.100", "10.78.0.12", "e0");
	expect_idle(f);
}

static void commit_moves_both_families(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	expect_commit(f, 3);
	expect_way("10.79.0.100", "10.78.1.13", "e1");
	expect_way("fd79::100", "fd78:1::13", "e1");
	expect_idle(f);
	expect_commit(f, 3);
	expect_commit(f, 2);
	expect_way("10.79.0.100", "10.78.0.12", "e0");
	expect_way("fd79::100", "fd78::12", "e0");
	expect_idle(f);
}

static void commit_without_a_sync_before_creates_what_is_missing(void **state)
{
	struct fixture *f = *state;

	expect_commit(f, 1);
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	shell("ip nexthop flush proto 223");
	expect_commit(f, 2);
	expect_way("10.79.0.100", "10.78.0.12", "e0");
	expect_way("fd79::100", "fd78::12", "e0");
}

static void commit_says_why_it_cannot(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	assert_int_equal(route_commit(f->route, &f->want, 77, f->why), -ENOENT);
	assert_string_equal(f->why, "pool 77 does not exist");
	f->servers[1].ifindex[DFB_FAMILY_IPV4] = 0;
	f->pool.server = 2;
	assert_int_equal(route_commit(f->route, &f->want, 1, f->why), -ENODEV);
	assert_string_equal(f->why, "pool app: server 2 cannot be reached directly at 10.78.0.12 now");
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	shell("ip link set e1p down");
	f->pool.server = 3;
	assert_int_equal(route_commit(f->route, &f->want, 1, f->why), -ENETDOWN);
	print_message("  why: %s\n", f->why);
	f->pool.server = 0;
	assert_int_equal(route_commit(f->route, &f->want, 1, f->why), -ENOENT);
}

static void a_held_pool_is_kept_withdrawn_or_unreachable(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	f->pool.held = true;
	f->pool.how = POLICY_KEEP;
	expect_idle(f);
	f->pool.how = POLICY_UNREACHABLE;
	expect_sync(f, 0, 2, 2);
	expect_idle(f);
	shell("ip route show 10.79.0.100 | grep -q '^unreachable 10.79.0.100 proto 223'");
	shell("ip -6 route show fd79::100 | grep -q '^unreachable fd79::100 .*proto 223'");
	f->pool.held = false;
	expect_sync(f, 2, 2, 0);
	expect_way("fd79::100", "fd78::11", "e0");
	f->pool.held = true;
	f->pool.how = POLICY_WITHDRAW;
	expect_sync(f, 0, 0, 4);
	expect_idle(f);
	assert_false(holds("ip route show 10.79.0.100 | grep -q ."));
	f->pool.held = false;
	expect_commit(f, 2);
	expect_way("10.79.0.100", "10.78.0.12", "e0");
}

static void unreachable_routes_go_with_teardown(void **state)
{
	struct fixture *f = *state;
	char *before = output(EVERYTHING);
	char *after;

	f->pool.held = true;
	f->pool.how = POLICY_UNREACHABLE;
	f->pool.server = 0;
	expect_sync(f, ALL_OBJECTS - 2, 0, 0);
	/* as `defib teardown` does without the configuration */
	f->want.n_pools = 0;
	assert_int_equal(route_teardown(f->route, &f->want, false, &f->result), 0);
	after = output(EVERYTHING);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void what_was_deleted_by_hand_comes_back(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	shell("ip rule del pref 780 fwmark 0x20000/0x3fff0000 && ip -6 rule del pref 779");
	expect_sync(f, 2, 0, 0);
	shell("ip route flush table 780001 && ip -6 route flush table 780003");
	expect_sync(f, 2, 0, 0);
	shell("ip route del 10.79.0.100 && ip -6 route del fd79::100");
	expect_sync(f, 2, 0, 0);
	shell("ip nexthop flush proto 223");
	expect_sync(f, 4, 0, 0);
	expect_idle(f);
	expect_way("fd79::100", "fd78::11", "e0");
}

static void what_was_changed_by_hand_is_corrected(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	shell("ip route replace default via 10.78.0.66 dev e0 onlink table 780001 proto 223");
	shell("ip -6 route replace default via fd78::66 dev e0 onlink table 780001 proto 223");
	shell("ip nexthop replace id $(ip nexthop | awk '/via 10.78.0.11/{print $2}') via 10.78.0.66 dev e0 proto 223");
	expect_sync(f, 0, 3, 0);
	expect_idle(f);
	shell("ip -6 route append default via fd78::67 dev e0 onlink table 780001 proto 223");
	expect_sync(f, 0, 1, 0);
	expect_idle(f);
	expect_way("fd79::100 mark 0x10000", "fd78::11", "e0");
}

static void what_left_the_configuration_is_removed(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	f->want.n_servers = 2;
	f->pool.n_addresses = 1;
	expect_sync(f, 0, 0, 4 + 2);
	expect_idle(f);
	f->want.n_pools = 0;
	expect_sync(f, 0, 0, 2);
	f->want.n_servers = 0;
	expect_sync(f, 0, 0, 2 * (2 * 2 + 2));
	expect_idle(f);
}

static void an_interface_that_was_down_is_filled_again(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	shell("ip link set e0 down");
	assert_false(holds("ip nexthop | grep -q ."));
	for (int i = 0; i < 2; i++)
		memset(f->servers[i].ifindex, 0, sizeof(f->servers[i].ifindex));
	expect_problem(f, -ENODEV, "pool app: server 1 cannot be reached directly at 10.78.0.11 now");
	shell("ip link set e0 up");
	want_init(f);
	route_sync(f->route, &f->want, &f->result);
	print_problems(f);
	expect_idle(f);
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	expect_way("10.79.0.100 mark 0x20000", "10.78.0.12", "e0");
}

static void a_carrier_that_was_lost_is_filled_again(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	shell("ip link set e0p down");
	expect_problem(f, -ENETDOWN, "pool app: cannot set nexthop");
	shell("ip link set e0p up");
	route_sync(f->route, &f->want, &f->result);
	expect_idle(f);
	expect_way("fd79::100", "fd78::11", "e0");
}

static void ids_that_do_not_fit_are_refused(void **state)
{
	struct fixture *f = *state;

	f->want.mark_mask = 0x30000;
	f->servers[2].id = 4;
	expect_problem(f, -ERANGE, "server id 4 does not fit into mark 0x30000");
	f->servers[2].id = 3;
	f->pool.id = DFB_MAX_POOLS + 1;
	expect_problem(f, -ERANGE, "pool app: its id 256 is out of range");
}

static void another_mask_after_a_restart_replaces_the_rules(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	f->want.mark_mask = 0xff00;
	f->want.mark_shift = 8;
	expect_sync(f, 8, 0, 8);
	expect_idle(f);
	expect_way("10.79.0.100 mark 0x300", "10.78.1.13", "e1");
}

static void it_is_fast(void **state)
{
	struct fixture *f = *state;
	struct route_server *many = calloc(1000, sizeof(*many));
	uint64_t start, worst = 0, sum = 0;
	uint64_t times[2];

	assert_non_null(many);
	for (uint32_t i = 0; i < 1000; i++) {
		char ipv4[32], ipv6[32];

		snprintf(ipv4, sizeof(ipv4), "10.78.%u.%u", 4 + i / 250, 1 + i % 250);
		snprintf(ipv6, sizeof(ipv6), "fd78::%x", 0x100 + i);
		set_server(&many[i], i + 1, ipv4, ipv6, "e0");
	}
	f->want.servers = many;
	f->want.n_servers = 1000;
	for (int i = 0; i < 2; i++) {
		start = clock_now_ns();
		expect_sync(f, i ? 0 : 4000 + 4 + 4, 0, 0);
		times[i] = clock_now_ns() - start;
	}
	for (uint32_t i = 0; i < 200; i++) {
		start = clock_now_ns();
		expect_commit(f, 1 + i % 2);
		start = clock_now_ns() - start;
		sum += start;
		worst = start > worst ? start : worst;
	}
	print_message("  1000 servers: first sync %.1f ms, idle sync %.1f ms; commit of two families: mean %.1f us, "
		      "worst %.1f us\n",
		      (double)times[0] / 1e6, (double)times[1] / 1e6, (double)sum / 200e3,
		      (double)worst / 1e3);
	start = clock_now_ns();
	assert_int_equal(route_teardown(f->route, &f->want, false, &f->result), 0);
	print_message("  teardown %.1f ms\n", (double)(clock_now_ns() - start) / 1e6);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sync_installs_what_ip_shows_and_a_second_one_does_nothing),
		TEST(teardown_leaves_no_difference),
		TEST(teardown_can_keep_the_committed_routes),
		TEST(commit_moves_both_families),
		TEST(commit_without_a_sync_before_creates_what_is_missing),
		TEST(commit_says_why_it_cannot),
		TEST(a_held_pool_is_kept_withdrawn_or_unreachable),
		TEST(unreachable_routes_go_with_teardown),
		TEST(what_was_deleted_by_hand_comes_back),
		TEST(what_was_changed_by_hand_is_corrected),
		TEST(what_left_the_configuration_is_removed),
		TEST(an_interface_that_was_down_is_filled_again),
		TEST(a_carrier_that_was_lost_is_filled_again),
		TEST(ids_that_do_not_fit_are_refused),
		TEST(another_mask_after_a_restart_replaces_the_rules),
		TEST(it_is_fast),
	};

	if (!world_can())
		return 1;
	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
