// SPDX-License-Identifier: GPL-2.0-only
/* What clients of the control socket ask for. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/status.h"
#include "daemon.h"

static const char *server_name_of(const struct daemon *d, uint32_t id)
{
	const struct policy_server *server = d->core.servers[id].policy;

	return server ? server->name : "";
}

static const struct report_blackout *blackout(void *arg, const char *service, uint64_t epoch)
{
	const struct daemon *d = arg;

	return accounts_result(&d->accounts, service, epoch);
}

static uint32_t connections_reset(void *arg, uint32_t pool, uint32_t server, uint64_t since_ns)
{
	const struct daemon *d = arg;

	return clients_result(&d->clients, pool, server, since_ns);
}

static json_t *check_json(const struct daemon *d, const struct check_view *v)
{
	char address[ADDRESS_TEXT_LEN];
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:s}",
		"server", server_name_of(d, v->server),
		"kind", check_kind_names[v->kind],
		"address", address_format(v->address, address),
		"state", check_state_names[v->state],
		"last", v->what);

	json_object_set_new(doc, "port", v->port ? json_integer(v->port) : json_null());
	if (!v->at_ns)
		return doc;
	json_object_set_new(doc, "age_ms", json_integer((json_int_t)((clock_now_ns() - v->at_ns) / 1000000)));
	json_object_set_new(doc, "took_us", json_integer((json_int_t)(v->took_ns / 1000)));
	return doc;
}

static json_t *checks(void *arg, uint32_t service)
{
	const struct daemon *d = arg;
	json_t *list = json_array();
	struct check_view v;

	for (uint32_t at = 0; (at = checks_next(d->checks, at, &v));) {
		if (v.service == service)
			json_array_append_new(list, check_json(d, &v));
	}
	return list;
}

/* Null where nothing is checked. */
static json_t *checker_json(const struct daemon *d)
{
	struct check_summary s;

	checks_sum_up(d->checks, &s);
	if (!s.n)
		return json_null();
	return json_pack("{s:o, s:i, s:i, s:i}",
		"pid", s.pid ? json_integer(s.pid) : json_null(),
		"starts", s.starts,
		"checks", s.n,
		"unknown", s.unknown);
}

static json_t *status(void *arg)
{
	struct daemon *d = arg;
	struct status_extra extra = {
		.gateway = d->policy->gateway.name,
		.started_ns = d->started_ns,
		.policy = d->policy,
		.core = &d->core,
		.blackout = blackout,
		.connections_reset = connections_reset,
		.checks = checks,
		.arg = d,
	};
	struct snapshot *s = NULL;
	json_t *doc = NULL;

	if (!snapshot_read(d->paths.maps_dir, &s))
		doc = status_json(s, &extra);
	if (doc) {
		json_object_set_new(doc, "config", reload_status(&d->in_force));
		json_object_set_new(doc, "checker", checker_json(d));
	}
	snapshot_free(s);
	return doc;
}

static const char *text_of(const json_t *args, const char *key)
{
	const char *text = json_string_value(json_object_get(args, key));

	return text ? text : "";
}

/* Return: 0: it is not there. */
static uint64_t nanoseconds(const json_t *args, const char *key)
{
	json_int_t us = json_integer_value(json_object_get(args, key));

	return us > 0 ? (uint64_t)us * 1000 : 0;
}

static void emit_operator(struct daemon *d, uint64_t request, enum event_kind kind, const char *name,
			  const json_t *args)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = kind, .op.request = request};
	uint64_t limit_ns = nanoseconds(args, "for_us"), drain_ns = nanoseconds(args, "drain_us");

	text_copy(ev.op.name, sizeof(ev.op.name), name);
	text_copy(ev.op.from, sizeof(ev.op.from), text_of(args, "from"));
	text_copy(ev.op.to, sizeof(ev.op.to), text_of(args, "to"));
	ev.op.dry_run = json_is_true(json_object_get(args, "dry_run"));
	ev.op.on = json_is_true(json_object_get(args, "on"));
	if (limit_ns)
		ev.op.until_ns = ev.time_ns + limit_ns;
	if (drain_ns)
		ev.op.drain_until_ns = ev.time_ns + drain_ns;
	text_copy(ev.op.reason, sizeof(ev.op.reason), text_of(args, "reason"));
	daemon_emit(d, &ev);
}

static void reload(struct daemon *d, uint64_t request)
{
	json_t *answer = NULL;
	int err = reload_configuration(d, &answer);

	ctl_answer(d->ctl, request, err ? CTL_USAGE : CTL_OK, answer);
}

static void request(void *arg, uint64_t id, const char *cmd, const json_t *args)
{
	struct daemon *d = arg;
	char why[96];

	if (!strcmp(cmd, CTL_FAILOVER)) {
		emit_operator(d, id, EVENT_FAILOVER, text_of(args, "service"), args);
	} else if (!strcmp(cmd, CTL_MAINTENANCE)) {
		emit_operator(d, id, EVENT_MAINTENANCE, text_of(args, "server"), args);
	} else if (!strcmp(cmd, CTL_PAUSE)) {
		emit_operator(d, id, EVENT_PAUSE, text_of(args, "service"), args);
	} else if (!strcmp(cmd, CTL_MODE)) {
		emit_operator(d, id, EVENT_MODE, "", args);
	} else if (!strcmp(cmd, CTL_RELOAD)) {
		reload(d, id);
	} else if (!strcmp(cmd, CTL_IN_FORCE)) {
		ctl_answer(d->ctl, id, CTL_OK, reload_text(&d->in_force));
	} else {
		snprintf(why, sizeof(why), "unknown command %.40s", cmd);
		ctl_answer_text(d->ctl, id, CTL_USAGE, why);
	}
}

const struct ctl_ops daemon_ctl_ops = {.status = status, .request = request};
