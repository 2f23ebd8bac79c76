// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "private.h"

struct core_server *server_of(struct core *core, uint32_t id)
{
	return id && id <= DFB_MAX_SERVERS && core->servers[id].policy ? &core->servers[id] : NULL;
}

const char *server_name(const struct core *core, uint32_t id)
{
	return id <= DFB_MAX_SERVERS && core->servers[id].policy ? core->servers[id].policy->name : "";
}

uint32_t server_by_name(const struct core *core, const char *name)
{
	for (uint32_t i = 0; i < core->policy->n_servers; i++) {
		if (!strcmp(core->policy->servers[i].name, name))
			return core->policy->servers[i].id;
	}
	return 0;
}

/* --- what its targets say -------------------------------------------------------------------- */

static enum server_state of_target(enum dfb_target_state state)
{
	switch (state) {
	case DFB_STATE_UP:
		return SERVER_UP;
	case DFB_STATE_RECOVERING:
		return SERVER_RECOVERING;
	case DFB_STATE_SUSPECT:
		return SERVER_SUSPECT;
	case DFB_STATE_DOWN:
		return SERVER_DOWN;
	default:
		return SERVER_UNKNOWN;
	}
}

/* Families that count: those its pools use, or all if none does. */
static bool counts(const struct core_server *server, uint32_t family)
{
	uint8_t used = server->families;

	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		if (!server->policy->has[f])
			used &= (uint8_t)~(1u << f);
	}
	return server->policy->has[family] && (!used || (used & (1u << family)));
}

enum server_state server_state(const struct core_server *server)
{
	enum server_state worst = SERVER_UP;

	if (server->flags & DFB_SERVER_MAINTENANCE)
		return SERVER_MAINTENANCE;
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		enum server_state one = of_target(server->target[family].state);

		if (counts(server, family) && one > worst)
			worst = one;
	}
	return worst;
}

static bool serves(const struct core_server *server, const struct core_pool *pool, uint32_t family)
{
	return server->policy->has[family] && (pool->policy->families & (1u << family));
}

/* The target that is down in a family of the pool, one in which the other server could serve; the
 * kernel has the same rule. NULL as the other: whoever. Return: NULL: there is none. */
const struct event_target *server_dead_target(const struct core_server *server, const struct core_pool *pool,
					      const struct core_server *other)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		const struct event_target *t = &server->target[family];

		if (serves(server, pool, family) && t->state == DFB_STATE_DOWN &&
		    (!other || other->policy->has[family]))
			return t;
	}
	return NULL;
}

/* All its families of the pool are up, and nothing speaks against it. */
bool server_is_fit(const struct core_server *server, const struct core_pool *pool)
{
	bool any = false;

	if (!server || server->flags)
		return false;
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (!serves(server, pool, family))
			continue;
		if (server->target[family].state != DFB_STATE_UP)
			return false;
		any = true;
	}
	return any;
}

/* It answers, or did until a moment ago, in some family of the pool. */
bool server_is_alive(const struct core_server *server, const struct core_pool *pool)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		enum dfb_target_state state = server->target[family].state;

		if (serves(server, pool, family) && state != DFB_STATE_DOWN && state != DFB_STATE_UNKNOWN)
			return true;
	}
	return false;
}

/* --- news ------------------------------------------------------------------------------------ */

/* A server keeps what we know of it for as long as its id and its addresses mean the same. */
static void adopt_policy(struct core_server *server, const struct policy_server *policy)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (policy->has[family])
			continue;
		server->target[family] = (struct event_target){0};
		server->station[family] = (struct dfb_station){0};
	}
	server->policy = policy;
	server->families = 0;
}

void server_reindex(struct step *s, const struct policy *old)
{
	const struct policy *policy = s->core->policy;
	struct core_server *servers = s->core->servers;

	for (uint32_t i = 0; old && i < old->n_servers; i++)
		servers[old->servers[i].id].policy = NULL;
	for (uint32_t i = 0; i < policy->n_servers; i++)
		adopt_policy(&servers[policy->servers[i].id], &policy->servers[i]);
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		const struct policy_pool *pool = &policy->pools[i];

		for (uint32_t k = 0; k < pool->n_servers; k++)
			servers[policy->servers[pool->servers[k]].id].families |= pool->families;
	}
	for (uint32_t i = 0; old && i < old->n_servers; i++) {
		if (!servers[old->servers[i].id].policy)
			memset(&servers[old->servers[i].id], 0, sizeof(*servers));
	}
}

/* It serves one. */
bool server_has_pool(const struct core *core, uint32_t server)
{
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++) {
		if (core->pools[id].policy && share_has(&core->pools[id].share, server))
			return true;
	}
	return false;
}

void server_on_target(struct step *s, const struct event_target *t)
{
	uint32_t id = dfb_target_server(t->target);
	struct core_server *server = server_of(s->core, id);
	struct event_target *mine;

	if (!server)
		return;
	mine = &server->target[dfb_target_family(t->target)];
	if (t->since_ns < mine->since_ns) /* waited in the ring while we were away */
		return;
	if (mine->state != t->state && t->reason == DFB_REASON_NO_WITNESS && server_has_pool(s->core, id))
		tell_no_switch(s, id, t);
	*mine = *t;
	tell_server(s, id);
	pool_review_server(s, id);
}

static void flag(struct step *s, uint32_t id)
{
	struct core_server *server = server_of(s->core, id);
	struct action *a = step_action(s, ACTION_FLAG);

	a->flag.server = id;
	a->flag.flags = server->flags;
	memcpy(a->flag.cannot_leave, server->cannot_leave, sizeof(server->cannot_leave));
}

static void set_flags(struct step *s, struct core_server *server, uint32_t flags)
{
	if (server->flags != flags)
		server->flagged_ns = s->core->now;
	server->flags = flags;
}

static void tell_routable(struct step *s, const struct core_server *server, const struct event_routable *r)
{
	struct report *report = tell(s, REPORT_UNROUTABLE);

	snprintf(report->server, sizeof(report->server), "%s", server->policy->name);
	snprintf(report->to, sizeof(report->to), "%s", r->ok ? "routable" : "unroutable");
	snprintf(report->reason, sizeof(report->reason), "%s", r->ok ? "on-link again" : r->why);
}

void server_on_routable(struct step *s, const struct event_routable *r)
{
	struct core_server *server = server_of(s->core, r->server);
	uint32_t flags;

	if (!server)
		return;
	flags = (server->flags & ~DFB_SERVER_UNROUTABLE) | (r->ok ? 0 : DFB_SERVER_UNROUTABLE);
	if (flags != server->flags)
		tell_routable(s, server, r);
	set_flags(s, server, flags);
	memcpy(server->cannot_leave, r->cannot_leave, sizeof(server->cannot_leave));
	flag(s, r->server);
	if (r->moved)
		step_sync(s);
	pool_review_server(s, r->server);
}

static void change_maintenance(struct step *s, uint32_t id, bool on, const char *why)
{
	struct core_server *server = server_of(s->core, id);
	struct report *r;

	set_flags(s, server, (server->flags & ~DFB_SERVER_MAINTENANCE) | (on ? DFB_SERVER_MAINTENANCE : 0));
	flag(s, id);
	r = tell(s, REPORT_MAINTENANCE);
	snprintf(r->server, sizeof(r->server), "%s", server->policy->name);
	snprintf(r->to, sizeof(r->to), "%s", on ? "on" : "off");
	snprintf(r->reason, sizeof(r->reason), "%s", why);
	tell_server(s, id);
	pool_review_server(s, id);
}

/* Ordered again it is prolonged, or cut short; what is told is only that it begins. */
void server_begin_maintenance(struct step *s, uint32_t id, const struct event_operator *op)
{
	struct core_server *server = server_of(s->core, id);

	order_begin(s, &server->maintenance, op);
	if (!(server->flags & DFB_SERVER_MAINTENANCE))
		change_maintenance(s, id, true, op->reason);
}

void server_end_maintenance(struct step *s, uint32_t id, const char *why)
{
	struct core_server *server = server_of(s->core, id);

	order_end(s, &server->maintenance);
	drain_prolong(s, id);
	if (server->flags & DFB_SERVER_MAINTENANCE)
		change_maintenance(s, id, false, why);
}
