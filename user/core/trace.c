// SPDX-License-Identifier: GPL-2.0-only
#include "trace.h"

#include <stdio.h>

#include "private.h"

const char *const report_kind_names[] = {
	[REPORT_SERVER_STATE] = "server-state",
	[REPORT_FAILOVER] = "failover",
	[REPORT_COMMIT] = "commit",
	[REPORT_COMMIT_FAILED] = "commit-failed",
	[REPORT_SERVICE_STATE] = "service-state",
	[REPORT_NO_SWITCH] = "no-switch",
	[REPORT_RESTORED] = "restored",
	[REPORT_TAMPERED] = "tampered",
	[REPORT_UNROUTABLE] = "unroutable",
	[REPORT_SYNC_FAILED] = "sync-failed",
	[REPORT_MAINTENANCE] = "maintenance",
	[REPORT_PAUSE] = "pause",
	[REPORT_MODE] = "mode",
	[REPORT_RELOAD] = "reload",
	[REPORT_RELOAD_FAILED] = "reload-failed",
	[REPORT_PROBER] = "prober",
	[REPORT_HOOK_FAILED] = "hook-failed",
	[REPORT_BLACKOUT] = "blackout",
	[REPORT_FLOWS_RESET] = "flows-reset",
	[REPORT_DRAINED] = "drained",
	[REPORT_STREAM_SILENT] = "stream-silent",
	[REPORT_STREAM_BLACKOUT] = "stream-blackout",
	[REPORT_CLAIMED] = "address-claimed",
	[REPORT_DNS] = "dns",
	[REPORT_DNS_FAILED] = "dns-failed",
	[REPORT_DNS_DISPUTED] = "dns-disputed",
	[REPORT_CHECK_FAILED] = "check-failed",
	[REPORT_CHECK_PASSED] = "check-passed",
	[REPORT_JOINED] = "joined",
	[REPORT_CHECKER] = "checker",
	[REPORT_USERLAND] = "userland",
};

_Static_assert(sizeof(report_kind_names) / sizeof(report_kind_names[0]) == REPORT_KIND_MAX,
	       "every kind of report has a name");

/* --- one line per event and action ----------------------------------------------------------- */

static const char *const target_state_names[] = {
	[DFB_STATE_UNKNOWN] = "unknown",       [DFB_STATE_UP] = "up",
	[DFB_STATE_SUSPECT] = "suspect",       [DFB_STATE_DOWN] = "down",
	[DFB_STATE_RECOVERING] = "recovering",
};

_Static_assert(sizeof(target_state_names) / sizeof(target_state_names[0]) == DFB_STATE_MAX, "every state has a name");

static const char *pool_name(const struct core *core, uint32_t id)
{
	return id <= DFB_MAX_POOLS && core->pools[id].policy ? core->pools[id].policy->name : "?";
}

#define SHARE_TEXT_LEN 640

/* One after another; with several also how many slots each has. */
static const char *share_text(const struct core *core, const struct share *share, char text[SHARE_TEXT_LEN])
{
	uint32_t servers[DFB_SLOTS], n = share_list(share, servers);
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < n && used < SHARE_TEXT_LEN; i++) {
		used += (size_t)snprintf(text + used, SHARE_TEXT_LEN - used, "%s%s", i ? "," : "",
					 server_name(core, servers[i]));
		if (n > 1 && used < SHARE_TEXT_LEN)
			used += (size_t)snprintf(text + used, SHARE_TEXT_LEN - used, "*%u",
						 share_weight(share, servers[i]));
	}
	return text;
}

static const char *reason(enum dfb_reason reason)
{
	return reason_names[reason < DFB_REASON_MAX ? reason : DFB_REASON_NONE];
}

static void trace_target(const struct core *core, const struct event_target *t, char *text, size_t size)
{
	snprintf(text, size, "target %s/%d %s %s misses=%u witness=%s",
		 server_name(core, dfb_target_server(t->target)), dfb_target_family(t->target) ? 6 : 4,
		 target_state_names[t->state < DFB_STATE_MAX ? t->state : DFB_STATE_UNKNOWN],
		 reason(t->reason), t->misses, server_name(core, t->witness));
}

static void trace_pool(const struct core *core, const char *what, const struct event_pool *p, char *text,
		       size_t size)
{
	char share[SHARE_TEXT_LEN];
	const char *server = server_name(core, p->server);

	snprintf(text, size, "%s %s server=%s epoch=%llu from=%s %s", what, pool_name(core, p->pool),
		 p->share.slots[0] ? share_text(core, &p->share, share) : server,
		 (unsigned long long)p->epoch, server_name(core, p->last.from),
		 reason(p->last.reason));
}

static void trace_result(const struct core *core, const char *what, const struct event_result *r, char *text,
			 size_t size)
{
	snprintf(text, size, "%s %s epoch=%llu %s", what, pool_name(core, r->pool),
		 (unsigned long long)r->epoch, r->error ? r->why : "ok");
}

static const char *service_name(const struct core *core, uint32_t publication)
{
	const struct policy_service *service =
		publication < POLICY_MAX_PUBLICATIONS ? core->publications[publication].service : NULL;

	return service ? service->name : "?";
}

static void trace_record(const struct publish_record *r, char *text, size_t size)
{
	if (r->there)
		snprintf(text, size, "server=%s gateway=%s epoch=%llu", r->server, r->gateway,
			 (unsigned long long)r->epoch);
	else
		snprintf(text, size, "nothing");
}

static void trace_published(const struct core *core, const struct event_published *p, char *text, size_t size)
{
	char record[128];

	trace_record(&p->record, record, sizeof(record));
	snprintf(text, size, "published %s/%u %s", service_name(core, p->publication),
		 core->publications[p->publication % POLICY_MAX_PUBLICATIONS].server,
		 p->error ? p->why : record);
}

static void trace_publish(const struct core *core, const struct action *a, char *text, size_t size)
{
	char record[128] = "read";

	if (a->publish.write)
		trace_record(&a->publish.record, record, sizeof(record));
	snprintf(text, size, "publish %s/%u %s", service_name(core, a->publish.publication),
		 core->publications[a->publish.publication].server, record);
}

static void trace_operator(const char *what, const struct event_operator *op, char *text, size_t size)
{
	snprintf(text, size, "%s %s %s%s%s%s", what, op->name, op->to[0] ? op->to : op->on ? "on" : "",
		 op->from[0] ? " from " : "", op->from, op->dry_run ? " dry-run" : "");
}

static void trace_check(const struct core *core, const struct event_check *c, char *text, size_t size)
{
	const char *state = check_state_names[c->state < CHECK_STATE_MAX ? c->state : CHECK_UNKNOWN];

	snprintf(text, size, "check %s %s %s%s%s", pool_name(core, c->pool), server_name(core, c->server),
		 state, c->what[0] ? " " : "", c->what);
}

/* Of an action. */
static void trace_outcome(const struct core *core, const struct event *ev, char *text, size_t size)
{
	switch (ev->kind) {
	case EVENT_STEERED:
		trace_result(core, "steered", &ev->result, text, size);
		break;
	case EVENT_COMMITTED:
		trace_result(core, "committed", &ev->result, text, size);
		break;
	case EVENT_PUBLISHED:
		trace_published(core, &ev->published, text, size);
		break;
	case EVENT_SYNCED:
		snprintf(text, size, "synced restored=%u %s", ev->synced.restored,
			 ev->synced.error ? ev->synced.why : "ok");
		break;
	case EVENT_RESET:
		snprintf(text, size, "reset-done %s %s connections=%u", pool_name(core, ev->reset.pool),
			 server_name(core, ev->reset.server), ev->reset.connections);
		break;
	default:
		snprintf(text, size, "counted %s connections=%u", server_name(core, ev->counted.server),
			 ev->counted.connections);
	}
}

static void trace_userland(const struct core *core, const struct event_userland *u, char *text, size_t size)
{
	snprintf(text, size, "userland %s/%d %s", server_name(core, dfb_target_server(u->target)),
		 dfb_target_family(u->target) ? 6 : 4,
		 userland_state_names[u->state < DFB_USERLAND_STATE_MAX ? u->state : DFB_USERLAND_UNKNOWN]);
}

static void trace_kind(const struct core *core, const struct event *ev, char *text, size_t size)
{
	switch (ev->kind) {
	case EVENT_TARGET:
		trace_target(core, &ev->target, text, size);
		break;
	case EVENT_POOL:
		trace_pool(core, "pool", &ev->pool, text, size);
		break;
	case EVENT_PROPOSAL:
		trace_pool(core, "proposal", &ev->pool, text, size);
		break;
	case EVENT_ROUTABLE:
		snprintf(text, size, "routable %s %s", server_name(core, ev->routable.server),
			 ev->routable.ok ? "yes" : ev->routable.why);
		break;
	case EVENT_STATION:
		snprintf(text, size, "station %s/%d if%u", server_name(core, ev->station.server),
			 ev->station.family ? 6 : 4, ev->station.at.ifindex);
		break;
	case EVENT_CLAIM:
		snprintf(text, size, "claim %s if%u", pool_name(core, ev->claim.pool), ev->claim.ifindex);
		break;
	case EVENT_STEERED:
	case EVENT_COMMITTED:
	case EVENT_PUBLISHED:
	case EVENT_SYNCED:
	case EVENT_RESET:
	case EVENT_COUNTED:
		trace_outcome(core, ev, text, size);
		break;
	case EVENT_DRAIN:
		snprintf(text, size, "drain %s", server_name(core, ev->drain.server));
		break;
	case EVENT_CHECK:
		trace_check(core, &ev->check, text, size);
		break;
	case EVENT_USERLAND:
		trace_userland(core, &ev->userland, text, size);
		break;
	case EVENT_FAILOVER:
		trace_operator("failover", &ev->op, text, size);
		break;
	case EVENT_MAINTENANCE:
		trace_operator("maintenance", &ev->op, text, size);
		break;
	case EVENT_PAUSE:
		trace_operator("pause", &ev->op, text, size);
		break;
	case EVENT_MODE:
		snprintf(text, size, "mode %s", ev->op.on ? "passive" : "active");
		break;
	case EVENT_PROBER:
		snprintf(text, size, "prober %s", ev->prober.ok ? "running" : "gone");
		break;
	case EVENT_TAMPERED:
	case EVENT_HOOK_FAILED:
		snprintf(text, size, "%s %s", ev->kind == EVENT_TAMPERED ? "tampered" : "hook-failed",
			 ev->text.what);
		break;
	default:
		snprintf(text, size, "%s", ev->kind == EVENT_POLICY ? "policy" : "tick");
	}
}

void trace_event(const struct core *core, const struct event *ev, uint64_t start_ns, char *text, size_t size)
{
	int n = snprintf(text, size, "%10.3f ", (double)(ev->time_ns - start_ns) / 1e6);

	if (n > 0 && (size_t)n < size)
		trace_kind(core, ev, text + n, size - (size_t)n);
}

static void trace_report(const struct report *r, char *text, size_t size)
{
	snprintf(text, size, "report %s%s%s%s%s%s%s%s%s%s%s%s%s", report_kind_names[r->kind],
		 r->server[0] ? " server=" : "", r->server, r->pool[0] ? " pool=" : "", r->pool,
		 r->service[0] ? " service=" : "", r->service, r->from[0] ? " from=" : "", r->from,
		 r->to[0] ? " to=" : "", r->to, r->reason[0] ? " reason=" : "", r->reason);
}

void trace_action(const struct core *core, const struct action *a, char *text, size_t size)
{
	char share[SHARE_TEXT_LEN];

	switch (a->kind) {
	case ACTION_STEER:
		snprintf(text, size, "steer %s to=%s expect=%llu %s", pool_name(core, a->steer.pool),
			 share_text(core, &a->steer.share, share), (unsigned long long)a->steer.epoch,
			 reason(a->steer.reason));
		break;
	case ACTION_COMMIT:
		snprintf(text, size, "commit %s server=%s epoch=%llu", pool_name(core, a->commit.pool),
			 share_text(core, &a->commit.share, share), (unsigned long long)a->commit.epoch);
		break;
	case ACTION_PUBLISH:
		trace_publish(core, a, text, size);
		break;
	case ACTION_HOLD:
		snprintf(text, size, "hold %s %s%s", pool_name(core, a->hold.pool),
			 a->hold.held ? "yes" : "no", a->hold.passive ? " passive" : "");
		break;
	case ACTION_PAUSE:
		snprintf(text, size, "pause %s %s", pool_name(core, a->pause.pool),
			 a->pause.paused ? "yes" : "no");
		break;
	case ACTION_KEEP:
		snprintf(text, size, "keep");
		break;
	case ACTION_FLAG:
		snprintf(text, size, "flag %s %#x", server_name(core, a->flag.server), a->flag.flags);
		break;
	case ACTION_STATION:
		snprintf(text, size, "station %s/%d if%u", server_name(core, a->station.server),
			 a->station.family ? 6 : 4, a->station.at.ifindex);
		break;
	case ACTION_ANNOUNCE:
		snprintf(text, size, "announce %s server=%s", pool_name(core, a->announce.pool),
			 server_name(core, a->announce.server));
		break;
	case ACTION_RESET:
		snprintf(text, size, "reset %s %s", pool_name(core, a->reset.pool),
			 server_name(core, a->reset.server));
		break;
	case ACTION_DRAIN:
		snprintf(text, size, "drain %s %s", server_name(core, a->drain.server),
			 a->drain.until_ns ? "yes" : "no");
		break;
	case ACTION_COUNT:
		snprintf(text, size, "count %s", server_name(core, a->count.server));
		break;
	case ACTION_FIT:
		snprintf(text, size, "fit %s %s %s", pool_name(core, a->fit.pool),
			 server_name(core, a->fit.server), a->fit.ok ? "yes" : "no");
		break;
	case ACTION_REPORT:
		trace_report(&a->report, text, size);
		break;
	case ACTION_ANSWER:
		snprintf(text, size, "answer %d %s", a->answer.error, a->answer.text);
		break;
	default:
		snprintf(text, size, "sync");
	}
}
