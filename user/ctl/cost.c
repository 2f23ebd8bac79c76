// SPDX-License-Identifier: GPL-2.0-only
#include "cost.h"

#include "report.h"

/* Only the daemon has looked at the streams, and only where some ran. */
static void add_blackout(const struct dfb_pool *pool, const struct status_extra *extra, const char *service,
			 json_t *last)
{
	const struct report_blackout *b;

	if (!extra->blackout)
		return;
	b = extra->blackout(extra->arg, service, pool->epoch);
	if (b)
		json_object_update_new(last, report_blackout_json(b));
	else
		json_object_set_new(last, "blackout_us", json_null());
}

static void add_resets(const struct dfb_pool *pool, const struct status_extra *extra, uint32_t id,
		       json_t *last)
{
	uint32_t n;

	if (!extra->connections_reset)
		return;
	n = extra->connections_reset(extra->arg, id, pool->last.from, pool->last.switched_ns);
	if (n)
		json_object_set_new(last, "connections_reset", json_integer(n));
}

void cost_add(const struct snapshot *s, const struct status_extra *extra,
	      const struct policy_service *service, json_t *doc)
{
	json_t *last = json_object_get(doc, "last_failover");
	uint32_t id = extra->policy->pools[service->pool].id;

	if (!json_is_object(last) || id >= s->n_pools)
		return;
	add_blackout(&s->pools[id], extra, service->name, last);
	add_resets(&s->pools[id], extra, id, last);
}
