/* SPDX-License-Identifier: GPL-2.0-only */
/* The switch: who may take a pool over, and the one write that makes it so. */
#ifndef DEFIB_POOL_H
#define DEFIB_POOL_H

#include "detect.h"
#include "maps.h"

/* Did this target answer the question? Return: the stamp of the probe that did, or 0.
 * Global, as pool_next(): the verifier looks at it once and not again for every way to it, which
 * makes loading forty times as fast. A plain loop, as bpf_loop() would be one frame more: kernel
 * 6.1 rounds each up to 32 bytes, and from on_deadline to here they may have 512 in all. */
__noinline __u64 witness_of(__u32 target, const struct detect_question *question)
{
	struct dfb_target *cfg = bpf_map_lookup_elem(&targets, &target);
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &target);
	__u64 timeout;

	if (!question)
		return 0;
	if (!cfg || !run || !cfg->server || run->detect.generation != cfg->generation)
		return 0;
	timeout = detect_timeout(cfg, &run->detect);
	for (__u32 i = 0; i < DFB_WINDOW; i++) {
		struct dfb_slot *slot = &run->detect.slots[i];

		if (detect_is_witness(slot, timeout, question))
			return slot->stamp_ns;
	}
	return 0;
}

/* Is this the target of the server? A family without an address has none. */
static __always_inline int has_target(__u32 server, __u32 family)
{
	__u32 target = dfb_target_id(server, family);
	struct dfb_target *cfg = bpf_map_lookup_elem(&targets, &target);

	return cfg && cfg->server == server;
}

/**
 * struct contest - the search for a pool's next server
 * @question: what a candidate must have answered, a copy
 * @plan: of the pool
 * @start: where in the candidates to begin
 * @dead: the server to be replaced
 * @family: in which one must be able to serve
 * @witness_ns: of the best so far
 */
struct contest {
	struct detect_question question;
	struct dfb_plan *plan;
	__u32 start;
	__u32 dead;
	__u32 family;
	struct detect_choice best;
	__u64 witness_ns;
};

/* What one family of a candidate is worth. */
static __always_inline enum detect_grade grade_family(__u32 server, __u32 family, const struct contest *c,
						      __u64 *ret_witness_ns)
{
	__u32 target = dfb_target_id(server, family);
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &target);
	__u64 witness_ns = witness_of(target, &c->question);

	if (!run || !witness_ns)
		return DETECT_UNFIT;
	*ret_witness_ns = witness_ns;
	return detect_grade(&run->detect);
}

static long contest_round(__u32 i, struct contest *c)
{
	enum detect_grade grade = DETECT_FIT;
	__u64 witness_ns = 0;
	struct dfb_server *who;
	__u32 n = c->plan->n_candidates, server;

	if (i >= n || !n)
		return 1;
	server = c->plan->candidates[((c->start + i) % n) & (DFB_CANDIDATES - 1)];
	who = bpf_map_lookup_elem(&servers, &server);
	if (!server || server == c->dead || !who || who->flags || !has_target(server, c->family))
		return 0;
	for (__u32 family = 0; family < DFB_FAMILIES; family++) {
		enum detect_grade one;

		if (!(c->plan->families & (1u << family)) || !has_target(server, family))
			continue;
		one = grade_family(server, family, c, &witness_ns);
		grade = one < grade ? one : grade;
	}
	if (grade > DETECT_LAST_RESORT && c->plan->unfit >> (((c->start + i) % n) & (DFB_CANDIDATES - 1)) & 1)
		grade = DETECT_LAST_RESORT;
	if (grade > c->best.grade)
		c->witness_ns = witness_ns;
	detect_offer(&c->best, server, grade);
	return c->best.grade == DETECT_FIT;
}

struct position {
	struct dfb_plan *plan;
	__u32 server;
	__u32 at;
};

static long position_round(__u32 i, struct position *p)
{
	if (i >= p->plan->n_candidates)
		return 1;
	p->at = i;
	return p->plan->candidates[i & (DFB_CANDIDATES - 1)] == p->server;
}

/* The next one in promotion order after a server, round robin. Return: server id or 0. */
__noinline __u32 pool_next(__u32 pool, __u32 server, __u32 family, const struct detect_question *question,
			   __u64 *ret_witness_ns)
{
	struct dfb_plan *plan = bpf_map_lookup_elem(&plans, &pool);
	struct position p = {.plan = plan, .server = server};
	struct contest c = {.plan = plan, .dead = server, .family = family};

	if (!plan || !question || !ret_witness_ns)
		return 0;
	c.question = *question;

	bpf_loop(DFB_CANDIDATES, position_round, &p, 0);
	c.start = p.at + 1;
	bpf_loop(DFB_CANDIDATES, contest_round, &c, 0);
	*ret_witness_ns = c.witness_ns;
	return c.best.server;
}

/**
 * pool_move() - the one write
 * @expected: this server must still have the pool (by_epoch 0), or this epoch must still be its
 * @change: switched_ns is filled in
 * Return: the new epoch, or 0: somebody else was faster.
 */
static __always_inline __u64 pool_move(struct dfb_pool *pool, int by_epoch, __u64 expected,
				       struct dfb_switch *change)
{
	__u64 epoch = 0;

	change->switched_ns = bpf_ktime_get_ns(); /* no calls while the lock is held */
	bpf_spin_lock(&pool->lock);
	if (by_epoch ? pool->epoch == expected : pool->slots[0] == expected) {
#pragma unroll
		for (int i = 0; i < DFB_SLOTS; i++)
			pool->slots[i] = change->to;
		epoch = ++pool->epoch;
		pool->last = *change;
	}
	bpf_spin_unlock(&pool->lock);
	return epoch;
}

#endif
