// SPDX-License-Identifier: GPL-2.0-only
/* dfb_stamp: what is a probe of ours, on a real egress (a test run's packet has no socket of the prober). */
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>

#include "detect.h"
#include "groups.h"
#include "rig.h"

#define COUNT(field) ((int)offsetof(struct dfb_beat_counters, field))
#define NOTHING (-1)
#define BE32(x) __builtin_bswap32(x)

/* The targets, see set_up(). */
#define UDP4 2
#define UDP6 3
#define ICMP4 4
#define ICMP6 5
#define REMOVED 6
#define CHANGED 8

struct row {
	const char *name;
	struct frame in;
	int counter; /* if the prober sent it; of another's socket what is not NOTHING is stamp_not_prober */
};

#define TO(id, address) .destination = address, .probe.target = BE32(id)
#define TO_UDP4 TO(UDP4, "10.78.1.1")
#define TO_UDP6 .ipv6 = true, TO(UDP6, "fd78::101")
#define TO_ICMP4(kind) .proto = IPPROTO_ICMP, .icmp = kind, TO(ICMP4, "10.78.1.2")
#define TO_ICMP6(kind) .ipv6 = true, .proto = IPPROTO_ICMPV6, .icmp = kind, TO(ICMP6, "fd78::102")

static const struct row rows[] = {
	{"a UDP probe", .in = {TO_UDP4}, COUNT(stamped)},
	{"a UDP probe, IPv6", .in = {TO_UDP6}, COUNT(stamped)},
	{"an ICMP probe", .in = {TO_ICMP4(ICMP_ECHO)}, COUNT(stamped)},
	{"an ICMPv6 probe", .in = {TO_ICMP6(ICMP6_ECHO_REQUEST)}, COUNT(stamped)},
	{"a longer one", .in = {TO_UDP4, .length = 200}, COUNT(stamped)},
	{"options", .in = {TO_UDP4, .options = 4}, COUNT(stamped)},
	{"a checksum that the device will make", .in = {TO_UDP4, .checksum = 1}, COUNT(stamped)},

	{"another address", .in = {TO(UDP4, "10.78.1.2")}, COUNT(stamp_bad_target)},
	{"another IPv6 address", .in = {.ipv6 = true, TO(UDP6, "fd78::1:101")}, COUNT(stamp_bad_target)},
	{"the other family's address", .in = {.ipv6 = true, TO(UDP4, "fd78::101")}, COUNT(stamp_bad_target)},
	{"the address mapped into IPv6 is another packet", .in = {.ipv6 = true, TO(UDP4, "::ffff:10.78.1.9")},
	 COUNT(stamp_bad_target)},
	{"no target", .in = {TO(0, "10.78.1.1")}, COUNT(stamp_bad_target)},
	{"a free id", .in = {TO(200, "10.78.1.1")}, COUNT(stamp_bad_target)},
	{"an id beyond the maps", .in = {TO(RIG_SERVERS * DFB_FAMILIES, "10.78.1.1")}, COUNT(stamp_bad_target)},
	{"the last id there is", .in = {TO(0xffffffff, "10.78.1.1")}, COUNT(stamp_bad_target)},
	{"a removed target", .in = {TO(REMOVED, "10.78.1.3")}, COUNT(stamp_bad_target)},
	{"a target whose address has just changed", .in = {TO(CHANGED, "10.78.1.4")}, COUNT(stamp_bad_target)},
	{"UDP to a target of ICMP", .in = {TO(ICMP4, "10.78.1.2")}, COUNT(stamp_bad_target)},
	{"ICMP to a target of UDP", .in = {.proto = IPPROTO_ICMP, .icmp = ICMP_ECHO, TO_UDP4}, COUNT(stamp_bad_target)},

	{"an answer", .in = {TO_UDP4, .probe.flags = DFB_PROBE_REPLY}, NOTHING},
	{"another magic", .in = {TO_UDP4, .probe.magic = 7}, NOTHING},
	{"another version", .in = {TO_UDP4, .probe.version = 2}, NOTHING},
	{"one byte too short", .in = {TO_UDP4, .length = 31}, NOTHING},
	{"one byte too short, the rest behind the packet", .in = {TO_UDP4, .length = 31, .padding = 1}, NOTHING},
	{"an echo reply", .in = {TO_ICMP4(ICMP_ECHOREPLY)}, NOTHING},
	{"an ICMPv6 echo reply", .in = {TO_ICMP6(ICMP6_ECHO_REPLY)}, NOTHING},
	{"a first fragment", .in = {TO_UDP4, .fragment = IP_MF}, NOTHING},
	{"a later fragment", .in = {TO_UDP4, .fragment = 4}, NOTHING},
	{"an IPv6 fragment", .in = {TO_UDP6, .fragment = 1}, NOTHING},
	{"an extension header", .in = {TO_UDP6, .extension = true}, NOTHING},
	{"TCP", .in = {TO_UDP4, .proto = IPPROTO_TCP}, NOTHING},
	{"ARP", .in = {TO_UDP4, .ethertype = 0x0806}, NOTHING},
	{"three tags", .in = {TO_UDP4, .tags = 3}, NOTHING},
};

static void check_slot(const struct row *row, uint32_t seq, uint64_t nonce, uint64_t begin)
{
	uint32_t target = ntohl(row->in.probe.target);
	struct dfb_detect d = rig_detect(target);
	const struct dfb_slot *slot = &d.slots[seq % DFB_WINDOW];

	assert_int_equal(d.stamped, seq);
	assert_int_equal(slot->seq, seq);
	assert_int_equal(slot->nonce, nonce);
	assert_int_equal(slot->rtt_ns, 0);
	assert_in_range(slot->stamp_ns, begin, rig_now());
}

static void run_row(const struct row *row, uint8_t tags, bool by_prober)
{
	static uint32_t seq = 1000000; /* far ahead of what the timer may judge */
	int counter = by_prober || row->counter == NOTHING ? row->counter : COUNT(stamp_not_prober);
	uint64_t begin = rig_now(), nonce = begin | 1;
	struct frame in = row->in;
	uint8_t packet[FRAME_ROOM];
	char name[128];

	seq++;
	in.tags = in.tags ? in.tags : tags;
	in.probe.seq = htonl(seq);
	in.probe.nonce = nonce;
	snprintf(name, sizeof(name), "%s (%u tags, %s)", row->name, in.tags,
		 by_prober ? "prober" : "stranger");
	rig_zero(rig.beat->maps.beat_counters);
	rig_send(by_prober ? rig.prober : rig.stranger, packet, frame_build(&in, packet));
	rig_only(rig.beat->maps.beat_counters, counter, name);
	if (counter == COUNT(stamped))
		check_slot(row, seq, nonce, begin);
}

static void each_frame_is_stamped_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (uint8_t variant = 0; variant < 6; variant++)
			run_row(&rows[i], variant / 2, variant % 2 == 0);
	}
}

static void a_test_run_is_not_the_prober(void **state)
{
	struct frame in = {TO_UDP4};
	struct rig_run run = {.mark = 77};
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(&in, packet);

	(void)state;
	rig_zero(rig.beat->maps.beat_counters);
	rig_tc(rig.beat->progs.dfb_stamp, packet, size, &run);
	assert_int_equal((int)run.verdict, -1);
	assert_int_equal(run.mark, 77);
	assert_memory_equal(run.out, packet, size);
	rig_only(rig.beat->maps.beat_counters, COUNT(stamp_not_prober), "a test run");
}

static void a_frame_cut_anywhere_is_not_stamped(void **state)
{
	(void)state;
	rig_zero(rig.beat->maps.beat_counters);
	for (uint8_t variant = 0; variant < 12; variant++) {
		struct frame in = rows[variant % 4].in;
		uint8_t packet[FRAME_ROOM];
		size_t size;

		in.tags = variant / 4;
		size = frame_build(&in, packet);
		for (size_t cut = frame_l3(packet) + 1; cut < size; cut++)
			rig_send(rig.prober, packet, cut);
	}
	rig_only(rig.beat->maps.beat_counters, NOTHING, "cut frames");
}

static uint64_t armed(uint32_t target)
{
	struct dfb_target_run run;

	rig_get(rig.beat->maps.state, target, &run);
	return run.armed_ns;
}

static uint64_t last_stamp(uint32_t target)
{
	struct dfb_detect d = rig_detect(target);

	return d.slots[d.stamped % DFB_WINDOW].stamp_ns;
}

/* Armed lazily: the next probe does not move a timer that is due before its reply must be there. */
static void the_first_stamp_sets_the_deadline(void **state)
{
	uint32_t server = rig_server(), target = dfb_target_id(server, DFB_FAMILY_IPV4);
	struct dfb_target cfg = rig_config(target);
	uint64_t first;

	(void)state;
	cfg.interval_ns = cfg.timeout_ns = 1000000000000;
	rig_configure(target, &cfg);
	RIG_UNTIL(armed(target) > rig_now() + 1000000000000);
	rig_probe(target);
	first = armed(target);
	assert_int_equal(first, detect_tick(last_stamp(target) + cfg.timeout_ns, cfg.timeout_ns / 8));
	rig_probe(target);
	assert_int_equal(armed(target), first);
	cfg.timeout_ns /= 2; /* a much earlier deadline counts */
	rig_configure(target, &cfg);
	rig_probe(target);
	assert_int_equal(armed(target), detect_tick(last_stamp(target) + cfg.timeout_ns, cfg.timeout_ns / 8));
}

static int set_up(void **state)
{
	struct dfb_target cfg = {};

	rig_open(state);
	for (int i = 0; i < 4; i++)
		rig_server();
	rig_target(1, DFB_FAMILY_IPV6, DFB_PROBE_ECHO);
	rig_target(2, DFB_FAMILY_IPV4, DFB_PROBE_ICMP);
	rig_target(2, DFB_FAMILY_IPV6, DFB_PROBE_ICMP);
	rig_configure(REMOVED, &cfg);
	cfg = rig_config(CHANGED);
	cfg.generation++;
	rig_configure(CHANGED, &cfg);
	return 0;
}

int stamp_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_is_stamped_or_not),
		cmocka_unit_test(a_test_run_is_not_the_prober),
		cmocka_unit_test(a_frame_cut_anywhere_is_not_stamped),
		cmocka_unit_test(the_first_stamp_sets_the_deadline),
	};

	return cmocka_run_group_tests_name("dfb_stamp", tests, set_up, rig_close);
}
