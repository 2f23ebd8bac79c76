// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many packets as one processor can send and have counted, out of a device, without a socket: BPF_PROG_RUN
 * with live frames (Linux 5.18). Prints `PACKETS NANOSECONDS`.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frame.h"

#define BATCH 64

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The program's constants lie one after the other. */
static int set_constants(struct bpf_object *obj, uint32_t interface, uint32_t streams)
{
	const uint32_t values[] = {interface, streams};
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		if (strstr(bpf_map__name(map), ".rodata"))
			return bpf_map__set_initial_value(map, values, sizeof(values));
	}
	return -ENOENT;
}

static int load(const char *path, uint32_t interface, uint32_t streams)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);

	if (!obj || set_constants(obj, interface, streams) || bpf_object__load(obj))
		return -1;
	return bpf_program__fd(bpf_object__find_program_by_name(obj, "flood"));
}

int main(int argc, char **argv)
{
	const struct frame f = {.payload = FRAME_STREAM, .dport = 9, .checksum = 2, .length = 64};
	uint8_t packet[FRAME_ROOM];
	struct xdp_md context = {};
	uint64_t began;
	int prog;

	if (argc != 5) {
		fprintf(stderr, "usage: flood FLOOD.BPF.O DEV STREAMS PACKETS\n");
		return 2;
	}
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = BATCH, .repeat = atoi(argv[4]), .ctx_in = &context,
		    .ctx_size_in = sizeof(context));

	opts.data_size_in = (uint32_t)frame_build(&f, packet);
	context.data_end = opts.data_size_in;
	prog = load(argv[1], if_nametoindex(argv[2]), (uint32_t)atoi(argv[3]));
	began = now_ns();
	if (prog < 0 || bpf_prog_test_run_opts(prog, &opts)) {
		fprintf(stderr, "flood: %s\n", strerror(errno));
		return 1;
	}
	printf("%s %llu\n", argv[4], (unsigned long long)(now_ns() - began));
	return 0;
}
