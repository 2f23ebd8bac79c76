// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "private.h"
#include "timing.h"

struct core_pool *pool_of(struct core *core, uint32_t id)
{
	return id && id <= DFB_MAX_POOLS && core->pools[id].policy ? &core->pools[id] : NULL;
}

static bool anybody_alive(const struct core *core, const struct core_pool *pool)
{
	for (uint32_t i = 0; i < pool->policy->n_servers; i++) {
		const struct core_server *server = &core->servers[pool_candidate(core, pool, i)];

		if (server->policy && !server->flags && server_is_alive(server, pool))
			return true;
	}
	return false;
}

/* How many should serve. */
static uint32_t places(const struct core_pool *pool)
{
	uint32_t n = pool->policy->active > 1 ? pool->policy->active : 1;

	return n < pool->policy->n_servers ? n : pool->policy->n_servers;
}

bool pool_is_short(const struct core_pool *pool)
{
	return share_owners(&pool->share) < places(pool);
}

/* A pool in which all are to serve misses none. */
static bool has_standby(const struct core *core, const struct core_pool *pool)
{
	for (uint32_t i = 0; i < pool->policy->n_servers; i++) {
		uint32_t id = pool_candidate(core, pool, i);

		if (!share_has(&pool->share, id) && choice_is_well(core, pool, id, false))
			return true;
	}
	return pool->policy->n_servers == places(pool);
}

enum service_state pool_state(const struct core *core, const struct core_pool *pool)
{
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers), well = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct core_server *server = &core->servers[servers[i]];

		well += server->policy && server_is_alive(server, pool) &&
			!check_fails(core, pool, servers[i]);
	}
	if (!well || pool->held)
		return SERVICE_DOWN;
	if (pool->pause.on)
		return SERVICE_PAUSED;
	if (well < n || pool_is_short(pool) || !has_standby(core, pool))
		return SERVICE_DEGRADED;
	return SERVICE_SERVING;
}

const char *pool_server_name(const struct core *core, const struct core_pool *pool)
{
	return share_weight(&pool->share, pool->share.slots[0]) == DFB_SLOTS ?
		       server_name(core, pool->share.slots[0]) : "";
}

/* --- steering -------------------------------------------------------------------------------- */

/* The caller makes the share as it should be. */
static struct action *steer(struct step *s, uint32_t id, enum dfb_reason reason)
{
	struct core_pool *pool = pool_of(s->core, id);
	struct action *a = step_action(s, ACTION_STEER);

	a->steer.pool = id;
	a->steer.reason = reason;
	a->steer.epoch = pool->epoch;
	a->steer.share = pool->share;
	pool->steering = true;
	pool->settle_ns = 0;
	return a;
}

void pool_replace(struct step *s, uint32_t id, uint32_t from, uint32_t to, enum dfb_reason reason)
{
	struct action *a = steer(s, id, reason);

	a->steer.from = from;
	a->steer.to = to;
	if (from)
		share_replace(&a->steer.share, from, to);
	else
		share_join(&a->steer.share, places(pool_of(s->core, id)), to);
}

static struct action *lend(struct step *s, uint32_t id, uint32_t from, const uint32_t *heirs, uint32_t n,
			   enum dfb_reason reason)
{
	struct action *a = steer(s, id, reason);

	a->steer.from = from;
	share_lend(&a->steer.share, from, heirs, n);
	return a;
}

/* A pool that was split off begins where its services were. Return: who serves; NULL: nobody whom it has. */
static const struct share *inherited(struct core *core, const struct core_pool *pool)
{
	uint32_t origin = pool->policy->origin, servers[DFB_SLOTS], n;
	const struct core_pool *former = origin ? pool_of(core, core->policy->pools[origin - 1].id) : NULL;

	n = former ? share_list(&former->share, servers) : 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!pool_has(core, pool, servers[i]))
			return NULL;
	}
	return n ? &former->share : NULL;
}

/* Does everybody who serves there answer, too? Return: server id of one who does not, or 0. */
static uint32_t find_absent(const struct core *core, const struct core_pool *pool, const struct share *share)
{
	uint32_t servers[DFB_SLOTS], n = share_list(share, servers);

	for (uint32_t i = 0; i < n; i++) {
		if (!server_is_fit(&core->servers[servers[i]], pool))
			return servers[i];
	}
	return 0;
}

/* At start nobody is preferred until probed: the first in order that answers, with a little
 * patience for the very first. */
static void choose_first(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	const struct share *share = inherited(s->core, pool);
	uint32_t first = pool_candidate(s->core, pool, 0), best;
	bool fit;

	if (share)
		first = find_absent(s->core, pool, share);
	fit = !first || server_is_fit(&s->core->servers[first], pool);
	if (!fit && !s->core->servers[first].flags && s->core->now < pool->patience_ns)
		return;
	if (share && fit) {
		struct action *a = steer(s, id, DFB_REASON_INITIAL);

		a->steer.to = share->slots[0];
		a->steer.share = *share;
		return;
	}
	best = pool_next(s->core, pool, 0);
	if (best)
		pool_replace(s, id, 0, best, DFB_REASON_INITIAL);
}

/* One more: at start with a little patience for the first in order; never one that just went down too often,
 * or fails checks. */
static void join(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	uint32_t next = pool_next(s->core, pool, 0);

	if (!next || !choice_is_spotless(s->core, pool, next))
		return;
	if (pool_position(s->core, pool, next) >= places(pool) && s->core->now < pool->patience_ns)
		return;
	pool_replace(s, id, 0, next, DFB_REASON_JOINED);
}

/* The server cannot stay: is there somebody, and is what we know of him fresh? A share for those who serve is
 * better than one who went down too often or fails checks, but not than one who will do in a moment. */
static bool replace(struct step *s, uint32_t id, uint32_t from, enum dfb_reason reason)
{
	struct core_pool *pool = pool_of(s->core, id);
	struct wish wish = {.from = from, .dead = reason == DFB_REASON_VERDICT,
			    .ill = check_is_reason(reason)};
	uint32_t next = wish.dead ? choice_proposed(s->core, pool, from) : 0, heirs[DFB_SLOTS], n = 0;
	uint64_t settled_ns;

	if (!next)
		next = choice_next(s->core, pool, &wish);
	settled_ns = wish.settled_ns;
	if (!next || !choice_is_spotless(s->core, pool, next))
		n = choice_heirs(s->core, pool, &wish, heirs);
	if (n && (next || !settled_ns))
		lend(s, id, from, heirs, n, reason);
	else if (next)
		pool_replace(s, id, from, next, reason);
	else
		pool->settle_ns = wish.settled_ns;
	return pool->steering;
}

/* Why the pool must leave one of those who serve; DFB_REASON_NONE: it need not. */
static enum dfb_reason find_fault(const struct core *core, const struct core_pool *pool, uint32_t id)
{
	const struct core_server *server = &core->servers[id];

	if (!server->policy || !pool_has(core, pool, id))
		return DFB_REASON_REMOVED;
	if (pool->pause.on) /* it stays as long as there is one that it can stay with */
		return DFB_REASON_NONE;
	if (server->flags & DFB_SERVER_MAINTENANCE)
		return DFB_REASON_MAINTENANCE;
	if (server_dead_target(server, pool, NULL))
		return DFB_REASON_VERDICT;
	return check_reason(core, pool, id);
}

/* More serve than should: the last in order leaves, and its share with it. */
static void dismiss(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers), last = 0, heirs[DFB_SLOTS];
	struct wish wish = {0};
	struct action *a;

	for (uint32_t i = 1; i < n; i++) {
		if (pool_position(s->core, pool, servers[i]) > pool_position(s->core, pool, servers[last]))
			last = i;
	}
	wish.from = servers[last];
	n = choice_heirs(s->core, pool, &wish, heirs);
	if (!n)
		return;
	a = lend(s, id, wish.from, heirs, n, DFB_REASON_REMOVED);
	if (share_owners(&a->steer.share) >= places(pool))
		a->steer.share.lent = 0; /* for good */
}

/* The first whose fault can be cured. Return: nobody is replaced now, nor will be in a moment. */
static bool review_each(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers);
	uint64_t settle_ns = 0;

	for (uint32_t i = 0; i < n; i++) {
		enum dfb_reason fault = find_fault(s->core, pool, servers[i]);

		if (fault == DFB_REASON_NONE)
			continue;
		if (replace(s, id, servers[i], fault))
			return false;
		if (pool->settle_ns && (!settle_ns || pool->settle_ns < settle_ns))
			settle_ns = pool->settle_ns;
	}
	pool->settle_ns = settle_ns;
	return !settle_ns;
}

/* Paused, it is given a server if it has none, and no more. */
static bool has_wrong_number(const struct core_pool *pool)
{
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers);

	return !n || (!pool->pause.on && (pool_is_short(pool) || n > places(pool)));
}

static bool needs_review(const struct core *core, const struct core_pool *pool)
{
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers);

	for (uint32_t i = 0; i < n; i++) {
		if (find_fault(core, pool, servers[i]) != DFB_REASON_NONE)
			return true;
	}
	return has_wrong_number(pool);
}

/* Decided at ticks only: then nothing waits to be heard. In the middle of news that waited while we
 * were away, the server may have come back, and the candidate died, long ago. */
static void review_share(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);

	pool->settle_ns = 0;
	if (!needs_review(s->core, pool))
		return;
	if (!s->tick)
		pool->settle_ns = s->core->now;
	else if (!pool->share.slots[0])
		choose_first(s, id);
	else if (review_each(s, id) && has_wrong_number(pool))
		pool_is_short(pool) ? join(s, id) : dismiss(s, id);
}

/* --- the routing tables of record ------------------------------------------------------------ */

static void commit(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	struct action *a;

	if (!pool->share.slots[0] || pool->epoch == pool->committed || pool->committing || pool->retry_ns)
		return;
	a = step_action(s, ACTION_COMMIT);
	a->commit.pool = id;
	a->commit.epoch = pool->epoch;
	a->commit.share = pool->share;
	pool->committing = true;
}

/* `when-none`: reversible, so at once in both directions. Who was here before us may have left the
 * kernel with the opposite: it is told at first sight. */
static void review_hold(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	bool hold = pool->policy->when_none != POLICY_KEEP && pool->share.slots[0] &&
		    !anybody_alive(s->core, pool);
	bool changed = hold != pool->held;
	struct action *a;

	if (!changed && pool->held_known)
		return;
	pool->held = hold;
	pool->held_known = true;
	a = step_action(s, ACTION_HOLD);
	a->hold.pool = id;
	a->hold.held = hold;
	a->hold.passive = s->core->passive;
	a->hold.how = pool->policy->when_none;
	if (changed)
		step_sync(s);
}

/* It fails, and nobody else passes. */
static bool is_stuck(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	if (!check_fails(core, pool, server))
		return false;
	for (uint32_t i = 0; i < pool->policy->n_servers; i++) {
		uint32_t id = pool_candidate(core, pool, i);

		if (id != server && choice_is_well(core, pool, id, true))
			return false;
	}
	return true;
}

/* Said once. */
static void review_stuck(struct step *s, struct core_pool *pool)
{
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers), i = 0;

	while (i < n && !is_stuck(s->core, pool, servers[i]))
		i++;
	if (i < n && !pool->stuck)
		tell_stuck(s, pool, servers[i]);
	pool->stuck = i < n;
}

void pool_review(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);

	if (!pool || !pool->known)
		return;
	if (pool->retry_ns && s->core->now >= pool->retry_ns)
		pool->retry_ns = 0;
	if (pool->steer_ns && s->core->now >= pool->steer_ns)
		pool->steer_ns = 0;
	if (!pool->steering && !pool->steer_ns)
		review_share(s, id);
	commit(s, id);
	review_hold(s, id);
	publish_review(s, id);
	review_stuck(s, pool);
	tell_pool(s, id);
}

void pool_review_server(struct step *s, uint32_t server)
{
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++) {
		struct core_pool *pool = pool_of(s->core, id);

		if (pool && (share_has(&pool->share, server) || pool_has(s->core, pool, server)))
			pool_review(s, id);
	}
}

void pool_review_all(struct step *s)
{
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++)
		pool_review(s, id);
}

/* --- pauses ---------------------------------------------------------------------------------- */

static void change_pause(struct step *s, uint32_t id, const char *to, const char *why)
{
	struct core_pool *pool = pool_of(s->core, id);
	struct action *a = step_action(s, ACTION_PAUSE);
	struct report *r;

	a->pause.pool = id;
	a->pause.paused = pool->pause.on;
	r = tell(s, REPORT_PAUSE);
	snprintf(r->pool, sizeof(r->pool), "%s", pool->policy->name);
	snprintf(r->to, sizeof(r->to), "%s", to);
	snprintf(r->reason, sizeof(r->reason), "%s", why);
	pool_review(s, id);
}

void pool_begin_pause(struct step *s, uint32_t id, const struct event_operator *op)
{
	struct core_pool *pool = pool_of(s->core, id);
	bool was = pool->pause.on;

	order_begin(s, &pool->pause, op);
	if (!was)
		change_pause(s, id, "paused", op->reason);
}

void pool_end_pause(struct step *s, uint32_t id, const char *why)
{
	struct core_pool *pool = pool_of(s->core, id);

	if (!pool->pause.on)
		return;
	order_end(s, &pool->pause);
	change_pause(s, id, "resumed", why);
}

/* --- news ------------------------------------------------------------------------------------ */

void pool_reindex(struct step *s)
{
	const struct policy *policy = s->core->policy;
	struct core *core = s->core;

	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++)
		core->pools[id].policy = NULL;
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		struct core_pool *pool = &core->pools[policy->pools[i].id];

		pool->policy = &policy->pools[i];
		check_reindex(s, policy->pools[i].id);
		if (!pool->patience_ns)
			pool->patience_ns = core->now + timing_initial(policy, pool->policy);
	}
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++) {
		if (!core->pools[id].policy)
			memset(&core->pools[id], 0, sizeof(core->pools[id]));
	}
}

/* The first look at a pool is an adoption: what it shows is told only if nobody told it before. */
void pool_on_kernel(struct step *s, const struct event_pool *p)
{
	struct core_pool *pool = pool_of(s->core, p->pool);
	uint64_t changes;

	if (!pool || (pool->known && p->epoch <= pool->epoch))
		return;
	changes = p->epoch - (pool->known ? pool->epoch : p->committed);
	if (!pool->known)
		pool->committed = p->committed;
	pool->known = true;
	pool->epoch = p->epoch;
	pool->share = p->share;
	pool->last = p->last;
	pool->retry_ns = 0;
	pool->retries = 0;
	pool->proposed = 0;
	vip_announce(s, p->pool);
	if (changes && p->last.reason != DFB_REASON_INITIAL) {
		tell_failover(s, p->pool, changes);
		reset_on_move(s, p->pool, changes);
	}
	if (!share_has(&pool->share, pool->faulty))
		pool->fault[0] = '\0';
	pool_review(s, p->pool);
}

/* The kernel found a witness and a successor, but leaves the switch to us. */
void pool_on_proposal(struct step *s, const struct event_pool *p)
{
	struct core_pool *pool = pool_of(s->core, p->pool);

	if (!pool || !pool->known || p->epoch != pool->epoch || !share_has(&pool->share, p->last.from))
		return;
	pool->proposed = p->server;
	pool->proposed_for = p->last.from;
	pool->proposed_ns = p->last.verdict_ns;
	pool_review(s, p->pool);
}

/* It failed: not because the pool moved meanwhile, so it will not help to try at once. */
static void pause_steering(struct step *s, struct core_pool *pool, const struct event_result *r)
{
	if (!pool->request && !pool->steer_retries)
		tell_not_steered(s, pool, r->why);
	pool->steer_ns = s->core->now + timing_retry(pool->steer_retries++);
}

void pool_on_steered(struct step *s, const struct event_result *r)
{
	struct core_pool *pool = pool_of(s->core, r->pool);

	if (!pool)
		return;
	pool->steering = false;
	if (r->error)
		answer(s, pool->request, r->error, "pool %s did not move: %s", pool->policy->name, r->why);
	else
		answer(s, pool->request, 0, "pool %s moved to %s, epoch %llu", pool->policy->name,
		       server_name(s->core, pool->last.to), (unsigned long long)pool->epoch);
	if (r->error && pool->epoch == r->epoch)
		pause_steering(s, pool, r);
	else
		pool->steer_retries = 0;
	pool->request = 0;
	pool_review(s, r->pool);
}

static void tell_commit(struct step *s, const struct core_pool *pool, const struct event_result *r)
{
	struct report *report;

	if (s->core->passive) /* noted only */
		return;
	report = tell(s, r->error ? REPORT_COMMIT_FAILED : REPORT_COMMIT);
	snprintf(report->pool, sizeof(report->pool), "%s", pool->policy->name);
	snprintf(report->server, sizeof(report->server), "%s", pool_server_name(s->core, pool));
	report->epoch = r->epoch;
	snprintf(report->reason, sizeof(report->reason), "%s", r->error ? r->why : "");
	if (!r->error && pool->last.switched_ns && s->core->now > pool->last.switched_ns)
		report->commit_ns = s->core->now - pool->last.switched_ns;
}

void pool_on_committed(struct step *s, const struct event_result *r)
{
	struct core_pool *pool = pool_of(s->core, r->pool);

	if (!pool)
		return;
	pool->committing = false;
	if (!r->error) {
		pool->committed = r->epoch;
		tell_commit(s, pool, r);
	} else if (r->epoch == pool->epoch) {
		if (!pool->retries)
			tell_commit(s, pool, r);
		pool->retry_ns = s->core->now + timing_retry(pool->retries++);
	}
	pool_review(s, r->pool);
}
