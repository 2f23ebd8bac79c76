// SPDX-License-Identifier: GPL-2.0-only
/* Connections with a server that a pool has left: their clients are told, also those that only listen. */
#include <stdio.h>

#include "private.h"

void reset_flows(struct step *s, uint32_t pool, uint32_t server)
{
	struct action *a = step_action(s, ACTION_RESET);

	a->reset.pool = pool;
	a->reset.server = server;
}

/* Whoever the pool has just left gets no packet of theirs any more, unless it drains. */
static bool is_gone(const struct step *s, const struct core_pool *pool, uint32_t server)
{
	const struct core_server *who = server_of(s->core, server);

	if (!who || share_has(&pool->share, server))
		return false;
	return server == pool->last.from ? !who->drain.until_ns : server_dead_target(who, pool, NULL) != NULL;
}

/* Of several changes at once only the last one is known: then whoever is dead was left, maybe. */
void reset_on_move(struct step *s, uint32_t id, uint64_t changes)
{
	const struct core_pool *pool = pool_of(s->core, id);

	if (s->core->passive) /* its clients are another gateway's */
		return;
	if (is_gone(s, pool, pool->last.from))
		reset_flows(s, id, pool->last.from);
	for (uint32_t i = 0; changes > 1 && i < pool->policy->n_servers; i++) {
		uint32_t server = s->core->policy->servers[pool->policy->servers[i]].id;

		if (server != pool->last.from && is_gone(s, pool, server))
			reset_flows(s, id, server);
	}
}

void reset_on_done(struct step *s, const struct event_reset *r)
{
	const struct core_pool *pool = pool_of(s->core, r->pool);
	struct report *report;

	if (!pool || !(r->connections || r->failed))
		return;
	report = tell(s, REPORT_FLOWS_RESET);
	snprintf(report->pool, sizeof(report->pool), "%s", pool->policy->name);
	snprintf(report->server, sizeof(report->server), "%s", server_name(s->core, r->server));
	report->epoch = pool->epoch;
	report->connections = r->connections;
	if (r->failed)
		snprintf(report->reason, sizeof(report->reason), "%u more could not be told: %.120s", r->failed,
			 r->why);
}
