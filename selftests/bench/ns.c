// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one packet costs in each of our programs, by BPF_PROG_TEST_RUN: `ROW<TAB>NANOSECONDS`, a line for
 * each batch. A test run has a cost of its own, and where a run must find things as the first one did,
 * ns.bpf.c makes them so, which costs, too: batches of the same with a program that does nothing are in
 * between, and are subtracted. The counters must say that each run did what it was for.
 */
#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdio.h>

#include "ns.h"
#include "pins.h"
#include "rig.h"

#define BATCH 1000
#define BATCHES 200
#define SERVICE4 "10.79.0.100"
#define SERVICE6 "fd79::100"
#define COUNT(kind, field) offsetof(struct dfb_##kind##_counters, field)

static struct bpf_object *again;

/**
 * struct subject - what is measured
 * @again: each run must find the packet as the first one found it
 * @counters: map of the counter at @offset, which each run raises; NULL: none does
 * @verdict: of each run; XDP's or tc's
 */
struct subject {
	const char *name;
	const struct bpf_program *prog;
	bool again;
	const struct bpf_map *counters;
	size_t offset;
	int verdict;
};

/* What is run, and the same without the subject. */
struct pair {
	const struct bpf_program *with, *without;
	int nothing; /* verdict of the program that does nothing */
};

static const struct bpf_program *program(const char *name)
{
	const struct bpf_program *found = bpf_object__find_program_by_name(again, name);

	assert_non_null(found);
	return found;
}

static bool is_xdp(const struct subject *s)
{
	return bpf_program__type(s->prog) == BPF_PROG_TYPE_XDP;
}

static void put_next(const char *map, enum ns_next next, const struct bpf_program *prog)
{
	rig_put(bpf_object__find_map_by_name(again, map), next, &(int){bpf_program__fd(prog)});
}

static struct pair pair_of(const struct subject *s)
{
	const struct bpf_program *nothing = program(is_xdp(s) ? "ns_xdp_nothing" : "ns_tc_nothing");
	const char *next = is_xdp(s) ? "next_xdp" : "next_tc";
	struct pair pair = {s->prog, nothing, is_xdp(s) ? XDP_PASS : TC_ACT_UNSPEC};

	if (!s->again)
		return pair;
	put_next(next, NS_SUBJECT, s->prog);
	put_next(next, NS_NOTHING, nothing);
	pair.with = program(is_xdp(s) ? "ns_xdp" : "ns_tc");
	pair.without = program(is_xdp(s) ? "ns_xdp_without" : "ns_tc_without");
	return pair;
}

/* Nanoseconds per run of a batch. */
static int64_t run(const struct bpf_program *prog, const uint8_t *packet, size_t size, int verdict)
{
	uint8_t out[FRAME_ROOM];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)size,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = BATCH);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), 0);
	assert_int_equal((int)opts.retval, verdict);
	return opts.duration;
}

/* What somebody else takes of a batch in between would make the subject look cheaper: the lesser one of the
 * two around it counts. */
static void measure(const struct subject *s, const struct frame *frame)
{
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(frame, packet);
	uint64_t counted = s->counters ? rig_count(s->counters, s->offset) : 0;
	struct pair pair = pair_of(s);
	int64_t before = run(pair.without, packet, size, pair.nothing);

	for (int i = 0; i < BATCHES; i++) {
		int64_t ns = run(pair.with, packet, size, s->verdict);
		int64_t after = run(pair.without, packet, size, pair.nothing);

		printf("%s, %s\t%lld\n", s->name, frame->ipv6 ? "IPv6" : "IPv4",
		       (long long)(ns - (after < before ? after : before)));
		before = after;
	}
	if (s->counters)
		assert_int_equal(rig_count(s->counters, s->offset) - counted, (uint64_t)BATCH * BATCHES);
}

/* What a test run itself costs. */
static void measure_nothing(const char *name, const char *row, int verdict)
{
	const struct frame frame = {.ipv6 = false};
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(&frame, packet);

	for (int i = 0; i < BATCHES; i++)
		printf("%s\t%lld\n", row, (long long)run(program(name), packet, size, verdict));
}

static void put_again(const struct frame *frame, uint32_t target, uint32_t streams)
{
	struct ns_again value = {.target = target, .streams = streams, .udp = frame->ipv6 ? 10 : 5};
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(frame, packet);

	assert_int_equal(size, frame->ipv6 ? NS_LONG : NS_SHORT);
	memcpy(value.link, packet, NS_IP);
	memcpy(value.rest, packet + NS_IP, size - NS_IP);
	value.seq = ntohl(frame->probe.seq);
	value.nonce = frame->probe.nonce;
	rig_put(bpf_object__find_map_by_name(again, "again"), 0, &value);
}

/* --- the subjects ---------------------------------------------------------------------------- */

static void measure_echo(bool ipv6)
{
	const struct subject s = {"echo answered", rig.root->progs.dfb_root, true,
				  rig.echo->maps.echo_counters, COUNT(echo, answered), XDP_TX};
	const struct frame request = {.ipv6 = ipv6};

	put_again(&request, 0, 0);
	measure(&s, &request);
}

static void measure_reply(uint32_t target)
{
	const struct subject s = {"reply matched", rig.root->progs.dfb_root, true,
				  rig.beat->maps.beat_counters, COUNT(beat, replies), XDP_DROP};
	struct frame reply;

	rig_probe(target);
	reply = rig_reply(target);
	put_again(&reply, target, 0);
	measure(&s, &reply);
}

static void measure_stream(bool ipv6)
{
	const struct subject s = {"stream's packet, of 1,000 streams", rig.root->progs.dfb_root, true,
				  rig.loss->maps.loss_counters, COUNT(loss, received), XDP_PASS};
	const struct frame frame = {.payload = FRAME_STREAM, .length = sizeof(struct dfb_probe), .dport = 9,
				    .ipv6 = ipv6};

	put_again(&frame, 0, 1000);
	measure(&s, &frame);
}

static void measure_stamp(uint32_t target)
{
	const struct subject s = {"probe stamped", rig.beat->progs.dfb_stamp, true,
				  rig.beat->maps.beat_counters, COUNT(beat, stamped), TC_ACT_UNSPEC};
	struct frame request = rig_request(target);

	measure(&s, &request);
}

static void measure_client(bool ipv6)
{
	const struct subject marked = {"client's packet marked", rig.steer->progs.dfb_steer, false,
				       rig.steer->maps.steer_counters, COUNT(steer, marked), TC_ACT_UNSPEC};
	const struct subject other = {"client's packet for others", rig.steer->progs.dfb_steer, false,
				      rig.steer->maps.steer_counters, COUNT(steer, no_service),
				      TC_ACT_UNSPEC};
	const struct subject foreign = {"foreign packet past the XDP root", rig.root->progs.dfb_root, false,
					NULL, 0, XDP_PASS};
	const struct subject segment = {"client's TCP packet marked", rig.steer->progs.dfb_steer, false,
					rig.steer->maps.steer_counters, COUNT(steer, marked), TC_ACT_UNSPEC};
	struct frame frame = {.payload = FRAME_TEXT, .length = 64, .dport = 9000, .ipv6 = ipv6};

	measure(&foreign, &frame);
	measure(&other, &frame);
	frame.destination = ipv6 ? SERVICE6 : SERVICE4;
	measure(&marked, &frame);
	frame.proto = IPPROTO_TCP;
	measure(&segment, &frame);
}

/* --- setting up ------------------------------------------------------------------------------ */

static void load_again(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = RIG_PINS);

	again = bpf_object__open_file(path, &opts);
	assert_non_null(again);
	pins_capacity(again, RIG_SERVERS, RIG_POOLS);
	assert_int_equal(bpf_object__load(again), 0);
}

static void put_service(const char *address, uint32_t pool)
{
	struct dfb_service service = {.pool = pool};
	struct dfb_service_key key;
	char text[64];

	snprintf(text, sizeof(text), "%s%s", strchr(address, ':') ? "" : "::ffff:", address);
	assert_int_equal(inet_pton(AF_INET6, text, &key), 1);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig.steer->maps.services), &key,
			&service, BPF_ANY), 0);
}

static void set_up(void)
{
	const struct dfb_xdp_conf conf = {.echo_port = DFB_ECHO_PORT};
	const struct dfb_agent agent = {.alive_ns = rig_now()};
	const struct dfb_loss_conf loss = {DFB_LOSS_ABI, 0, DFB_LOSS_FLOOR_NS, DFB_LOSS_EXPIRE_NS};
	const struct dfb_prefix all = {};
	uint32_t yes = 1, server, pool;

	rig_limit_echo(1, 100000000); /* a limit, as by default, but never reached */
	rig_put(rig.root->maps.xdp_conf, 0, &conf);
	rig_put(rig.echo->maps.echo_userland, 0, &agent);
	rig_put(rig.root->maps.xdp_slots, DFB_XDP_ECHO, &(int){bpf_program__fd(rig.echo->progs.dfb_echo)});
	rig_put(rig.root->maps.xdp_slots, DFB_XDP_BEAT, &(int){bpf_program__fd(rig.beat->progs.dfb_reply)});
	rig_put(rig.root->maps.xdp_slots, DFB_XDP_LOSS, &(int){bpf_program__fd(rig.loss->progs.dfb_loss)});
	rig_put(rig.loss->maps.loss_conf, 0, &loss);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig.echo->maps.echo_allow), &all, &yes, BPF_ANY), 0);
	server = rig_server();
	rig_target(server, DFB_FAMILY_IPV6, DFB_PROBE_ECHO);
	pool = rig_pool(&server, 1);
	put_service(SERVICE4, pool);
	put_service(SERVICE6, pool);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: ns NS.BPF.O\nRuns programs of its own; needs root, leaves nothing.\n");
		return 2;
	}
	libbpf_set_print(NULL);
	rig_open(NULL);
	load_again(argv[1]);
	set_up();
	measure_nothing("ns_xdp_nothing", "subtracted: a run of nothing, XDP", XDP_PASS);
	measure_nothing("ns_tc_nothing", "subtracted: a run of nothing, tc", TC_ACT_UNSPEC);
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		measure_echo(family == DFB_FAMILY_IPV6);
		measure_reply(dfb_target_id(1, family));
		measure_stream(family == DFB_FAMILY_IPV6);
		measure_stamp(dfb_target_id(1, family));
		measure_client(family == DFB_FAMILY_IPV6);
	}
	bpf_object__close(again);
	rig_close(NULL);
	return 0;
}
