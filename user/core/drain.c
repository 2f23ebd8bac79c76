// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that stay with a server that was taken out of service, until they end or their time is over.
 * The kernel leaves them there (bpf/flow.h); here they are counted, and the clients of what is left are told.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"
#include "timing.h"

static void set(struct step *s, uint32_t id, uint64_t until_ns)
{
	struct action *a = step_action(s, ACTION_DRAIN);

	s->core->servers[id].drain = (struct core_drain){.until_ns = until_ns, .count_ns = s->core->now};
	a->drain.server = id;
	a->drain.until_ns = until_ns;
}

void drain_begin(struct step *s, uint32_t id, uint64_t until_ns)
{
	set(s, id, until_ns);
}

/* Those who are connected to a server that is back in service need not go. */
void drain_prolong(struct step *s, uint32_t id)
{
	if (s->core->servers[id].drain.until_ns)
		set(s, id, s->core->now + TIMING_DRAIN_LONGEST_NS);
}

/* Clients of pools that it serves are where they should be. */
static void reset_the_rest(struct step *s, uint32_t id)
{
	for (uint32_t i = 1; i <= DFB_MAX_POOLS; i++) {
		const struct core_pool *pool = &s->core->pools[i];

		if (pool->policy && !share_has(&pool->share, id) && pool_has(s->core, pool, id))
			reset_flows(s, i, id);
	}
}

void drain_end(struct step *s, uint32_t id, const char *why)
{
	const struct core_server *server = &s->core->servers[id];
	const struct core_drain drain = server->drain;
	struct report *r;

	if (!drain.until_ns)
		return;
	set(s, id, 0);
	if (drain.connections || !drain.counted)
		reset_the_rest(s, id);
	r = tell(s, REPORT_DRAINED);
	snprintf(r->server, sizeof(r->server), "%s", server->policy->name);
	snprintf(r->reason, sizeof(r->reason), "%s", why);
	r->connections = drain.connections;
}

void drain_on_count(struct step *s, const struct event_counted *c)
{
	struct core_server *server = server_of(s->core, c->server);

	if (!server || !server->drain.until_ns)
		return;
	server->drain.count_ns = s->core->now + TIMING_DRAIN_COUNT_NS;
	if (c->error)
		return;
	server->drain.counted = true;
	server->drain.connections = c->connections;
	if (!c->connections && !server_has_pool(s->core, c->server))
		drain_end(s, c->server, "its connections have ended");
}

static bool is_dead(const struct core *core, const struct core_server *server)
{
	for (uint32_t i = 1; i <= DFB_MAX_POOLS; i++) {
		if (core->pools[i].policy && server_dead_target(server, &core->pools[i], NULL))
			return true;
	}
	return false;
}

static void review(struct step *s, uint32_t id)
{
	struct core_drain *drain = &s->core->servers[id].drain;

	if (!drain->until_ns)
		return;
	if (is_dead(s->core, &s->core->servers[id])) {
		drain_end(s, id, "it is down");
	} else if (s->core->now >= drain->until_ns) {
		drain_end(s, id, "the time is over");
	} else if (drain->count_ns && s->core->now >= drain->count_ns) {
		drain->count_ns = 0;
		step_action(s, ACTION_COUNT)->count.server = id;
	}
}

void drains_review(struct step *s)
{
	for (uint32_t i = 0; i < s->core->policy->n_servers; i++)
		review(s, s->core->policy->servers[i].id);
}

uint64_t drains_deadline(const struct core *core)
{
	uint64_t due = 0;

	for (uint32_t i = 0; i < core->policy->n_servers; i++) {
		const struct core_drain *drain = &core->servers[core->policy->servers[i].id].drain;

		if (drain->until_ns)
			due = timing_earlier(due, timing_earlier(drain->until_ns, drain->count_ns));
	}
	return due;
}
