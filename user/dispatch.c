// SPDX-License-Identifier: GPL-2.0-only
/* Actions of the core -> actuators; their results come back as events. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/plan.h"
#include "ctl/report.h"
#include "daemon.h"
#include "standing.h"
#include "vips.h"
#include "want.h"

static const char *steer_error(int err)
{
	switch (err) {
	case -ESTALE:
		return "it moved meanwhile; look at its status";
	case -ENOENT:
		return "the kernel does not know it";
	default:
		return strerror(-err);
	}
}

static void steer(struct daemon *d, const struct action *a)
{
	struct dfb_order order = plan_order(a);
	struct event ev = {.kind = EVENT_STEERED, .result = {.pool = a->steer.pool, .epoch = a->steer.epoch}};

	ev.result.error = kern_order(d->kern, &order);
	if (ev.result.error)
		snprintf(ev.result.why, sizeof(ev.result.why), "%s", steer_error(ev.result.error));
	kern_adopt_pool(d->kern, a->steer.pool);
	ev.time_ns = clock_now_ns();
	daemon_emit(d, &ev);
}

/* Noted as committed only after the kernel's acknowledgement. */
static void commit(struct daemon *d, const struct action *a)
{
	struct dfb_order note = {.kind = DFB_ORDER_COMMITTED, .id = a->commit.pool, .epoch = a->commit.epoch};
	struct route_want *want = want_make_serving(d->policy, &d->core, d->link);
	struct event ev = {.kind = EVENT_COMMITTED,
			   .result = {.pool = a->commit.pool, .epoch = a->commit.epoch}};
	char why[ROUTE_PROBLEM_LEN] = "";

	if (!d->core.passive)
		ev.result.error = want ? route_commit(d->route, want, a->commit.pool, why) : -ENOMEM;
	ev.time_ns = clock_now_ns();
	if (!ev.result.error)
		ev.result.error = kern_order(d->kern, &note);
	if (ev.result.error)
		snprintf(ev.result.why, sizeof(ev.result.why), "%.*s", (int)sizeof(ev.result.why) - 1,
			 why[0] ? why : strerror(-ev.result.error));
	want_free(want);
	translation_moved(d);
	daemon_emit(d, &ev);
}

static void sync_routes(struct daemon *d, struct event_synced *synced)
{
	struct route_want *want = want_make(d->policy, &d->core, d->link);
	struct route_result result = {};

	synced->error = want ? route_sync(d->route, want, &result) : -ENOMEM;
	synced->restored = result.added + result.changed;
	synced->removed = result.removed;
	if (synced->error)
		snprintf(synced->why, sizeof(synced->why), "%.*s", (int)sizeof(synced->why) - 1,
			 result.n_problems ? result.problem[0] : strerror(-synced->error));
	for (uint32_t i = 0; i < result.n_problems && i < ROUTE_PROBLEMS; i++)
		log_debug("routes: %s", result.problem[i]);
	want_free(want);
}

static void sync_translation(struct daemon *d, struct event_synced *synced)
{
	char why[sizeof(synced->why)];
	bool changed;
	int err = translation_sync(d, d->policy, &changed, why, sizeof(why));

	synced->restored += changed;
	if (!err || synced->error)
		return;
	synced->error = err;
	text_copy(synced->why, sizeof(synced->why), why);
}

static void sync_all(struct daemon *d)
{
	struct event ev = {.kind = EVENT_SYNCED};

	sync_routes(d, &ev.synced);
	sync_translation(d, &ev.synced);
	ev.time_ns = clock_now_ns();
	daemon_emit(d, &ev);
}

static enum log_level level_of(const struct report *r)
{
	switch (r->kind) {
	case REPORT_USERLAND:
		return strcmp(r->to, userland_state_names[DFB_USERLAND_WELL]) ? LOG_LEVEL_WARNING :
										LOG_LEVEL_INFO;
	case REPORT_BLACKOUT:
		return r->blackout.length_ns > r->blackout.budget_ns && r->blackout.budget_ns ?
			       LOG_LEVEL_WARNING :
			       LOG_LEVEL_INFO;
	case REPORT_FAILOVER:
	case REPORT_NO_SWITCH:
	case REPORT_COMMIT_FAILED:
	case REPORT_SYNC_FAILED:
	case REPORT_TAMPERED:
	case REPORT_UNROUTABLE:
	case REPORT_HOOK_FAILED:
	case REPORT_RELOAD_FAILED:
	case REPORT_CLAIMED:
	case REPORT_DNS_FAILED:
	case REPORT_DNS_DISPUTED:
	case REPORT_CHECK_FAILED:
		return LOG_LEVEL_WARNING;
	case REPORT_CHECKER:
		return strcmp(r->to, "gone") ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
	default:
		return LOG_LEVEL_INFO;
	}
}

void daemon_report(struct daemon *d, const struct report *r)
{
	char line[REPORT_LINE_LEN];

	report_line(r, line, sizeof(line));
	log_line(level_of(r), "%s", line);
	ctl_broadcast(d->ctl, report_json(r));
	worker_report(d->worker, d->policy, r);
}

void daemon_act(struct daemon *d, const struct action *a)
{
	int err = 0;

	switch (a->kind) {
	case ACTION_STEER:
		steer(d, a);
		break;
	case ACTION_COMMIT:
		commit(d, a);
		break;
	case ACTION_PUBLISH:
		dns_publish(d->dns, &d->core, a);
		break;
	case ACTION_HOLD:
		err = kern_hold(d->kern, a->hold.pool, a->hold.held ? DFB_HELD_NOBODY :
						       a->hold.passive ? DFB_HELD_PASSIVE : DFB_HELD_NOT);
		break;
	case ACTION_PAUSE:
		err = kern_pause(d->kern, a->pause.pool, a->pause.paused);
		break;
	case ACTION_KEEP:
		standing_keep(d);
		break;
	case ACTION_FLAG:
		err = kern_flag(d->kern, a->flag.server, a->flag.flags, a->flag.cannot_leave);
		break;
	case ACTION_STATION:
		vips_station(d, a);
		break;
	case ACTION_ANNOUNCE:
		vips_announce(d, a);
		break;
	case ACTION_FIT:
		err = kern_fit(d->kern, a->fit.pool, a->fit.server, a->fit.ok);
		break;
	case ACTION_SYNC:
		sync_all(d);
		break;
	case ACTION_DRAIN:
		err = kern_drain(d->kern, a->drain.server, a->drain.until_ns);
		translation_moved(d);
		break;
	case ACTION_COUNT:
		clients_count(d, a);
		break;
	case ACTION_RESET:
		clients_reset(d, a);
		break;
	case ACTION_REPORT:
		daemon_report(d, &a->report);
		if (a->report.kind == REPORT_FAILOVER)
			accounts_failover(d, &a->report);
		break;
	case ACTION_ANSWER:
		ctl_answer_text(d->ctl, a->answer.request, ctl_code_of(a->answer.error), a->answer.text);
		break;
	case ACTION_KIND_MAX:
		break;
	}
	if (err)
		log_error("cannot write a kernel map: %s", strerror(-err));
}
