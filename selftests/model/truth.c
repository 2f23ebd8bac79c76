// SPDX-License-Identifier: GPL-2.0-only
/*
 * What really happened, and whether the gateway drew the right conclusions.
 *
 * The yardstick for a probe: it is *missing* if no reply had reached the gateway's interface within
 * the timeout. A reply that was there in time, but not handled because the machine was stalled or
 * because it waited on another CPU, is *held*: no verdict may rest on such ones alone. What the
 * prober did not send is no probe.
 */
#include <string.h>

#include "core/timing.h"
#include "core/trace.h"
#include "world.h"

#define TRUTH_SLACK_NS (3 * MS) /* timers, wake-ups and confirm probes are not quite on time */
#define TRUTH_QUIET_NS (2 * SECOND)
#define TRUTH_HANDLING_NS (5 * US) /* from the interface to the program */

static struct truth_probe *probe_of(struct world *w, uint32_t target, uint32_t seq)
{
	return &w->truth.probes[target][seq & (WORLD_LOG - 1)];
}

void truth_sent(struct world *w, uint32_t target, uint32_t seq)
{
	*probe_of(w, target, seq) = (struct truth_probe){.seq = seq, .sent_ns = w->now};
}

void truth_back(struct world *w, uint32_t target, uint32_t seq)
{
	struct truth_probe *p = probe_of(w, target, seq);

	if (p->seq != seq)
		return;
	p->back_ns = w->now;
	p->held = world_is_held(w, world_cpu_of(target)) || w->stall_ns > w->now;
}

void truth_disturbed(struct world *w)
{
	w->truth.disturbed_ns = w->now;
}

/* --- verdicts -------------------------------------------------------------------------------- */

static void note_judged(struct world *w, uint32_t target, uint32_t seq, uint64_t timeout_ns)
{
	struct truth_probe *p = probe_of(w, target, seq);

	if (p->seq == seq)
		p->missing = !p->back_ns || p->back_ns - p->sent_ns + TRUTH_HANDLING_NS >= timeout_ns;
}

/* Did a probe of any target of the server, sent at this very time, come back? */
static bool answered_at(struct world *w, uint32_t server, uint64_t sent_ns)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		for (uint32_t i = 0; i < WORLD_LOG; i++) {
			const struct truth_probe *p = &w->truth.probes[dfb_target_id(server, family)][i];

			if (p->sent_ns == sent_ns && p->back_ns && p->back_ns <= w->now)
				return true;
		}
	}
	return false;
}

/* Replies wait on one CPU while the other handles a witness's: pulses tell, but not which CPU that
 * is before the first reply, and not without end. */
static bool is_beyond_pulses(const struct world *w, uint32_t target)
{
	const struct dfb_detect *d = kernel_detect(target);

	if (!world_is_held(w, world_cpu_of(target)))
		return false;
	return d->cpu != world_cpu_of(target) || w->now >= d->first_missed_ns + DETECT_PATIENCE_NS;
}

/*
 * Of the last judged probes some are missing, some were sent before the witness's and some after.
 * A witness proves that the machine was well when its own reply was handled, no more: of the others
 * a reply may have been held. But one that was handled must not have been overlooked.
 */
static bool was_silent(struct world *w, uint32_t target, uint32_t misses, uint64_t witness_ns)
{
	bool before = !witness_ns, after = !witness_ns || kernel_detect(target)->misses == 1, missing = false;
	uint32_t judged = kernel_detect(target)->judged;

	misses = (uint32_t)detect_min(kernel_detect(target)->misses,
				      misses + DFB_WINDOW / 4); /* see detect_room() */
	for (uint32_t i = 0; i < misses; i++) {
		const struct truth_probe *p = probe_of(w, target, judged - i);

		if (p->seq != judged - i || (!p->missing && !p->held))
			return false;
		missing = missing || p->missing;
		before = before || p->sent_ns < witness_ns;
		after = after || p->sent_ns > witness_ns;
	}
	return (missing || is_beyond_pulses(w, target)) && before && after;
}

static void check_verdict(struct world *w, uint32_t target, uint32_t old)
{
	const struct dfb_target *cfg = kernel_target(target);
	const char *name = world_server_name(w, cfg->server);
	uint64_t last = w->truth.down_ns[target];

	if (old == DFB_STATE_RECOVERING)
		return;
	w->truth.down_ns[target] = w->now;
	if (!was_silent(w, target, cfg->misses, 0))
		world_fail(w, "%s is declared dead, but its replies were there", name);
	if (last && w->now - last < cfg->recover_hold_ns)
		world_fail(w, "%s is declared dead twice within its hold time", name);
}

void truth_judged(struct world *w, uint32_t target, const struct dfb_detect *before, uint64_t timeout_ns)
{
	const struct dfb_detect *d = kernel_detect(target);

	for (uint32_t seq = before->judged + 1;
	     d->judged - before->judged <= WORLD_LOG && seq != d->judged + 1; seq++)
		note_judged(w, target, seq, timeout_ns);
	if (d->state != before->state && d->state == DFB_STATE_DOWN)
		check_verdict(w, target, before->state);
}

/* --- who serves ------------------------------------------------------------------------------ */

/* Is a server down in a family of the pool in which another one could serve? */
static bool is_down_for(uint32_t server, uint32_t other, uint32_t pool)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		uint32_t id = dfb_target_id(server, family);

		if (kernel_plan(pool)->families & (1u << family) && kernel_target(id)->server &&
		    kernel_target(dfb_target_id(other, family))->server &&
		    kernel_detect(id)->state == DFB_STATE_DOWN)
			return true;
	}
	return false;
}

/* Did it answer a probe that was sent after then? */
static bool has_answered(struct world *w, uint32_t server, uint64_t since_ns)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		for (uint32_t i = 0; i < WORLD_LOG; i++) {
			const struct truth_probe *p = &w->truth.probes[dfb_target_id(server, family)][i];

			if (p->sent_ns > since_ns && p->back_ns && p->back_ns <= w->now)
				return true;
		}
	}
	return false;
}

/* In some family in which it is down. */
static bool was_silent_around(struct world *w, uint32_t server, uint64_t witness_ns)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		uint32_t id = dfb_target_id(server, family);

		if (kernel_target(id)->server && kernel_detect(id)->state == DFB_STATE_DOWN &&
		    was_silent(w, id, kernel_target(id)->misses, witness_ns))
			return true;
	}
	return false;
}

static bool is_automatic(uint32_t reason)
{
	return reason == DFB_REASON_EXPIRED || reason == DFB_REASON_UNSENT || reason == DFB_REASON_RESCUE ||
	       reason == DFB_REASON_VERDICT;
}

/* The successor answered after the predecessor's first missing probe. */
static bool is_fresh(struct world *w, uint32_t server, uint32_t dead)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		uint32_t id = dfb_target_id(dead, family);

		if (kernel_target(id)->server && kernel_detect(id)->state == DFB_STATE_DOWN &&
		    has_answered(w, server, kernel_detect(id)->first_missed_ns))
			return true;
	}
	return false;
}

static bool is_prober_away(const struct world *w)
{
	return w->prober.is != PROCESS_RUNS || w->prober.late_ns;
}

static void check_evidence(struct world *w, uint32_t pool, const struct dfb_switch *c)
{
	const char *name = kernel_plan(pool)->name;

	if (!is_down_for(c->from, c->to, pool)) {
		world_fail(w, "pool %s left %s, which is not down where %s could help", name,
			   world_server_name(w, c->from), world_server_name(w, c->to));
		return;
	}
	/* The core takes "still up" for an answer, which holds only while probes are sent. */
	if (!is_fresh(w, c->to, c->from) && !(c->reason == DFB_REASON_VERDICT && is_prober_away(w)))
		world_fail(w, "pool %s went to %s, which has not answered since", name, world_server_name(w, c->to));
	if (c->reason != DFB_REASON_EXPIRED && c->reason != DFB_REASON_UNSENT)
		return;
	if (!answered_at(w, c->witness, c->witness_ns))
		world_fail(w, "pool %s: the witness %s never answered", name, world_server_name(w, c->witness));
	if (!was_silent_around(w, c->from, c->witness_ns))
		world_fail(w, "pool %s: %s was not silent before and after its witness", name,
			   world_server_name(w, c->from));
}

static bool has_slot(const uint32_t slots[DFB_SLOTS], uint32_t server)
{
	uint32_t i = 0;

	while (i < DFB_SLOTS && slots[i] != server)
		i++;
	return i < DFB_SLOTS;
}

/* What moved was his who left, or goes to who joins; nobody else lost anything, and nothing is nobody's. */
static void check_slots(struct world *w, uint32_t id, const struct dfb_pool *pool)
{
	const char *name = kernel_plan(id)->name;
	const struct dfb_switch *c = &pool->last;

	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		uint32_t was = w->truth.slots[id][i], is = pool->slots[i];

		if (!is)
			world_fail(w, "pool %s: slot %u has nobody", name, i);
		if (is != was && c->from && was != c->from)
			world_fail(w, "pool %s: %s lost slot %u when %s was left", name, world_server_name(w, was), i,
				   world_server_name(w, c->from));
		if (is != was && (c->to ? is != c->to : !has_slot(w->truth.slots[id], is)))
			world_fail(w, "pool %s: slot %u went to %s", name, i, world_server_name(w, is));
		if (is != was && kernel_server(is)->flags)
			world_fail(w, "pool %s went to %s, which must not be chosen", name, world_server_name(w, is));
	}
	if (pool->lent >> DFB_SLOTS)
		world_fail(w, "pool %s has lent slots that there are not", name);
}

static void check_recipients(struct world *w, uint32_t id, const struct dfb_pool *pool)
{
	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		struct dfb_switch one = pool->last;

		if (pool->slots[i] == w->truth.slots[id][i])
			continue;
		one.to = pool->slots[i];
		check_evidence(w, id, &one);
	}
}

static void check_switch(struct world *w, uint32_t id, const struct dfb_pool *pool)
{
	const struct dfb_switch *c = &pool->last;

	if (pool->epoch != w->truth.epoch[id] + 1)
		world_fail(w, "pool %s: epoch %llu after %llu", kernel_plan(id)->name,
			   (unsigned long long)pool->epoch, (unsigned long long)w->truth.epoch[id]);
	if ((c->from && !has_slot(w->truth.slots[id], c->from)) || has_slot(pool->slots, c->from) ||
	    (c->to && !has_slot(pool->slots, c->to)) || c->from == c->to)
		world_fail(w, "pool %s: the record of its change is wrong", kernel_plan(id)->name);
	check_slots(w, id, pool);
	if (is_automatic(c->reason) && !w->staged)
		check_recipients(w, id, pool);
}

static void say_switch(struct world *w, uint32_t id, const struct dfb_pool *pool)
{
	const struct dfb_switch *c = &pool->last;

	world_say(w, "%10.3f kernel: %s %s -> %s epoch=%llu %s misses=%u witness=%s",
		  (double)(w->now - WORLD_START_NS) / 1e6, kernel_plan(id)->name,
		  world_server_name(w, c->from), world_server_name(w, c->to), (unsigned long long)pool->epoch,
		  reason_names[c->reason], c->misses, world_server_name(w, c->witness));
}

/* One server has all slots, or nobody has. */
static bool is_alone(const uint32_t slots[DFB_SLOTS])
{
	return !memcmp(slots, slots + 1, (DFB_SLOTS - 1) * sizeof(slots[0]));
}

void truth_pools(struct world *w)
{
	const struct dfb_pool *pool = kernel_pool(0);

	for (uint32_t id = 1; id <= w->n_pools; id++) {
		pool++;
		if (kernel_plan(id)->active <= 1 && is_alone(w->truth.slots[id]) && !is_alone(pool->slots))
			world_fail(w, "pool %s has two owners", kernel_plan(id)->name);
		if (pool->epoch == w->truth.epoch[id]) {
			if (memcmp(pool->slots, w->truth.slots[id], sizeof(pool->slots)))
				world_fail(w, "pool %s moved within an epoch", kernel_plan(id)->name);
			continue;
		}
		say_switch(w, id, pool);
		check_switch(w, id, pool);
		w->truth.epoch[id] = pool->epoch;
		memcpy(w->truth.slots[id], pool->slots, sizeof(pool->slots));
	}
}

/* --- in time --------------------------------------------------------------------------------- */

static bool is_other_alive(struct world *w, uint32_t server, uint64_t interval_ns)
{
	for (uint32_t target = DFB_FAMILIES; target < WORLD_TARGETS; target++) {
		const struct world_server *s = world_server_of(w, target);

		if (s && dfb_target_server(target) != server && kernel_target(target)->server &&
		    kernel_target(target)->interval_ns <= interval_ns &&
		    kernel_detect(target)->state == DFB_STATE_UP &&
		    world_reaches(w, s, dfb_target_family(target)))
			return true;
	}
	return false;
}

static void on_due(struct world *w, const struct happening *h)
{
	uint32_t target = (uint32_t)h->a;

	if (w->truth.disturbed_ns > h->b || kernel_detect(target)->state == DFB_STATE_DOWN)
		return;
	world_fail(w, "%s is dead since %.3f ms and not declared so", world_server_name(w, dfb_target_server(target)),
		   (double)(w->now - h->b) / 1e6);
}

static bool is_clean(const struct world *w)
{
	for (uint32_t i = 0; i < w->n_uplinks; i++) {
		if (w->uplinks[i].loss_ppm || w->uplinks[i].enter_ppm || w->uplinks[i].bad)
			return false;
	}
	return w->prober.is == PROCESS_RUNS && !w->prober.late_ns && w->stall_ns <= w->now &&
	       !world_is_held(w, 0) && !world_is_held(w, 1);
}

/* Only in a world that is calm until then: a second fault may be the only witness's. */
void truth_killed(struct world *w, uint32_t server, uint32_t family)
{
	const struct world_server *s = &w->servers[server];
	uint32_t id = 1;

	while (id < WORLD_IDS && w->by_id[id] != server + 1)
		id++;
	if (id == WORLD_IDS || w->now - w->truth.disturbed_ns < 200 * MS || !is_clean(w))
		return;
	if (kernel_detect(dfb_target_id(id, family))->state != DFB_STATE_UP ||
	    !is_other_alive(w, id, s->conf.heartbeat.interval_ns))
		return;
	world_after(w, timing_detection(&s->conf.heartbeat) + TRUTH_SLACK_NS, false, on_due,
		    (uint64_t[]){dfb_target_id(id, family), w->now, 0});
}

/* --- in the end ------------------------------------------------------------------------------ */

/* All families of the pool that the server has are alive. */
static bool is_well(const struct world *w, uint32_t id, uint32_t pool)
{
	const struct world_server *s = &w->servers[w->by_id[id] - 1];
	bool any = false;

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (!(kernel_plan(pool)->families & (1u << family)) || !s->conf.has[family])
			continue;
		if (!world_reaches(w, s, family))
			return false;
		any = true;
	}
	return any;
}

/* Some family of the pool is alive. */
static bool is_alive(const struct world *w, uint32_t id, uint32_t pool)
{
	const struct world_server *s = &w->servers[w->by_id[id] - 1];

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (kernel_plan(pool)->families & (1u << family) && world_reaches(w, s, family))
			return true;
	}
	return false;
}

/* Could this one serve where the owner cannot? */
static bool is_better(const struct world *w, uint32_t candidate, uint32_t owner, uint32_t pool)
{
	const struct world_server *a = &w->servers[w->by_id[candidate] - 1];
	const struct world_server *b = owner && w->by_id[owner] ? &w->servers[w->by_id[owner] - 1] : NULL;

	if (kernel_server(candidate)->flags || !is_well(w, candidate, pool))
		return false;
	if (!b || kernel_server(owner)->flags & DFB_SERVER_MAINTENANCE)
		return true;
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (kernel_plan(pool)->families & (1u << family) && a->conf.has[family] &&
		    b->conf.has[family] && !world_reaches(w, b, family))
			return true;
	}
	return false;
}

static bool is_spotless(uint32_t server, const struct dfb_plan *plan, uint32_t place)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (kernel_detect(dfb_target_id(server, family))->damped)
			return false;
	}
	return !(plan->unfit >> place & 1);
}

/* How many serve with a slot of their own. */
static uint32_t owners(const struct dfb_pool *pool)
{
	struct share share = {.lent = pool->lent};

	memcpy(share.slots, pool->slots, sizeof(share.slots));
	return share_owners(&share);
}

/* It does not serve. Should it, in place of one who does, or besides them? */
static void check_spare(struct world *w, uint32_t id, uint32_t place)
{
	const struct dfb_plan *plan = kernel_plan(id);
	const struct dfb_pool *pool = kernel_pool(id);
	uint32_t server = plan->candidates[place];

	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		if (is_better(w, server, pool->slots[i], id))
			world_fail(w, "in the end pool %s is with %s, although %s is well", plan->name,
				   world_server_name(w, pool->slots[i]), world_server_name(w, server));
	}
	if (owners(pool) < plan->active && !kernel_server(server)->flags && is_well(w, server, id) &&
	    is_spotless(server, plan, place))
		world_fail(w, "in the end pool %s lacks a server, although %s is well", plan->name,
			   world_server_name(w, server));
}

static void check_served(struct world *w, uint32_t id)
{
	const struct dfb_plan *plan = kernel_plan(id);
	const struct dfb_pool *pool = kernel_pool(id);
	bool anybody = false;

	for (uint32_t i = 0; i < plan->n_candidates; i++) {
		uint32_t server = plan->candidates[i];

		anybody = anybody || (!kernel_server(server)->flags && is_alive(w, server, id));
		if (!plan->paused && !has_slot(pool->slots, server))
			check_spare(w, id, i);
	}
	if (pool->slots[0] &&
	    plan->held != (w->daemon.core->pools[id].policy->when_none != POLICY_KEEP && !anybody))
		world_fail(w, "in the end pool %s is %s, but %s is alive", plan->name, plan->held ? "held" : "not held",
			   anybody ? "somebody" : "nobody");
}

static void check_committed(struct world *w, uint32_t id)
{
	const struct core_pool *pool = &w->daemon.core->pools[id];
	const struct dfb_pool *kernel = kernel_pool(id);

	if (pool->epoch != kernel->epoch || memcmp(pool->share.slots, kernel->slots, sizeof(kernel->slots)))
		world_fail(w, "in the end the core does not know who serves pool %s", kernel_plan(id)->name);
	if (pool->steering || pool->committing)
		world_fail(w, "in the end the core still waits for an action on pool %s", kernel_plan(id)->name);
	if (kernel->committed != kernel->epoch)
		world_fail(w, "in the end pool %s is committed at epoch %llu of %llu", kernel_plan(id)->name,
			   (unsigned long long)kernel->committed, (unsigned long long)kernel->epoch);
	if (kernel->slots[0] && w->daemon.routes[id].server != kernel->slots[0])
		world_fail(w, "in the end the routes of pool %s lead to %s", kernel_plan(id)->name,
			   world_server_name(w, w->daemon.routes[id].server));
}

static void check_states(struct world *w)
{
	for (uint32_t target = DFB_FAMILIES; target < WORLD_TARGETS; target++) {
		const struct world_server *s = world_server_of(w, target);
		uint32_t family = dfb_target_family(target);
		enum dfb_target_state state = kernel_detect(target)->state;
		bool up = state == DFB_STATE_UP, known;

		if (!s || !kernel_target(target)->server)
			continue;
		if (up != world_reaches(w, s, family))
			world_fail(w, "in the end %s is %s", s->conf.name,
				   up ? "up, but dead" : "not up, but alive");
		known = w->daemon.core->servers[dfb_target_server(target)].target[family].state == state;
		if (!known)
			world_fail(w, "in the end the core has a wrong state of %s", s->conf.name);
	}
}

void truth_end(struct world *w)
{
	if (w->daemon.is == PROCESS_RUNS && w->daemon.answered != w->daemon.asked)
		world_fail(w, "%u commands of operators, %u answers", w->daemon.asked, w->daemon.answered);
	if (!w->settles)
		return;
	if (w->end_ns - w->truth.disturbed_ns < TRUTH_QUIET_NS)
		world_fail(w, "the script does not leave time to settle");
	check_states(w);
	for (uint32_t id = 1; id <= WORLD_POOLS; id++) {
		if (!kernel_plan(id)->name[0])
			continue;
		check_served(w, id);
		check_committed(w, id);
	}
}
