// SPDX-License-Identifier: GPL-2.0-only
#include "rig.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "pins.h"

#define COUNTERS 32 /* more than any of the structures has */

struct rig rig;

/* --- opening --------------------------------------------------------------------------------- */

static void enter_namespaces(void)
{
	assert_int_equal(pins_private(), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo up && ip link add name a type veth peer name b && "
				"ip link set dev a up && ip link set dev b up"), 0);
	rig.ifindex = (int)if_nametoindex("a");
	assert_true(rig.ifindex > 0);
}

/* Whoever moves to another CPU between probes looks like a CPU that stands still, and a verdict is held back
 * until the next expired probe; here none comes. */
static void stay_on_cpu(void)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	assert_true(cpu >= 0 && cpu < CPU_SETSIZE);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void load_echo(uint64_t step_ns, uint64_t burst_ns)
{
	rig.echo = echo_bpf__open();
	assert_non_null(rig.echo);
	memcpy((void *)rig.echo->rodata->station, FRAME_STATION, sizeof(rig.echo->rodata->station));
	rig.echo->rodata->tick_ns = clock_tick_ns();
	rig.echo->rodata->rate_step_ns = step_ns;
	rig.echo->rodata->rate_burst_ns = burst_ns;
	assert_int_equal(echo_bpf__load(rig.echo), 0);
}

static void load_programs(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = RIG_PINS);

	pins_directory(RIG_PINS);
	rig.beat = beat_bpf__open_opts(&opts);
	rig.steer = steer_bpf__open_opts(&opts);
	rig.root = root_bpf__open_and_load();
	assert_true(rig.beat && rig.steer && rig.root);
	pins_capacity(rig.beat->obj, RIG_SERVERS, RIG_POOLS);
	pins_capacity(rig.steer->obj, RIG_SERVERS, RIG_POOLS);
	rig.beat->rodata->n_servers = RIG_SERVERS;
	rig.steer->rodata->mark_mask = RIG_MARK_MASK;
	rig.steer->rodata->mark_shift = RIG_MARK_SHIFT;
	assert_int_equal(beat_bpf__load(rig.beat), 0);
	assert_int_equal(steer_bpf__load(rig.steer), 0);
	load_echo(0, 0);
	rig.loss = loss_bpf__open_opts(&opts);
	assert_non_null(rig.loss);
	assert_int_equal(loss_bpf__load(rig.loss), 0);
	rig.vip = vip_bpf__open_opts(&opts);
	assert_non_null(rig.vip);
	pins_capacity(rig.vip->obj, RIG_SERVERS, RIG_POOLS);
	assert_int_equal(vip_bpf__load(rig.vip), 0);
}

/* Its frames pass the egress program, which sees its cookie (QDISC_BYPASS would skip it). */
static int open_socket(int ifindex, uint64_t *ret_cookie)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	socklen_t length = sizeof(*ret_cookie);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, ret_cookie, &length), 0);
	return fd;
}

static void open_sockets(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = rig.ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(rig.beat->progs.dfb_stamp));
	struct dfb_prober prober = {};
	uint64_t cookie;

	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	rig.prober = open_socket(rig.ifindex, &cookie);
	prober.cookies[2] = cookie;
	rig.stranger = open_socket(rig.ifindex, &cookie);
	rig.peer = open_socket((int)if_nametoindex("b"), &cookie);
	rig_put(rig.beat->maps.prober, 0, &prober);
}

static int on_event(void *arg, void *data, size_t size)
{
	(void)arg;
	assert_int_equal(size, sizeof(struct dfb_event));
	if (rig.n_events < RIG_EVENTS)
		memcpy(&rig.events[rig.n_events++], data, size);
	return 0;
}

static int on_nudge(void *arg, void *data, size_t size)
{
	const struct dfb_nudge *nudge = data;

	(void)arg;
	assert_int_equal(size, sizeof(*nudge));
	if (rig.n_nudges < RIG_EVENTS)
		rig.nudges[rig.n_nudges++] = nudge->target;
	return 0;
}

static void open_rings(void)
{
	rig.ring = ring_buffer__new(bpf_map__fd(rig.beat->maps.events), on_event, NULL, NULL);
	assert_non_null(rig.ring);
	assert_int_equal(ring_buffer__add(rig.ring, bpf_map__fd(rig.beat->maps.nudges), on_nudge, NULL), 0);
}

int rig_open(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof(rig));
	stay_on_cpu();
	enter_namespaces();
	load_programs();
	open_sockets();
	open_rings();
	return 0;
}

void rig_limit_echo(uint64_t step_ns, uint64_t burst_ns)
{
	echo_bpf__destroy(rig.echo);
	load_echo(step_ns, burst_ns);
}

int rig_close(void **state)
{
	(void)state;
	ring_buffer__free(rig.ring);
	close(rig.prober);
	close(rig.stranger);
	close(rig.peer);
	vip_bpf__destroy(rig.vip);
	loss_bpf__destroy(rig.loss);
	echo_bpf__destroy(rig.echo);
	root_bpf__destroy(rig.root);
	steer_bpf__destroy(rig.steer);
	beat_bpf__destroy(rig.beat);
	return 0;
}

int rig_clear(void **state)
{
	const struct dfb_server nobody = {};
	const struct dfb_plan nothing = {};

	(void)state;
	for (uint32_t id = DFB_FAMILIES; id <= rig.n_servers * DFB_FAMILIES + 1; id++) {
		struct dfb_target gone = {.generation = rig_config(id).generation};

		rig_configure(id, &gone);
	}
	for (uint32_t id = 1; id <= rig.n_servers; id++)
		rig_put(rig.beat->maps.servers, id, &nobody);
	for (uint32_t id = 1; id <= rig.n_pools; id++)
		rig_put(rig.beat->maps.plans, id, &nothing);
	for (uint32_t id = 1; id <= rig.n_pools; id++)
		rig_order((struct dfb_order){.kind = DFB_ORDER_FORGET_POOL, .id = id});
	rig.n_pools = 0; /* a server's id has a timer that may still be running: never used again */
	ring_buffer__consume(rig.ring);
	rig.n_events = rig.n_nudges = 0;
	return 0;
}

/* --- runs and counters ----------------------------------------------------------------------- */

static void test_run(const struct bpf_program *prog, struct bpf_test_run_opts *opts, struct rig_run *run)
{
	opts->data_out = run->out;
	opts->data_size_out = sizeof(run->out);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(prog), opts), 0);
	run->verdict = opts->retval;
	run->size = opts->data_size_out;
}

void rig_xdp(const struct bpf_program *prog, const uint8_t *packet, size_t size, struct rig_run *run)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)size);

	test_run(prog, &opts, run);
}

void rig_tc(const struct bpf_program *prog, const uint8_t *packet, size_t size, struct rig_run *run)
{
	struct __sk_buff in = {.mark = run->mark}, out = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)size, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out));

	test_run(prog, &opts, run);
	run->mark = out.mark;
}

void rig_send(int socket, const uint8_t *packet, size_t size)
{
	assert_int_equal(send(socket, packet, size, 0), size);
}

static uint32_t fetch(const struct bpf_map *counters, uint64_t *values, uint32_t n)
{
	uint32_t fields = bpf_map__value_size(counters) / sizeof(uint64_t), key = 0;

	assert_true(fields * (uint32_t)libbpf_num_possible_cpus() <= n);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(counters), &key, values), 0);
	return fields;
}

void rig_zero(const struct bpf_map *counters)
{
	static const uint64_t zero[COUNTERS * 64];
	uint32_t key = 0;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(counters), &key, zero, BPF_ANY), 0);
}

uint64_t rig_count(const struct bpf_map *counters, size_t offset)
{
	static uint64_t values[COUNTERS * 64];
	uint32_t fields = fetch(counters, values, COUNTERS * 64);
	uint64_t sum = 0;

	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		sum += values[(uint32_t)cpu * fields + offset / sizeof(uint64_t)];
	return sum;
}

void rig_only(const struct bpf_map *counters, int offset, const char *name)
{
	for (uint32_t at = 0; at < bpf_map__value_size(counters); at += sizeof(uint64_t)) {
		uint64_t expected = (int)at == offset, found = rig_count(counters, at);

		if (found != expected)
			fail_msg("%s: the counter at offset %u is %lu, not %lu", name, at, found, expected);
	}
}

void rig_get(const struct bpf_map *map, uint32_t key, void *ret_value)
{
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(map), &key, ret_value), 0);
}

void rig_put(const struct bpf_map *map, uint32_t key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &key, value, BPF_ANY), 0);
}

/* An order without slots means one server for all of them. */
static void fill_slots(struct dfb_order *order)
{
	struct dfb_pool pool;

	if (order->slots[0] || bpf_map_lookup_elem(bpf_map__fd(rig.beat->maps.pools), &order->id, &pool))
		return;
	order->from = pool.slots[0];
	for (int i = 0; i < DFB_SLOTS; i++)
		order->slots[i] = order->to;
}

int rig_order(struct dfb_order order)
{
	uint8_t packet[DFB_ORDER_OFFSET + sizeof(order)] = {};
	struct rig_run run = {};

	if (order.kind == DFB_ORDER_SWITCH)
		fill_slots(&order);
	memcpy(packet + DFB_ORDER_OFFSET, &order, sizeof(order));
	rig_tc(rig.beat->progs.dfb_order, packet, sizeof(packet), &run);
	return (int)run.verdict;
}

uint64_t rig_now(void)
{
	return clock_now_ns();
}

void rig_wait(void)
{
	int n = ring_buffer__poll(rig.ring, 2);

	assert_true(n >= 0 || n == -EINTR);
}
