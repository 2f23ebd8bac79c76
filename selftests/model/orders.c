// SPDX-License-Identifier: GPL-2.0-only
/* Operators' orders that outlive the daemon, as user/standing.c keeps them. */
#include <string.h>

#include "world.h"

void orders_keep(struct daemon *d)
{
	for (uint32_t id = 1; id < WORLD_IDS; id++)
		d->kept_servers[id] = d->core->servers[id].maintenance;
	for (uint32_t id = 1; id <= WORLD_POOLS; id++)
		d->kept_pools[id] = d->core->pools[id].pause;
	d->kept_passive = d->core->passive;
}

static void emit_order(struct world *w, struct event *ev, const struct core_order *order)
{
	ev->op.on = true;
	ev->op.since_ns = order->since_ns;
	ev->op.until_ns = order->until_ns;
	memcpy(ev->op.reason, order->reason, sizeof(ev->op.reason));
	daemon_emit(w, ev);
}

/* As standing_restore(). */
void orders_restore(struct world *w)
{
	const struct policy *policy = w->daemon.policy;

	for (uint32_t i = 0; i < policy->n_servers; i++) {
		struct event ev = {.kind = EVENT_MAINTENANCE};
		uint32_t id = policy->servers[i].id;

		if (w->daemon.kept_servers[id].on) {
			memcpy(ev.op.name, policy->servers[i].name, DFB_NAME_LEN);
			emit_order(w, &ev, &w->daemon.kept_servers[id]);
		}
		ev = (struct event){.kind = EVENT_DRAIN, .drain = {id, kernel_server(id)->drain_ns}};
		if (ev.drain.until_ns)
			daemon_emit(w, &ev);
	}
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		uint32_t id = policy->pools[i].id;
		struct event ev = {.kind = EVENT_PAUSE, .op.pool = id};

		kernel_plan(id)->paused = w->daemon.kept_pools[id].on;
		if (w->daemon.kept_pools[id].on)
			emit_order(w, &ev, &w->daemon.kept_pools[id]);
	}
}
