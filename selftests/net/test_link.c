// SPDX-License-Identifier: GPL-2.0-only
/* What rtnetlink tells, and what becomes of it: servers, interfaces, tampering. */
#include "world.h"

#include <net/if.h>
#include <poll.h>
#include <time.h>

#include <linux/rtnetlink.h>

#include "act/route.h"
#include "base/loop.h"
#include "base/text.h"
#include "sense/link.h"

#define TIME_LIMIT_NS 5000000000ull

/* A loop of one descriptor in place of the real one, turned by hand: see wait_until(). */
struct loop {
	int fd;
	loop_fn *fn;
	void *arg;
};

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *arg)
{
	(void)events;
	assert_int_equal(loop->fd, -1);
	*loop = (struct loop){ .fd = fd, .fn = fn, .arg = arg };
	return 0;
}

void loop_del(struct loop *loop, int fd)
{
	assert_int_equal(loop->fd, fd);
	loop->fd = -1;
}

uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct fixture {
	struct policy policy;
	struct policy_server servers[3];
	struct policy_pool pool;
	struct policy_service service;
	struct loop loop;
	struct link *link;
	struct event_routable said[4]; /* by server id */
	unsigned int n_routable;
	unsigned int n_tampered;
	char tampered[128];
	int interface[3]; /* e0, e1, g0 */
	unsigned int n_interfaces;
};

static void heed(void *arg, const struct event *event)
{
	struct fixture *f = arg;

	assert_true(event->time_ns > 0);
	if (event->kind == EVENT_ROUTABLE) {
		assert_in_range(event->routable.server, 1, 3);
		f->said[event->routable.server] = event->routable;
		f->n_routable++;
	} else {
		assert_int_equal(event->kind, EVENT_TAMPERED);
		text_copy(f->tampered, sizeof(f->tampered), event->text.what);
		f->n_tampered++;
	}
}

static void heed_interface(void *arg, const char *name, int ifindex)
{
	static const char *const names[] = { "e0", "e1", "g0" };
	struct fixture *f = arg;

	f->n_interfaces++;
	for (int i = 0; i < 3; i++) {
		if (strcmp(name, names[i]) == 0)
			f->interface[i] = ifindex;
	}
}

/* Run the loop until it is so; it must become so in time. */
static void wait_until(struct fixture *f, int (*until)(const struct fixture *f), const char *what)
{
	uint64_t limit = clock_now_ns() + TIME_LIMIT_NS;
	struct pollfd news = { .fd = f->loop.fd, .events = POLLIN };

	while (!until(f) && clock_now_ns() < limit) {
		if (poll(&news, 1, 100) > 0)
			f->loop.fn(f->loop.arg, (uint32_t)news.revents);
	}
	if (!until(f))
		fail_msg("never: %s; server 1: ok %d cannot_leave %d %d '%s'; %u tampered '%s'", what, f->said[1].ok,
			 f->said[1].cannot_leave[0], f->said[1].cannot_leave[1], f->said[1].why,
			 f->n_tampered, f->tampered);
}

#define WAIT_UNTIL(f, until) wait_until(f, until, #until)

static void set_server(struct policy_server *server, uint32_t id, const char *ipv4, const char *ipv6)
{
	memset(server, 0, sizeof(*server));
	snprintf(server->name, sizeof(server->name), "s%u", id);
	server->id = id;
	server->has[DFB_FAMILY_IPV4] = ipv4 && !address_parse(ipv4, server->address[DFB_FAMILY_IPV4]);
	server->has[DFB_FAMILY_IPV6] = ipv6 && !address_parse(ipv6, server->address[DFB_FAMILY_IPV6]);
}

static void policy_init(struct fixture *f)
{
	set_server(&f->servers[0], 1, "10.78.0.11", "fd78::11");
	set_server(&f->servers[1], 2, "10.78.0.12", NULL);
	set_server(&f->servers[2], 3, NULL, "fd78:1::13");
	f->service = (struct policy_service){ .n_addresses = 2 };
	address_parse("10.79.0.100", f->service.address[0]);
	address_parse("fd79::100", f->service.address[1]);
	f->policy = (struct policy){
		.gateway = { .n_client_interfaces = 1, .client_interfaces = { "g0" },
			     .n_server_interfaces = 2, .server_interfaces = { "e0", "e1" },
			     .mark_mask = POLICY_DEFAULT_MARK_MASK, .table_base = POLICY_DEFAULT_TABLE_BASE,
			     .rule_priority = POLICY_DEFAULT_RULE_PRIORITY },
		.n_servers = 3, .servers = f->servers, .n_pools = 1, .pools = &f->pool,
		.n_services = 1, .services = &f->service,
	};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || world_new(state) != 0)
		return -1;
	policy_init(f);
	f->loop.fd = -1;
	*state = f;
	return 0;
}

static void start(struct fixture *f)
{
	f->link = link_new(&f->loop, &f->policy, heed, f);
	assert_non_null(f->link);
	link_on_interface(f->link, heed_interface, f);
	assert_int_equal(f->n_routable, 0);
	assert_int_equal(link_start(f->link), 0);
}

static int cleanup(void **state)
{
	struct fixture *f = *state;

	link_free(f->link);
	free(f);
	return 0;
}

/* A change that is always told, so that one can see that nothing was told before it. */
static int sentinel_seen(const struct fixture *f)
{
	return strstr(f->tampered, "foreign rule `781: ") != NULL;
}

static void settle(struct fixture *f)
{
	f->tampered[0] = '\0';
	shell("ip rule add pref 781 from 10.255.255.255 lookup 55");
	WAIT_UNTIL(f, sentinel_seen);
	f->tampered[0] = '\0';
	shell("ip rule del pref 781 from 10.255.255.255 lookup 55");
	WAIT_UNTIL(f, sentinel_seen);
	f->tampered[0] = '\0';
	f->n_routable = f->n_tampered = f->n_interfaces = 0;
}

static void expect_silence(struct fixture *f)
{
	shell("ip rule add pref 781 from 10.255.255.254 lookup 55");
	WAIT_UNTIL(f, sentinel_seen);
	if (f->n_tampered != 1 || f->n_routable || f->n_interfaces || strstr(f->tampered, "more"))
		fail_msg("told: %u routable, %u tampered, %u interfaces, '%s'", f->n_routable, f->n_tampered,
			 f->n_interfaces, f->tampered);
}

/* --- at start -------------------------------------------------------------------------------- */

static void at_start_every_server_and_interface_is_told(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(f->n_routable, 3);
	for (int id = 1; id <= 3; id++) {
		assert_true(f->said[id].ok);
		assert_false(f->said[id].cannot_leave[0] || f->said[id].cannot_leave[1]);
		assert_string_equal(f->said[id].why, "");
	}
	assert_int_equal(f->n_tampered, 0);
	assert_int_equal(f->interface[0], if_nametoindex("e0"));
	assert_int_equal(f->interface[2], if_nametoindex("g0"));
	assert_int_equal(link_ifindex(f->link, 1, DFB_FAMILY_IPV6), if_nametoindex("e0"));
	assert_int_equal(link_ifindex(f->link, 3, DFB_FAMILY_IPV6), if_nametoindex("e1"));
	assert_int_equal(link_ifindex(f->link, 3, DFB_FAMILY_IPV4), 0);
	assert_int_equal(link_ifindex(f->link, 99, DFB_FAMILY_IPV4), 0);
	settle(f);
	expect_silence(f);
}

static void at_start_the_reason_is_told(void **state)
{
	struct fixture *f = *state;

	set_server(&f->servers[0], 1, "10.99.0.1", "fd78::11");
	set_server(&f->servers[1], 2, "10.77.0.5", NULL);
	set_server(&f->servers[2], 3, NULL, "fdaa::1");
	shell("ip route add 10.99.0.0/16 via 10.78.0.254 dev e0");
	start(f);
	assert_true(f->said[1].ok);
	assert_true(f->said[1].cannot_leave[DFB_FAMILY_IPV4]);
	assert_false(f->said[1].cannot_leave[DFB_FAMILY_IPV6]);
	assert_string_equal(f->said[1].why, "10.99.0.1 is not on-link: routed via 10.78.0.254 dev e0");
	assert_false(f->said[2].ok);
	assert_string_equal(f->said[2].why, "10.77.0.5 is on-link through g0: g0 is not a server interface");
	assert_false(f->said[3].ok);
	assert_string_equal(f->said[3].why, "no route to fdaa::1: Network is unreachable");
	assert_int_equal(link_ifindex(f->link, 1, DFB_FAMILY_IPV4), 0);
}

static int server1_is_local(const struct fixture *f)
{
	return !f->said[1].ok && !strcmp(f->said[1].why, "10.78.0.1 is an address of this gateway");
}

static int server1_is_fine(const struct fixture *f)
{
	return f->said[1].ok && !f->said[1].why[0] && !f->said[1].cannot_leave[0] &&
	       !f->said[1].cannot_leave[1];
}

static void a_reload_tells_only_what_is_different(void **state)
{
	struct fixture *f = *state;

	start(f);
	settle(f);
	set_server(&f->servers[0], 1, "10.78.0.1", NULL);
	assert_int_equal(link_reload(f->link, &f->policy), 0);
	assert_int_equal(f->n_routable, 1);
	assert_int_equal(f->n_interfaces, 0);
	assert_true(server1_is_local(f));
	set_server(&f->servers[0], 1, "10.78.0.11", "fd78::11");
	assert_int_equal(link_reload(f->link, &f->policy), 0);
	assert_int_equal(f->n_routable, 2);
	assert_true(server1_is_fine(f));
	/* e1 is not configured any more: its server is not routable, the others are not told. */
	f->policy.gateway.n_server_interfaces = 1;
	assert_int_equal(link_reload(f->link, &f->policy), 0);
	assert_int_equal(f->n_routable, 3);
	assert_string_equal(f->said[3].why, "fd78:1::13 is on-link through e1: e1 is not a server interface");
	f->policy.gateway.n_server_interfaces = 2;
	assert_int_equal(link_reload(f->link, &f->policy), 0);
	assert_int_equal(f->n_routable, 4);
	assert_true(f->said[3].ok);
	assert_int_equal(f->n_interfaces, 1);
}

/* --- interfaces and neighbours --------------------------------------------------------------- */

static int server3_has_no_carrier(const struct fixture *f)
{
	return f->said[3].ok && f->said[3].cannot_leave[DFB_FAMILY_IPV6] &&
	       !strcmp(f->said[3].why, "no carrier on e1") && strstr(f->tampered, "e1 has no carrier");
}

static int server3_is_fine(const struct fixture *f)
{
	return f->said[3].ok && !f->said[3].why[0] && !f->said[3].cannot_leave[DFB_FAMILY_IPV6];
}

static void a_lost_carrier_is_told_and_its_return(void **state)
{
	struct fixture *f = *state;

	start(f);
	shell("ip link set e1p down");
	WAIT_UNTIL(f, server3_has_no_carrier);
	assert_true(server1_is_fine(f));
	assert_int_equal(link_ifindex(f->link, 3, DFB_FAMILY_IPV6), if_nametoindex("e1"));
	shell("ip link set e1p up");
	WAIT_UNTIL(f, server3_is_fine);
}

static int server1_is_down(const struct fixture *f)
{
	return !f->said[1].ok && f->said[1].cannot_leave[0] && f->said[1].cannot_leave[1] &&
	       !strcmp(f->said[1].why, "interface e0 is down");
}

static void an_interface_that_goes_down_is_told_and_its_return(void **state)
{
	struct fixture *f = *state;

	start(f);
	shell("ip link set e0 down");
	WAIT_UNTIL(f, server1_is_down);
	assert_true(server3_is_fine(f));
	assert_int_equal(link_ifindex(f->link, 1, DFB_FAMILY_IPV4), 0);
	/* IPv6 addresses go with it, unlike those of IPv4 */
	shell("ip link set e0 up && ip addr add fd78::1/64 dev e0 nodad");
	WAIT_UNTIL(f, server1_is_fine);
}

static int e0_is_gone(const struct fixture *f)
{
	return !f->said[1].ok && !strcmp(f->said[1].why, "interface e0 is gone") && !f->interface[0];
}

static int e0_is_here(const struct fixture *f)
{
	return server1_is_fine(f) && f->interface[0];
}

static void an_interface_that_is_made_again_has_another_index(void **state)
{
	struct fixture *f = *state;
	int before;

	start(f);
	before = f->interface[0];
	shell("ip link del e0");
	WAIT_UNTIL(f, e0_is_gone);
	shell("ip link add e0 type veth peer name e0p && ip link set e0p up && ip link set e0 up && "
	      "ip addr add 10.78.0.1/24 dev e0 && ip addr add fd78::1/64 dev e0 nodad");
	WAIT_UNTIL(f, e0_is_here);
	assert_int_not_equal(f->interface[0], before);
	assert_int_equal(f->interface[0], if_nametoindex("e0"));
	assert_int_equal(link_ifindex(f->link, 1, DFB_FAMILY_IPV4), f->interface[0]);
}

static void a_renamed_interface_is_gone(void **state)
{
	struct fixture *f = *state;

	start(f);
	shell("ip link set e0 down && ip link set e0 name x0 && ip link set x0 up");
	WAIT_UNTIL(f, e0_is_gone);
	shell("ip link set x0 down && ip link set x0 name e0 && ip link set e0 up && "
	      "ip addr add fd78::1/64 dev e0 nodad");
	WAIT_UNTIL(f, e0_is_here);
}

static void leaving_a_bridge_is_not_leaving(void **state)
{
	struct fixture *f = *state;

	start(f);
	shell("ip link add b0 type bridge && ip link set b0 up && ip link set e0 master b0");
	settle(f);
	shell("ip link set e0 nomaster");
	expect_silence(f);
	assert_int_equal(link_ifindex(f->link, 1, DFB_FAMILY_IPV4), if_nametoindex("e0"));
}

static int server1_lost_ipv6(const struct fixture *f)
{
	return f->said[1].ok && !f->said[1].cannot_leave[DFB_FAMILY_IPV4] &&
	       f->said[1].cannot_leave[DFB_FAMILY_IPV6];
}

static void one_family_may_go_alone(void **state)
{
	struct fixture *f = *state;

	start(f);
	shell("ip addr del fd78::1/64 dev e0");
	WAIT_UNTIL(f, server1_lost_ipv6);
	print_message("  why: %s\n", f->said[1].why);
	assert_int_equal(link_ifindex(f->link, 1, DFB_FAMILY_IPV6), 0);
	assert_int_equal(link_ifindex(f->link, 1, DFB_FAMILY_IPV4), if_nametoindex("e0"));
	shell("ip addr add fd78::1/64 dev e0 nodad");
	WAIT_UNTIL(f, server1_is_fine);
}

static int server2_is_off_link(const struct fixture *f)
{
	return !f->said[2].ok && !strcmp(f->said[2].why, "10.78.0.12 is not on-link: routed via 10.78.1.254 dev e1");
}

static void a_more_specific_route_takes_a_server_off_link(void **state)
{
	struct fixture *f = *state;

	start(f);
	shell("ip route add 10.78.0.12/31 via 10.78.1.254 dev e1");
	WAIT_UNTIL(f, server2_is_off_link);
	assert_true(server1_is_fine(f));
}

static int server1_is_silent(const struct fixture *f)
{
	return f->said[1].ok && f->said[1].cannot_leave[DFB_FAMILY_IPV4] &&
	       !f->said[1].cannot_leave[DFB_FAMILY_IPV6] &&
	       !strcmp(f->said[1].why, "neighbour 10.78.0.11 does not answer on e0");
}

static void a_failed_neighbour_is_told_until_it_answers(void **state)
{
	struct fixture *f = *state;

	start(f);
	shell("sysctl -qw net.ipv4.neigh.e0.retrans_time_ms=20 net.ipv4.neigh.e0.mcast_solicit=1");
	shell("bash -c 'printf x > /dev/udp/10.78.0.11/9'");
	WAIT_UNTIL(f, server1_is_silent);
	settle(f);
	/* Trying again is no answer. */
	shell("ip neigh change 10.78.0.11 dev e0 nud incomplete 2>/dev/null || true");
	shell("ip neigh replace 10.78.0.11 dev e1 lladdr 02:00:00:00:00:09");
	expect_silence(f);
	shell("ip neigh replace 10.78.0.11 dev e0 lladdr 02:00:00:00:00:01");
	WAIT_UNTIL(f, server1_is_fine);
}

static void a_neighbour_that_failed_before_the_start_is_told(void **state)
{
	struct fixture *f = *state;

	shell("ip neigh replace 10.78.0.11 dev e0 lladdr 02:00:00:00:00:01 nud failed");
	start(f);
	assert_true(server1_is_silent(f));
	shell("ip neigh del 10.78.0.11 dev e0; ip neigh replace 10.78.0.11 dev e0 lladdr 02:00:00:00:00:01");
	WAIT_UNTIL(f, server1_is_fine);
}

/* --- tampering ------------------------------------------------------------------------------- */

struct installed {
	struct route *route;
	struct route_server server;
	struct route_pool pool;
	struct route_want want;
};

static void install(struct fixture *f, struct installed *ours)
{
	int e0 = (int)if_nametoindex("e0");
	struct route_result result;

	*ours = (struct installed){
		.server = { .id = 1, .has = { true, true }, .ifindex = { e0, e0 } },
		.pool = { .id = 1, .server = 1, .n_addresses = 2,
			  .addresses = (const uint8_t(*)[16])f->service.address },
		.want = { .mark_mask = POLICY_DEFAULT_MARK_MASK, .mark_shift = 16,
			  .table_base = POLICY_DEFAULT_TABLE_BASE,
			  .rule_priority = POLICY_DEFAULT_RULE_PRIORITY,
			  .n_servers = 1, .servers = &ours->server, .n_pools = 1, .pools = &ours->pool },
	};
	memcpy(ours->server.address, f->servers[0].address, sizeof(ours->server.address));
	assert_int_equal(route_new(&ours->route), 0);
	link_own_port(f->link, route_port(ours->route));
	assert_int_equal(route_sync(ours->route, &ours->want, &result), 0);
}

static int tampered(const struct fixture *f)
{
	return f->tampered[0] != '\0';
}

static void expect_tampered(struct fixture *f, const char *command, const char *text)
{
	f->tampered[0] = '\0';
	shell("%s", command);
	WAIT_UNTIL(f, tampered);
	if (!strstr(f->tampered, text))
		fail_msg("`%s`: '%s' does not say '%s'", command, f->tampered, text);
}

static void what_we_do_ourselves_is_not_tampering(void **state)
{
	struct fixture *f = *state;
	struct route_result result;
	struct installed ours;
	char why[ROUTE_PROBLEM_LEN];

	start(f);
	settle(f);
	install(f, &ours);
	assert_int_equal(route_commit(ours.route, &ours.want, 1, why), 0);
	ours.pool.held = true;
	ours.pool.how = POLICY_UNREACHABLE;
	assert_int_equal(route_sync(ours.route, &ours.want, &result), 0);
	ours.pool.held = false;
	assert_int_equal(route_commit(ours.route, &ours.want, 1, why), 0);
	assert_int_equal(route_teardown(ours.route, &ours.want, false, &result), 0);
	expect_silence(f);
	route_free(ours.route);
}

static void what_others_do_to_ours_is_told(void **state)
{
	struct fixture *f = *state;
	struct installed ours;

	start(f);
	install(f, &ours);
	settle(f);
	expect_tampered(f, "ip rule del pref 780 fwmark 0x10000/0x3fff0000",
			"deleted rule `780: from all fwmark 0x10000/0x3fff0000 lookup 780001 proto 223`");
	expect_tampered(f, "ip -6 rule del pref 779", "deleted rule `779: from all fwmark 0/0x3fff0000 goto 781");
	expect_tampered(f, "ip route del default table 780001",
			"deleted route `default via 10.78.0.11 dev e0 table 780001 proto 223 onlink`");
	expect_tampered(f, "ip -6 route replace default via fd78::99 dev e0 onlink table 780001 proto 223",
			"changed route `default via fd78::99 dev e0 table 780001 proto 223");
	expect_tampered(f, "ip route del 10.79.0.100", "deleted route `10.79.0.100 nhid ");
	expect_tampered(f, "ip route add 10.79.0.100 via 10.78.0.99", "added foreign route `10.79.0.100 via 10.78.0.99");
	expect_tampered(f, "ip route del 10.79.0.100 via 10.78.0.99", "deleted foreign route `10.79.0.100");
	expect_tampered(f, "ip nexthop del id $(ip nexthop | awk '/via fd78/{print $2}')", "deleted nexthop `id ");
	expect_tampered(f, "ip nexthop flush proto 223 >/dev/null", "somebody (netlink port ");
	expect_tampered(f, "ip addr add fd79::100/128 dev g0 nodad", "the kernel added foreign route `");
	expect_tampered(f, "ip link set e0 down", "e0");
	assert_null(strstr(f->tampered, "somebody"));
	route_free(ours.route);
}

static void what_is_none_of_our_business_is_not_told(void **state)
{
	struct fixture *f = *state;
	struct installed ours;

	start(f);
	install(f, &ours);
	settle(f);
	shell("ip route add 10.90.0.0/16 via 10.78.0.99 && ip route add default via 10.78.0.98");
	shell("ip rule add pref 1000 from 10.1.1.1 lookup 55 && ip nexthop add id 7 via 10.78.0.99 dev e0");
	shell("ip addr add 10.91.0.1/24 dev g0 && ip neigh replace 10.78.0.77 dev e0 nud failed");
	shell("ip link add x0 type veth peer name x1 && ip link del x0");
	expect_silence(f);
	route_free(ours.route);
}

static int lost(const struct fixture *f)
{
	return strstr(f->tampered, "notifications of the kernel were lost") != NULL;
}

/* Nobody reads while far more happens than a socket's queue can hold. */
static void an_overrun_makes_it_read_everything_again(void **state)
{
	struct fixture *f = *state;
	FILE *batch;

	start(f);
	settle(f);
	batch = popen("ip -batch -", "w");
	assert_non_null(batch);
	for (int i = 0; i < 20000; i++)
		fprintf(batch, "route add 10.%d.%d.%d/32 dev g0\n", 100 + i / 62500, i / 250 % 250, 1 + i % 250);
	assert_int_equal(pclose(batch), 0);
	shell("ip link set e1p down");
	f->tampered[0] = '\0';
	WAIT_UNTIL(f, lost);
	assert_true(f->said[3].cannot_leave[DFB_FAMILY_IPV6]);
	settle(f);
	expect_silence(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, cleanup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_start_every_server_and_interface_is_told),
		TEST(at_start_the_reason_is_told),
		TEST(a_reload_tells_only_what_is_different),
		TEST(a_lost_carrier_is_told_and_its_return),
		TEST(an_interface_that_goes_down_is_told_and_its_return),
		TEST(an_interface_that_is_made_again_has_another_index),
		TEST(a_renamed_interface_is_gone),
		TEST(leaving_a_bridge_is_not_leaving),
		TEST(one_family_may_go_alone),
		TEST(a_more_specific_route_takes_a_server_off_link),
		TEST(a_failed_neighbour_is_told_until_it_answers),
		TEST(a_neighbour_that_failed_before_the_start_is_told),
		TEST(what_we_do_ourselves_is_not_tampering),
		TEST(what_others_do_to_ours_is_told),
		TEST(what_is_none_of_our_business_is_not_told),
		TEST(an_overrun_makes_it_read_everything_again),
	};

	if (!world_can())
		return 1;
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
