// SPDX-License-Identifier: GPL-2.0-only
#include "core.h"

#include <stdio.h>
#include <string.h>

#include "private.h"
#include "timing.h"

void core_init(struct core *core)
{
	memset(core, 0, sizeof(*core));
}

/* --- all rules and routes -------------------------------------------------------------------- */

/* Compare and repair; one at a time, and once more if something changed meanwhile. */
void step_sync(struct step *s)
{
	if (s->core->syncing) {
		s->core->sync_again = true;
		return;
	}
	s->core->syncing = true;
	s->core->sync_ns = 0;
	step_action(s, ACTION_SYNC);
}

static void tell_synced(struct step *s, const struct event_synced *r)
{
	struct core *core = s->core;

	if (r->error && strcmp(core->sync_told, r->why))
		snprintf(tell(s, REPORT_SYNC_FAILED)->reason, sizeof(((struct report *)0)->reason), "%s",
			 r->why);
	snprintf(core->sync_told, sizeof(core->sync_told), "%s", r->error ? r->why : "");
}

static void on_synced(struct step *s, const struct event_synced *r)
{
	struct core *core = s->core;

	core->syncing = false;
	tell_synced(s, r);
	if (r->restored && core->tampered)
		snprintf(tell(s, REPORT_RESTORED)->reason, sizeof(((struct report *)0)->reason),
			 "%u rules or routes of ours were missing or wrong and are right again", r->restored);
	core->tampered = core->tampered && r->error;
	core->sync_retries = r->error ? core->sync_retries + 1 : 0;
	core->sync_ns = r->error ? core->now + timing_retry(core->sync_retries) : 0;
	if (core->sync_again) {
		core->sync_again = false;
		step_sync(s);
	}
}

static void on_tampered(struct step *s, const char *what)
{
	snprintf(tell(s, REPORT_TAMPERED)->reason, sizeof(((struct report *)0)->reason), "%s", what);
	s->core->tampered = true;
	step_sync(s);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void on_policy(struct step *s, const struct policy *policy)
{
	const struct policy *old = s->core->policy;

	s->core->policy = policy;
	server_reindex(s, old);
	pool_reindex(s);
	publish_reindex(s);
	mode_on_policy(s, old);
	if (old) {
		tell(s, REPORT_RELOAD);
		orders_reload(s);
	}
	step_sync(s);
	pool_review_all(s);
}

static void on_prober(struct step *s, bool ok, uint32_t pid)
{
	struct report *r = tell(s, REPORT_PROBER);

	snprintf(r->to, sizeof(r->to), "%s", ok ? "running" : "gone");
	snprintf(r->reason, sizeof(r->reason), "pid %u", pid);
}

static void on_hook_failed(struct step *s, const char *what)
{
	struct report *r = tell(s, REPORT_HOOK_FAILED);

	snprintf(r->reason, sizeof(r->reason), "%s", what);
}

static void on_drain(struct step *s, const struct event_drain *d)
{
	if (server_of(s->core, d->server))
		drain_begin(s, d->server, d->until_ns);
}

static void on_tick(struct step *s)
{
	if (s->core->sync_ns && s->core->now >= s->core->sync_ns)
		step_sync(s);
	if (s->core->order_ns && s->core->now >= s->core->order_ns)
		orders_review(s);
	drains_review(s);
	pool_review_all(s);
}

static void on_order(struct step *s, const struct event *ev)
{
	if (ev->kind == EVENT_FAILOVER)
		operator_failover(s, &ev->op);
	else if (ev->kind == EVENT_MAINTENANCE)
		operator_maintenance(s, &ev->op);
	else if (ev->kind == EVENT_PAUSE)
		operator_pause(s, &ev->op);
	else
		mode_on_order(s, &ev->op);
}

/* Of an action. */
static void on_result(struct step *s, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_STEERED:
		pool_on_steered(s, &ev->result);
		break;
	case EVENT_COMMITTED:
		pool_on_committed(s, &ev->result);
		break;
	case EVENT_PUBLISHED:
		publish_on_result(s, &ev->published);
		break;
	case EVENT_SYNCED:
		on_synced(s, &ev->synced);
		break;
	case EVENT_RESET:
		reset_on_done(s, &ev->reset);
		break;
	default:
		drain_on_count(s, &ev->counted);
	}
}

void core_step(struct core *core, const struct event *ev, struct actions *actions)
{
	struct step s = {.core = core, .out = actions, .tick = ev->kind == EVENT_TICK};

	actions->n = 0;
	core->now = ev->time_ns > core->now ? ev->time_ns : core->now;
	if (!core->policy && ev->kind != EVENT_POLICY && ev->kind != EVENT_MODE)
		return;
	switch (ev->kind) {
	case EVENT_TICK:
		on_tick(&s);
		break;
	case EVENT_POLICY:
		on_policy(&s, ev->policy);
		break;
	case EVENT_TARGET:
		server_on_target(&s, &ev->target);
		break;
	case EVENT_POOL:
		pool_on_kernel(&s, &ev->pool);
		break;
	case EVENT_PROPOSAL:
		pool_on_proposal(&s, &ev->pool);
		break;
	case EVENT_ROUTABLE:
		server_on_routable(&s, &ev->routable);
		break;
	case EVENT_STATION:
		vip_on_station(&s, &ev->station);
		break;
	case EVENT_CLAIM:
		vip_on_claim(&s, &ev->claim);
		break;
	case EVENT_STEERED:
	case EVENT_COMMITTED:
	case EVENT_PUBLISHED:
	case EVENT_SYNCED:
	case EVENT_RESET:
	case EVENT_COUNTED:
		on_result(&s, ev);
		break;
	case EVENT_DRAIN:
		on_drain(&s, &ev->drain);
		break;
	case EVENT_TAMPERED:
		on_tampered(&s, ev->text.what);
		break;
	case EVENT_FAILOVER:
	case EVENT_MAINTENANCE:
	case EVENT_PAUSE:
	case EVENT_MODE:
		on_order(&s, ev);
		break;
	case EVENT_PROBER:
		on_prober(&s, ev->prober.ok, ev->prober.pid);
		break;
	case EVENT_CHECK:
		check_on_news(&s, &ev->check);
		break;
	case EVENT_USERLAND:
		userland_on_news(&s, &ev->userland);
		break;
	case EVENT_HOOK_FAILED:
		on_hook_failed(&s, ev->text.what);
		break;
	case EVENT_KIND_MAX:
		break;
	}
}

uint64_t core_deadline(const struct core *core)
{
	uint64_t due = timing_earlier(core->sync_ns, core->order_ns);

	due = timing_earlier(due, timing_earlier(publish_deadline(core), drains_deadline(core)));
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++) {
		const struct core_pool *pool = &core->pools[id];

		if (!pool->policy || !pool->known)
			continue;
		due = timing_earlier(due, pool->retry_ns);
		due = timing_earlier(due, pool->settle_ns);
		due = timing_earlier(due, pool->steer_ns);
		if (pool_is_short(pool) && core->now < pool->patience_ns)
			due = timing_earlier(due, pool->patience_ns);
	}
	return due;
}
