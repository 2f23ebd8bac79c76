/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel programs, twice: compiled into the fuzzer (native.c), where the sanitizers and coverage see
 * them, and loaded into the kernel (kernel.c), where they run in earnest. Both know one world: world.c.
 */
#ifndef SELFTESTS_FUZZ_PROGRAMS_H
#define SELFTESTS_FUZZ_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/abi.h>
#include <defib/echo.h>

#define WORLD_SERVERS 4 /* ids, 0 included */
#define WORLD_POOLS 4
#define WORLD_TARGETS (WORLD_SERVERS * DFB_FAMILIES)
#define WORLD_SERVICES 4
#define WORLD_PREFIXES 2
#define WORLD_SEQ 100 /* the last DFB_WINDOW probes of each target up to this one are under way */
#define WORLD_MARK_MASK 0x3fff0000u
#define WORLD_MARK_SHIFT 16
#define WORLD_MARK 0xdeadbeefu /* of a packet, before */
#define WORLD_COOKIE 7
#define WORLD_LEAST 15	 /* bytes of a packet: what a test run takes */
#define WORLD_MOST 1514

enum program {
	PROGRAM_ROOT,
	PROGRAM_ECHO,
	PROGRAM_REPLY,
	PROGRAM_STAMP,
	PROGRAM_STEER,
	PROGRAM_MAX,
};

/** struct world - contents of the maps; the service @i has its pool's id in @service_pool */
struct world {
	struct dfb_target targets[WORLD_TARGETS];
	struct dfb_target_run state[WORLD_TARGETS];
	struct dfb_server servers[WORLD_SERVERS];
	struct dfb_plan plans[WORLD_POOLS];
	struct dfb_pool pools[WORLD_POOLS];
	struct dfb_service_key service_address[WORLD_SERVICES];
	struct dfb_service service[WORLD_SERVICES];
	struct dfb_prefix allowed[WORLD_PREFIXES];
	struct dfb_prober prober;
};

/**
 * struct outcome - of one run
 * @verdict: what the program says; of the root: XDP_TX for the responder, XDP_DROP for the beat
 * @mark: afterwards (tc)
 * @packet: afterwards
 */
struct outcome {
	uint32_t verdict;
	uint32_t mark;
	size_t size;
	uint8_t packet[WORLD_MOST];
};

/** struct counts - all counters since the start */
struct counts {
	struct dfb_beat_counters beat;
	struct dfb_steer_counters steer;
	struct dfb_echo_counters echo;
};

/** world_make() - server 1 is probed by UDP, server 2 by ICMP; a service is held, one has no server. */
void world_make(struct world *ret_world);

/** native_open() - @world: stays the caller's; the programs work on it. */
void native_open(struct world *world);

/** native_run() - @from_prober: dfb_stamp: its socket sent the packet. */
void native_run(enum program program, const uint8_t *packet, size_t size, bool from_prober,
		struct outcome *ret_outcome);

/** native_counts() - the programs' own; may be written. */
struct counts *native_counts(void);

/** native_forget() - sources of requests. */
void native_forget(void);

/** kernel_open() - Return: 0, or -EPERM: not root. What else goes wrong ends the program. */
int kernel_open(const struct world *world);

/** kernel_run() - Return: false: it takes no such packet, which says nothing about the program. */
bool kernel_run(enum program program, const uint8_t *packet, size_t size, struct outcome *ret_outcome);
void kernel_counts(struct counts *ret_counts);

/** kernel_forget() - sources of requests. */
void kernel_forget(void);

/** kernel_restore() - targets' states as in the world. */
void kernel_restore(const struct world *world);

#endif
