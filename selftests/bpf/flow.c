// SPDX-License-Identifier: GPL-2.0-only
/* dfb_steer: which connections are written down, and who keeps them while a server drains. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include "groups.h"
#include "story.h"

#include <defib/flow.h>

#define SERVICE4 "10.79.0.100"
#define SERVICE6 "fd79::100"
#define OLD 201
#define NEW 202
#define POOL 1
#define MANY 400 /* packets, of which a few are looked at */
#define FLOWS 1024 /* the rig's map holds */
#define AGES_NS 3600000000000ull
#define SYN .proto = IPPROTO_TCP, .tcp_flags = TH_SYN

static struct frame segment(bool ipv6, uint8_t flags, uint16_t port)
{
	return (struct frame){.ipv6 = ipv6, .proto = IPPROTO_TCP, .tcp_flags = flags, .sport = port,
			      .destination = ipv6 ? SERVICE6 : SERVICE4};
}

/* Return: the server that it is marked with. */
static uint32_t run_frame(const struct frame *frame)
{
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(frame, packet);

	rig_tc(rig.steer->progs.dfb_steer, packet, size, &run);
	assert_int_equal((int)run.verdict, TC_ACT_UNSPEC);
	return run.mark >> RIG_MARK_SHIFT;
}

static uint32_t run_segment(bool ipv6, uint8_t flags, uint16_t port)
{
	struct frame frame = segment(ipv6, flags, port);

	return run_frame(&frame);
}

static struct dfb_flow_key key_of(bool ipv6, uint16_t port)
{
	struct dfb_flow_key key = {.client_port = port, .service_port = FRAME_TCP_PORT};
	const char *client = ipv6 ? FRAME_SOURCE6 : "::ffff:" FRAME_SOURCE4;
	const char *service = ipv6 ? SERVICE6 : "::ffff:" SERVICE4;

	assert_int_equal(inet_pton(AF_INET6, client, key.client), 1);
	assert_int_equal(inet_pton(AF_INET6, service, key.service), 1);
	return key;
}

static bool find_flow(bool ipv6, uint16_t port, struct dfb_flow *ret_flow)
{
	struct dfb_flow_key key = key_of(ipv6, port);

	return !bpf_map_lookup_elem(bpf_map__fd(rig.steer->maps.flows), &key, ret_flow);
}

static uint32_t count_flows(void)
{
	int fd = bpf_map__fd(rig.steer->maps.flows);
	struct dfb_flow_key key, next;
	uint32_t n = 0;

	while (!bpf_map_get_next_key(fd, n ? &key : NULL, &next)) {
		key = next;
		n++;
	}
	return n;
}

static uint64_t counted(size_t offset)
{
	return rig_count(rig.steer->maps.steer_counters, offset);
}

static void move(uint32_t pool, uint32_t to)
{
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = pool, .to = to};

	order.epoch = rig_pool_state(pool).epoch;
	assert_int_equal(rig_order(order), 0);
}

/* --- what is written down -------------------------------------------------------------------- */

static void the_first_segment_is_written_down(void **state)
{
	(void)state;
	for (uint8_t variant = 0; variant < 6; variant++) {
		struct frame syn = segment(variant & 1, TH_SYN, 1000);
		struct dfb_flow flow;

		syn.tags = variant / 2;
		syn.sport = (uint16_t)(syn.sport + variant);
		assert_int_equal(run_frame(&syn), OLD);
		assert_true(find_flow(syn.ipv6, syn.sport, &flow));
		assert_int_equal(flow.server, OLD);
		assert_int_equal(flow.pool, POOL);
		assert_int_equal(flow.closing, 0);
		assert_true(flow.first_ns && flow.first_ns == flow.seen_ns && flow.first_ns <= rig_now());
	}
	assert_int_equal(count_flows(), 6);
	assert_int_equal(counted(offsetof(struct dfb_steer_counters, flows_new)), 6);
	assert_int_equal(counted(offsetof(struct dfb_steer_counters, flows_failed)), 0);
}

static void what_is_no_whole_segment_for_a_service_is_not(void **state)
{
	const struct frame others[] = {
		{SYN},
		{SYN, .destination = SERVICE4, .fragment = IP_MF},
		{SYN, .destination = SERVICE4, .fragment = 3},
		{SYN, .destination = SERVICE4, .cut = 1},
		{SYN, .destination = SERVICE6, .ipv6 = 1, .cut = 1},
		{SYN, .destination = SERVICE6, .ipv6 = 1, .fragment = 1},
		{.payload = FRAME_TEXT, .length = 64, .destination = SERVICE4},
		{.proto = IPPROTO_TCP, .tcp_flags = TH_FIN, .destination = SERVICE4},
		{.proto = IPPROTO_TCP, .tcp_flags = TH_RST, .destination = SERVICE4},
		{SYN, .destination = "10.79.0.200"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		run_frame(&others[i]);
		assert_int_equal(count_flows(), 0);
	}
}

static void one_that_was_not_seen_to_begin_is_found_by_and_by(void **state)
{
	struct dfb_flow flow;

	(void)state;
	assert_int_equal(run_segment(false, TH_ACK, 1000), OLD);
	assert_int_equal(count_flows(), 0);
	for (int i = 0; i < MANY; i++)
		run_segment(false, TH_ACK, 1000);
	assert_true(find_flow(false, 1000, &flow));
	assert_int_equal(flow.server, OLD);
	assert_true(flow.seen_ns > flow.first_ns);
	assert_int_equal(count_flows(), 1);
}

static void its_end_is_seen(void **state)
{
	struct dfb_flow flow;

	(void)state;
	run_segment(true, TH_SYN, 1000);
	run_segment(true, TH_FIN | TH_ACK, 1000);
	assert_true(find_flow(true, 1000, &flow));
	assert_int_equal(flow.closing, 1);
	run_segment(true, TH_RST, 1000);
	assert_false(find_flow(true, 1000, &flow));
	run_segment(true, TH_SYN, 1000);
	assert_true(find_flow(true, 1000, &flow));
	assert_int_equal(flow.closing, 0);
}

static void it_keeps_its_server_until_it_begins_anew(void **state)
{
	struct dfb_flow flow;

	(void)state;
	run_segment(false, TH_SYN, 1000);
	move(POOL, NEW);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(run_segment(false, TH_ACK, 1000), NEW);
	assert_true(find_flow(false, 1000, &flow));
	assert_int_equal(flow.server, OLD);
	run_segment(false, TH_SYN, 1000);
	assert_true(find_flow(false, 1000, &flow));
	assert_int_equal(flow.server, NEW);
}

static void a_full_map_forgets_the_oldest(void **state)
{
	struct dfb_flow flow;

	(void)state;
	for (uint16_t i = 0; i < 4 * FLOWS; i++)
		run_segment(false, TH_SYN, (uint16_t)(2000 + i));
	assert_true(count_flows() <= FLOWS);
	assert_true(count_flows() > FLOWS / 2);
	assert_true(find_flow(false, 2000 + 4 * FLOWS - 1, &flow));
	assert_false(find_flow(false, 2000, &flow));
	assert_int_equal(counted(offsetof(struct dfb_steer_counters, flows_new)), 4 * FLOWS);
}

/* --- draining -------------------------------------------------------------------------------- */

static void drain(uint32_t server, uint64_t until_ns)
{
	struct dfb_server who = {.name = "s", .drain_ns = until_ns};
	struct dfb_plan plan;

	rig_put(rig.beat->maps.servers, server, &who);
	rig_get(rig.beat->maps.plans, POOL, &plan);
	plan.drains = 1;
	rig_put(rig.beat->maps.plans, POOL, &plan);
	move(POOL, NEW);
}

static void connections_stay_with_a_server_that_drains(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		run_segment(ipv6, TH_SYN, 1000);
	drain(OLD, rig_now() + AGES_NS);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		assert_int_equal(run_segment(ipv6, TH_ACK, 1000), OLD);
		assert_int_equal(run_segment(ipv6, TH_SYN, 1001), NEW);
		assert_int_equal(run_segment(ipv6, TH_ACK, 1001), NEW);
		assert_int_equal(run_segment(ipv6, TH_ACK, 1002), NEW);
		assert_int_equal(run_segment(ipv6, TH_FIN | TH_ACK, 1000), OLD);
		assert_int_equal(run_segment(ipv6, TH_ACK, 1000), OLD);
		assert_int_equal(run_segment(ipv6, TH_RST, 1000), OLD);
		assert_int_equal(run_segment(ipv6, TH_ACK, 1000), NEW);
	}
}

static void a_new_connection_with_old_ports_goes_to_the_new_server(void **state)
{
	(void)state;
	run_segment(false, TH_SYN, 1000);
	drain(OLD, rig_now() + AGES_NS);
	assert_int_equal(run_segment(false, TH_SYN, 1000), NEW);
	assert_int_equal(run_segment(false, TH_ACK, 1000), NEW);
}

static void datagrams_move_at_once(void **state)
{
	const struct frame datagram = {.payload = FRAME_TEXT, .length = 64, .destination = SERVICE4};

	(void)state;
	assert_int_equal(run_frame(&datagram), OLD);
	drain(OLD, rig_now() + AGES_NS);
	assert_int_equal(run_frame(&datagram), NEW);
}

static void after_the_deadline_nobody_stays(void **state)
{
	(void)state;
	run_segment(false, TH_SYN, 1000);
	drain(OLD, rig_now() - 1);
	assert_int_equal(run_segment(false, TH_ACK, 1000), NEW);
}

static void nobody_stays_with_the_dead(void **state)
{
	uint32_t s[2], living;

	(void)state;
	story_servers(s, 2);
	living = story_target(s[1]);
	move(POOL, s[0]);
	run_segment(false, TH_SYN, 1000);
	drain(s[0], rig_now() + AGES_NS);
	assert_int_equal(run_segment(false, TH_ACK, 1000), s[0]);
	story_silence(story_target(s[0]), &living, 1);
	RIG_UNTIL(rig_detect(story_target(s[0])).state == DFB_STATE_DOWN);
	assert_int_equal(run_segment(false, TH_ACK, 1000), NEW);
}

/* --- the rest -------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	rig_open(state);
	rig_service("::ffff:" SERVICE4, POOL);
	rig_service(SERVICE6, POOL);
	rig_service("::ffff:10.79.0.200", 2);
	return 0;
}

/* As if nothing had been before. */
static int begin(void **state)
{
	struct dfb_plan plan = {.name = "p", .families = 3, .fast = 1};
	struct dfb_flow_key key;
	int fd = bpf_map__fd(rig.steer->maps.flows);

	(void)state;
	while (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
	rig_put(rig.beat->maps.plans, POOL, &plan);
	move(POOL, OLD);
	rig_zero(rig.steer->maps.steer_counters);
	return 0;
}

#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, begin, rig_clear)

int flow_tests(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(the_first_segment_is_written_down),
		FLOW_TEST(what_is_no_whole_segment_for_a_service_is_not),
		FLOW_TEST(one_that_was_not_seen_to_begin_is_found_by_and_by),
		FLOW_TEST(its_end_is_seen),
		FLOW_TEST(it_keeps_its_server_until_it_begins_anew),
		FLOW_TEST(a_full_map_forgets_the_oldest),
		FLOW_TEST(connections_stay_with_a_server_that_drains),
		FLOW_TEST(a_new_connection_with_old_ports_goes_to_the_new_server),
		FLOW_TEST(datagrams_move_at_once),
		FLOW_TEST(after_the_deadline_nobody_stays),
		FLOW_TEST(nobody_stays_with_the_dead),
	};

	return cmocka_run_group_tests_name("flows", tests, set_up, rig_close);
}
