// SPDX-License-Identifier: GPL-2.0-only
/* The rules and routes of ours, in real namespaces: what ip(8) shows is what counts. */
#include "world.h"

#include <net/if.h>

#include "act/route.h"
#include "base/loop.h"
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

static void set_server(struct route_server *server, uint32_t id, const char *ipv4, const char *ipv6, const char *dev)
{
	int ifindex = (int)if_nametoindex(dev);

	*server = (struct route_server){ .id = id, .ifindex = { ifindex, ifindex } };
	server->has[DFB_FAMILY_IPV4] = ipv4 && !address_parse(ipv4, server->address[DFB_FAMILY_IPV4]);
	server->has[DFB_FAMILY_IPV6] = ipv6 && !address_parse(ipv6, server->address[DFB_FAMILY_IPV6]);
}

static void want_init(struct fixture *f)
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

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || world_new(state) != 0 || route_new(&f->route) != 0)
		return -1;
	want_init(f);
	*state = f;
	return 0;
}

static int cleanup(void **state)
{
	struct fixture *f = *state;

	route_free(f->route);
	free(f);
	return 0;
}

static void print_problems(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->result.n_problems && i < ROUTE_PROBLEMS; i++)
		print_message("  problem: %s\n", f->result.problem[i]);
}

static void expect_sync(struct fixture *f, uint32_t added, uint32_t changed, uint32_t removed)
{
	int err = route_sync(f->route, &f->want, &f->result);

	if (err || f->result.added != added || f->result.changed != changed || f->result.removed != removed) {
		print_problems(f);
		fail_msg("sync: %d, added %u (%u), changed %u (%u), removed %u (%u)", err, f->result.added, added,
			 f->result.changed, changed, f->result.removed, removed);
	}
}

static void expect_idle(struct fixture *f)
{
	expect_sync(f, 0, 0, 0);
}

/* Rules and tables of three servers and two shortcut rules, two families; nexthop and route, two families. */
#define ALL_OBJECTS (2 * (3 * 2 + 2) + 2 * 2)

/* @text must be part of the first problem; nothing may have been done. */
static void expect_problem(struct fixture *f, int error, const char *text)
{
	assert_int_equal(route_sync(f->route, &f->want, &f->result), error);
	print_problems(f);
	assert_true(f->result.n_problems > 0);
	if (!strstr(f->result.problem[0], text))
		fail_msg("'%s' does not say '%s'", f->result.problem[0], text);
}

static void expect_commit(struct fixture *f, uint32_t server)
{
	f->pool.server = server;
	if (route_commit(f->route, &f->want, 1, f->why) != 0)
		fail_msg("commit: %s", f->why);
	assert_string_equal(f->why, "");
}

static void expect_way(const char *address, const char *via, const char *dev)
{
	char line[256];

	snprintf(line, sizeof(line), "ip route get %s | grep -q 'via %s dev %s '", address, via, dev);
	if (!holds(line)) {
		shell("ip route get %s", address);
		fail_msg("%s does not go via %s dev %s", address, via, dev);
	}
}

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
		      (double)times[0] / 1e6, (double)times[1] / 1e6, (double)sum / 200e3, (double)worst / 1e3);
	start = clock_now_ns();
	assert_int_equal(route_teardown(f->route, &f->want, false, &f->result), 0);
	print_message("  teardown %.1f ms\n", (double)(clock_now_ns() - start) / 1e6);
	free(many);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, cleanup)

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
		TEST(ids_that_do_not_fit_are_refused),
		TEST(another_mask_after_a_restart_replaces_the_rules),
		TEST(it_is_fast),
	};

	if (!world_can())
		return 1;
	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
