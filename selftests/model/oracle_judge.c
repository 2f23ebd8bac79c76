// SPDX-License-Identifier: GPL-2.0-only
/* Each action: is it allowed, is it the right one? And after all of them: is one missing? */
#include "oracle_private.h"

#include <stdlib.h>
#include <string.h>

/* --- who serves ------------------------------------------------------------------------------ */

static void judge_move(struct world *w, const struct oracle_pool *pool, const struct event *ev,
		       const struct action *a)
{
	const char *name = pool->policy->name;
	uint32_t wanted = oracle_successor(&w->oracle, pool, a->steer.reason);

	if (ev->kind != EVENT_TICK)
		world_fail(w, "pool %s is moved before all news was heard", name);
	if (oracle_is_several(pool)) {
		oracle_judge_several(w, pool, a);
		return;
	}
	if (a->steer.reason != oracle_fault(&w->oracle, pool))
		world_fail(w, "pool %s is moved for no reason", name);
	if (w->oracle.now < pool->steer_ns)
		world_fail(w, "pool %s is moved again without a pause", name);
	if (a->steer.to != wanted)
		world_fail(w, "pool %s is moved to server %u, not %u", name, a->steer.to, wanted);
}

static const char *name_of(struct oracle *o, uint32_t server)
{
	const struct oracle_server *s = oracle_server_of(o, server);

	return s ? s->policy->name : "";
}

static void judge_order(struct world *w, struct oracle_pool *pool, const struct event *ev,
			const struct action *a)
{
	struct oracle *o = &w->oracle;
	const char *name = pool->policy->name;
	struct oracle_pool *one;

	if (ev->kind != EVENT_FAILOVER || ev->op.dry_run || !o->request) {
		world_fail(w, "pool %s is moved by an operator who did not ask", name);
		return;
	}
	if ((pool->share.slots[0] && !share_has(&pool->share, a->steer.from)) ||
	    (ev->op.from[0] && strcmp(ev->op.from, name_of(o, a->steer.from))))
		world_fail(w, "pool %s leaves server %u, which the operator did not mean", name, a->steer.from);
	one = oracle_seen_from(pool, a->steer.from);
	if (ev->op.to[0] ? strcmp(ev->op.to, name_of(o, a->steer.to)) :
			   a->steer.to != oracle_successor(o, one, a->steer.reason))
		world_fail(w, "pool %s is moved to server %u, which the operator did not mean", name, a->steer.to);
	if (!oracle_may_serve(o, one, a->steer.to, a->steer.reason))
		world_fail(w, "pool %s is moved to server %u, which cannot serve", name, a->steer.to);
	free(one);
	pool->request = o->request;
	o->request = 0;
}

static void judge_steer(struct world *w, const struct event *ev, const struct action *a)
{
	struct oracle_pool *pool = oracle_pool_of(&w->oracle, a->steer.pool);

	if (!pool || !pool->known) {
		world_fail(w, "pool %u is moved, which is not known", a->steer.pool);
		return;
	}
	if (pool->steering)
		world_fail(w, "pool %s is moved while it is being moved", pool->policy->name);
	if (a->steer.epoch != pool->epoch)
		world_fail(w, "pool %s is moved from another epoch", pool->policy->name);
	if (a->steer.reason == DFB_REASON_OPERATOR)
		judge_order(w, pool, ev, a);
	else
		judge_move(w, pool, ev, a);
	pool->steering = true;
}

static void judge_commit(struct world *w, const struct action *a)
{
	struct oracle_pool *pool = oracle_pool_of(&w->oracle, a->commit.pool);

	if (!pool || !pool->known) {
		world_fail(w, "pool %u is committed, which is not known", a->commit.pool);
		return;
	}
	if (pool->committing)
		world_fail(w, "pool %s is committed while it is being committed", pool->policy->name);
	if (!a->commit.share.slots[0] || memcmp(&a->commit.share, &pool->share, sizeof(pool->share)) ||
	    a->commit.epoch != pool->epoch)
		world_fail(w, "pool %s is committed as it is not", pool->policy->name);
	if (pool->committed == pool->epoch || w->oracle.now < pool->commit_ns)
		world_fail(w, "pool %s is committed without need, or without a pause", pool->policy->name);
	pool->committing = true;
}

/* What is written are the names of the very server that has the pool, or none while it is held. */
static void judge_publish(struct world *w, const struct action *a)
{
	const struct core_publication *p = &w->daemon.core->publications[a->publish.publication];
	const struct policy_service *service = p->service;
	const char *wanted;
	struct oracle_pool *pool;

	if (!service || p->turn != a->publish.turn) {
		world_fail(w, "publication %u is asked about, which is not known", a->publish.publication);
		return;
	}
	pool = oracle_pool_of(&w->oracle, w->daemon.policy->pools[service->pool].id);
	if (!pool || !pool->known || !pool->server) {
		world_fail(w, "names of service %s are asked about before anybody serves", service->name);
		return;
	}
	wanted = pool->held ? "" : name_of(&w->oracle, pool->server);
	if (a->publish.write &&
	    (strcmp(a->publish.record.server, wanted) || a->publish.record.epoch != pool->epoch))
		world_fail(w, "names of service %s are to lead to %s", service->name, a->publish.record.server);
}

static void judge_hold(struct world *w, const struct action *a)
{
	struct oracle_pool *pool = oracle_pool_of(&w->oracle, a->hold.pool);

	if (!pool || !pool->known) {
		world_fail(w, "pool %u is held or not, but not known", a->hold.pool);
		return;
	}
	if (a->hold.passive != w->oracle.passive)
		world_fail(w, "pool %s is marked or not, against the gateway's mode", pool->policy->name);
	if (a->hold.how != pool->policy->when_none || (pool->hold_told && pool->held == a->hold.held))
		world_fail(w, "pool %s is held without need, or in another way", pool->policy->name);
	if (pool->held != a->hold.held)
		oracle_want_sync(&w->oracle);
	pool->held = a->hold.held;
	pool->hold_told = true;
}

/* --- the rest -------------------------------------------------------------------------------- */

static void judge_flag(struct world *w, const struct action *a)
{
	struct oracle_server *s = oracle_server_of(&w->oracle, a->flag.server);

	if (!s) {
		world_fail(w, "server %u is flagged, which is not known", a->flag.server);
		return;
	}
	s->flagged = a->flag.flags;
	memcpy(s->cannot_leave_told, a->flag.cannot_leave, sizeof(s->cannot_leave_told));
}

static void judge_fit(struct world *w, const struct action *a)
{
	struct oracle_pool *pool = oracle_pool_of(&w->oracle, a->fit.pool);

	if (!pool || a->fit.server >= ORACLE_SERVERS || pool->fit_told[a->fit.server] == (a->fit.ok ? 1 : 2))
		world_fail(w, "server %u is fit or not for pool %u, which is no news", a->fit.server, a->fit.pool);
	else
		pool->fit_told[a->fit.server] = a->fit.ok ? 1 : 2;
}

static void judge_sync(struct world *w)
{
	if (w->oracle.syncing)
		world_fail(w, "routes are compared while they are being compared");
	w->oracle.syncing = true;
	w->oracle.sync_due = false;
	w->oracle.sync_ns = 0;
}

static void judge_drain(struct world *w, const struct action *a)
{
	struct oracle_server *s = oracle_server_of(&w->oracle, a->drain.server);

	if (!s)
		world_fail(w, "server %u drains, which is not known", a->drain.server);
	else if (!a->drain.until_ns && !s->drain_ns)
		world_fail(w, "%s drains no longer, which it did not", name_of(&w->oracle, a->drain.server));
	else
		s->drain_ns = a->drain.until_ns;
}

/* Clients are told of the end of connections only with a server that their pool has left. */
static void judge_reset(struct world *w, const struct action *a)
{
	const struct oracle_pool *pool = oracle_pool_of(&w->oracle, a->reset.pool);

	if (!pool || !oracle_server_of(&w->oracle, a->reset.server))
		world_fail(w, "connections of pool %u with server %u are reset, which are not known", a->reset.pool,
			   a->reset.server);
	else if (oracle_server_of(&w->oracle, a->reset.server)->drain_ns)
		world_fail(w, "connections with %s are reset, which drains", name_of(&w->oracle, a->reset.server));
	else if (share_has(&pool->share, a->reset.server))
		world_fail(w, "connections with %s are reset, which serves pool %s", name_of(&w->oracle, a->reset.server),
			   pool->policy->name);
}

static void judge_answer(struct world *w, const struct action *a)
{
	if (!a->answer.request || a->answer.request != w->oracle.request)
		world_fail(w, "an answer to nobody's request %llu", (unsigned long long)a->answer.request);
	w->oracle.request = 0;
}

/* The next state of something is told from where the last one was left. */
static void judge_edge(struct world *w, const struct report *r, const char *told, const char *silent)
{
	if (!strcmp(r->from, r->to) || !r->to[0])
		world_fail(w, "%s is told without a change", r->to);
	if (strcmp(r->from, told) && (told[0] || strcmp(r->from, silent)))
		world_fail(w, "a change from %s is told, but %s was told before", r->from, told);
}

static void judge_failover(struct world *w, const struct report *r)
{
	const struct oracle_pool *pool = oracle_pool_of(&w->oracle, w->oracle.moved);

	if (!pool || strcmp(r->pool, pool->policy->name) || r->epoch != pool->epoch)
		world_fail(w, "a failover of pool %s is told that was none", r->pool);
	w->oracle.moved = 0;
}

static void judge_server_state(struct world *w, const struct report *r)
{
	struct oracle *o = &w->oracle;
	uint32_t id = 1;

	while (id < ORACLE_SERVERS && strcmp(name_of(o, id), r->server))
		id++;
	if (id == ORACLE_SERVERS) {
		world_fail(w, "a change of %s is told, which is not known", r->server);
		return;
	}
	judge_edge(w, r, o->servers[id].state, server_state_names[SERVER_UNKNOWN]);
	memcpy(o->servers[id].state, r->to, DFB_NAME_LEN);
}

/* All services of a pool change together. */
static void judge_service_state(struct world *w, const struct report *r)
{
	struct oracle *o = &w->oracle;
	uint32_t id = 1;

	while (id < ORACLE_POOLS && !(o->pools[id].policy && !strcmp(o->pools[id].policy->name, r->pool)))
		id++;
	if (id == ORACLE_POOLS) {
		world_fail(w, "a change of a service of pool %s is told, which is not known", r->pool);
		return;
	}
	judge_edge(w, r, o->pools[id].state, service_state_names[SERVICE_DOWN]);
	memcpy(o->pools[id].state_now, r->to, DFB_NAME_LEN);
}

static void judge_report(struct world *w, const struct event *ev, const struct report *r)
{
	if (r->time_ns > w->oracle.now)
		world_fail(w, "something is told that is yet to come");
	if (r->kind == REPORT_FAILOVER || r->kind == REPORT_JOINED)
		judge_failover(w, r);
	else if (r->kind == REPORT_SERVER_STATE)
		judge_server_state(w, r);
	else if (r->kind == REPORT_SERVICE_STATE)
		judge_service_state(w, r);
	else if ((r->kind == REPORT_COMMIT || r->kind == REPORT_COMMIT_FAILED) && ev->kind != EVENT_COMMITTED)
		world_fail(w, "a commit is told that was none");
}

static void judge_pause(struct world *w, const struct action *a)
{
	const struct oracle_pool *pool = oracle_pool_of(&w->oracle, a->pause.pool);

	if (!pool || pool->paused != a->pause.paused)
		world_fail(w, "pool %u is paused or not, which nobody ordered", a->pause.pool);
}

static void judge_action(struct world *w, const struct event *ev, const struct action *a)
{
	switch (a->kind) {
	case ACTION_STEER:
		judge_steer(w, ev, a);
		break;
	case ACTION_COMMIT:
		judge_commit(w, a);
		break;
	case ACTION_PUBLISH:
		judge_publish(w, a);
		break;
	case ACTION_HOLD:
		judge_hold(w, a);
		break;
	case ACTION_PAUSE:
		judge_pause(w, a);
		break;
	case ACTION_FIT:
		judge_fit(w, a);
		break;
	case ACTION_KEEP:
		break;
	case ACTION_FLAG:
		judge_flag(w, a);
		break;
	case ACTION_SYNC:
		judge_sync(w);
		break;
	case ACTION_DRAIN:
		judge_drain(w, a);
		break;
	case ACTION_COUNT:
		break;
	case ACTION_RESET:
		judge_reset(w, a);
		break;
	case ACTION_ANSWER:
		judge_answer(w, a);
		break;
	case ACTION_REPORT:
		judge_report(w, ev, &a->report);
		break;
	default:
		world_fail(w, "an action of no kind");
	}
}

/* --- what is missing ------------------------------------------------------------------------- */

/* At a tick all that waits was heard: whoever cannot stay goes, if there is somebody. The first of all may
 * be waited for, but not if it is there. */
static void miss_move(struct world *w, struct oracle_pool *pool)
{
	enum dfb_reason fault = oracle_fault(&w->oracle, pool);
	uint32_t first = oracle_candidate(&w->oracle, pool, 0), next;

	if (oracle_is_several(pool)) {
		oracle_miss_several(w, pool);
		return;
	}
	if (fault == DFB_REASON_NONE || pool->steering || w->oracle.now < pool->steer_ns)
		return;
	next = oracle_successor(&w->oracle, pool, fault);
	if (next && (fault != DFB_REASON_INITIAL || next == first))
		world_fail(w, "pool %s is not moved to server %u", pool->policy->name, next);
}

static void miss_commit(struct world *w, const struct oracle_pool *pool)
{
	if (pool->server && pool->epoch != pool->committed && !pool->committing &&
	    w->oracle.now >= pool->commit_ns)
		world_fail(w, "pool %s is not committed", pool->policy->name);
}

static void miss_hold(struct world *w, const struct oracle_pool *pool)
{
	bool may = pool->policy->when_none != POLICY_KEEP && pool->server;
	bool hold = may && !oracle_anybody(&w->oracle, pool);

	if (!pool->hold_told || pool->held != hold)
		world_fail(w, "pool %s is not %s", pool->policy->name, hold ? "held" : "let go");
}

/* What is sure of a server is with the kernel. */
static void miss_fit(struct world *w, const struct oracle_pool *pool)
{
	for (uint32_t id = 1; id < ORACLE_SERVERS; id++) {
		uint8_t wanted = pool->unfit[id] ? 2 : 1;

		if (oracle_is_sure(&w->oracle, pool, id) && pool->fit_told[id] != wanted)
			world_fail(w, "the kernel is not told whether server %u is well enough for pool %s", id,
				   pool->policy->name);
	}
}

static void miss_of_pool(struct world *w, const struct event *ev, struct oracle_pool *pool)
{
	if (pool->state_now[0])
		memcpy(pool->state, pool->state_now, sizeof(pool->state));
	pool->state_now[0] = 0;
	if (!pool->known)
		return;
	miss_hold(w, pool);
	miss_fit(w, pool);
	if (ev->kind != EVENT_TICK)
		return;
	miss_move(w, pool);
	miss_commit(w, pool);
}

static void miss_all(struct world *w, const struct event *ev)
{
	struct oracle *o = &w->oracle;
	uint64_t due = core_deadline(w->daemon.core);

	for (uint32_t id = 1; id < ORACLE_POOLS; id++) {
		if (o->pools[id].policy)
			miss_of_pool(w, ev, &o->pools[id]);
	}
	for (uint32_t id = 1; id < ORACLE_SERVERS; id++) {
		const struct oracle_server *s = &o->servers[id];

		if (s->flags != s->flagged ||
		    memcmp(s->cannot_leave, s->cannot_leave_told, sizeof(s->cannot_leave)))
			world_fail(w, "the kernel is not told that server %u is not to be chosen, or is again", id);
		if (ev->kind == EVENT_TICK && s->drain_ns && s->drain_ns <= o->now)
			world_fail(w, "connections stay with server %u for too long", id);
	}
	if (o->moved)
		world_fail(w, "a failover of pool %u is not told", o->moved);
	if (o->request)
		world_fail(w, "request %llu is not answered", (unsigned long long)o->request);
	if (o->sync_due)
		world_fail(w, "routes are not compared");
	if (ev->kind == EVENT_TICK && due && due <= o->now)
		world_fail(w, "at a tick it asks for one that was due before");
}

void oracle_judge(struct world *w, const struct event *ev, const struct actions *actions)
{
	if (actions->n >= ACTIONS_MAX)
		world_fail(w, "%u actions for one event", actions->n);
	if (!w->oracle.policy) {
		if (actions->n)
			world_fail(w, "it acts without a policy");
		return;
	}
	for (uint32_t i = 0; i < actions->n; i++)
		judge_action(w, ev, &actions->action[i]);
	miss_all(w, ev);
}
