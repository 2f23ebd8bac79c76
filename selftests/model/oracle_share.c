// SPDX-License-Identifier: GPL-2.0-only
/* Pools that several serve: who leaves, who gets what it had, and that nobody else loses anything. */
#include "oracle_private.h"

#include <stdlib.h>

struct oracle_pool *oracle_seen_from(const struct oracle_pool *pool, uint32_t server)
{
	struct oracle_pool *one = malloc(sizeof(*one));

	if (!one)
		abort();
	*one = *pool;
	one->server = server;
	return one;
}

static uint32_t places(const struct oracle_pool *pool)
{
	uint32_t active = pool->policy->active > 1 ? pool->policy->active : 1;

	return active < pool->policy->n_servers ? active : pool->policy->n_servers;
}

bool oracle_is_several(const struct oracle_pool *pool)
{
	uint32_t servers[DFB_SLOTS];

	return places(pool) > 1 || share_list(&pool->share, servers) > 1 || pool->share.lent;
}

/* Of those who serve, somebody could have more. @spotless: and nothing speaks against him */
static bool has_heir(struct oracle *o, const struct oracle_pool *one, enum dfb_reason reason, bool spotless)
{
	uint32_t servers[DFB_SLOTS], n = share_list(&one->share, servers);

	for (uint32_t i = 0; i < n; i++) {
		if (servers[i] != one->server && oracle_may_have_more(o, one, servers[i], reason) &&
		    (!spotless || oracle_is_spotless(o, one, servers[i])))
			return true;
	}
	return false;
}

/* --- is it right? ---------------------------------------------------------------------------- */

/* Only what was his moves, and only to those who may have it. */
static void judge_slots(struct world *w, const struct oracle_pool *one, const struct action *a,
			enum dfb_reason reason)
{
	bool spotless = has_heir(&w->oracle, one, reason, true);

	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		uint32_t before = one->share.slots[i], after = a->steer.share.slots[i];

		if (!after)
			world_fail(w, "pool %s: slot %u has nobody", one->policy->name, i);
		if (a->steer.from ? before != a->steer.from && after != before :
				    after != before && after != a->steer.to)
			world_fail(w, "pool %s: slot %u moves for no reason", one->policy->name, i);
		if (!a->steer.from || before != a->steer.from)
			continue;
		if (a->steer.to ? after != a->steer.to :
				  !share_has(&one->share, after) ||
				  !oracle_may_have_more(&w->oracle, one, after, reason) ||
				  (spotless && !oracle_is_spotless(&w->oracle, one, after)))
			world_fail(w, "pool %s: slot %u goes to server %u, which must not have it", one->policy->name, i,
				   after);
	}
}

static void judge_replace(struct world *w, const struct oracle_pool *one, const struct action *a)
{
	enum dfb_reason fault = oracle_fault(&w->oracle, one);
	uint32_t wanted = oracle_successor(&w->oracle, one, fault);

	if (fault == DFB_REASON_NONE || a->steer.reason != fault)
		world_fail(w, "pool %s leaves server %u for no reason", one->policy->name, one->server);
	if (wanted && !oracle_is_spotless(&w->oracle, one, wanted) && wanted != one->proposed &&
	    has_heir(&w->oracle, one, fault, false))
		wanted = 0;
	if (a->steer.to != wanted)
		world_fail(w, "pool %s: server %u is followed by %u, not %u", one->policy->name, one->server, a->steer.to,
			   wanted);
	judge_slots(w, one, a, fault);
}

/* Fewer are to serve: the last in order goes. */
static void judge_dismissal(struct world *w, const struct oracle_pool *one, const struct action *a)
{
	uint32_t servers[DFB_SLOTS], n = share_list(&one->share, servers);

	if (n <= places(one) || one->paused || a->steer.to)
		world_fail(w, "pool %s: server %u is sent away", one->policy->name, one->server);
	for (uint32_t i = 0; i < n; i++) {
		if (oracle_place(&w->oracle, one, servers[i]) > oracle_place(&w->oracle, one, one->server))
			world_fail(w, "pool %s: server %u is sent away before %u", one->policy->name, one->server,
				   servers[i]);
	}
	judge_slots(w, one, a, DFB_REASON_REMOVED);
}

static void judge_join(struct world *w, const struct oracle_pool *none, const struct action *a)
{
	bool first = !none->share.slots[0];

	if (a->steer.reason != (first ? DFB_REASON_INITIAL : DFB_REASON_JOINED))
		world_fail(w, "pool %s gets another server for no reason", none->policy->name);
	if (a->steer.to != oracle_successor(&w->oracle, none, a->steer.reason))
		world_fail(w, "pool %s gets server %u, which is not its turn", none->policy->name, a->steer.to);
	if (!first && (none->paused || share_owners(&none->share) >= places(none) ||
		       !oracle_is_spotless(&w->oracle, none, a->steer.to)))
		world_fail(w, "pool %s gets server %u without need", none->policy->name, a->steer.to);
	judge_slots(w, none, a, a->steer.reason);
	if (!share_has(&a->steer.share, a->steer.to) ||
	    share_owners(&a->steer.share) <= share_owners(&none->share))
		world_fail(w, "pool %s does not gain by server %u", none->policy->name, a->steer.to);
}

void oracle_judge_several(struct world *w, const struct oracle_pool *pool, const struct action *a)
{
	struct oracle_pool *one = oracle_seen_from(pool, a->steer.from);

	if (!a->steer.from)
		judge_join(w, one, a);
	else if (!share_has(&pool->share, a->steer.from))
		world_fail(w, "pool %s leaves server %u, which does not serve it", pool->policy->name, a->steer.from);
	else if (a->steer.reason == DFB_REASON_REMOVED && oracle_fault(&w->oracle, one) == DFB_REASON_NONE)
		judge_dismissal(w, one, a);
	else
		judge_replace(w, one, a);
	free(one);
}

/* --- is one missing? ------------------------------------------------------------------------- */

/* Somebody who does not serve will do in a moment: he is waited for. */
static bool is_settling(struct oracle *o, const struct oracle_pool *one, enum dfb_reason reason)
{
	for (uint32_t i = 0; reason == DFB_REASON_VERDICT && i < one->policy->n_servers; i++) {
		uint32_t id = oracle_candidate(o, one, i);

		if (!share_has(&one->share, id) && oracle_may_serve(o, one, id, DFB_REASON_JOINED))
			return true;
	}
	return false;
}

/* Return: it is waited for somebody. */
static bool miss_replacement(struct world *w, const struct oracle_pool *one)
{
	enum dfb_reason fault = oracle_fault(&w->oracle, one);

	if (fault == DFB_REASON_NONE)
		return false;
	if (oracle_successor(&w->oracle, one, fault) ||
	    (has_heir(&w->oracle, one, fault, false) && !is_settling(&w->oracle, one, fault)))
		world_fail(w, "pool %s does not leave server %u", one->policy->name, one->server);
	return is_settling(&w->oracle, one, fault);
}

void oracle_miss_several(struct world *w, const struct oracle_pool *pool)
{
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers), next;
	struct oracle_pool *none;
	bool waits = false;

	if (pool->steering || w->oracle.now < pool->steer_ns)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct oracle_pool *one = oracle_seen_from(pool, servers[i]);

		waits |= miss_replacement(w, one);
		free(one);
	}
	if (waits || (n && pool->paused) || share_owners(&pool->share) >= places(pool))
		return;
	none = oracle_seen_from(pool, 0);
	next = oracle_successor(&w->oracle, none, n ? DFB_REASON_JOINED : DFB_REASON_INITIAL);
	if (next && oracle_place(&w->oracle, pool, next) < (n ? places(pool) : 1) &&
	    (!n || oracle_is_spotless(&w->oracle, pool, next)))
		world_fail(w, "pool %s does not get server %u", pool->policy->name, next);
	free(none);
}
