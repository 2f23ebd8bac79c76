// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "private.h"
#include "timing.h"

struct core_pool *pool_of(struct core *core, uint32_t id)
{
	return id && id <= DFB_MAX_POOLS && core->pools[id].policy ? &core->pools[id] : NULL;
}

static uint32_t candidate(const struct core *core, const struct core_pool *pool, uint32_t index)
{
	return core->policy->servers[pool->policy->servers[index]].id;
}

uint32_t pool_position(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	uint32_t i = 0;

	while (i < pool->policy->n_servers && candidate(core, pool, i) != server)
		i++;
	return i;
}

bool pool_has(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	return pool_position(core, pool, server) < pool->policy->n_servers;
}

/* --- the choice ------------------------------------------------------------------------------ */

/**
 * struct wish - for another server of a pool
 * @dead: the present one is down, and the next one must help where it is, and be a fresh witness
 * @ill: the present one fails a check or hangs, and the next one must have been well since
 * @settled_ns: out, if nobody is: when the first of those who are up will be; 0: nobody is up
 */
struct wish {
	bool dead;
	bool ill;
	uint64_t settled_ns;
};

static bool is_damped(const struct core_server *server)
{
	return server->target[DFB_FAMILY_IPV4].damped || server->target[DFB_FAMILY_IPV6].damped;
}

/* Up; instead of a dead one also for long enough that it has answered a probe sent since then. */
static bool grants(const struct core *core, const struct core_pool *pool, const struct core_server *server,
		   struct wish *wish)
{
	const struct event_target *dead;
	uint64_t settled_ns;

	if (!server_is_fit(server, pool))
		return false;
	if (wish->ill && !check_is_witness(core, pool, server->policy->id))
		return false;
	if (!wish->dead)
		return true;
	dead = server_dead_target(&core->servers[pool->server], pool, server);
	if (!dead)
		return false;
	settled_ns = dead->first_missed_ns + timing_fresh(&server->policy->heartbeat) + 1;
	if (core->now >= settled_ns)
		return true;
	if (!wish->settled_ns || settled_ns < wish->settled_ns)
		wish->settled_ns = settled_ns;
	return false;
}

/* Round robin after the present one; damped ones, and those that fail checks, only if nobody else is. */
static uint32_t choose(const struct core *core, const struct core_pool *pool, struct wish *wish)
{
	uint32_t n = pool->policy->n_servers, start = pool_position(core, pool, pool->server), spare = 0;

	for (uint32_t i = 1; i <= n; i++) {
		uint32_t id = candidate(core, pool, (start + i + (start == n ? n - 1 : 0)) % n);
		const struct core_server *server = &core->servers[id];

		if (id == pool->server || !grants(core, pool, server, wish))
			continue;
		if (!is_damped(server) && !check_is_unfit(core, pool, id))
			return id;
		spare = spare ? spare : id;
	}
	return spare;
}

uint32_t pool_next(const struct core *core, const struct core_pool *pool)
{
	struct wish wish = {0};

	return choose(core, pool, &wish);
}

/* The kernel found a witness and a successor: do both still hold, and is the verdict still the same? */
static uint32_t proposed(struct core *core, const struct core_pool *pool)
{
	const struct core_server *next = server_of(core, pool->proposed);
	const struct event_target *dead;

	if (!next || next->flags || !pool_has(core, pool, pool->proposed) || !server_is_alive(next, pool))
		return 0;
	dead = server_dead_target(&core->servers[pool->server], pool, next);
	return dead && dead->since_ns == pool->proposed_ns ? pool->proposed : 0;
}

static bool anybody_alive(const struct core *core, const struct core_pool *pool)
{
	for (uint32_t i = 0; i < pool->policy->n_servers; i++) {
		const struct core_server *server = &core->servers[candidate(core, pool, i)];

		if (server->policy && !server->flags && server_is_alive(server, pool))
			return true;
	}
	return false;
}

/* Could somebody take over and be well? @proven: not unless checks of his say so. */
static bool has_successor(const struct core *core, const struct core_pool *pool, bool proven)
{
	for (uint32_t i = 0; i < pool->policy->n_servers; i++) {
		uint32_t id = candidate(core, pool, i);

		if (id == pool->server || !server_is_fit(&core->servers[id], pool))
			continue;
		if (proven ? check_passes(core, pool, id) : !check_is_unfit(core, pool, id))
			return true;
	}
	return false;
}

static bool has_standby(const struct core *core, const struct core_pool *pool)
{
	return pool->policy->n_servers == 1 || has_successor(core, pool, false);
}

enum service_state pool_state(const struct core *core, const struct core_pool *pool)
{
	const struct core_server *server = &core->servers[pool->server];

	if (!pool->server || !server->policy || pool->held || !server_is_alive(server, pool))
		return SERVICE_DOWN;
	if (check_fails(core, pool, pool->server))
		return SERVICE_DOWN;
	if (pool->pause.on)
		return SERVICE_PAUSED;
	return has_standby(core, pool) ? SERVICE_SERVING : SERVICE_DEGRADED;
}

/* --- steering -------------------------------------------------------------------------------- */

void pool_steer(struct step *s, uint32_t id, uint32_t to, enum dfb_reason reason)
{
	struct core_pool *pool = pool_of(s->core, id);
	struct action *a = step_action(s, ACTION_STEER);

	a->steer.pool = id;
	a->steer.to = to;
	a->steer.reason = reason;
	a->steer.epoch = pool->epoch;
	pool->steering = true;
	pool->settle_ns = 0;
}

/* A pool that was split off begins where its services were. Return: server id, 0: nowhere. */
static uint32_t inherited(struct core *core, const struct core_pool *pool)
{
	uint32_t origin = pool->policy->origin;
	const struct core_pool *former = origin ? pool_of(core, core->policy->pools[origin - 1].id) : NULL;

	return former && former->server && pool_has(core, pool, former->server) ? former->server : 0;
}

/* At start nobody is preferred until probed: the first in order that answers, with a little
 * patience for the very first. */
static void choose_first(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	uint32_t heir = inherited(s->core, pool), best;
	const struct core_server *first = &s->core->servers[heir ? heir : candidate(s->core, pool, 0)];

	if (!server_is_fit(first, pool) && !first->flags && s->core->now < pool->patience_ns)
		return;
	best = heir && server_is_fit(first, pool) ? heir : pool_next(s->core, pool);
	if (best)
		pool_steer(s, id, best, DFB_REASON_INITIAL);
}

/* The server cannot stay: is there somebody, and is what we know of him fresh? */
static void replace(struct step *s, uint32_t id, enum dfb_reason reason)
{
	struct core_pool *pool = pool_of(s->core, id);
	struct wish wish = {.dead = reason == DFB_REASON_VERDICT, .ill = check_is_reason(reason)};
	uint32_t next = wish.dead ? proposed(s->core, pool) : 0;

	if (!next)
		next = choose(s->core, pool, &wish);
	if (next)
		pool_steer(s, id, next, reason);
	else
		pool->settle_ns = wish.settled_ns;
}

/* Why the pool must leave its server; DFB_REASON_NONE: it need not. */
static enum dfb_reason find_fault(const struct core *core, const struct core_pool *pool)
{
	const struct core_server *server = &core->servers[pool->server];

	if (!pool->server)
		return DFB_REASON_INITIAL;
	if (!server->policy || !pool_has(core, pool, pool->server))
		return DFB_REASON_REMOVED;
	if (server->flags & DFB_SERVER_MAINTENANCE)
		return DFB_REASON_MAINTENANCE;
	if (server_dead_target(server, pool, NULL))
		return DFB_REASON_VERDICT;
	return check_reason(core, pool, pool->server);
}

/* Paused, it stays with its server as long as there is one that it can stay with. */
static bool must_stay(const struct core_pool *pool, enum dfb_reason fault)
{
	return pool->pause.on && (fault == DFB_REASON_VERDICT || fault == DFB_REASON_MAINTENANCE ||
				  check_is_reason(fault));
}

/* Decided at ticks only: then nothing waits to be heard. In the middle of news that waited while we
 * were away, the server may have come back, and the candidate died, long ago. */
static void review_server(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	enum dfb_reason fault = find_fault(s->core, pool);

	pool->settle_ns = 0;
	if (fault == DFB_REASON_NONE || must_stay(pool, fault))
		return;
	if (!s->tick)
		pool->settle_ns = s->core->now;
	else if (fault == DFB_REASON_INITIAL)
		choose_first(s, id);
	else
		replace(s, id, fault);
}

/* --- the routing tables of record ------------------------------------------------------------ */

static void commit(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	struct action *a;

	if (!pool->server || pool->epoch == pool->committed || pool->committing || pool->retry_ns)
		return;
	a = step_action(s, ACTION_COMMIT);
	a->commit.pool = id;
	a->commit.server = pool->server;
	a->commit.epoch = pool->epoch;
	pool->committing = true;
}

/* `when-none`: reversible, so at once in both directions. Who was here before us may have left the
 * kernel with the opposite: it is told at first sight. */
static void review_hold(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	bool hold = pool->policy->when_none != POLICY_KEEP && pool->server && !anybody_alive(s->core, pool);
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

/* It fails, and nobody passes: said once. */
static void review_stuck(struct step *s, struct core_pool *pool)
{
	bool stuck = check_fails(s->core, pool, pool->server) && !has_successor(s->core, pool, true);

	if (stuck && !pool->stuck)
		tell_stuck(s, pool);
	pool->stuck = stuck;
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
		review_server(s, id);
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

		if (pool && (pool->server == server || pool_has(s->core, pool, server)))
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
	pool->server = p->server;
	pool->last = p->last;
	pool->retry_ns = 0;
	pool->retries = 0;
	pool->proposed = 0;
	vip_announce(s, p->pool);
	if (changes && p->last.reason != DFB_REASON_INITIAL) {
		tell_failover(s, p->pool, changes);
		reset_on_move(s, p->pool, changes);
	}
	pool->fault[0] = '\0';
	pool_review(s, p->pool);
}

/* The kernel found a witness and a successor, but leaves the switch to us. */
void pool_on_proposal(struct step *s, const struct event_pool *p)
{
	struct core_pool *pool = pool_of(s->core, p->pool);

	if (!pool || !pool->known || p->epoch != pool->epoch || p->last.from != pool->server)
		return;
	pool->proposed = p->server;
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
		       server_name(s->core, pool->server), (unsigned long long)pool->epoch);
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
	snprintf(report->server, sizeof(report->server), "%s", server_name(s->core, pool->server));
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
