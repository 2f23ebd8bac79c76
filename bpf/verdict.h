/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What follows from a judgement: a report, a nudge to the prober, a verdict, a pool that moves.
 * Nothing here is decided by a single target: a verdict needs a witness, a move a candidate.
 */
#ifndef DEFIB_VERDICT_H
#define DEFIB_VERDICT_H

#include "detect.h"
#include "maps.h"
#include "pool.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} nudges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dfb_beat_counters);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} beat_counters SEC(".maps");

/* How many server ids there are, 0 included. */
const volatile __u32 n_servers = 1;

/* Stamp of the latest probe that anybody answered: without a later one nobody can be a witness.
 * Pinned: after an upgrade old and new programs run side by side for a while. */
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, __u64, 0) alive SEC(".maps");

/* Stamp of the latest probe by whose reply a userland began to hang: who ran since then can take over. */
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, __u64, 0) hung SEC(".maps");

static __always_inline struct dfb_beat_counters *counters(void)
{
	return bpf_map_lookup_elem(&beat_counters, &(__u32){0});
}

/* --- reports --------------------------------------------------------------------------------- */

static void tell(const struct dfb_event *about)
{
	struct dfb_event *ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);
	struct dfb_beat_counters *count = counters();

	if (!ev) {
		if (count)
			count->ring_full++;
		return;
	}
	__builtin_memcpy(ev, about, sizeof(*ev));
	bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void tell_userland(__u32 target, const struct dfb_userland *u, __u32 old)
{
	struct dfb_event *ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);
	struct dfb_beat_counters *count = counters();

	if (!ev) {
		if (count)
			count->ring_full++;
		return;
	}
	__builtin_memset(ev, 0, sizeof(*ev));
	ev->time_ns = bpf_ktime_get_ns();
	ev->kind = DFB_EVENT_USERLAND;
	ev->target = target;
	ev->old_state = old;
	ev->new_state = u->state;
	ev->change.last_good_ns = u->alive_ns;
	ev->change.first_missed_ns = u->since_ns;
	ev->change.verdict_ns = u->heard_ns;
	bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
}

static void nudge(__u32 target)
{
	struct dfb_nudge *n = bpf_ringbuf_reserve(&nudges, sizeof(*n), 0);

	if (!n)
		return;
	n->target = target;
	n->pad = 0;
	bpf_ringbuf_submit(n, BPF_RB_FORCE_WAKEUP);
}

/* --- verdicts -------------------------------------------------------------------------------- */

/**
 * struct ruling - one verdict on a target, or one rescue by it, under way
 * @event: about to be told, in the draft of this CPU; holds the evidence
 * @search: of this CPU; its question is what a witness must have answered
 * @who: of the target
 * @good_ns: stamp of the target's last answered probe
 * @server: of the target
 * @family: of the target
 * @again: the verdict was given before: only its own pools, as far as the kernel may move them
 */
struct ruling {
	struct dfb_event *event;
	struct search *search;
	struct dfb_server *who;
	__u64 good_ns;
	__u32 server;
	__u32 family;
	__u32 again;
};

/* The stack is too small for it. Only timers' callbacks use it, and they never interrupt each other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dfb_event);
} drafts SEC(".maps");

/* The evidence against a target that is down. */
static __always_inline void cite(struct dfb_switch *change, const struct dfb_detect *d)
{
	change->misses = d->misses;
	change->last_good_ns = d->last_good_ns;
	change->first_missed_ns = d->first_missed_ns;
	change->verdict_ns = d->since_ns;
}

/* Give what a server has of a pool to the heirs, or propose it to the controller, and say so; unless an
 * operator paused it. */
static __always_inline void apply(struct ruling *r, __u32 id, struct dfb_plan *plan, struct dfb_pool *pool,
				  __u32 from, const struct heirs *to, int lend)
{
	struct dfb_beat_counters *count = counters();

	if (plan->paused)
		return;
	r->event->pool = id;
	r->event->change.from = from;
	r->event->change.to = lend ? 0 : to->server[0];
	if (!plan->fast) {
		r->event->kind = DFB_EVENT_PROPOSE;
		r->event->epoch = pool->epoch;
		tell(r->event);
		return;
	}
	r->event->kind = DFB_EVENT_SWITCH;
	r->event->epoch = pool_move(pool, from, to, lend, r->event);
	if (!r->event->epoch)
		return;
	if (count)
		count->switches++;
	tell(r->event);
}

/* A dead server's pool: find who is next, or shares; whoever it is is a witness, too. */
static long bury_round(__u32 i, struct ruling *r)
{
	struct dfb_plan *plan;
	struct dfb_pool *pool;
	__u32 id, next;
	int owned;

	if (i >= r->who->n_pools)
		return 1;
	id = r->who->pools[i & (DFB_SERVER_POOLS - 1)];
	plan = bpf_map_lookup_elem(&plans, &id);
	pool = bpf_map_lookup_elem(&pools, &id);
	if (!plan || !pool || !(plan->families & (1u << r->family)))
		return 0;
	owned = slots_has(pool->slots, r->server);
	if (r->again ? !owned || !plan->fast : !owned && r->event->change.witness)
		return 0;
	next = pool_next(id, r->server, r->family);
	if (!r->search->heirs.n)
		return 0;
	r->event->change.witness = r->search->heirs.server[0];
	r->event->change.witness_ns = r->search->witness_ns;
	if (owned)
		apply(r, id, plan, pool, r->server, &r->search->heirs, !next);
	return 0;
}

/* No pool had a candidate: anybody else's answer proves the path, too. */
static long witness_round(__u32 server, struct ruling *r)
{
	if (server == r->server)
		return 0;
	for (__u32 family = 0; family < DFB_FAMILIES; family++) {
		__u64 stamp = witness_of(dfb_target_id(server, family), &r->search->question);

		if (!stamp)
			continue;
		r->event->change.witness = server;
		r->event->change.witness_ns = stamp;
		return 1;
	}
	return 0;
}

/* Did anybody at all answer since? */
static __always_inline int is_worth_asking(const struct ruling *r)
{
	__u64 *last = bpf_map_lookup_elem(&alive, &(__u32){0});

	return last && !detect_reached(r->search->question.after, *last);
}

static __always_inline void find_witness(struct ruling *r)
{
	if (!is_worth_asking(r))
		return;
	bpf_loop(DFB_SERVER_POOLS, bury_round, r, 0);
	if (!r->event->change.witness)
		bpf_loop(n_servers, witness_round, r, 0);
}

static __always_inline void tell_state(struct ruling *r, __u32 old)
{
	r->event->kind = DFB_EVENT_TARGET;
	r->event->pool = 0;
	r->event->epoch = 0;
	r->event->change.from = 0;
	r->event->change.to = 0;
	r->event->old_state = old;
	tell(r->event);
}

static void give_verdict(struct ruling *r, struct dfb_target *cfg, struct dfb_detect *d)
{
	struct dfb_beat_counters *count = counters();
	__u32 old = d->state;

	r->event->new_state = DFB_STATE_DOWN;
	r->event->change.reason = d->stamped_misses ? DFB_REASON_EXPIRED : DFB_REASON_UNSENT;
	find_witness(r);
	detect_verdict(cfg, d, r->event->change.witness != 0, r->event->time_ns);
	if (count)
		count->verdicts++;
	if (d->state == old)
		return;
	r->event->new_state = d->state;
	r->event->damped = d->damped;
	r->event->change.reason = d->reason;
	tell_state(r, old);
}

/* It was down before, and nobody could take over then: who can by now? */
static void bury_again(struct ruling *r, const struct dfb_detect *d)
{
	r->again = 1;
	r->event->change.reason = DFB_REASON_RESCUE;
	cite(&r->event->change, d);
	if (is_worth_asking(r))
		bpf_loop(DFB_SERVER_POOLS, bury_round, r, 0);
}

/* A pool's server that is down in a family in which this candidate could serve; or NULL. */
static __always_inline struct dfb_detect *find_down(__u32 server, __u32 candidate, struct dfb_plan *plan)
{
	for (__u32 family = 0; family < DFB_FAMILIES; family++) {
		__u32 target = dfb_target_id(server, family);
		struct dfb_target_run *run = bpf_map_lookup_elem(&state, &target);

		if (!(plan->families & (1u << family)) || !run)
			continue;
		if (has_target(server, family) && has_target(candidate, family) &&
		    run->detect.state == DFB_STATE_DOWN)
			return &run->detect;
	}
	return NULL;
}

/* All families of the pool in which the server has an address are up. */
static __always_inline int is_up(__u32 server, struct dfb_plan *plan)
{
	for (__u32 family = 0; family < DFB_FAMILIES; family++) {
		__u32 target = dfb_target_id(server, family);
		struct dfb_target_run *run = bpf_map_lookup_elem(&state, &target);

		if (!(plan->families & (1u << family)) || !run || !has_target(server, family))
			continue;
		if (run->detect.state != DFB_STATE_UP)
			return 0;
	}
	return 1;
}

/* Of those who serve a pool, one that is down where this candidate could serve; 0: there is none. Global, as
 * pool_next(). Others are replaced at their next expired probe, see bury_again(). */
__noinline __u32 pool_dead(__u32 pool, __u32 candidate)
{
	struct dfb_pool *state_of = bpf_map_lookup_elem(&pools, &pool);
	struct dfb_plan *plan = bpf_map_lookup_elem(&plans, &pool);
	__u32 last = 0;

	if (!state_of || !plan)
		return 0;
	for (int i = 0; i < DFB_SLOTS; i++) {
		__u32 server = state_of->slots[i];

		if (!server || server == last || server == candidate)
			continue;
		if (find_down(server, candidate, plan))
			return server;
		last = server;
	}
	return 0;
}

/* A server came up: take over from those that are down in its pools and that found nobody then. */
static long rescue_round(__u32 i, struct ruling *r)
{
	struct dfb_detect *down;
	struct dfb_plan *plan;
	struct dfb_pool *pool;
	__u32 id, owner;

	if (i >= r->who->n_pools)
		return 1;
	id = r->who->pools[i & (DFB_SERVER_POOLS - 1)];
	plan = bpf_map_lookup_elem(&plans, &id);
	pool = bpf_map_lookup_elem(&pools, &id);
	if (!plan || !pool)
		return 0;
	owner = pool_dead(id, r->server);
	if (!owner || !is_up(r->server, plan))
		return 0;
	down = find_down(owner, r->server, plan);
	if (!down || detect_reached(down->first_missed_ns, r->good_ns)) /* asked before it fell silent */
		return 0;
	cite(&r->event->change, down);
	r->search->heirs.n = 1;
	r->search->heirs.server[0] = r->server;
	r->event->change.witness = r->server;
	r->event->change.witness_ns = r->good_ns;
	r->event->change.reason = DFB_REASON_RESCUE;
	apply(r, id, plan, pool, owner, &r->search->heirs, slots_has(pool->slots, r->server));
	return 0;
}

#endif
