// SPDX-License-Identifier: GPL-2.0-only
/* dfb_reply: which reply is believed, alone and behind dfb_root. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>

#include "groups.h"
#include "rig.h"

#define COUNT(field) ((int)offsetof(struct dfb_beat_counters, field))
#define NOTHING (-1)

/* The targets, see set_up(). */
#define UDP4 2
#define UDP6 3
#define ICMP4 4
#define ICMP6 5
#define REMOVED 6
#define ANY 0 /* each of the first four */

/**
 * struct row - what arrives instead of the reply to a probe under way
 * @target: whose reply
 * @spoil: what is wrong with it
 * @counter: replies: it is believed; otherwise nothing happens to the slot
 * @elsewhere: dfb_root does not hand it over
 */
struct row {
	const char *name;
	uint32_t target;
	void (*spoil)(struct frame *f);
	uint32_t verdict;
	int counter;
	bool elsewhere;
};

static void move_seq(struct frame *f, int32_t by)
{
	f->probe.seq = htonl(ntohl(f->probe.seq) + (uint32_t)by);
}

#define SPOIL(name, statement)            \
	static void name(struct frame *f) \
	{                                 \
		statement;                \
	}

SPOIL(nothing, (void)f)
SPOIL(without_reply_bit, f->probe.flags = 0)
SPOIL(longer, f->length = 90)
SPOIL(with_padding, f->padding = 20)
SPOIL(with_options, f->options = 12)
SPOIL(wrong_checksum, f->checksum = 1)
SPOIL(other_nonce, f->probe.nonce ^= 1ull << 63)
SPOIL(no_nonce, f->probe.nonce = 0)
SPOIL(a_window_before, move_seq(f, -DFB_WINDOW))
SPOIL(a_window_after, move_seq(f, DFB_WINDOW))
SPOIL(not_sent_yet, move_seq(f, 1))
SPOIL(other_address4, f->source = "10.78.1.99")
SPOIL(other_address6, f->source = "fd78::199")
SPOIL(other_port, f->sport = 8)
SPOIL(other_target, f->probe.target = htonl(UDP6))
SPOIL(free_target, f->probe.target = htonl(300))
SPOIL(no_target, f->probe.target = 0)
SPOIL(target_beyond_the_maps, f->probe.target = htonl(RIG_SERVERS * DFB_FAMILIES))
SPOIL(last_target, f->probe.target = 0xffffffff)
SPOIL(removed_target, f->probe.target = htonl(REMOVED))
SPOIL(target_of_icmp, f->probe.target = htonl(ICMP4))
SPOIL(target_of_udp, f->probe.target = htonl(UDP4))
SPOIL(too_short, f->length = 31)
SPOIL(too_short_for_ip, f->ip_more = -1)
SPOIL(rest_behind, f->length = 31; f->padding = 1)
SPOIL(other_magic, f->probe.magic = 1)
SPOIL(other_version, f->probe.version = 2)
SPOIL(request4, f->icmp = ICMP_ECHO)
SPOIL(request6, f->icmp = ICMP6_ECHO_REQUEST)
SPOIL(first_fragment, f->fragment = IP_MF)
SPOIL(later_fragment, f->fragment = 2)
SPOIL(extension, f->extension = true)
SPOIL(tcp, f->proto = IPPROTO_TCP)
SPOIL(arp, f->ethertype = 0x0806)
SPOIL(three_tags, f->tags = 3)

static const struct row rows[] = {
	{"the reply", .target = ANY, nothing, XDP_DROP, COUNT(replies)},
	{"from a plain echo service", .target = ANY, without_reply_bit, XDP_DROP, COUNT(replies)},
	{"longer than it was sent", .target = ANY, longer, XDP_DROP, COUNT(replies)},
	{"bytes behind the packet", .target = ANY, with_padding, XDP_DROP, COUNT(replies)},
	{"a checksum that is only a part", .target = ANY, wrong_checksum, XDP_DROP, COUNT(replies)},
	{"IPv4 options", .target = UDP4, with_options, XDP_DROP, COUNT(replies)},
	{"IPv4 options and ICMP", .target = ICMP4, with_options, XDP_DROP, COUNT(replies)},

	{"forged", .target = ANY, other_nonce, XDP_DROP, COUNT(reply_forged)},
	{"forged, without a nonce", .target = ANY, no_nonce, XDP_DROP, COUNT(reply_forged)},
	{"to a probe of the last window", .target = ANY, a_window_before, XDP_DROP, COUNT(reply_old)},
	{"to a probe of the next window", .target = ANY, a_window_after, XDP_DROP, COUNT(reply_old)},
	{"to a probe that was not sent yet", .target = ANY, not_sent_yet, XDP_DROP, COUNT(reply_old)},

	{"from another address", .target = UDP4, other_address4, XDP_PASS, COUNT(reply_bad_source)},
	{"from another address, ICMP", .target = ICMP4, other_address4, XDP_PASS, COUNT(reply_bad_source)},
	{"from another IPv6 address", .target = UDP6, other_address6, XDP_PASS, COUNT(reply_bad_source)},
	{"from another IPv6 address, ICMPv6", .target = ICMP6, other_address6, XDP_PASS, COUNT(reply_bad_source)},
	{"from another port", .target = UDP4, other_port, XDP_PASS, COUNT(reply_bad_source)},
	{"from another port, IPv6", .target = UDP6, other_port, XDP_PASS, COUNT(reply_bad_source)},
	{"in the name of another target", .target = UDP4, other_target, XDP_PASS, COUNT(reply_bad_source)},
	{"of a free id", .target = ANY, free_target, XDP_PASS, COUNT(reply_bad_target)},
	{"of no target", .target = ANY, no_target, XDP_PASS, COUNT(reply_bad_target)},
	{"of an id beyond the maps", .target = ANY, target_beyond_the_maps, XDP_PASS, COUNT(reply_bad_target)},
	{"of the last id there is", .target = ANY, last_target, XDP_PASS, COUNT(reply_bad_target)},
	{"of a removed target", .target = UDP4, removed_target, XDP_PASS, COUNT(reply_bad_target)},
	{"UDP for a target of ICMP", .target = UDP4, target_of_icmp, XDP_PASS, COUNT(reply_bad_target)},
	{"ICMP for a target of UDP", .target = ICMP4, target_of_udp, XDP_PASS, COUNT(reply_bad_target)},

	{"one byte too short", .target = ANY, too_short, XDP_PASS, COUNT(reply_truncated), true},
	{"one byte too short for IP", .target = ANY, too_short_for_ip, XDP_PASS, COUNT(reply_truncated), true},
	{"its last byte behind the packet", .target = ANY, rest_behind, XDP_PASS, COUNT(reply_truncated), true},
	{"another magic", .target = ANY, other_magic, XDP_PASS, COUNT(reply_truncated), true},
	{"another version", .target = ANY, other_version, XDP_PASS, COUNT(reply_truncated)},
	{"an echo request", .target = ICMP4, request4, XDP_PASS, COUNT(reply_truncated), true},
	{"an ICMPv6 echo request", .target = ICMP6, request6, XDP_PASS, COUNT(reply_truncated), true},
	{"TCP", .target = UDP4, tcp, XDP_PASS, COUNT(reply_truncated), true},
	{"an extension header", .target = UDP6, extension, XDP_PASS, COUNT(reply_truncated), true},
	{"the first fragment", .target = UDP4, first_fragment, XDP_PASS, NOTHING},
	{"a later fragment", .target = UDP4, later_fragment, XDP_PASS, NOTHING, true},
	{"an IPv6 fragment", .target = UDP6, later_fragment, XDP_PASS, NOTHING, true},
	{"ARP", .target = UDP4, arp, XDP_PASS, NOTHING, true},
	{"three tags", .target = UDP4, three_tags, XDP_PASS, NOTHING, true},
};

static struct dfb_slot slot_of(uint32_t target)
{
	struct dfb_detect d = rig_detect(target);

	return d.slots[rig.attempts[target].seq % DFB_WINDOW];
}

static void run_row(const struct row *row, uint32_t target, uint8_t tags, bool behind_root)
{
	const struct bpf_program *prog = behind_root ? rig.root->progs.dfb_root : rig.beat->progs.dfb_reply;
	int counter = behind_root && row->elsewhere ? NOTHING : row->counter;
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];
	struct dfb_slot slot;
	struct frame f;
	char name[128];
	bool untouched;
	size_t size;

	rig_probe(target);
	f = rig_reply(target);
	f.tags = tags;
	row->spoil(&f);
	size = frame_build(&f, packet);
	snprintf(name, sizeof(name), "%s (target %u, %u tags%s)", row->name, target, tags,
		 behind_root ? ", behind the root" : "");
	rig_zero(rig.beat->maps.beat_counters);
	rig_xdp(prog, packet, size, &run);
	if (run.verdict != row->verdict)
		fail_msg("%s: verdict %u, not %u", name, run.verdict, row->verdict);
	assert_int_equal(run.size, size);
	assert_memory_equal(run.out, packet, size);
	rig_only(rig.beat->maps.beat_counters, counter, name);
	slot = slot_of(target);
	untouched = slot.nonce == rig.nonce[target] && !slot.rtt_ns;
	if (row->counter == COUNT(replies) ? slot.nonce || !slot.rtt_ns : !untouched)
		fail_msg("%s: nonce %lx, round trip %lu", name, (unsigned long)slot.nonce, (unsigned long)slot.rtt_ns);
}

static void each_reply_is_believed_or_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t first = rows[i].target ? rows[i].target : UDP4;
		uint32_t last = rows[i].target ? first : ICMP6;

		for (uint32_t target = first; target <= last; target++) {
			for (uint8_t variant = 0; variant < 6; variant++)
				run_row(&rows[i], target, variant / 2, variant % 2);
		}
	}
}

static void a_replayed_reply_is_ignored(void **state)
{
	(void)state;
	for (uint32_t target = UDP4; target <= ICMP6; target++) {
		struct dfb_slot slot;

		rig_probe(target);
		rig_answer(target);
		slot = slot_of(target);
		rig_zero(rig.beat->maps.beat_counters);
		rig_answer(target);
		rig_only(rig.beat->maps.beat_counters, COUNT(reply_replayed), "replayed");
		assert_int_equal(slot_of(target).rtt_ns, slot.rtt_ns);
	}
}

static void a_reply_within_the_window_is_never_too_old(void **state)
{
	struct frame first;
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];

	(void)state;
	rig_probe(UDP4);
	first = rig_reply(UDP4);
	for (int i = 1; i < DFB_WINDOW; i++)
		rig_probe(UDP4);
	rig_zero(rig.beat->maps.beat_counters);
	rig_xdp(rig.beat->progs.dfb_reply, packet, frame_build(&first, packet), &run);
	rig_only(rig.beat->maps.beat_counters, COUNT(replies), "at the end of the window");
	rig_probe(UDP4);
	rig_zero(rig.beat->maps.beat_counters);
	rig_xdp(rig.beat->progs.dfb_reply, packet, frame_build(&first, packet), &run);
	rig_only(rig.beat->maps.beat_counters, COUNT(reply_old), "behind the window");
}

static void a_reply_cut_anywhere_passes_unchanged(void **state)
{
	(void)state;
	for (uint8_t variant = 0; variant < 24; variant++) {
		const struct bpf_program *alone = rig.beat->progs.dfb_reply;
		const struct bpf_program *prog = variant % 2 ? rig.root->progs.dfb_root : alone;
		uint32_t target = UDP4 + variant / 2 % 4;
		uint8_t packet[FRAME_ROOM];
		struct frame f;
		size_t size;

		rig_probe(target);
		f = rig_reply(target);
		f.tags = variant / 8;
		size = frame_build(&f, packet);
		for (size_t cut = RIG_LEAST; cut < size; cut++) {
			struct rig_run run = {};

			rig_xdp(prog, packet, cut, &run);
			assert_int_equal(run.verdict, XDP_PASS);
			assert_int_equal(run.size, cut);
			assert_memory_equal(run.out, packet, cut);
		}
		assert_int_equal(slot_of(target).nonce, rig.nonce[target]);
	}
}

static void the_round_trip_is_the_time_between(void **state)
{
	uint64_t begin = rig_now(), between;
	struct dfb_slot slot;

	(void)state;
	rig_probe(UDP6);
	between = rig_now();
	rig_answer(UDP6);
	slot = slot_of(UDP6);
	assert_in_range(slot.stamp_ns, begin, between);
	assert_in_range(slot.stamp_ns + slot.rtt_ns, between, rig_now());
}

static int set_up(void **state)
{
	const struct dfb_target nobody = {};
	int prog;

	rig_open(state);
	for (int i = 0; i < 3; i++)
		rig_server();
	rig_target(1, DFB_FAMILY_IPV6, DFB_PROBE_ECHO);
	rig_target(2, DFB_FAMILY_IPV4, DFB_PROBE_ICMP);
	rig_target(2, DFB_FAMILY_IPV6, DFB_PROBE_ICMP);
	for (uint32_t target = UDP4; target <= ICMP6; target++) { /* nobody is judged here */
		struct dfb_target cfg = rig_config(target);

		cfg.interval_ns = cfg.timeout_ns = 1000000000000;
		rig_configure(target, &cfg);
	}
	rig_configure(REMOVED, &nobody);
	prog = bpf_program__fd(rig.beat->progs.dfb_reply);
	rig_put(rig.root->maps.xdp_slots, DFB_XDP_BEAT, &prog);
	return 0;
}

int reply_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reply_is_believed_or_counted),
		cmocka_unit_test(a_replayed_reply_is_ignored),
		cmocka_unit_test(a_reply_within_the_window_is_never_too_old),
		cmocka_unit_test(a_reply_cut_anywhere_passes_unchanged),
		cmocka_unit_test(the_round_trip_is_the_time_between),
	};

	return cmocka_run_group_tests_name("dfb_reply", tests, set_up, rig_close);
}
