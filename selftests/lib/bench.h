/* SPDX-License-Identifier: GPL-2.0-only */
/* One target on a made-up clock, for tests of bpf/detect.h. */
#ifndef SELFTESTS_BENCH_H
#define SELFTESTS_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clean.h"
#include "detect.h"

#define MS 1000000ull
#define S 1000000000ull
#define START (100 * S)
#define NONCE(seq) ((seq) * 2 + 1ull)

/* One target; each probe 1 ms after the one before, a reply has 10 ms. */
struct bench {
	struct dfb_target cfg;
	struct dfb_attempts a;
	struct dfb_detect d;
	struct detect_step step;
	uint64_t now;
};

static inline struct bench bench_from(uint32_t seq)
{
	struct bench b = {
		.cfg = {
			.server = 1,
			.interval_ns = 1 * MS,
			.timeout_ns = 10 * MS,
			.misses = 3,
			.recover_replies = 3,
			.recover_hold_ns = 5 * MS,
			.half_life_ns = 15 * S,
			.suppress = 2000,
			.reuse = 750,
			.generation = 4,
		},
		.a = {.seq = seq, .generation = 4},
		.d = {.judged = seq, .stamped = seq, .generation = 4},
		.now = START,
	};

	return b;
}

static inline struct bench bench(void)
{
	return bench_from(0);
}

static inline uint32_t attempt(struct bench *b)
{
	b->now += 1 * MS;
	b->a.seq++;
	b->a.at_ns[b->a.seq % DFB_WINDOW] = b->now;
	return b->a.seq;
}

static inline uint32_t probe(struct bench *b)
{
	uint32_t seq = attempt(b);

	detect_stamp(&b->d, seq, NONCE(seq), b->now - 1000);
	return seq;
}

static inline enum detect_match reply(struct bench *b, uint32_t seq)
{
	return detect_match(&b->d, seq, NONCE(seq), b->now);
}

static inline void live(struct bench *b)
{
	uint32_t seq = probe(b);

	assert_int_equal(reply(b, seq), DETECT_MATCH);
}

/* What on_deadline does; the verdict is left to the test. */
static inline void judge_at(struct bench *b, uint64_t now)
{
	b->step.now = now;
	detect_begin(&b->cfg, &b->d, &b->a, &b->step);
	for (int i = 0; i < DFB_WINDOW; i++) {
		if (detect_judge(&b->cfg, &b->d, &b->a, &b->step) == DETECT_WAIT)
			break;
	}
}

static inline void judge(struct bench *b)
{
	judge_at(b, b->now + 20 * MS);
}

#endif
