// SPDX-License-Identifier: GPL-2.0-only
/* What the responder tells of a stream, and what dfb_loss makes of it: the way there, and the way back. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdio.h>

#include "groups.h"
#include "rig.h"

#define STREAM .payload = FRAME_STREAM

static int set_up(void **state)
{
	const struct dfb_xdp_conf conf = {.echo_port = DFB_ECHO_PORT};
	const struct dfb_loss_conf loss = {DFB_LOSS_ABI, 0, DFB_LOSS_FLOOR_NS, DFB_LOSS_EXPIRE_NS};
	struct dfb_prefix all = {};

	rig_open(state);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig.echo->maps.echo_allow), &all, &(uint32_t){1}, 0),
			 0);
	rig_put(rig.root->maps.xdp_conf, 0, &conf);
	rig_put(rig.root->maps.xdp_slots, DFB_XDP_ECHO, &(int){bpf_program__fd(rig.echo->progs.dfb_echo)});
	rig_put(rig.root->maps.xdp_slots, DFB_XDP_LOSS, &(int){bpf_program__fd(rig.loss->progs.dfb_loss)});
	rig_put(rig.loss->maps.loss_conf, 0, &loss);
	return 0;
}

/* There and back; @back: the answer is not lost. Return: what the answer says. */
static struct dfb_far echo(struct frame f, uint32_t seq, bool back)
{
	struct rig_run there = {}, here = {};
	uint8_t packet[FRAME_ROOM];
	struct dfb_far far;
	size_t size;

	f.stream.seq = htonl(seq);
	f.stream.sec = htonl(1000000 + seq);
	size = frame_build(&f, packet);
	rig_xdp(rig.root->progs.dfb_root, packet, size, &there);
	assert_int_equal(there.verdict, XDP_TX);
	assert_int_equal(there.size, size);
	assert_true(frame_is_sound(there.out, size));
	assert_memory_equal(frame_stream(there.out), frame_stream(packet), sizeof(struct dfb_pktgen));
	memcpy(&far, frame_stream(there.out) + 1, sizeof(far));
	if (!back)
		return far;
	rig_xdp(rig.root->progs.dfb_root, there.out, size, &here);
	assert_int_equal(here.verdict, XDP_PASS);
	return far;
}

static struct dfb_stream heard(bool ipv6, uint16_t sport)
{
	struct dfb_stream_key key, *at = NULL, last;
	int fd = bpf_map__fd(rig.loss->maps.loss);
	struct dfb_stream s = {};

	while (!bpf_map_get_next_key(fd, at, &key)) {
		last = key;
		at = &last;
		if (key.dport == sport && !key.source[0] == !ipv6)
			assert_int_equal(bpf_map_lookup_elem_flags(fd, &key, &s, 0), 0);
	}
	assert_true(s.account.received > 0);
	return s;
}

static void an_answer_tells_what_has_arrived(void **state)
{
	struct dfb_far far;

	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct frame f = {STREAM, .ipv6 = ipv6, .sport = 2001};

		far = echo(f, 1, true);
		assert_int_equal(ntohl(far.received), 1);
		assert_int_equal(ntohl(far.lost), 0);
		far = echo(f, 5, true);
		assert_int_equal(ntohl(far.received), 2);
		assert_int_equal(ntohl(far.lost), 3);
		far = echo(f, 4, true);
		assert_int_equal(ntohl(far.received), 3);
		assert_int_equal(ntohl(far.lost), 2);
	}
}

/* Of 1 to 100 each tenth is lost on the way there, and of what comes back each seventh. */
static void both_ways_are_told_apart(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct frame f = {STREAM, .ipv6 = ipv6, .sport = 2002, .length = 80};
		uint32_t there = 0, back = 0;
		struct dfb_stream s;

		for (uint32_t seq = 1; seq <= 101; seq++) {
			bool lost = seq % 10 == 0;

			there += lost;
			back += !lost && seq % 7 == 0;
			if (!lost)
				echo(f, seq, seq % 7);
		}
		s = heard(ipv6, 2002);
		assert_int_equal(s.far, DFB_FAR_RESPONDER);
		assert_int_equal(s.account.lost, there + back);
		assert_int_equal(s.forward_lost, there);
	}
}

static void a_sender_that_begins_again_is_told_apart_too(void **state)
{
	struct frame f = {STREAM, .sport = 2003};

	(void)state;
	for (uint32_t run = 0; run < 3; run++) {
		f.stream.usec = 0;
		for (uint32_t seq = 1; seq <= 20; seq++) {
			struct frame again = f;
			struct rig_run there = {}, here = {};
			uint8_t packet[FRAME_ROOM];
			size_t size;

			if (seq == 7) /* lost there */
				continue;
			again.stream.seq = htonl(seq);
			again.stream.sec = htonl(1000 * (run + 1) + seq);
			size = frame_build(&again, packet);
			rig_xdp(rig.root->progs.dfb_root, packet, size, &there);
			if (seq != 11) /* lost here */
				rig_xdp(rig.root->progs.dfb_root, there.out, size, &here);
		}
	}
	assert_int_equal(heard(false, 2003).account.restarts, 2);
	assert_int_equal(heard(false, 2003).account.lost, 6);
	assert_int_equal(heard(false, 2003).forward_lost, 3);
}

static void without_room_or_responder_there_is_only_the_sum(void **state)
{
	struct frame small = {STREAM, .sport = 2004, .length = sizeof(struct dfb_pktgen)};
	struct frame plain = {STREAM, .sport = DFB_ECHO_PORT, .dport = 2005}; /* from some other echo */

	(void)state;
	for (uint32_t seq = 1; seq <= 5; seq += 2) {
		uint8_t packet[FRAME_ROOM];
		struct rig_run run = {};

		echo(small, seq, true);
		plain.stream.seq = htonl(seq);
		rig_xdp(rig.root->progs.dfb_root, packet, frame_build(&plain, packet), &run);
	}
	assert_int_equal(heard(false, 2004).far, DFB_FAR_NOBODY);
	assert_int_equal(heard(false, 2004).account.lost, 2);
	assert_int_equal(heard(false, 2005).far, DFB_FAR_NOBODY);
	assert_int_equal(heard(false, 2005).account.lost, 2);
}

/* More streams than the responder has places for: who has none is told nothing, and nobody anything wrong. */
static void a_stream_without_a_place_is_told_nothing(void **state)
{
	uint32_t without = 0;

	(void)state;
	for (uint16_t sport = 20000; sport < 20000 + 2 * DFB_ECHO_STREAMS; sport++) {
		for (uint32_t seq = 1; seq <= 3; seq++) {
			struct dfb_far far = echo((struct frame){STREAM, .sport = sport}, seq, false);

			assert_true(!far.received || ntohl(far.received) == seq);
			assert_int_equal(far.lost, 0);
			without += !far.received;
		}
	}
	assert_in_range(without, 3 * DFB_ECHO_STREAMS, 6 * DFB_ECHO_STREAMS - 3);
}

int far_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_tells_what_has_arrived),
		cmocka_unit_test(both_ways_are_told_apart),
		cmocka_unit_test(a_sender_that_begins_again_is_told_apart_too),
		cmocka_unit_test(without_room_or_responder_there_is_only_the_sum),
		cmocka_unit_test(a_stream_without_a_place_is_told_nothing),
	};

	return cmocka_run_group_tests_name("streams, there and back", tests, set_up, rig_close);
}
