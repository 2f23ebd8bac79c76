// SPDX-License-Identifier: GPL-2.0-only
/* dfb_loss: which packets are a stream's, and of which; what becomes of silence. Arithmetic: test_account. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "groups.h"
#include "rig.h"

#define COUNT(field) ((int)offsetof(struct dfb_loss_counters, field))
#define NOTHING (-1)
#define EVENTS 64
#define MS 1000000ull

enum only {
	BOTH,
	IPV4,
	IPV6,
};

struct row {
	const char *name;
	struct frame in;
	int counter;
	enum only only;
};

#define STREAM .payload = FRAME_STREAM, .dport = 9

static const struct row rows[] = {
	{"a stream's packet", .in = {STREAM}, COUNT(received)},
	{"without room for the far end", .in = {STREAM, .length = sizeof(struct dfb_pktgen)}, COUNT(received)},
	{"a long one", .in = {STREAM, .length = 1400}, COUNT(received)},
	{"with options", .in = {STREAM, .options = 8}, COUNT(received), IPV4},
	{"padding behind it", .in = {STREAM, .padding = 7}, COUNT(received)},
	{"too short", .in = {STREAM, .length = sizeof(struct dfb_pktgen) - 1}, NOTHING},
	{"another magic", .in = {STREAM, .stream.magic = 1}, NOTHING},
	{"a probe", .in = {.sport = 7, .dport = 40000}, NOTHING},
	{"the first fragment", .in = {STREAM, .fragment = IP_MF}, COUNT(fragment), IPV4},
	{"a later fragment", .in = {STREAM, .fragment = 8}, NOTHING, IPV4},
	{"an IPv6 fragment", .in = {STREAM, .fragment = 1}, NOTHING, IPV6},
	{"TCP", .in = {STREAM, .proto = IPPROTO_TCP}, NOTHING},
	{"UDP's length too short", .in = {STREAM, .udp_more = -17}, NOTHING},
	{"three tags", .in = {STREAM, .tags = 3}, NOTHING},
};

static struct {
	struct ring_buffer *ring;
	struct dfb_silence events[EVENTS];
	uint32_t n;
} own;

static int on_record(void *arg, void *data, size_t size)
{
	(void)arg;
	assert_int_equal(size, sizeof(struct dfb_silence));
	if (own.n < EVENTS)
		memcpy(&own.events[own.n++], data, size);
	return 0;
}

static void configure(uint64_t threshold_ns, uint64_t floor_ns, uint64_t expire_ns)
{
	const struct dfb_loss_conf conf = {DFB_LOSS_ABI, threshold_ns, floor_ns, expire_ns};

	rig_put(rig.loss->maps.loss_conf, 0, &conf);
}

static int set_up(void **state)
{
	uint32_t slot = DFB_XDP_LOSS;

	rig_open(state);
	rig_put(rig.root->maps.xdp_slots, slot, &(int){bpf_program__fd(rig.loss->progs.dfb_loss)});
	own.ring = ring_buffer__new(bpf_map__fd(rig.loss->maps.loss_events), on_record, NULL, NULL);
	assert_non_null(own.ring);
	return 0;
}

static int tear_down(void **state)
{
	ring_buffer__free(own.ring);
	return rig_close(state);
}

static int forget(void **state)
{
	const struct dfb_loss_total none = {};
	struct dfb_stream_key key;

	(void)state;
	while (!bpf_map_get_next_key(bpf_map__fd(rig.loss->maps.loss), NULL, &key))
		bpf_map_delete_elem(bpf_map__fd(rig.loss->maps.loss), &key);
	rig_put(rig.loss->maps.loss_total, 0, &none);
	rig_zero(rig.loss->maps.loss_counters);
	ring_buffer__consume(own.ring);
	own.n = 0;
	configure(0, DFB_LOSS_FLOOR_NS, DFB_LOSS_EXPIRE_NS);
	return 0;
}

static void send_frame(const struct bpf_program *prog, const struct frame *f)
{
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(f, packet);
	struct rig_run run = {};

	rig_xdp(prog, packet, size, &run);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_int_equal(run.size, size);
	assert_memory_equal(run.out, packet, size);
}

static void arrive(struct frame f, uint32_t seq)
{
	f.stream.seq = htonl(seq);
	send_frame(rig.loss->progs.dfb_loss, &f);
}

static uint32_t n_streams(struct dfb_stream_key *ret_last)
{
	struct dfb_stream_key key, *at = NULL;
	uint32_t n = 0;

	while (!bpf_map_get_next_key(bpf_map__fd(rig.loss->maps.loss), at, &key)) {
		*ret_last = key;
		at = ret_last;
		n++;
	}
	return n;
}

/* The only one there is. */
static struct dfb_stream only_stream(void)
{
	struct dfb_stream_key key;
	struct dfb_stream s;

	assert_int_equal(n_streams(&key), 1);
	assert_int_equal(bpf_map_lookup_elem_flags(bpf_map__fd(rig.loss->maps.loss), &key, &s, 0), 0);
	return s;
}

static void each_packet_is_counted_or_not(void **state)
{
	struct dfb_stream_key key;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int variant = 0; variant < 12; variant++) {
			const struct bpf_program *root = rig.root->progs.dfb_root;
			struct frame in = rows[i].in;

			in.ipv6 = variant & 1;
			in.tags = in.tags ? in.tags : (uint8_t)(variant / 4);
			if (rows[i].only == (in.ipv6 ? IPV4 : IPV6))
				continue;
			forget(state);
			send_frame(variant & 2 ? root : rig.loss->progs.dfb_loss, &in);
			rig_only(rig.loss->maps.loss_counters, rows[i].counter, rows[i].name);
			assert_int_equal(n_streams(&key), rows[i].counter == COUNT(received));
		}
	}
}

static void a_frame_cut_anywhere_is_nobodys(void **state)
{
	uint8_t packet[FRAME_ROOM];

	(void)state;
	for (int variant = 0; variant < 6; variant++) {
		struct frame in = {STREAM, .ipv6 = variant & 1, .tags = (uint8_t)(variant / 2),
				   .length = sizeof(struct dfb_pktgen)};
		size_t size = frame_build(&in, packet);

		for (size_t cut = RIG_LEAST; cut < size; cut++) {
			struct rig_run run = {};

			rig_xdp(rig.loss->progs.dfb_loss, packet, cut, &run);
			assert_int_equal(run.verdict, XDP_PASS);
		}
	}
	rig_only(rig.loss->maps.loss_counters, NOTHING, "cut");
}

static void check_address(const uint8_t found[16], const char *text, bool ipv6)
{
	uint8_t expected[16] = {[10] = 0xff, [11] = 0xff};

	assert_int_equal(inet_pton(ipv6 ? AF_INET6 : AF_INET, text, ipv6 ? expected : expected + 12), 1);
	assert_memory_equal(found, expected, 16);
}

static void a_stream_has_its_addresses_ports_tags_and_interface(void **state)
{
	struct dfb_stream_key key;

	for (int variant = 0; variant < 6; variant++) {
		struct frame in = {.payload = FRAME_STREAM, .sport = 1234, .dport = 4321, .ipv6 = variant & 1,
				   .tags = (uint8_t)(variant / 2)};

		forget(state);
		arrive(in, 1);
		assert_int_equal(n_streams(&key), 1);
		check_address(key.source, in.ipv6 ? FRAME_SOURCE6 : FRAME_SOURCE4, in.ipv6);
		check_address(key.destination, in.ipv6 ? FRAME_DESTINATION6 : FRAME_DESTINATION4, in.ipv6);
		assert_int_equal(key.sport, 1234);
		assert_int_equal(key.dport, 4321);
		assert_int_equal(key.vlan, in.tags ? 100 : 0);
		assert_int_equal(key.inner_vlan, in.tags > 1 ? 101 : 0);
		assert_int_equal(key.interface, 1); /* where test runs take place */
	}
}

static void numbers_and_bytes_are_counted(void **state)
{
	const uint32_t seqs[] = {1, 2, 5, 4, 4, 6, 6, 10};
	struct frame in = {STREAM, .length = 100};
	struct dfb_stream s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(seqs); i++)
		arrive(in, seqs[i]);
	s = only_stream();
	assert_int_equal(s.account.received, 8);
	assert_int_equal(s.account.lost, 4); /* 3, 7, 8, 9 */
	assert_int_equal(s.account.late, 1);
	assert_int_equal(s.account.duplicates, 2);
	assert_int_equal(s.account.bytes, 8 * (14 + 20 + 8 + 100));
	assert_int_equal(s.far, DFB_FAR_NOBODY);
}

/* --- silence --------------------------------------------------------------------------------- */

/* Sends numbers from..to, so far apart. */
static void stream(uint32_t from, uint32_t to, useconds_t us)
{
	struct frame in = {STREAM};

	for (uint32_t seq = from; seq <= to; seq++) {
		arrive(in, seq);
		usleep(us);
	}
}

static bool heard(enum dfb_silence_kind kind, struct dfb_silence *ret_event)
{
	ring_buffer__consume(own.ring);
	for (uint32_t i = 0; i < own.n; i++) {
		if (own.events[i].kind != kind)
			continue;
		*ret_event = own.events[i];
		return true;
	}
	return false;
}

static struct dfb_loss_total total(void)
{
	struct dfb_loss_total sum;

	rig_get(rig.loss->maps.loss_total, 0, &sum);
	return sum;
}

/* Whatever the machine does meanwhile: a stall of the test itself is a longer gap, of the same account. */
static void silence_is_told_when_it_begins_and_when_it_ends(void **state)
{
	struct dfb_silence began, ended;
	struct dfb_stream s;

	(void)state;
	configure(200 * MS, 0, DFB_LOSS_EXPIRE_NS);
	stream(1, 5, 1000);
	assert_false(heard(DFB_SILENCE_BEGAN, &began));
	RIG_UNTIL(heard(DFB_SILENCE_BEGAN, &began));
	s = only_stream();
	assert_int_equal(s.state, DFB_STREAM_SILENT);
	assert_int_equal(began.blackout.began_ns, s.account.last_ns);
	assert_int_equal(began.blackout.ended_ns, 0);
	assert_false(heard(DFB_SILENCE_ENDED, &ended));
	stream(9, 9, 0);
	assert_true(heard(DFB_SILENCE_ENDED, &ended));
	s = only_stream();
	assert_int_equal(s.state, DFB_STREAM_LIVE);
	assert_int_equal(ended.blackout.lost, 3);
	assert_int_equal(ended.blackout.began_ns, began.blackout.began_ns);
	assert_int_equal(ended.blackout.ended_ns, s.account.last_ns);
	assert_true(ended.blackout.length_ns < ended.blackout.ended_ns - ended.blackout.began_ns);
	assert_int_equal(s.blackouts, 1);
	assert_int_equal(s.blackout_ns, ended.blackout.length_ns);
	assert_memory_equal(&s.longest_blackout, &ended.blackout, sizeof(s.longest_blackout));
	own.n = 0;
	RIG_UNTIL(heard(DFB_SILENCE_BEGAN, &began)); /* the timer runs on */
}

static void a_pause_before_the_sender_begins_again_is_no_blackout(void **state)
{
	struct frame in = {STREAM};
	struct dfb_silence event;

	(void)state;
	configure(20 * MS, 0, DFB_LOSS_EXPIRE_NS);
	in.stream.sec = htonl(1000);
	arrive(in, 1);
	arrive(in, 2);
	RIG_UNTIL(heard(DFB_SILENCE_BEGAN, &event));
	in.stream.sec = htonl(2000);
	arrive(in, 1);
	assert_true(heard(DFB_SILENCE_RESTARTED, &event));
	assert_int_equal(only_stream().account.restarts, 1);
	assert_int_equal(only_stream().blackouts, 0);
}

static void a_silent_stream_expires_and_the_total_keeps_it(void **state)
{
	struct dfb_silence event;
	struct dfb_stream_key key;

	(void)state;
	configure(0, 5 * MS, 100 * MS);
	stream(1, 3, 500);
	stream(5, 6, 500);
	arrive((struct frame){STREAM, .sport = 3}, 1); /* a single packet */
	RIG_UNTIL(!n_streams(&key));
	assert_true(heard(DFB_SILENCE_EXPIRED, &event));
	assert_int_equal(event.key.sport, FRAME_PORT);
	RIG_UNTIL(total().expired == 2);
	assert_int_equal(total().received, 6);
	assert_int_equal(total().lost, 1);
	assert_int_equal(total().streams, 0);
}

static void the_total_is_the_sum_when_traffic_stops(void **state)
{
	struct dfb_loss_total sum;

	(void)state;
	stream(1, 50, 0);
	stream(53, 60, 0);
	stream(60, 60, 0);
	RIG_UNTIL(only_stream().state == DFB_STREAM_SILENT);
	RIG_UNTIL(total().received == 59);
	sum = total();
	assert_int_equal(sum.lost, 2);
	assert_int_equal(sum.duplicates, 1);
	assert_int_equal(sum.streams, 1);
	assert_int_equal(sum.bytes, only_stream().account.bytes);
}

/* --- many ------------------------------------------------------------------------------------ */

static void a_flood_of_streams_takes_nobodys_place(void **state)
{
	struct dfb_stream_key key;
	struct dfb_stream s;

	(void)state;
	stream(1, 3, 0);
	assert_int_equal(n_streams(&key), 1);
	for (uint32_t i = 0; i < DFB_STREAMS + 99; i++)
		arrive((struct frame){STREAM, .sport = (uint16_t)(1 + i)}, 1);
	assert_int_equal(rig_count(rig.loss->maps.loss_counters, COUNT(table_full)), 100);
	assert_int_equal(total().table_full, 100);
	assert_int_equal(total().streams, DFB_STREAMS);
	stream(4, 4, 0);
	assert_int_equal(bpf_map_lookup_elem_flags(bpf_map__fd(rig.loss->maps.loss), &key, &s, 0), 0);
	assert_int_equal(s.account.received, 4);
}

#define EACH 20000

struct half {
	int cpu;
	uint32_t first;
};

static void *send_half(void *arg)
{
	const struct half *half = arg;
	struct frame in = {STREAM};
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(half->cpu, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	for (uint32_t i = 0; i < EACH; i++) {
		in.stream.sec = htonl(half->first + 2 * i);
		arrive(in, half->first + 2 * i);
	}
	return NULL;
}

/* Odd numbers on one, even ones on the other: at most the window apart nothing is stale. */
static void two_processors_share_an_account(void **state)
{
	struct half halves[] = {{0, 1}, {1, 2}};
	pthread_t thread;
	struct dfb_stream s;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	assert_int_equal(pthread_create(&thread, NULL, send_half, &halves[1]), 0);
	send_half(&halves[0]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	s = only_stream();
	assert_int_equal(s.account.received, 2 * EACH);
	assert_int_equal(s.account.duplicates, 0);
	assert_int_equal(s.account.restarts, 0);
	assert_in_range(s.account.stale - s.account.lost, 0, 1); /* 1 may come too late after 2 */
	assert_int_equal(rig_count(rig.loss->maps.loss_counters, COUNT(received)), 2 * EACH);
}

int loss_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_packet_is_counted_or_not, forget),
		cmocka_unit_test_setup(a_frame_cut_anywhere_is_nobodys, forget),
		cmocka_unit_test_setup(a_stream_has_its_addresses_ports_tags_and_interface, forget),
		cmocka_unit_test_setup(numbers_and_bytes_are_counted, forget),
		cmocka_unit_test_setup(silence_is_told_when_it_begins_and_when_it_ends, forget),
		cmocka_unit_test_setup(a_pause_before_the_sender_begins_again_is_no_blackout, forget),
		cmocka_unit_test_setup(a_silent_stream_expires_and_the_total_keeps_it, forget),
		cmocka_unit_test_setup(the_total_is_the_sum_when_traffic_stops, forget),
		cmocka_unit_test_setup(a_flood_of_streams_takes_nobodys_place, forget),
		cmocka_unit_test_setup(two_processors_share_an_account, forget),
	};

	return cmocka_run_group_tests_name("dfb_loss", tests, set_up, tear_down);
}
