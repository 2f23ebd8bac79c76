/* SPDX-License-Identifier: GPL-2.0-only */
/* The switch: who may take a pool over, and the one write that makes it so. */
#ifndef DEFIB_POOL_H
#define DEFIB_POOL_H

#include "detect.h"
#include "maps.h"
#include "slots.h"

#include <linux/errno.h>

/**
 * struct heirs - who gets the slots of a server that cannot keep them
 * @n: of @server in use
 * @server: ids
 */
struct heirs {
	__u32 n;
	__u32 server[DFB_SLOTS];
};

/**
 * struct search - for a pool's next server
 * @question: what a candidate must have answered; the same for all pools of a dead server
 * @witness_ns: of the best so far; in the end, of the first of the heirs
 * @heir_ns: of the first of the heirs
 * @start: where in the candidates to begin
 * @dead: the server to be replaced
 * @family: in which one must be able to serve
 * @heirs: those who serve already and could have more, of the best grade; in the end, who gets what the
 *         dead one had
 */
struct search {
	struct detect_question question;
	struct detect_choice best;
	__u64 witness_ns;
	__u64 heir_ns;
	__u32 start;
	__u32 dead;
	__u32 family;
	enum detect_grade heirs_grade;
	struct heirs heirs;
};

/* The stack is too small for it; as `drafts` of verdict.h. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct search);
} searches SEC(".maps");

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
 * struct contest - a search under way
 * @plan: of the pool
 * @slots: of the pool, where the dead one serves it; NULL: only a witness is asked for
 */
struct contest {
	struct search *search;
	struct dfb_plan *plan;
	const __u32 *slots;
};

/* What one family of a candidate is worth. */
static __always_inline enum detect_grade grade_family(__u32 server, __u32 family, struct search *c,
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

static __always_inline void add_heir(struct search *c, __u32 server, enum detect_grade grade,
				     __u64 witness_ns)
{
	__u32 n = grade > c->heirs_grade ? 0 : c->heirs.n;

	if (grade == DETECT_UNFIT || grade < c->heirs_grade || n >= DFB_SLOTS)
		return;
	c->heirs_grade = grade;
	if (!n)
		c->heir_ns = witness_ns;
	c->heirs.server[n & (DFB_SLOTS - 1)] = server;
	c->heirs.n = n + 1;
}

/* Who serves already is no successor, but could have more. */
static __always_inline void enter(const struct contest *c, __u32 server, enum detect_grade grade,
				  __u64 witness_ns)
{
	if (c->slots && slots_has(c->slots, server)) {
		add_heir(c->search, server, grade, witness_ns);
		return;
	}
	if (grade > c->search->best.grade)
		c->search->witness_ns = witness_ns;
	detect_offer(&c->search->best, server, grade);
}

static long contest_round(__u32 i, struct contest *c)
{
	enum detect_grade grade = DETECT_FIT;
	struct search *search = c->search;
	__u64 witness_ns = 0;
	struct dfb_server *who;
	__u32 n = c->plan->n_candidates, server;

	if (i >= n || !n)
		return 1;
	server = c->plan->candidates[((search->start + i) % n) & (DFB_CANDIDATES - 1)];
	who = bpf_map_lookup_elem(&servers, &server);
	if (!server || server == search->dead || !who || who->flags || !has_target(server, search->family))
		return 0;
	for (__u32 family = 0; family < DFB_FAMILIES; family++) {
		enum detect_grade one;

		if (!(c->plan->families & (1u << family)) || !has_target(server, family))
			continue;
		one = grade_family(server, family, search, &witness_ns);
		grade = one < grade ? one : grade;
	}
	if (grade > DETECT_LAST_RESORT &&
	    c->plan->unfit >> (((search->start + i) % n) & (DFB_CANDIDATES - 1)) & 1)
		grade = DETECT_LAST_RESORT;
	enter(c, server, grade, witness_ns);
	return search->best.grade == DETECT_FIT;
}

/* Where in promotion order the server is. A frame of its own, which ends before the contest begins. Return:
 * the last place, if it has none. */
__noinline __u32 place_of(__u32 pool, __u32 server)
{
	struct dfb_plan *plan = bpf_map_lookup_elem(&plans, &pool);
	__u32 at = 0;

	if (!plan)
		return 0;
	for (__u32 i = 0; i < DFB_CANDIDATES && i < plan->n_candidates; i++) {
		at = i;
		if (plan->candidates[i] == server)
			break;
	}
	return at;
}

/* One without a stain is better than a share for those who serve, and that better than one with a stain. */
static __always_inline __u32 settle(struct search *c)
{
	if (c->heirs.n && c->best.grade != DETECT_FIT) {
		c->witness_ns = c->heir_ns;
		return 0;
	}
	c->heirs.server[0] = c->best.server;
	c->heirs.n = c->best.server != 0;
	return c->best.server;
}

static __always_inline void open_search(struct search *c, __u32 dead, __u32 family)
{
	c->best.server = 0;
	c->best.grade = DETECT_UNFIT;
	c->witness_ns = 0;
	c->dead = dead;
	c->family = family;
	c->heirs_grade = DETECT_UNFIT;
	c->heirs.n = 0;
}

/**
 * pool_next() - who is to have what a server has: the next one in promotion order after it, round robin
 *
 * `searches` has the question to answer, and gets who gets it: maybe nobody, or those who serve already.
 * Return: server id, or 0: nobody can take its place.
 */
__noinline __u32 pool_next(__u32 pool, __u32 server, __u32 family)
{
	struct dfb_pool *now = bpf_map_lookup_elem(&pools, &pool);
	struct contest c = {.search = bpf_map_lookup_elem(&searches, &(__u32){0}),
			    .plan = bpf_map_lookup_elem(&plans, &pool)};

	if (!now || !c.search || !c.plan)
		return 0;
	open_search(c.search, server, family);
	if (slots_has(now->slots, server))
		c.slots = now->slots;
	c.search->start = place_of(pool, server) + 1;
	bpf_loop(DFB_CANDIDATES, contest_round, &c, 0);
	return settle(c.search);
}

/**
 * pool_move() - the one write: what @from has goes to the heirs
 * @lend: they serve already
 * @event: its change is recorded, and gets switched_ns; slots as they are then
 * Return: the new epoch, or 0: somebody else was faster, it has nothing.
 */
static __always_inline __u64 pool_move(struct dfb_pool *pool, __u32 from, const struct heirs *to, int lend,
				       struct dfb_event *event)
{
	__u64 epoch = 0;

	event->change.switched_ns = bpf_ktime_get_ns(); /* no calls while the lock is held */
	bpf_spin_lock(&pool->lock);
	if (slots_give(pool->slots, &pool->lent, from, to->server, to->n, lend)) {
		epoch = ++pool->epoch;
		pool->last = event->change;
		event->lent = pool->lent;
		__builtin_memcpy(event->slots, pool->slots, sizeof(event->slots));
	}
	bpf_spin_unlock(&pool->lock);
	return epoch;
}

/**
 * pool_set() - the controller's write, if its epoch is still the pool's
 * Return: 0 or ESTALE. Where nothing changes, the epoch does not.
 */
static __always_inline int pool_set(struct dfb_pool *pool, const struct dfb_order *order,
				    const struct dfb_switch *change)
{
	__u32 differs = pool->lent ^ order->lent;
	int fresh;

	bpf_spin_lock(&pool->lock);
	fresh = pool->epoch == order->epoch;
	for (int i = 0; i < DFB_SLOTS; i++)
		differs |= pool->slots[i] ^ order->slots[i];
	if (fresh && differs) {
		pool->epoch++;
		pool->lent = order->lent;
		pool->last = *change;
		__builtin_memcpy(pool->slots, order->slots, sizeof(pool->slots));
	}
	bpf_spin_unlock(&pool->lock);
	return fresh ? 0 : ESTALE;
}

#endif
