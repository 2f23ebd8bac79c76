// SPDX-License-Identifier: GPL-2.0-only
/* dfb_steer: which packets are marked, with whom, and which are left alone. */
#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>

#include "groups.h"
#include "rig.h"

#define COUNT(field) ((int)offsetof(struct dfb_steer_counters, field))
#define FOREIGN_BITS 0xc000beefu /* outside the mask */
#define SERVER 291

enum only {
	BOTH,
	IPV4,
	IPV6,
};

struct row {
	const char *name;
	struct frame in;
	int counter; /* marked: the mark is the server's; others: untouched */
	enum only only;
};

#define SERVICE4 "10.79.0.100"
#define SERVICE6 "fd79::100"
#define TEXT .payload = FRAME_TEXT

static const struct row rows[] = {
	{"UDP for the service", .in = {TEXT, .destination = SERVICE4}, COUNT(marked), IPV4},
	{"UDP for the service, IPv6", .in = {TEXT, .destination = SERVICE6}, COUNT(marked), IPV6},
	{"TCP for the service", .in = {.proto = IPPROTO_TCP, .destination = SERVICE4}, COUNT(marked), IPV4},
	{"TCP for the service, IPv6", .in = {.proto = IPPROTO_TCP, .destination = SERVICE6}, COUNT(marked), IPV6},
	{"a first fragment", .in = {.fragment = IP_MF, .destination = SERVICE4}, COUNT(marked), IPV4},
	{"a later fragment", .in = {.fragment = 99, .destination = SERVICE4}, COUNT(marked), IPV4},
	{"an IPv6 fragment", .in = {.fragment = 0x101, .destination = SERVICE6}, COUNT(marked), IPV6},
	{"an extension header", .in = {.extension = true, .destination = SERVICE6}, COUNT(marked), IPV6},
	{"options", .in = {.options = 40, .destination = SERVICE4}, COUNT(marked), IPV4},
	{"another address", .in = {TEXT, .length = 0}, COUNT(no_service)},
	{"the next address", .in = {.destination = "10.79.0.101"}, COUNT(no_service), IPV4},
	{"the next IPv6 address", .in = {.destination = "fd79::101"}, COUNT(no_service), IPV6},
	{"the service as a source", .in = {.source = SERVICE4}, COUNT(no_service), IPV4},
	{"a service that nobody serves", .in = {.destination = "10.79.0.200"}, COUNT(no_server), IPV4},
	{"a service without a pool", .in = {.destination = "10.79.0.202"}, COUNT(no_server), IPV4},
	{"a service that is withdrawn", .in = {.destination = "10.79.0.201"}, COUNT(held), IPV4},
	{"ARP", .in = {.ethertype = 0x0806, .destination = SERVICE4}, COUNT(not_ip), IPV4},
	{"not IP's version", .in = {.version = 1, .length = 0}, COUNT(not_ip)},
	{"an IPv4 header too short to be one", .in = {.ihl = 4, .destination = SERVICE4}, COUNT(not_ip), IPV4},
	{"a length below the header", .in = {.ip_more = -41, .destination = SERVICE4}, COUNT(truncated), IPV4},
	{"a header beyond the frame", .in = {TEXT, .ihl = 15, .destination = SERVICE4}, COUNT(truncated), IPV4},
	{"three tags", .in = {.tags = 3, .destination = SERVICE4}, COUNT(not_ip), IPV4},
	{"a length beyond the frame is not ours to judge", .in = {.ip_more = 100, .destination = SERVICE4}, COUNT(marked),
	 IPV4},
};

static void run_row(const struct row *row, bool ipv6, uint8_t tags)
{
	struct frame in = row->in;
	struct rig_run run = {.mark = FOREIGN_BITS | 5u << RIG_MARK_SHIFT};
	uint32_t ours = FOREIGN_BITS | SERVER << RIG_MARK_SHIFT;
	uint32_t expected = row->counter == COUNT(marked) ? ours : run.mark;
	uint8_t packet[FRAME_ROOM];
	char name[128];
	size_t size;

	in.ipv6 = ipv6;
	in.tags = in.tags ? in.tags : tags;
	snprintf(name, sizeof(name), "%s (%s, %u tags)", row->name, ipv6 ? "IPv6" : "IPv4", in.tags);
	size = frame_build(&in, packet);
	rig_zero(rig.steer->maps.steer_counters);
	rig_tc(rig.steer->progs.dfb_steer, packet, size, &run);
	if ((int)run.verdict != TC_ACT_UNSPEC || run.mark != expected)
		fail_msg("%s: verdict %d, mark %#x, not %#x", name, (int)run.verdict, run.mark, expected);
	assert_int_equal(run.size, size);
	assert_memory_equal(run.out, packet, size);
	rig_only(rig.steer->maps.steer_counters, row->counter, name);
}

static void each_packet_is_marked_or_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int variant = 0; variant < 6; variant++) {
			bool ipv6 = variant & 1;

			if (rows[i].only != (ipv6 ? IPV4 : IPV6))
				run_row(&rows[i], ipv6, (uint8_t)(variant / 2));
		}
	}
}

/* An address is all it needs, so the transport header may be missing. A test run refuses frames whose
 * IP header is not complete, unless there is a tag. */
static void a_frame_cut_behind_its_ip_header_is_marked(void **state)
{
	(void)state;
	for (int variant = 0; variant < 6; variant++) {
		struct frame in = {
			.ipv6 = variant & 1,
			.tags = (uint8_t)(variant / 2),
			.destination = variant & 1 ? SERVICE6 : SERVICE4,
		};
		uint8_t packet[FRAME_ROOM];
		size_t size = frame_build(&in, packet), l4 = frame_l3(packet) + (in.ipv6 ? 40 : 20);

		for (size_t cut = in.tags ? RIG_LEAST + 1 : l4; cut < size; cut++) {
			struct rig_run run = {};

			rig_zero(rig.steer->maps.steer_counters);
			rig_tc(rig.steer->progs.dfb_steer, packet, cut, &run);
			assert_int_equal((int)run.verdict, TC_ACT_UNSPEC);
			assert_int_equal(run.mark, cut < l4 ? 0 : SERVER << RIG_MARK_SHIFT);
			rig_only(rig.steer->maps.steer_counters,
				 cut < l4 ? COUNT(truncated) : COUNT(marked), "cut");
		}
	}
}

static void a_frame_cut_in_its_ip_header_is_left_alone(void **state)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = rig.ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(rig.steer->progs.dfb_steer));
	const struct bpf_map *counters = rig.steer->maps.steer_counters;

	(void)state;
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct frame in = {.ipv6 = ipv6, .destination = ipv6 ? SERVICE6 : SERVICE4};
		uint8_t packet[FRAME_ROOM];
		size_t l3, l4;

		frame_build(&in, packet);
		l3 = frame_l3(packet);
		l4 = l3 + (ipv6 ? 40 : 20);
		rig_zero(counters);
		for (size_t cut = l3 + 1; cut < l4; cut++)
			rig_send(rig.peer, packet, cut);
		rig_send(rig.peer, packet, l4);
		RIG_UNTIL(rig_count(counters, COUNT(marked)) == 1);
		assert_int_equal(rig_count(counters, COUNT(truncated)), l4 - l3 - 1);
	}
}

static void the_mark_follows_the_pool(void **state)
{
	static const struct row row = {"a service that moved", .in = {.destination = SERVICE4}, COUNT(marked), IPV4};
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = 1, .to = SERVER + 1};
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(&row.in, packet);

	(void)state;
	order.epoch = rig_pool_state(1).epoch;
	assert_int_equal(rig_order(order), 0);
	rig_tc(rig.steer->progs.dfb_steer, packet, size, &run);
	assert_int_equal(run.mark, (SERVER + 1) << RIG_MARK_SHIFT);
	order.epoch++;
	order.to = SERVER;
	assert_int_equal(rig_order(order), 0);
	run_row(&row, false, 0);
}

static int set_up(void **state)
{
	struct dfb_plan plan = {.name = "p", .families = 3, .fast = 1};

	rig_open(state);
	rig_put(rig.beat->maps.plans, 1, &plan);
	rig_put(rig.beat->maps.plans, 2, &plan);
	plan.held = 1;
	rig_put(rig.beat->maps.plans, 3, &plan);
	for (uint32_t pool = 1; pool <= 3; pool += 2)
		rig_order((struct dfb_order){.kind = DFB_ORDER_SWITCH, .id = pool, .to = SERVER});
	rig_service("::ffff:" SERVICE4, 1);
	rig_service(SERVICE6, 1);
	rig_service("::ffff:10.79.0.200", 2);
	rig_service("::ffff:10.79.0.201", 3);
	rig_service("::ffff:10.79.0.202", 9999);
	return 0;
}

int steer_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_packet_is_marked_or_counted),
		cmocka_unit_test(a_frame_cut_behind_its_ip_header_is_marked),
		cmocka_unit_test(a_frame_cut_in_its_ip_header_is_left_alone),
		cmocka_unit_test(the_mark_follows_the_pool),
	};

	return cmocka_run_group_tests_name("dfb_steer", tests, set_up, rig_close);
}
