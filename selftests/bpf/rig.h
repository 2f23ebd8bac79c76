/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel programs under test: loaded once, pinned in a file system of the test's own, with an
 * interface of its own to send through. Servers and pools are made by the tests and are theirs;
 * rig_clear() after each test puts the timers to rest.
 */
#ifndef SELFTESTS_RIG_H
#define SELFTESTS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <defib/abi.h>
#include <defib/echo.h>
#include <defib/vip.h>

#include "base/clean.h"
#include "beat.skel.h"
#include "echo.skel.h"
#include "frame.h"
#include "loss.skel.h"
#include "root.skel.h"
#include "steer.skel.h"
#include "vip.skel.h"

#define RIG_SERVERS 256
#define RIG_POOLS 64
#define RIG_PINS "/sys/fs/bpf/rig" /* in a mount namespace of its own */
#define RIG_EVENTS 256
#define RIG_PATIENCE_NS 20000000000ull /* what has not come true by then never will */
#define RIG_LEAST 14 /* shorter packets a test run refuses */
#define RIG_MARK_MASK 0x3fff0000u
#define RIG_MARK_SHIFT 16

/**
 * struct rig - what the tests work with; there is one
 * @prober, @stranger: packet sockets on @ifindex; only the first one's frames are probes
 * @peer: one at the other end of its cable
 * @events: what the ring told since rig_forget_events()
 * @nudges: targets, likewise
 * @attempts: what the prober would have published, by target
 * @nonce: of the last probe, by target
 */
struct rig {
	struct beat_bpf *beat;
	struct steer_bpf *steer;
	struct root_bpf *root;
	struct echo_bpf *echo;
	struct loss_bpf *loss;
	struct vip_bpf *vip;
	struct ring_buffer *ring;
	int ifindex;
	int prober, stranger, peer;
	uint32_t n_servers, n_pools;
	struct dfb_event events[RIG_EVENTS];
	uint32_t n_events;
	uint32_t nudges[RIG_EVENTS];
	uint32_t n_nudges;
	struct dfb_attempts attempts[RIG_SERVERS * DFB_FAMILIES];
	uint64_t nonce[RIG_SERVERS * DFB_FAMILIES];
};

extern struct rig rig;

/** rig_open() - namespaces, interface, programs. For cmocka. */
int rig_open(void **state);
int rig_close(void **state);

/** rig_clear() - a test is over: no targets, no pools, no events. */
int rig_clear(void **state);

/** rig_limit_echo() - the responder anew, with a limit: so long between two answers, so far ahead of it. */
void rig_limit_echo(uint64_t step_ns, uint64_t burst_ns);

/* --- runs and counters ----------------------------------------------------------------------- */

/**
 * struct rig_run - one packet through one program
 * @mark: of the packet, in and out (tc)
 * @verdict: out
 * @size: out: bytes in @out
 */
struct rig_run {
	uint32_t mark;
	uint32_t verdict;
	uint32_t size;
	uint8_t out[FRAME_ROOM];
};

/** rig_xdp(), rig_tc() - BPF_PROG_TEST_RUN; fails the test if the run itself does. */
void rig_xdp(const struct bpf_program *prog, const uint8_t *packet, size_t size, struct rig_run *run);
void rig_tc(const struct bpf_program *prog, const uint8_t *packet, size_t size, struct rig_run *run);

/** rig_send() - a frame out of a socket of struct rig; of @ifindex: through its egress program. */
void rig_send(int socket, const uint8_t *packet, size_t size);

/** rig_zero() - set all counters of a per-CPU map to 0. */
void rig_zero(const struct bpf_map *counters);

/** rig_count() - the sum over all CPUs of the counter at an offset. */
uint64_t rig_count(const struct bpf_map *counters, size_t offset);

/** rig_only() - that counter is 1 and the others are 0; @offset -1: all are 0. */
void rig_only(const struct bpf_map *counters, int offset, const char *name);

void rig_get(const struct bpf_map *map, uint32_t key, void *ret_value);
void rig_put(const struct bpf_map *map, uint32_t key, const void *value);

/** rig_service() - an address whose packets a pool serves; IPv4 as ::ffff:a.b.c.d. */
void rig_service(const char *address, uint32_t pool);

/** rig_order() - Return: what the order says. */
int rig_order(struct dfb_order order);

/* --- servers, pools, probes ------------------------------------------------------------------ */

/** rig_now() - the programs' clock. */
uint64_t rig_now(void);

/** rig_target() - make a target, or a server's other one, and start its timer; see the .c for its values. */
uint32_t rig_target(uint32_t server, uint32_t family, enum dfb_probe_kind kind);

/** rig_server() - a server with an IPv4 target and no pools yet. Return: its id. */
uint32_t rig_server(void);

/** rig_pool() - a pool of IPv4 with these candidates; the first one serves it. Return: its id. */
uint32_t rig_pool(const uint32_t *candidates, uint32_t n);

/** rig_configure() - change a target's configuration: rig_config() for reading it. */
struct dfb_target rig_config(uint32_t target);
void rig_configure(uint32_t target, const struct dfb_target *cfg);

/** rig_request(), rig_reply() - the frame of a target's last probe, and of its answer. */
struct frame rig_request(uint32_t target);
struct frame rig_reply(uint32_t target);

/** rig_attempt() - the prober tried, nothing left. */
void rig_attempt(uint32_t target);

/** rig_probe() - a probe leaves. */
void rig_probe(uint32_t target);

/** rig_answer() - the reply to the last one arrives. */
void rig_answer(uint32_t target);

struct dfb_detect rig_detect(uint32_t target);
struct dfb_pool rig_pool_state(uint32_t pool);

/** rig_wait() - listen to the ring for a moment. */
void rig_wait(void);

/** RIG_UNTIL() - wait until a condition is true, or fail. */
#define RIG_UNTIL(condition)                                                                    \
	do {                                                                                    \
		uint64_t rig_limit = rig_now() + RIG_PATIENCE_NS;                               \
                                                                                                \
		while (!(condition)) {                                                          \
			if (rig_now() > rig_limit)                                              \
				fail_msg("line %d: never came true: %s", __LINE__, #condition); \
			rig_wait();                                                             \
		}                                                                               \
	} while (0)

#endif
