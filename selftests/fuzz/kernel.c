// SPDX-License-Identifier: GPL-2.0-only
/* The kernel programs in the kernel, by BPF_PROG_TEST_RUN, in a file system of our own. Needs root. */
#include "programs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "echo.skel.h"
#include "frame.h"
#include "pins.h"
#include "root.skel.h"

#define PIN_DIR "/sys/fs/bpf/fuzz"
#define CPUS_MAX 256
#define LEAST_IP 54 /* a frame with a header of IPv6; of shorter ones a test run may refuse some */

static struct kernel {
	struct beat_bpf *beat;
	struct steer_bpf *steer;
	struct root_bpf *root;
	struct echo_bpf *echo;
	const struct bpf_program *programs[PROGRAM_MAX];
} kernel;

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	assert(!bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY));
}

static void put_all(const struct bpf_map *map, const void *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(map, &i, (const char *)values + i * bpf_map__value_size(map));
}

/* return VERDICT; */
static void fill_slot(uint32_t slot, int verdict)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP); /* as the root */
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "says", "GPL", code, sizeof(code) / sizeof(code[0]), &opts);

	assert(fd >= 0);
	put(kernel.root->maps.xdp_slots, &slot, &fd);
	close(fd);
}

static void load_programs(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = PIN_DIR);

	pins_directory(PIN_DIR);
	kernel.beat = beat_bpf__open_opts(&opts);
	kernel.steer = steer_bpf__open_opts(&opts);
	kernel.root = root_bpf__open_and_load();
	kernel.echo = echo_bpf__open();
	assert(kernel.beat && kernel.steer && kernel.root && kernel.echo);
	pins_capacity(kernel.beat->obj, WORLD_SERVERS, WORLD_POOLS);
	pins_capacity(kernel.steer->obj, WORLD_SERVERS, WORLD_POOLS);
	kernel.beat->rodata->n_servers = WORLD_SERVERS;
	kernel.steer->rodata->mark_mask = WORLD_MARK_MASK;
	kernel.steer->rodata->mark_shift = WORLD_MARK_SHIFT;
	memcpy((void *)kernel.echo->rodata->station, FRAME_STATION, sizeof(kernel.echo->rodata->station));
	assert(!beat_bpf__load(kernel.beat) && !steer_bpf__load(kernel.steer));
	assert(!echo_bpf__load(kernel.echo));
}

static void fill_maps(const struct world *w)
{
	const struct dfb_xdp_conf conf = {.echo_port = DFB_ECHO_PORT};
	const uint32_t one = 1;

	put_all(kernel.beat->maps.targets, w->targets, WORLD_TARGETS);
	put_all(kernel.beat->maps.servers, w->servers, WORLD_SERVERS);
	put_all(kernel.beat->maps.plans, w->plans, WORLD_POOLS);
	put_all(kernel.beat->maps.pools, w->pools, WORLD_POOLS);
	put_all(kernel.root->maps.xdp_conf, &conf, 1);
	for (int i = 0; i < WORLD_SERVICES; i++)
		put(kernel.steer->maps.services, &w->service_address[i], &w->service[i]);
	for (int i = 0; i < WORLD_PREFIXES; i++)
		put(kernel.echo->maps.echo_allow, &w->allowed[i], &one);
	fill_slot(DFB_XDP_ECHO, XDP_TX);
	fill_slot(DFB_XDP_BEAT, XDP_DROP);
	kernel_restore(w);
}

int kernel_open(const struct world *world)
{
	if (geteuid())
		return -EPERM;
	assert(!pins_private());
	libbpf_set_print(NULL);
	load_programs();
	fill_maps(world);
	kernel.programs[PROGRAM_ROOT] = kernel.root->progs.dfb_root;
	kernel.programs[PROGRAM_ECHO] = kernel.echo->progs.dfb_echo;
	kernel.programs[PROGRAM_REPLY] = kernel.beat->progs.dfb_reply;
	kernel.programs[PROGRAM_STAMP] = kernel.beat->progs.dfb_stamp;
	kernel.programs[PROGRAM_STEER] = kernel.steer->progs.dfb_steer;
	return 0;
}

bool kernel_run(enum program program, const uint8_t *packet, size_t size, struct outcome *ret_outcome)
{
	struct __sk_buff in = {.mark = WORLD_MARK}, out = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)size,
		    .data_out = ret_outcome->packet, .data_size_out = sizeof(ret_outcome->packet));

	if (program == PROGRAM_STAMP || program == PROGRAM_STEER) {
		opts.ctx_in = &in;
		opts.ctx_size_in = sizeof(in);
		opts.ctx_out = &out;
		opts.ctx_size_out = sizeof(out);
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(kernel.programs[program]), &opts)) {
		assert(errno == EINVAL && size < LEAST_IP);
		return false;
	}
	ret_outcome->verdict = opts.retval;
	ret_outcome->size = opts.data_size_out;
	ret_outcome->mark = opts.ctx_in ? out.mark : WORLD_MARK;
	return true;
}

/* Sums over all CPUs; the counters are all of 64 bits. */
static void sum_up(const struct bpf_map *map, void *ret_sums)
{
	static uint64_t values[CPUS_MAX * sizeof(struct counts) / sizeof(uint64_t)];
	uint32_t fields = bpf_map__value_size(map) / sizeof(uint64_t), key = 0;
	uint64_t *sums = ret_sums;

	assert(libbpf_num_possible_cpus() <= CPUS_MAX);
	assert(!bpf_map_lookup_elem(bpf_map__fd(map), &key, values));
	memset(sums, 0, fields * sizeof(*sums));
	for (uint32_t i = 0; i < fields * (uint32_t)libbpf_num_possible_cpus(); i++)
		sums[i % fields] += values[i];
}

void kernel_counts(struct counts *ret_counts)
{
	sum_up(kernel.beat->maps.beat_counters, &ret_counts->beat);
	sum_up(kernel.steer->maps.steer_counters, &ret_counts->steer);
	ret_counts->steer.flows_new = 0; /* each processor looks at others */
	sum_up(kernel.echo->maps.echo_counters, &ret_counts->echo);
}

void kernel_forget(void)
{
	int fd = bpf_map__fd(kernel.echo->maps.echo_sources);
	struct dfb_service_key key;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		assert(!bpf_map_delete_elem(fd, &key));
}

void kernel_restore(const struct world *world)
{
	put_all(kernel.beat->maps.state, world->state, WORLD_TARGETS);
}
