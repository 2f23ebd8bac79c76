// SPDX-License-Identifier: GPL-2.0-only
/* dfb_echo: each reason to answer or to refuse, alone and behind dfb_root. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>

#include "groups.h"
#include "rig.h"

#define COUNT(field) ((int)offsetof(struct dfb_echo_counters, field))
#define NOTHING (-1)

enum only {
	BOTH,
	IPV4,
	IPV6,
};

/**
 * struct row - one packet
 * @verdict: XDP_TX: answered, with the stations, addresses and ports swapped
 * @counter: which one goes up
 * @only: family it exists in
 * @elsewhere: dfb_root does not hand it over
 */
struct row {
	const char *name;
	struct frame in;
	uint32_t verdict;
	int counter;
	enum only only;
	bool elsewhere;
};

#define TEXT .payload = FRAME_TEXT

static const struct row rows[] = {
	{"a probe is answered", .in = {.length = 0}, XDP_TX, COUNT(answered)},
	{"a long probe is answered", .in = {.length = 512}, XDP_TX, COUNT(answered)},
	{"a probe whose checksum is only a part", .in = {.checksum = 1}, XDP_TX, COUNT(answered)},
	{"a probe without a checksum", .in = {.checksum = 2}, XDP_TX, COUNT(answered)},
	{"a probe with bytes behind the packet", .in = {.padding = 13}, XDP_TX, COUNT(answered)},
	{"a probe from the lowest port", .in = {.sport = 1024}, XDP_TX, COUNT(answered)},
	{"a probe from the highest port", .in = {.sport = 65535}, XDP_TX, COUNT(answered)},
	{"a probe with the last hop", .in = {.ttl = 1}, XDP_TX, COUNT(answered)},
	{"a probe with all hops", .in = {.ttl = 255}, XDP_TX, COUNT(answered)},
	{"a datagram is echoed", .in = {TEXT, .length = 20}, XDP_TX, COUNT(echoed)},
	{"an empty datagram is echoed", .in = {TEXT}, XDP_TX, COUNT(echoed)},
	{"a datagram of one byte is echoed", .in = {TEXT, .length = 1}, XDP_TX, COUNT(echoed)},
	{"a long datagram is echoed", .in = {TEXT, .length = 512}, XDP_TX, COUNT(echoed)},
	{"a short probe is a datagram", .in = {.length = 31}, XDP_TX, COUNT(echoed)},
	{"a probe of another version is a datagram", .in = {.probe.version = 9}, XDP_TX, COUNT(echoed)},
	{"the reply bit of another version means nothing", .in = {.probe = {.version = 9, .flags = 1}}, XDP_TX,
	 COUNT(echoed)},

	{"an answer", .in = {.probe.flags = DFB_PROBE_REPLY}, XDP_DROP, COUNT(reply_bit)},
	{"an answer with other flags", .in = {.probe.flags = 0xff}, XDP_DROP, COUNT(reply_bit)},
	{"a probe one byte too long", .in = {.length = 513}, XDP_DROP, COUNT(too_long)},
	{"a datagram one byte too long", .in = {TEXT, .length = 513}, XDP_DROP, COUNT(too_long)},
	{"a datagram of a full frame", .in = {TEXT, .length = 1400}, XDP_DROP, COUNT(too_long)},

	{"from the highest privileged port", .in = {.sport = 1023}, XDP_DROP, COUNT(low_port)},
	{"from the echo port", .in = {.sport = 7}, XDP_DROP, COUNT(low_port)},
	{"from chargen", .in = {.sport = 19}, XDP_DROP, COUNT(low_port)},
	{"from DNS", .in = {.sport = 53}, XDP_DROP, COUNT(low_port)},
	{"from SQL Server resolution", .in = {.sport = 1434}, XDP_DROP, COUNT(reflector_port)},
	{"from SSDP", .in = {.sport = 1900}, XDP_DROP, COUNT(reflector_port)},
	{"from Apple remote desktop", .in = {.sport = 3283}, XDP_DROP, COUNT(reflector_port)},
	{"from STUN", .in = {.sport = 3478}, XDP_DROP, COUNT(reflector_port)},
	{"from WS-Discovery", .in = {.sport = 3702}, XDP_DROP, COUNT(reflector_port)},
	{"from SIP", .in = {.sport = 5060}, XDP_DROP, COUNT(reflector_port)},
	{"from mDNS", .in = {.sport = 5353}, XDP_DROP, COUNT(reflector_port)},
	{"from CoAP", .in = {.sport = 5683}, XDP_DROP, COUNT(reflector_port)},
	{"from memcached", .in = {.sport = 11211}, XDP_DROP, COUNT(reflector_port)},
	{"from the port it goes to", .in = {.sport = 4007, .dport = 4007}, XDP_DROP, COUNT(reflector_port),
	 .elsewhere = true},

	{"to all stations", .in = {.to = "\xff\xff\xff\xff\xff\xff"}, XDP_PASS, COUNT(not_unicast)},
	{"to a group of stations", .in = {.to = "\x01\x00\x5e\x00\x00\x01"}, XDP_PASS, COUNT(not_unicast)},
	{"to a group's address", .in = {.destination = "224.0.0.1"}, XDP_PASS, COUNT(not_unicast), IPV4},
	{"to everybody", .in = {.destination = "255.255.255.255"}, XDP_PASS, COUNT(not_unicast), IPV4},
	{"to a reserved address", .in = {.destination = "240.0.0.1"}, XDP_PASS, COUNT(not_unicast), IPV4},
	{"to itself", .in = {.destination = "127.0.0.1"}, XDP_PASS, COUNT(not_unicast), IPV4},
	{"from nobody", .in = {.source = "0.0.0.0"}, XDP_PASS, COUNT(not_unicast), IPV4},
	{"from itself", .in = {.source = "127.0.0.1"}, XDP_PASS, COUNT(not_unicast), IPV4},
	{"from a group", .in = {.source = "239.1.1.1"}, XDP_PASS, COUNT(not_unicast), IPV4},
	{"from everybody", .in = {.source = "255.255.255.255"}, XDP_PASS, COUNT(not_unicast), IPV4},
	{"to all nodes", .in = {.destination = "ff02::1"}, XDP_PASS, COUNT(not_unicast), IPV6},
	{"to the loopback address", .in = {.destination = "::1"}, XDP_PASS, COUNT(not_unicast), IPV6},
	{"from the unspecified address", .in = {.source = "::"}, XDP_PASS, COUNT(not_unicast), IPV6},
	{"from the loopback address", .in = {.source = "::1"}, XDP_PASS, COUNT(not_unicast), IPV6},
	{"from a group's address", .in = {.source = "ff02::1"}, XDP_PASS, COUNT(not_unicast), IPV6},
	{"from an allowed IPv4 address in IPv6", .in = {.source = "::ffff:10.78.0.1"}, XDP_PASS, COUNT(not_unicast), IPV6},
	{"to another station", .in = {.to = "\x02\xdf\x1b\x00\x00\x12"}, XDP_PASS, COUNT(not_for_us)},
	{"from our own station", .in = {.from = FRAME_STATION}, XDP_DROP, COUNT(own_source)},
	{"from the address it goes to", .in = {.source = FRAME_DESTINATION4}, XDP_DROP, COUNT(own_source), IPV4},
	{"from the IPv6 address it goes to", .in = {.source = FRAME_DESTINATION6}, XDP_DROP, COUNT(own_source), IPV6},
	{"from just below the allowed", .in = {.source = "10.77.255.255"}, XDP_PASS, COUNT(not_allowed), IPV4},
	{"from just above the allowed", .in = {.source = "10.79.0.0"}, XDP_PASS, COUNT(not_allowed), IPV4},
	{"from the last of the allowed", .in = {.source = "10.78.255.255"}, XDP_TX, COUNT(answered), IPV4},
	{"from outside the allowed IPv6", .in = {.source = "fd79::1"}, XDP_PASS, COUNT(not_allowed), IPV6},
	{"from the last of the allowed IPv6", .in = {.source = "fd78::ffff:ffff:ffff:ffff"}, XDP_TX, COUNT(answered), IPV6},

	{"IPv4 options", .in = {.options = 4}, XDP_PASS, COUNT(options), IPV4},
	{"all of the IPv4 options", .in = {.options = 40}, XDP_PASS, COUNT(options), IPV4},
	{"the first fragment", .in = {.fragment = IP_MF}, XDP_PASS, COUNT(fragment), IPV4},
	{"a fragment in the middle", .in = {.fragment = IP_MF | 64}, XDP_PASS, COUNT(fragment), IPV4, true},
	{"the last fragment", .in = {.fragment = 64}, XDP_PASS, COUNT(fragment), IPV4, true},
	{"must not be fragmented", .in = {.fragment = IP_DF}, XDP_TX, COUNT(answered), IPV4},
	{"the first IPv6 fragment", .in = {.fragment = 1}, XDP_PASS, COUNT(fragment), IPV6, true},
	{"a later IPv6 fragment", .in = {.fragment = 0x101}, XDP_PASS, COUNT(fragment), IPV6, true},
	{"an extension header", .in = {.extension = true}, XDP_PASS, COUNT(truncated), IPV6, true},

	{"UDP's length below its header", .in = {.udp_more = -33}, XDP_PASS, COUNT(truncated)},
	{"UDP's length beyond IP's", .in = {.udp_more = 1}, XDP_PASS, COUNT(truncated)},
	{"both lengths beyond the frame", .in = {.udp_more = 1, .ip_more = 1}, XDP_PASS, COUNT(truncated)},
	{"both lengths beyond the frame and the limit", .in = {.udp_more = 999, .ip_more = 999}, XDP_DROP,
	 COUNT(too_long)},
	{"a shorter datagram in the packet", .in = {.udp_more = -2}, XDP_TX, COUNT(echoed)},
	{"IP's length below its header", .in = {.ip_more = -41}, XDP_PASS, NOTHING, IPV4, true},
	{"an IPv4 header too short to be one", .in = {.ihl = 4}, XDP_PASS, NOTHING, IPV4, true},
	{"not IP's version", .in = {.version = 5}, XDP_PASS, NOTHING, BOTH, true},
	{"not IP", .in = {.ethertype = 0x0806}, XDP_PASS, NOTHING, BOTH, true},
	{"TCP", .in = {.proto = IPPROTO_TCP}, XDP_PASS, COUNT(truncated), BOTH, true},
	{"three tags", .in = {.tags = 3}, XDP_PASS, NOTHING, BOTH, true},
};

/* The answer, made by the reference. */
static size_t build_answer(const struct row *row, const struct frame *in, const struct rig_run *run,
			   uint8_t *packet)
{
	struct frame out = *in;

	out.to = in->from ? in->from : FRAME_PEER;
	out.from = in->to ? in->to : FRAME_STATION;
	out.sport = in->dport ? in->dport : DFB_ECHO_PORT;
	out.dport = in->sport ? in->sport : FRAME_PORT;
	out.source = in->destination ? in->destination : in->ipv6 ? FRAME_DESTINATION6 : FRAME_DESTINATION4;
	out.destination = in->source ? in->source : in->ipv6 ? FRAME_SOURCE6 : FRAME_SOURCE4;
	out.ttl = 64;
	out.checksum = in->ipv6 ? 0 : 2;
	if (row->counter == COUNT(answered)) {
		uint8_t copy[FRAME_ROOM];

		memcpy(copy, run->out, run->size);
		out.probe.flags |= DFB_PROBE_REPLY;
		out.probe.received = htonl(1);
		out.probe.residence_ns = frame_probe(copy)->residence_ns;
	}
	return frame_build(&out, packet);
}

/* A checksum over a shorter datagram than the builder's is checked by itself. */
static void check_output(const struct row *row, const struct frame *in, const struct rig_run *run,
			 const uint8_t *packet, size_t size)
{
	uint8_t expected[FRAME_ROOM];

	if (row->verdict != XDP_TX)
		memcpy(expected, packet, size);
	else
		assert_int_equal(build_answer(row, in, run, expected), size);
	if (row->verdict == XDP_TX && in->udp_more) {
		assert_true(frame_is_sound(run->out, run->size));
		return;
	}
	if (run->size != size || memcmp(run->out, expected, size))
		fail_msg("%s: other bytes come out", row->name);
}

static void forget_sources(void)
{
	int fd = bpf_map__fd(rig.echo->maps.echo_sources);
	struct dfb_service_key key;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
}

static void run_row(const struct row *row, bool ipv6, uint8_t tags, bool behind_root)
{
	const struct bpf_program *prog = behind_root ? rig.root->progs.dfb_root : rig.echo->progs.dfb_echo;
	bool passed = behind_root && row->elsewhere;
	struct row expected = *row;
	uint8_t packet[FRAME_ROOM];
	struct frame in = row->in;
	struct rig_run run = {};
	char name[160];
	size_t size;

	in.ipv6 = ipv6;
	in.tags = in.tags ? in.tags : tags;
	size = frame_build(&in, packet);
	snprintf(name, sizeof(name), "%s (%s, %u tags, %s)", row->name, ipv6 ? "IPv6" : "IPv4", in.tags,
		 behind_root ? "behind the root" : "alone");
	expected.name = name;
	if (passed)
		expected.verdict = XDP_PASS;
	rig_zero(rig.echo->maps.echo_counters);
	forget_sources();
	rig_xdp(prog, packet, size, &run);
	if (run.verdict != expected.verdict)
		fail_msg("%s: verdict %u, not %u", name, run.verdict, expected.verdict);
	check_output(&expected, &in, &run, packet, size);
	rig_only(rig.echo->maps.echo_counters, passed ? NOTHING : row->counter, name);
}

static void each_reason_has_its_counter_and_its_fate(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int variant = 0; variant < 12; variant++) {
			bool ipv6 = variant & 1, behind_root = variant & 2;

			if (rows[i].only != (ipv6 ? IPV4 : IPV6))
				run_row(&rows[i], ipv6, (uint8_t)(variant / 4), behind_root);
		}
	}
}

static void a_frame_cut_anywhere_passes_unchanged(void **state)
{
	uint8_t packet[FRAME_ROOM];

	(void)state;
	for (int variant = 0; variant < 12; variant++) {
		struct frame in = {.ipv6 = variant & 1, .tags = (uint8_t)(variant / 4)};
		const struct bpf_program *alone = rig.echo->progs.dfb_echo;
		const struct bpf_program *prog = variant & 2 ? rig.root->progs.dfb_root : alone;
		size_t size = frame_build(&in, packet);

		rig_zero(rig.echo->maps.echo_counters);
		for (size_t cut = RIG_LEAST; cut < size; cut++) {
			struct rig_run run = {};

			rig_xdp(prog, packet, cut, &run);
			assert_int_equal(run.verdict, XDP_PASS);
			assert_int_equal(run.size, cut);
			assert_memory_equal(run.out, packet, cut);
		}
		assert_int_equal(rig_count(rig.echo->maps.echo_counters, COUNT(answered)), 0);
		assert_int_equal(rig_count(rig.echo->maps.echo_counters, COUNT(echoed)), 0);
	}
}

static void the_checksums_of_answers_are_right_for_every_length(void **state)
{
	uint8_t packet[FRAME_ROOM];

	(void)state;
	for (uint16_t length = 0; length <= DFB_ECHO_MAX_PAYLOAD; length++) {
		for (int variant = 0; variant < 8; variant++) {
			struct frame in = {
				.ipv6 = variant & 1,
				.checksum = variant & 2 ? 1 : 0,
				.payload = variant & 4 ? FRAME_TEXT : FRAME_PROBE,
				.length = length,
				.ttl = (uint8_t)(length + 1),
			};
			struct rig_run run = {};
			size_t size = frame_build(&in, packet);

			rig_xdp(rig.echo->progs.dfb_echo, packet, size, &run);
			assert_int_equal(run.verdict, XDP_TX);
			assert_int_equal(run.size, size);
			assert_true(frame_is_sound(run.out, run.size));
		}
	}
}

static uint32_t verdict_on(const struct frame *in)
{
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];

	rig_xdp(rig.echo->progs.dfb_echo, packet, frame_build(in, packet), &run);
	return run.verdict;
}

static struct dfb_probe answer_to(const char *source)
{
	struct frame in = {
		.source = source,
		.probe = {.seq = htonl(5), .nonce = 6, .residence_ns = 0xffffffff},
	};
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];

	rig_xdp(rig.echo->progs.dfb_echo, packet, frame_build(&in, packet), &run);
	assert_int_equal(run.verdict, XDP_TX);
	return *frame_probe(run.out);
}

static void an_answer_tells_how_many_came_and_how_long_it_took(void **state)
{
	uint64_t begin = rig_now();
	int measured = 0;

	(void)state;
	forget_sources();
	rig_zero(rig.echo->maps.echo_counters);
	for (uint32_t i = 1; i <= 3 * DFB_PROBE_MEASURED; i++) {
		struct dfb_probe probe = answer_to(FRAME_SOURCE4);

		assert_int_equal(ntohl(probe.received), i);
		assert_true(ntohl(probe.residence_ns) < rig_now() - begin);
		measured += probe.residence_ns != 0;
		assert_int_equal(ntohl(probe.seq), 5);
		assert_int_equal(probe.nonce, 6);
	}
	assert_int_equal(measured, 3);
	assert_int_equal(ntohl(answer_to("10.78.9.9").received), 1);
	assert_int_equal(ntohl(answer_to(FRAME_SOURCE4).received), 3 * DFB_PROBE_MEASURED + 1);
}

static struct dfb_prefix prefix(const char *address, uint32_t length)
{
	struct dfb_prefix key = {.length = length};

	assert_int_equal(inet_pton(AF_INET6, address, key.address), 1);
	return key;
}

/* Not even when it sends what counts no source. */
static void a_source_that_is_known_is_not_looked_up_in_the_list(void **state)
{
	struct dfb_prefix key = prefix("::ffff:10.78.0.0", 96 + 16);
	int list = bpf_map__fd(rig.echo->maps.echo_allow);
	struct frame in = {TEXT, .source = "10.78.0.77"};
	uint32_t yes = 1;

	(void)state;
	answer_to("10.78.0.77");
	assert_int_equal(bpf_map_delete_elem(list, &key), 0);
	assert_int_equal(verdict_on(&in), XDP_TX);
	in.source = "10.78.0.78";
	assert_int_equal(verdict_on(&in), XDP_PASS);
	assert_int_equal(bpf_map_update_elem(list, &key, &yes, BPF_NOEXIST), 0);
}

static void allow(const char *address, uint32_t length)
{
	struct dfb_prefix key = prefix(address, length);
	uint32_t yes = 1;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig.echo->maps.echo_allow), &key, &yes, BPF_ANY), 0);
}

/* Behind the root, at the echo port. */
static int set_up(void **state)
{
	struct dfb_xdp_conf conf = {.echo_port = DFB_ECHO_PORT};
	int prog;

	rig_open(state);
	prog = bpf_program__fd(rig.echo->progs.dfb_echo);
	allow("::ffff:10.78.0.0", 96 + 16);
	allow("fd78::", 64);
	rig_put(rig.root->maps.xdp_conf, 0, &conf);
	rig_put(rig.root->maps.xdp_slots, DFB_XDP_ECHO, &prog);
	return 0;
}

int echo_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason_has_its_counter_and_its_fate),
		cmocka_unit_test(a_frame_cut_anywhere_passes_unchanged),
		cmocka_unit_test(the_checksums_of_answers_are_right_for_every_length),
		cmocka_unit_test(an_answer_tells_how_many_came_and_how_long_it_took),
		cmocka_unit_test(a_source_that_is_known_is_not_looked_up_in_the_list),
	};

	return cmocka_run_group_tests_name("dfb_echo", tests, set_up, rig_close);
}

/* --- the rate -------------------------------------------------------------------------------- */

#define STEP_NS 1000000000000ull /* long enough that no time passes */

static uint32_t verdict_on_a_probe(void)
{
	struct frame in = {.length = 0};

	return verdict_on(&in);
}

static void after_a_burst_answers_are_limited(void **state)
{
	uint64_t past = 1;

	(void)state;
	rig_zero(rig.echo->maps.echo_counters);
	for (int i = 0; i < 10; i++)
		assert_int_equal(verdict_on_a_probe(), XDP_TX);
	for (int i = 0; i < 3; i++)
		assert_int_equal(verdict_on_a_probe(), XDP_DROP);
	assert_int_equal(rig_count(rig.echo->maps.echo_counters, COUNT(answered)), 10);
	assert_int_equal(rig_count(rig.echo->maps.echo_counters, COUNT(rate_limited)), 3);
	rig_put(rig.echo->maps.echo_rate, 0, &past);
	assert_int_equal(verdict_on_a_probe(), XDP_TX);
}

static void a_step_later_there_is_one_more_answer(void **state)
{
	uint64_t due = 0;

	(void)state;
	rig_put(rig.echo->maps.echo_rate, 0, &due);
	assert_int_equal(verdict_on_a_probe(), XDP_TX);
	rig_get(rig.echo->maps.echo_rate, 0, &due); /* a step from now on its clock */
	due += 8 * STEP_NS + STEP_NS / 2;
	rig_put(rig.echo->maps.echo_rate, 0, &due);
	assert_int_equal(verdict_on_a_probe(), XDP_DROP);
	due -= STEP_NS;
	rig_put(rig.echo->maps.echo_rate, 0, &due);
	assert_int_equal(verdict_on_a_probe(), XDP_TX);
	assert_int_equal(verdict_on_a_probe(), XDP_DROP);
}

static void what_is_refused_anyway_does_not_use_up_the_rate(void **state)
{
	struct frame in = {.sport = 7};
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(&in, packet);
	uint64_t due = 0;

	(void)state;
	rig_put(rig.echo->maps.echo_rate, 0, &due);
	for (int i = 0; i < 30; i++) {
		struct rig_run run = {};

		rig_xdp(rig.echo->progs.dfb_echo, packet, size, &run);
		assert_int_equal(run.verdict, XDP_DROP);
	}
	rig_get(rig.echo->maps.echo_rate, 0, &due);
	assert_int_equal(due, 0);
	assert_int_equal(verdict_on_a_probe(), XDP_TX);
}

/* The limit is set before loading. */
static int set_up_limited(void **state)
{
	rig_open(state);
	rig_limit_echo(STEP_NS, 9 * STEP_NS);
	allow("::", 0);
	return 0;
}

int echo_limit_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_burst_answers_are_limited),
		cmocka_unit_test(a_step_later_there_is_one_more_answer),
		cmocka_unit_test(what_is_refused_anyway_does_not_use_up_the_rate),
	};

	return cmocka_run_group_tests_name("dfb_echo, limited", tests, set_up_limited, rig_close);
}
