// SPDX-License-Identifier: GPL-2.0-only
#include "explain.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <base/clean.h>
#include <base/text.h>
#include <defib/abi.h>
#include <defib/ctl.h>

#define PROBER_SILENT_MS 1000

/* A document being written, and what it is about. */
struct explain {
	const json_t *status;
	const json_t *service;
	const json_t *pool;
	json_t *findings;
	json_t *suspects;
};

static const char *text_of(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text ? text : "";
}

static int64_t number_of(const json_t *doc, const char *key)
{
	json_t *value = json_object_get(doc, key);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

static bool is(const json_t *doc, const char *key, const char *expected)
{
	return !strcmp(text_of(doc, key), expected);
}

/* Microseconds as people say it. */
static const char *us(const json_t *doc, const char *key, char text[DURATION_TEXT_LEN])
{
	int64_t value = number_of(doc, key);

	return value < 0 ? "an unknown time" : duration_format((uint64_t)value * 1000, text);
}

static const json_t *named(const json_t *list, const char *name)
{
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one) {
		if (is(one, "name", name))
			return one;
	}
	return NULL;
}

static void say(struct explain *e, const char *topic, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct explain *e, const char *topic, const char *format, ...)
{
	va_list args;
	json_t *text;

	va_start(args, format);
	text = json_vsprintf(format, args);
	va_end(args);
	json_array_append_new(e->findings, json_pack("{s:s, s:o}", "topic", topic, "text", text));
}

static bool daemon_is_down(const struct explain *e)
{
	return !is(e->status, "daemon", "up");
}

static void say_paused(struct explain *e)
{
	const json_t *order = json_object_get(e->pool, "paused");
	const char *until = text_of(order, "until"), *reason = text_of(order, "reason");

	if (json_is_object(order))
		say(e, "state", "pool %s is paused%s%s: nothing moves it but an operator%s%s",
		    text_of(e->service, "pool"), until[0] ? " until " : "", until, reason[0] ? ": " : "",
		    reason);
}

static bool several_serve(const struct explain *e)
{
	return json_array_size(json_object_get(e->pool, "shares")) > 1;
}

/* Each of those who serve, with its part of the clients. */
static void say_shares(struct explain *e)
{
	const json_t *shares = json_object_get(e->pool, "shares");
	size_t i;
	json_t *one;

	say(e, "state", "%s is %s; its packets go to %zu servers of pool %s, by %s (epoch %" PRId64 ")",
	    text_of(e->service, "name"), text_of(e->service, "state"), json_array_size(shares),
	    text_of(e->service, "pool"), text_of(e->pool, "spread"), number_of(e->pool, "epoch"));
	json_array_foreach(shares, i, one) {
		char lent[64] = "";

		if (number_of(one, "lent") > 0)
			snprintf(lent, sizeof(lent), ", %" PRId64 " of them lent until more serve",
				 number_of(one, "lent"));
		say(e, "share", "%s has %" PRId64 " of %d slots%s", text_of(one, "server"),
		    number_of(one, "slots"), DFB_SLOTS, lent);
	}
}

/* Fewer serve than are to. */
static void say_missing(struct explain *e)
{
	int64_t n = (int64_t)json_array_size(json_object_get(e->pool, "shares"));
	int64_t wanted = number_of(e->pool, "active_wanted");

	if (n && wanted > n)
		say(e, "state", "%" PRId64 " servers are to serve at once, %" PRId64 " %s missing", wanted, wanted - n,
		    wanted - n == 1 ? "is" : "are");
}

static void say_state(struct explain *e)
{
	const char *server = text_of(e->service, "server");

	if (json_is_true(json_object_get(e->pool, "held")))
		say(e, "state", "%s is withdrawn: no server of pool %s is left (when-none)",
		    text_of(e->service, "name"), text_of(e->service, "pool"));
	else if (several_serve(e))
		say_shares(e);
	else if (!server[0])
		say(e, "state", "%s has no server yet: none of pool %s has answered since the start",
		    text_of(e->service, "name"), text_of(e->service, "pool"));
	else
		say(e, "state", "%s is %s; its packets go to %s (pool %s, epoch %" PRId64 ")",
		    text_of(e->service, "name"), text_of(e->service, "state"), server,
		    text_of(e->service, "pool"), number_of(e->pool, "epoch"));
	say_missing(e);
	say_paused(e);
	if (is(e->status, "mode", "passive"))
		say(e, "state", "the gateway is passive: it judges, and steers nothing");
	if (daemon_is_down(e))
		say(e, "state", "the controller is down; the kernel goes on detecting and %s",
		    json_is_true(json_object_get(e->pool, "fast")) ? "switching" :
		    "marking, but this pool (fast: false) cannot switch without the controller");
}

/* --- the last switch ------------------------------------------------------------------------- */

static const char *why_switched(const json_t *last)
{
	static const struct {
		const char *reason;
		const char *text;
	} texts[] = {
		{"expired", "its probes were not answered"},
		{"unsent", "probes to it could not leave: no carrier, or no neighbour"},
		{"rescue", "it was down when the other came up"},
		{"initial", "it is the first that answered"},
		{"operator", "an operator asked for it (service failover)"},
		{"maintenance", "it was taken out of service (server maintenance)"},
		{"verdict", "the controller switched after the verdict (fast: false)"},
		{"removed", "it left the pool's configuration"},
		{"joined", "fewer served than should"},
		{"check", "it failed a check of the service, and the other passed since"},
		{"userland", "its userland hung, and the other's has run since"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (is(last, "reason", texts[i].reason))
			return texts[i].text;
	}
	return text_of(last, "reason");
}

static void say_verdict(struct explain *e, const json_t *last)
{
	char detect[DURATION_TEXT_LEN], silent[DURATION_TEXT_LEN], witness[DURATION_TEXT_LEN];
	char change[DURATION_TEXT_LEN], late[DURATION_TEXT_LEN];

	if (number_of(last, "misses") > 0)
		say(e, "failover", "evidence: %" PRId64 " probes to %s in a row without an answer; the first left "
		    "%s before the verdict, the last answered one %s before it", number_of(last, "misses"),
		    text_of(last, "from"), us(last, "silent_us", silent), us(last, "detect_us", detect));
	if (text_of(last, "witness")[0])
		say(e, "failover", "witness: meanwhile %s answered a probe that left %s before the verdict, so the "
		    "path and this machine were well", text_of(last, "witness"),
		    us(last, "witness_before_verdict_us", witness));
	if (number_of(last, "misses") > 0)
		say(e, "failover", "the deadline's timer ran %s late; the switch took %s from the verdict",
		    us(last, "timer_late_us", late), us(last, "switch_us", change));
}

static void say_failover(struct explain *e)
{
	const json_t *last = json_object_get(e->pool, "last_switch");

	if (!json_is_object(last)) {
		say(e, "failover", "it has not moved since the maps were made");
		return;
	}
	if (text_of(last, "from")[0] && !text_of(last, "to")[0])
		say(e, "failover", "%s those who serve got what %s had: %s", text_of(last, "at"),
		    text_of(last, "from"), why_switched(last));
	else if (is(last, "reason", "joined"))
		say(e, "failover", "%s %s got its part: %s", text_of(last, "at"), text_of(last, "to"),
		    why_switched(last));
	else if (text_of(last, "from")[0])
		say(e, "failover", "%s it moved from %s to %s: %s", text_of(last, "at"), text_of(last, "from"),
		    text_of(last, "to"), why_switched(last));
	else
		say(e, "failover", "%s it was given to %s: %s", text_of(last, "at"), text_of(last, "to"),
		    why_switched(last));
	say_verdict(e, last);
}

static void say_commit(struct explain *e)
{
	const json_t *last = json_object_get(e->pool, "last_switch");
	int64_t epoch = number_of(e->pool, "epoch"), committed = number_of(e->pool, "committed");
	char text[DURATION_TEXT_LEN];

	if (committed != epoch)
		say(e, "commit", "the routing tables of record still show epoch %" PRId64 " of %" PRId64 "%s", committed,
		    epoch, daemon_is_down(e) ? "; they will follow when the controller is back" : "");
	else if (json_is_object(last) && number_of(last, "commit_us") >= 0)
		say(e, "commit", "the routing tables of record followed %s after the switch",
		    us(last, "commit_us", text));
}

/* What its clients noticed, where streams of theirs told. */
static void say_blackout(struct explain *e)
{
	const json_t *last = json_object_get(e->service, "last_failover");
	char length[DURATION_TEXT_LEN], resolution[DURATION_TEXT_LEN], budget[DURATION_TEXT_LEN];

	if (!json_is_object(last) || number_of(last, "blackout_us") < 0)
		return;
	say(e, "blackout", "clients heard nothing for %s, give or take %s, and missed %" PRId64 " packets%s%s%s",
	    us(last, "blackout_us", length), us(last, "resolution_us", resolution), number_of(last, "lost"),
	    json_object_get(last, "budget") ? "; the budget of " : "",
	    json_object_get(last, "budget") ? us(last, "budget_us", budget) : "",
	    !json_object_get(last, "budget") ? "" : is(last, "budget", "kept") ? " was kept" : " was broken");
}

/* What they had open with the server that was left. */
static void say_resets(struct explain *e)
{
	const json_t *last = json_object_get(e->service, "last_failover");

	if (json_is_object(last) && number_of(last, "connections_reset") > 0)
		say(e, "connections", "clients had %" PRId64 " connections with %s, and were told that these are gone",
		    number_of(last, "connections_reset"), text_of(last, "from"));
}

/* --- the candidates -------------------------------------------------------------------------- */

static void say_address(struct explain *e, const json_t *server, const json_t *a)
{
	const char *name = text_of(server, "name"), *address = text_of(a, "address");
	double since = json_number_value(json_object_get(a, "since_s"));
	char timeout[DURATION_TEXT_LEN];

	us(a, "timeout_us", timeout);
	if (is(a, "state", "suspect"))
		say(e, "candidate", "%s (%s) is suspect: %" PRId64 " of %" PRId64 " probes in a row went unanswered "
		    "within %s; a verdict also needs a witness", name, address, number_of(a, "misses"),
		    number_of(a, "misses_allowed"), timeout);
	else if (is(a, "state", "down"))
		say(e, "candidate", "%s (%s) is down for %.1f s: %s, while another server answered", name, address,
		    since, is(a, "reason", "unsent") ? "probes to it cannot leave" : "its probes are not answered");
	else if (is(a, "state", "unknown") && is(a, "reason", "no-witness"))
		say(e, "candidate", "%s (%s) is silent for %.1f s, but nobody else answers either: that may be this "
		    "machine or its uplink, so it is no reason to move", name, address, since);
	else if (is(a, "state", "unknown"))
		say(e, "candidate", "%s (%s) has not answered yet", name, address);
	else if (is(a, "state", "recovering"))
		say(e, "candidate", "%s (%s) answers again for %.1f s and is not trusted yet", name, address, since);
	if (json_is_true(json_object_get(a, "cannot_leave")))
		say(e, "candidate", "%s (%s): nothing can reach it: no carrier, or its neighbour entry failed", name,
		    address);
	if (json_is_true(json_object_get(a, "damped")))
		say(e, "candidate", "%s (%s) went down too often lately and is the last choice for a while "
		    "(damping)", name, address);
}

static void say_flags(struct explain *e, const json_t *server)
{
	size_t i;
	json_t *flag;

	json_array_foreach(json_object_get(server, "flags"), i, flag) {
		const char *name = json_string_value(flag);
		bool working = !strcmp(name, "maintenance");
		const json_t *order = working ? json_object_get(server, "maintenance") : NULL;
		const char *since = text_of(order, "since"), *reason = text_of(order, "reason");

		say(e, "candidate", "%s must not be chosen: %s%s%s%s%s", text_of(server, "name"),
		    working ? "it is in maintenance" :
		    !strcmp(name, "unroutable") ? "it is not on-link, or its interface is gone" : "it is fenced",
		    since[0] ? " since " : "", since, reason[0] ? ": " : "", reason);
	}
}

/* Only a hung one is news to a service that does not need it. */
static void say_userland(struct explain *e, const json_t *server)
{
	const json_t *userland = json_object_get(server, "userland");
	bool needed = is(e->service, "needs", "userland");
	const char *name = text_of(server, "name");

	if (is(userland, "state", "hung"))
		say(e, "candidate", "userland of %s hangs for %.1f s, while its kernel answers%s", name,
		    (double)number_of(userland, "idle_ms") / 1e3,
		    needed ? "" : "; the service does not need it (needs: echo)");
	else if (needed && is(userland, "state", "well"))
		say(e, "candidate", "userland of %s runs: its last sign of life was %" PRId64 " ms ago", name,
		    number_of(userland, "idle_ms"));
	else if (needed)
		say(e, "candidate", "of the userland of %s nothing is known: no agent runs there (defib echo agent)", name);
}

static void say_candidate(struct explain *e, const json_t *server)
{
	size_t i;
	json_t *address;

	say_flags(e, server);
	say_userland(e, server);
	json_array_foreach(json_object_get(server, "addresses"), i, address) {
		say_address(e, server, address);
		if (is(address, "state", "up"))
			continue;
		address = json_copy(address);
		json_object_set_new(address, "server", json_string(text_of(server, "name")));
		json_array_append_new(e->suspects, address);
	}
}

static void say_candidates(struct explain *e)
{
	const json_t *servers = json_object_get(e->status, "servers");
	const char *next = text_of(e->pool, "next"), *now = text_of(e->service, "server");
	const char *who = several_serve(e) ? "one of them" : now[0] ? now : "its server";
	size_t i;
	json_t *name;

	json_array_foreach(json_object_get(e->pool, "candidates"), i, name) {
		const json_t *server = json_is_string(name) ? named(servers, json_string_value(name)) : NULL;

		if (server)
			say_candidate(e, server);
	}
	if (next[0])
		say(e, "next", "if %s died now, %s would take over", who, next);
	else if (several_serve(e))
		say(e, "next", "if %s died now, the others would share what it has", who);
	else
		say(e, "next", "if %s died now, nobody could take over", who);
}

/* --- what checks say ------------------------------------------------------------------------- */

static void say_check(struct explain *e, const json_t *check)
{
	static const char *const verbs[][2] = {
		{"pass", "passes"}, {"fail", "fails"}, {"unknown", "neither passes nor fails yet"}};
	char took[DURATION_TEXT_LEN];
	const char *verb = "";

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		verb = is(check, "state", verbs[i][0]) ? verbs[i][1] : verb;
	if (number_of(check, "age_ms") < 0)
		say(e, "check", "%s %s %s on %s: %s", text_of(check, "server"), verb, text_of(check, "kind"),
		    text_of(check, "address"), text_of(check, "last"));
	else
		say(e, "check", "%s %s %s on %s: %s (in %s, begun %" PRId64 " ms ago)", text_of(check, "server"), verb,
		    text_of(check, "kind"), text_of(check, "address"), text_of(check, "last"),
		    us(check, "took_us", took), number_of(check, "age_ms"));
}

static void say_checks(struct explain *e)
{
	size_t i;
	json_t *check;

	json_array_foreach(json_object_get(e->service, "checks"), i, check)
		say_check(e, check);
}

/* --- ourselves ------------------------------------------------------------------------------- */

/* The worst over all addresses, which all run on the same timers. */
static json_t *timing_json(const struct explain *e)
{
	int64_t worst = 0, graces = 0, late = 0;
	size_t i, k;
	json_t *server, *address;

	json_array_foreach(json_object_get(e->status, "servers"), i, server) {
		json_array_foreach(json_object_get(server, "addresses"), k, address) {
			if (number_of(address, "timer_late_worst_us") > worst)
				worst = number_of(address, "timer_late_worst_us");
			graces += number_of(address, "graces");
			late += number_of(address, "late");
		}
	}
	return json_pack("{s:I, s:I, s:I, s:O}", "timer_late_worst_us", (json_int_t)worst,
			 "graces", (json_int_t)graces, "late_replies", (json_int_t)late,
			 "prober", json_object_get(e->status, "prober"));
}

static void say_timing(struct explain *e, const json_t *timing)
{
	const json_t *prober = json_object_get(timing, "prober");
	char text[DURATION_TEXT_LEN];

	if (!json_is_object(prober))
		say(e, "timing", "no prober runs: no probe is sent, so nobody can be found dead");
	else if (number_of(prober, "alive_ms_ago") > PROBER_SILENT_MS)
		say(e, "timing", "the prober (pid %" PRId64 ") was last alive %" PRId64 " ms ago: while it is silent "
		    "nobody can be found dead", number_of(prober, "pid"), number_of(prober, "alive_ms_ago"));
	else
		say(e, "timing", "the prober is alive; its worst delay was %s", us(prober, "worst_late_us", text));
	say(e, "timing", "deadlines were at worst %s late; %" PRId64 " came so late that replies were given a grace "
	    "period; %" PRId64 " replies came after their deadline", us(timing, "timer_late_worst_us", text),
	    number_of(timing, "graces"), number_of(timing, "late_replies"));
}

json_t *explain_json(const json_t *status, const char *service)
{
	struct explain e = {.status = status};
	json_t *timing;

	e.service = named(json_object_get(status, "services"), service);
	if (!e.service)
		return NULL;
	e.pool = named(json_object_get(status, "pools"), text_of(e.service, "pool"));
	e.findings = json_array();
	e.suspects = json_array();
	timing = timing_json(&e);
	say_state(&e);
	say_failover(&e);
	say_commit(&e);
	say_blackout(&e);
	say_resets(&e);
	say_candidates(&e);
	say_checks(&e);
	say_timing(&e, timing);
	return json_pack("{s:i, s:O, s:O, s:O*, s:o, s:o, s:o}", "schema", CTL_SCHEMA,
			 "daemon", json_object_get(status, "daemon"), "service", e.service, "pool", e.pool,
			 "suspects", e.suspects, "timing", timing, "findings", e.findings);
}
