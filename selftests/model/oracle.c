// SPDX-License-Identifier: GPL-2.0-only
/* What the core was told, and who should serve by that. oracle_judge.c holds its actions against it. */
#include "oracle_private.h"

#include <string.h>

#include "core/timing.h"

void oracle_begin(struct world *w)
{
	memset(&w->oracle, 0, sizeof(w->oracle));
}

struct oracle_pool *oracle_pool_of(struct oracle *o, uint32_t id)
{
	return id < ORACLE_POOLS && o->pools[id].policy ? &o->pools[id] : NULL;
}

struct oracle_server *oracle_server_of(struct oracle *o, uint32_t id)
{
	return id < ORACLE_SERVERS && o->servers[id].policy ? &o->servers[id] : NULL;
}

void oracle_want_sync(struct oracle *o)
{
	if (o->syncing)
		o->sync_again = true;
	else
		o->sync_due = true;
}

uint32_t oracle_candidate(const struct oracle *o, const struct oracle_pool *pool, uint32_t place)
{
	return o->policy->servers[pool->policy->servers[place]].id;
}

/* Place in the order of promotion; as many as there are: it has none. */
uint32_t oracle_place(const struct oracle *o, const struct oracle_pool *pool, uint32_t server)
{
	uint32_t place = 0;

	while (place < pool->policy->n_servers && oracle_candidate(o, pool, place) != server)
		place++;
	return place;
}

/* --- what it was told ------------------------------------------------------------------------ */

static void hear_servers(struct oracle *o)
{
	for (uint32_t id = 0; id < ORACLE_SERVERS; id++)
		o->servers[id].policy = NULL;
	for (uint32_t i = 0; i < o->policy->n_servers; i++)
		o->servers[o->policy->servers[i].id].policy = &o->policy->servers[i];
	for (uint32_t id = 0; id < ORACLE_SERVERS; id++) {
		struct oracle_server *s = &o->servers[id];

		if (!s->policy)
			memset(s, 0, sizeof(*s));
		for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
			if (!s->policy || !s->policy->has[family])
				memset(&s->target[family], 0, sizeof(s->target[family]));
		}
	}
}

/* --- health above the echo -------------------------------------------------------------------- */

static bool hangs(const struct oracle *o, const struct oracle_pool *pool, uint32_t server)
{
	return pool->policy->userland && o->servers[server].userland.state == DFB_USERLAND_HUNG;
}

static bool is_ill(const struct oracle *o, const struct oracle_pool *pool, uint32_t server)
{
	return pool->checks[server].state == CHECK_FAIL || hangs(o, pool, server);
}

static bool is_well(const struct oracle *o, const struct oracle_pool *pool, uint32_t server)
{
	if (pool->policy->checked && pool->checks[server].state != CHECK_PASS)
		return false;
	return !pool->policy->userland || o->servers[server].userland.state == DFB_USERLAND_WELL;
}

/* Since when it is ill: whoever takes over must have been found to be well later, in all that counts. */
static bool is_well_since(const struct oracle *o, const struct oracle_pool *pool, uint32_t server,
			  uint32_t ill)
{
	uint64_t hung = hangs(o, pool, ill) ? o->servers[ill].userland.since_ns : 0;
	uint64_t failed = pool->checks[ill].bad_ns;
	uint64_t since = failed && (!hung || failed < hung) ? failed : hung;

	return is_well(o, pool, server) && (!pool->policy->checked || pool->checks[server].good_ns > since) &&
	       (!pool->policy->userland || o->servers[server].userland.alive_ns > since);
}

bool oracle_is_sure(const struct oracle *o, const struct oracle_pool *pool, uint32_t server)
{
	if (oracle_place(o, pool, server) == pool->policy->n_servers)
		return false;
	return is_ill(o, pool, server) ||
	       ((pool->policy->checked || pool->policy->userland) && is_well(o, pool, server));
}

static void note_health(const struct oracle *o, struct oracle_pool *pool, uint32_t server)
{
	if (is_ill(o, pool, server))
		pool->unfit[server] = true;
	else if (is_well(o, pool, server))
		pool->unfit[server] = false;
}

static void note_all_health(const struct oracle *o, struct oracle_pool *pool)
{
	for (uint32_t i = 0; pool->policy->userland && i < pool->policy->n_servers; i++)
		note_health(o, pool, oracle_candidate(o, pool, i));
}

static void hear_userland(struct oracle *o, const struct event_userland *u)
{
	struct oracle_server *s = oracle_server_of(o, dfb_target_server(u->target));
	uint64_t since_ns = s ? s->userland.since_ns : 0;

	if (!s || u->heard_ns < s->userland.heard_ns)
		return;
	since_ns = s->userland.state == u->state ? since_ns : u->since_ns;
	s->userland = *u;
	s->userland.since_ns = since_ns;
	for (uint32_t id = 1; id < ORACLE_POOLS; id++) {
		if (o->pools[id].policy)
			note_all_health(o, &o->pools[id]);
	}
}

/* Of servers that are no longer in the pool. */
static void forget_checks(struct oracle *o, struct oracle_pool *pool)
{
	for (uint32_t id = 0; id < ORACLE_SERVERS; id++) {
		if (oracle_place(o, pool, id) < pool->policy->n_servers)
			continue;
		memset(&pool->checks[id], 0, sizeof(pool->checks[id]));
		pool->unfit[id] = false;
		pool->fit_told[id] = 0;
	}
}

static void hear_pools(struct oracle *o)
{
	for (uint32_t id = 0; id < ORACLE_POOLS; id++)
		o->pools[id].policy = NULL;
	for (uint32_t i = 0; i < o->policy->n_pools; i++) {
		o->pools[o->policy->pools[i].id].policy = &o->policy->pools[i];
		o->pools[o->policy->pools[i].id].id = o->policy->pools[i].id;
		forget_checks(o, &o->pools[o->policy->pools[i].id]);
		note_all_health(o, &o->pools[o->policy->pools[i].id]);
	}
	for (uint32_t id = 0; id < ORACLE_POOLS; id++) {
		if (!o->pools[id].policy)
			memset(&o->pools[id], 0, sizeof(o->pools[id]));
	}
}

static void hear_target(struct oracle *o, const struct event_target *t)
{
	struct oracle_server *s = oracle_server_of(o, dfb_target_server(t->target));
	uint32_t family = dfb_target_family(t->target);

	if (s && t->since_ns >= s->target[family].since_ns)
		s->target[family] = *t;
}

static void hear_pool(struct oracle *o, const struct event_pool *p)
{
	struct oracle_pool *pool = oracle_pool_of(o, p->pool);
	uint64_t seen;

	if (!pool || (pool->known && p->epoch <= pool->epoch))
		return;
	seen = pool->known ? pool->epoch : p->committed;
	if (p->epoch != seen && p->last.reason != DFB_REASON_INITIAL)
		o->moved = p->pool;
	if (!pool->known)
		pool->committed = p->committed;
	pool->known = true;
	pool->share = p->share;
	pool->server = p->share.slots[0];
	pool->epoch = p->epoch;
	pool->proposed = 0;
	pool->commit_ns = 0;
	pool->commit_retries = 0;
}

static void hear_proposal(struct oracle *o, const struct event_pool *p)
{
	struct oracle_pool *pool = oracle_pool_of(o, p->pool);

	if (!pool || !pool->known || p->epoch != pool->epoch ||
	    !share_has(&pool->share, p->last.from))
		return;
	pool->proposed = p->server;
	pool->proposed_for = p->last.from;
	pool->proposed_ns = p->last.verdict_ns;
}

static void hear_flag(struct oracle_server *s, uint32_t flag, bool on)
{
	s->flags = on ? s->flags | flag : s->flags & ~flag;
}

static void hear_routable(struct oracle *o, const struct event_routable *r)
{
	struct oracle_server *s = oracle_server_of(o, r->server);

	if (!s)
		return;
	hear_flag(s, DFB_SERVER_UNROUTABLE, !r->ok);
	memcpy(s->cannot_leave, r->cannot_leave, sizeof(s->cannot_leave));
	if (r->moved)
		oracle_want_sync(o);
}

static void hear_maintenance(struct oracle *o, const struct event_operator *op)
{
	for (uint32_t id = 1; id < ORACLE_SERVERS; id++) {
		struct oracle_server *s = oracle_server_of(o, id);

		if (!s || strcmp(s->policy->name, op->name))
			continue;
		hear_flag(s, DFB_SERVER_MAINTENANCE, op->on);
		s->until_ns = op->on ? op->until_ns : 0;
	}
}

static void hear_pause(struct oracle *o, const struct event_operator *op)
{
	struct oracle_pool *pool = oracle_pool_of(o, op->pool);

	for (uint32_t i = 0; !op->pool && i < o->policy->n_services; i++) {
		if (!strcmp(o->policy->services[i].name, op->name))
			pool = oracle_pool_of(o, o->policy->pools[o->policy->services[i].pool].id);
	}
	if (!pool)
		return;
	pool->paused = op->on;
	pool->until_ns = op->on ? op->until_ns : 0;
}

static void hear_mode(struct oracle *o, bool passive)
{
	if (passive == o->passive || !o->policy) {
		o->passive = passive;
		return;
	}
	o->passive = passive;
	for (uint32_t id = 1; id < ORACLE_POOLS; id++)
		o->pools[id].hold_told = false;
	oracle_want_sync(o);
}

/* What has a limit ends by itself. */
static void hear_time(struct oracle *o)
{
	for (uint32_t id = 1; id < ORACLE_SERVERS; id++) {
		struct oracle_server *s = oracle_server_of(o, id);

		if (!s || !s->until_ns || o->now < s->until_ns)
			continue;
		hear_flag(s, DFB_SERVER_MAINTENANCE, false);
		s->until_ns = 0;
	}
	for (uint32_t id = 1; id < ORACLE_POOLS; id++) {
		struct oracle_pool *pool = oracle_pool_of(o, id);

		if (!pool || !pool->until_ns || o->now < pool->until_ns)
			continue;
		pool->paused = false;
		pool->until_ns = 0;
	}
}

static void hear_check(struct oracle *o, const struct event_check *c)
{
	struct oracle_pool *pool = oracle_pool_of(o, c->pool);

	if (!pool || !pool->policy->checked || c->server >= ORACLE_SERVERS ||
	    oracle_place(o, pool, c->server) == pool->policy->n_servers)
		return;
	pool->checks[c->server] = *c;
	note_health(o, pool, c->server);
}

static void hear_steered(struct oracle *o, const struct event_result *r)
{
	struct oracle_pool *pool = oracle_pool_of(o, r->pool);

	if (!pool)
		return;
	pool->steering = false;
	if (r->error && r->epoch == pool->epoch)
		pool->steer_ns = o->now + timing_retry(pool->steer_retries++);
	else
		pool->steer_retries = 0;
	o->request = pool->request;
	pool->request = 0;
}

static void hear_committed(struct oracle *o, const struct event_result *r)
{
	struct oracle_pool *pool = oracle_pool_of(o, r->pool);

	if (!pool)
		return;
	pool->committing = false;
	if (!r->error)
		pool->committed = r->epoch;
	else if (r->epoch == pool->epoch)
		pool->commit_ns = o->now + timing_retry(pool->commit_retries++);
}

static void hear_synced(struct oracle *o, const struct event_synced *r)
{
	o->syncing = false;
	o->sync_due = o->sync_again;
	o->sync_again = false;
	o->sync_retries = r->error ? o->sync_retries + 1 : 0;
	o->sync_ns = r->error ? o->now + timing_retry(o->sync_retries) : 0;
}

static void hear_operator(struct oracle *o, const struct event *ev)
{
	if (ev->kind == EVENT_MAINTENANCE)
		hear_maintenance(o, &ev->op);
	if (ev->kind == EVENT_PAUSE)
		hear_pause(o, &ev->op);
	if (ev->kind == EVENT_MODE)
		hear_mode(o, ev->op.on);
	o->request = ev->op.request;
}

static void hear_kind(struct oracle *o, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_TARGET:
		hear_target(o, &ev->target);
		break;
	case EVENT_POOL:
		hear_pool(o, &ev->pool);
		break;
	case EVENT_PROPOSAL:
		hear_proposal(o, &ev->pool);
		break;
	case EVENT_ROUTABLE:
		hear_routable(o, &ev->routable);
		break;
	case EVENT_STEERED:
		hear_steered(o, &ev->result);
		break;
	case EVENT_COMMITTED:
		hear_committed(o, &ev->result);
		break;
	case EVENT_SYNCED:
		hear_synced(o, &ev->synced);
		break;
	case EVENT_CHECK:
		hear_check(o, &ev->check);
		break;
	case EVENT_DRAIN:
		o->servers[ev->drain.server].drain_ns = ev->drain.until_ns;
		break;
	case EVENT_USERLAND:
		hear_userland(o, &ev->userland);
		break;
	case EVENT_TAMPERED:
		oracle_want_sync(o);
		break;
	case EVENT_TICK:
		o->sync_due = o->sync_ns && o->now >= o->sync_ns;
		hear_time(o);
		break;
	case EVENT_FAILOVER:
	case EVENT_MAINTENANCE:
	case EVENT_PAUSE:
	case EVENT_MODE:
		hear_operator(o, ev);
		break;
	default:
		break;
	}
}

void oracle_hear(struct world *w, const struct event *ev)
{
	struct oracle *o = &w->oracle;

	o->now = ev->time_ns > o->now ? ev->time_ns : o->now;
	o->request = 0;
	o->moved = 0;
	o->sync_due = false;
	if (ev->kind == EVENT_POLICY) {
		o->policy = ev->policy;
		hear_servers(o);
		hear_pools(o);
		oracle_want_sync(o);
	} else if (o->policy || ev->kind == EVENT_MODE) {
		hear_kind(o, ev);
	}
}

bool oracle_owes(const struct world *w)
{
	for (uint32_t id = 0; id < ORACLE_POOLS; id++) {
		if (w->oracle.pools[id].request)
			return true;
	}
	return false;
}

/* --- who should serve ------------------------------------------------------------------------ */

static bool is_used(const struct oracle_pool *pool, const struct oracle_server *s, uint32_t family)
{
	return s->policy->has[family] && pool->policy->families & (1u << family);
}

/* In all families of the pool that it has. */
static bool is_up(const struct oracle_pool *pool, const struct oracle_server *s)
{
	bool any = false;

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (!is_used(pool, s, family))
			continue;
		if (s->target[family].state != DFB_STATE_UP)
			return false;
		any = true;
	}
	return any;
}

static bool is_alive(const struct oracle_pool *pool, const struct oracle_server *s)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		enum dfb_target_state state = s->target[family].state;

		if (is_used(pool, s, family) && (state == DFB_STATE_UP || state == DFB_STATE_SUSPECT ||
						 state == DFB_STATE_RECOVERING))
			return true;
	}
	return false;
}

bool oracle_anybody(struct oracle *o, const struct oracle_pool *pool)
{
	for (uint32_t i = 0; i < pool->policy->n_servers; i++) {
		const struct oracle_server *s = &o->servers[oracle_candidate(o, pool, i)];

		if (!s->flags && is_alive(pool, s))
			return true;
	}
	return false;
}

/* The first family of the pool in which the server is down and the other one could serve. Return:
 * DFB_FAMILIES: there is none. */
static uint32_t dead_in(const struct oracle_pool *pool, const struct oracle_server *s,
			const struct oracle_server *other)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (is_used(pool, s, family) && s->target[family].state == DFB_STATE_DOWN &&
		    (!other || other->policy->has[family]))
			return family;
	}
	return DFB_FAMILIES;
}

enum dfb_reason oracle_fault(struct oracle *o, const struct oracle_pool *pool)
{
	const struct oracle_server *owner = oracle_server_of(o, pool->server);

	if (!pool->server)
		return DFB_REASON_INITIAL;
	if (!owner || oracle_place(o, pool, pool->server) == pool->policy->n_servers)
		return DFB_REASON_REMOVED;
	if (pool->paused)
		return DFB_REASON_NONE;
	if (owner->flags & DFB_SERVER_MAINTENANCE)
		return DFB_REASON_MAINTENANCE;
	if (dead_in(pool, owner, NULL) < DFB_FAMILIES)
		return DFB_REASON_VERDICT;
	if (hangs(o, pool, pool->server))
		return DFB_REASON_USERLAND;
	return is_ill(o, pool, pool->server) ? DFB_REASON_CHECK : DFB_REASON_NONE;
}

/* Could it have more? Instead of a dead one only if it has answered since: it is up for longer than a probe
 * can be under way, and so has answered one that was sent after the dead one fell silent. */
bool oracle_may_have_more(struct oracle *o, const struct oracle_pool *pool, uint32_t server,
			  enum dfb_reason reason)
{
	const struct oracle_server *s = oracle_server_of(o, server), *owner;
	uint32_t family;

	if (!s || s->flags || server == pool->server || !is_up(pool, s) ||
	    oracle_place(o, pool, server) == pool->policy->n_servers)
		return false;
	if (reason == DFB_REASON_OPERATOR && pool->unfit[server])
		return false;
	if (reason == DFB_REASON_CHECK || reason == DFB_REASON_USERLAND)
		return is_well_since(o, pool, server, pool->server);
	if (reason != DFB_REASON_VERDICT)
		return true;
	owner = &o->servers[pool->server];
	family = dead_in(pool, owner, s);
	return family < DFB_FAMILIES &&
	       o->now > owner->target[family].first_missed_ns + timing_fresh(&s->policy->heartbeat);
}

bool oracle_may_serve(struct oracle *o, const struct oracle_pool *pool, uint32_t server,
		      enum dfb_reason reason)
{
	return !share_has(&pool->share, server) && oracle_may_have_more(o, pool, server, reason);
}

bool oracle_is_spotless(const struct oracle *o, const struct oracle_pool *pool, uint32_t server)
{
	const struct oracle_server *s = &o->servers[server];

	return !s->target[0].damped && !s->target[1].damped && !pool->unfit[server];
}

/* The kernel found a witness and a successor, and both the verdict and the successor still stand. */
static uint32_t proposed(struct oracle *o, const struct oracle_pool *pool)
{
	const struct oracle_server *s = oracle_server_of(o, pool->proposed);
	const struct oracle_server *owner = &o->servers[pool->server];
	uint32_t family;

	if (!s || s->flags || !is_alive(pool, s) || pool->proposed_for != pool->server ||
	    share_has(&pool->share, pool->proposed) ||
	    oracle_place(o, pool, pool->proposed) == pool->policy->n_servers)
		return 0;
	family = dead_in(pool, owner, s);
	if (family == DFB_FAMILIES || owner->target[family].since_ns != pool->proposed_ns)
		return 0;
	return pool->proposed;
}

uint32_t oracle_successor(struct oracle *o, const struct oracle_pool *pool, enum dfb_reason reason)
{
	uint32_t n = pool->policy->n_servers, place = oracle_place(o, pool, pool->server);
	uint32_t first = place < n ? place + 1 : 0, spare = 0;
	uint32_t wanted = reason == DFB_REASON_VERDICT ? proposed(o, pool) : 0;

	for (uint32_t i = 0; i < n && !wanted; i++) {
		uint32_t id = oracle_candidate(o, pool, (first + i) % n);

		if (!oracle_may_serve(o, pool, id, reason))
			continue;
		if (oracle_is_spotless(o, pool, id))
			wanted = id;
		else if (!spare)
			spare = id;
	}
	return wanted ? wanted : spare;
}
