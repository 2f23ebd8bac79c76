// SPDX-License-Identifier: GPL-2.0-only
/* What others have in our way, other instances of ours included: named, and left alone. */
#include "routes.h"

static void a_foreign_route_is_named_and_left_alone(void **state)
{
	struct fixture *f = *state;
	char *before, *after;

	shell("ip route add 10.79.0.100 via 10.78.0.99 dev e0 proto static");
	before = output("ip route; ip -6 route; ip nexthop");
	expect_problem(f, -EEXIST,
		       "pool app: route `10.79.0.100 via 10.78.0.99 dev e0 proto static` is not ours and in the way: "
		       "`ip route del 10.79.0.100 via 10.78.0.99 dev e0 proto static`?");
	assert_int_equal(f->result.added, ALL_OBJECTS - 4);
	after = output("ip route; ip -6 route; ip nexthop");
	assert_string_equal(before, after);
	assert_int_equal(route_commit(f->route, &f->want, 1, f->why), -EEXIST);
	assert_non_null(strstr(f->why, "is not ours"));
	shell("ip route del 10.79.0.100 via 10.78.0.99 dev e0 proto static");
	expect_sync(f, 4, 0, 0);
	free(before);
	free(after);
}

static void a_foreign_route_to_nowhere_is_found_as_well(void **state)
{
	struct fixture *f = *state;

	shell("ip -6 route add unreachable fd79::100");
	expect_problem(f, -EEXIST, "unreachable fd79::100");
	assert_int_equal(f->result.added, ALL_OBJECTS - 4);
	assert_false(holds("ip nexthop | grep -q ."));
	shell("ip -6 route del unreachable fd79::100 && ip route add blackhole 10.79.0.100 proto static");
	expect_problem(f, -EEXIST, "blackhole 10.79.0.100 proto static");
	assert_int_equal(f->result.added, 0);
	assert_false(holds("ip nexthop | grep -q ."));
}

static void a_foreign_route_with_a_worse_metric_does_not_matter(void **state)
{
	struct fixture *f = *state;

	shell("ip route add 10.79.0.100 via 10.78.0.99 dev e0 metric 50");
	shell("ip -6 route add fd79::100 via fd78::99 dev e0 metric 5000");
	expect_sync(f, ALL_OBJECTS, 0, 0);
	shell("ip -6 route add fd79::100 via fd78::99 dev e0 metric 50");
	expect_problem(f, -EEXIST, "fd79::100 via fd78::99 dev e0 metric 50");
}

static void a_new_address_in_conflict_does_not_stop_the_old_ones(void **state)
{
	struct fixture *f = *state;

	f->pool.n_addresses = 1;
	expect_sync(f, ALL_OBJECTS - 2, 0, 0);
	shell("ip -6 route add fd79::100 via fd78::99 dev e0");
	f->pool.n_addresses = 2;
	expect_problem(f, -EEXIST, "fd79::100 via fd78::99 dev e0");
	assert_int_equal(f->result.added + f->result.removed, 0);
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	f->pool.server = 2;
	assert_int_equal(route_commit(f->route, &f->want, 1, f->why), -EEXIST);
	expect_way("10.79.0.100", "10.78.0.12", "e0");
	expect_way("fd79::100", "fd78::99", "e0");
}

static void a_service_address_of_the_gateway_itself_is_refused(void **state)
{
	struct fixture *f = *state;

	shell("ip addr add fd79::100/128 dev lo");
	expect_problem(f, -EEXIST, "service address fd79::100 is this gateway's own");
	assert_false(holds("ip nexthop | grep -q ."));
	shell("ip addr del fd79::100/128 dev lo && ip addr add 10.79.0.100/32 dev g0");
	expect_problem(f, -EEXIST, "service address 10.79.0.100 is this gateway's own");
	shell("ip addr del 10.79.0.100/32 dev g0");
	expect_sync(f, 4, 0, 0);
}

static void a_foreign_nexthop_with_our_id_is_left_alone(void **state)
{
	struct fixture *f = *state;
	uint32_t id = netobject_nexthop_base(f->want.table_base) + 2;
	char text[128];

	shell("ip nexthop add id %u via 10.78.0.99 dev e0 proto static", id);
	snprintf(text, sizeof(text), "`ip nexthop del id %u`", id);
	expect_problem(f, -EEXIST, text);
	shell("ip nexthop | grep -q 'id %u via 10.78.0.99'", id);
	assert_int_equal(f->result.added, ALL_OBJECTS - 4);
	shell("ip nexthop del id %u", id);
	expect_sync(f, 4, 0, 0);
}

static void a_foreign_rule_for_our_mark_is_left_alone(void **state)
{
	struct fixture *f = *state;

	shell("ip rule add pref 780 fwmark 0x20000/0x3fff0000 lookup 77");
	expect_problem(f, -EEXIST, "mark 0x20000 does not lead to table 780002: rule `780: from all fwmark "
				   "0x20000/0x3fff0000 lookup 77` is not ours and in the way: "
				   "`ip rule del priority 780 fwmark 0x20000/0x3fff0000 lookup 77`?");
	/* without that rule, and without the shortcut that would jump over it */
	assert_int_equal(f->result.added, ALL_OBJECTS - 3);
	shell("ip rule | grep -q 'lookup 77'");
	shell("ip rule del pref 780 fwmark 0x20000/0x3fff0000 lookup 77");
	expect_sync(f, 3, 0, 0);
	expect_idle(f);
}

static void the_shortcut_makes_way_for_foreign_rules(void **state)
{
	struct fixture *f = *state;

	expect_sync(f, ALL_OBJECTS, 0, 0);
	shell("ip rule add pref 780 from 10.1.1.1 lookup 55");
	expect_sync(f, 0, 0, 2);
	shell("ip rule del pref 780 from 10.1.1.1 lookup 55");
	shell("ip rule add pref 1000 from 10.1.1.1 lookup 55 && ip route add default via 10.78.0.98 table 55");
	expect_sync(f, 2, 0, 0);
	shell("sysctl -qw net.ipv4.ip_forward=1");
	/* Foreign rules behind ours are still in force, marked or not. */
	expect_way("9.9.9.9 from 10.1.1.1 iif g0", "10.78.0.98", "e0");
}

static void two_instances_live_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct fixture other = { .route = f->route };
	char *before, *after;

	want_init(&other);
	address_parse("10.79.0.200", other.addresses[0]);
	address_parse("fd79::200", other.addresses[1]);
	other.want.table_base += NETOBJECT_TABLES;
	other.want.rule_priority += 100;
	other.want.mark_mask = 0x3fff;
	other.want.mark_shift = 0;
	expect_sync(f, ALL_OBJECTS, 0, 0);
	before = output(EVERYTHING);
	expect_sync(&other, ALL_OBJECTS, 0, 0);
	expect_idle(f);
	expect_idle(&other);
	expect_commit(&other, 3);
	expect_way("10.79.0.100", "10.78.0.11", "e0");
	expect_way("10.79.0.200", "10.78.1.13", "e1");
	expect_way("10.79.0.200 mark 0x10002", "10.78.0.11", "e0");
	expect_way("10.79.0.200 mark 2", "10.78.0.12", "e0");
	other.pool.held = true;
	other.pool.how = POLICY_UNREACHABLE;
	expect_sync(&other, 0, 2, 2);
	expect_idle(f);
	assert_int_equal(route_teardown(other.route, &other.want, false, &other.result), 0);
	after = output(EVERYTHING);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void the_same_priority_for_two_instances_is_reported(void **state)
{
	struct fixture *f = *state;
	struct fixture other = { .route = f->route };

	want_init(&other);
	address_parse("10.79.0.200", other.addresses[0]);
	address_parse("fd79::200", other.addresses[1]);
	other.want.table_base += NETOBJECT_TABLES;
	other.want.mark_mask = 0x3fff;
	other.want.mark_shift = 0;
	expect_sync(f, ALL_OBJECTS, 0, 0);
	expect_problem(&other, -EEXIST, "give each instance its own rule-priority");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_foreign_route_is_named_and_left_alone),
		TEST(a_foreign_route_to_nowhere_is_found_as_well),
		TEST(a_foreign_route_with_a_worse_metric_does_not_matter),
		TEST(a_new_address_in_conflict_does_not_stop_the_old_ones),
		TEST(a_service_address_of_the_gateway_itself_is_refused),
		TEST(a_foreign_nexthop_with_our_id_is_left_alone),
		TEST(a_foreign_rule_for_our_mark_is_left_alone),
		TEST(the_shortcut_makes_way_for_foreign_rules),
		TEST(two_instances_live_side_by_side),
		TEST(the_same_priority_for_two_instances_is_reported),
	};

	if (!world_can())
		return 1;
	return cmocka_run_group_tests_name("route-foreign", tests, NULL, NULL);
}
