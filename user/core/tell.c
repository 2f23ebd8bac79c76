// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

#define TELL_SERVICES 1024 /* actions of one step, from which on a pool's services are told of together */

const char *const server_state_names[SERVER_STATE_MAX] = {
	[SERVER_UP] = "up",	      [SERVER_RECOVERING] = "recovering",
	[SERVER_SUSPECT] = "suspect", [SERVER_UNKNOWN] = "unknown",
	[SERVER_DOWN] = "down",	      [SERVER_MAINTENANCE] = "maintenance",
};

const char *const service_state_names[SERVICE_STATE_MAX] = {
	[SERVICE_SERVING] = "serving",
	[SERVICE_DEGRADED] = "degraded",
	[SERVICE_DOWN] = "down",
	[SERVICE_PAUSED] = "paused",
};

const char *const redirect_names[DFB_REDIRECT_MAX + 1] = {
	[DFB_REDIRECT_ROUTE] = "route",
	[DFB_REDIRECT_NAT] = "nat",
	[DFB_REDIRECT_DNS] = "dns",
	[DFB_REDIRECT_VIP] = "vip",
};

const char *const reason_names[DFB_REASON_MAX] = {
	[DFB_REASON_NONE] = "none",
	[DFB_REASON_ANSWERED] = "answered",
	[DFB_REASON_EXPIRED] = "expired",
	[DFB_REASON_UNSENT] = "unsent",
	[DFB_REASON_NO_WITNESS] = "no-witness",
	[DFB_REASON_RESCUE] = "rescue",
	[DFB_REASON_INITIAL] = "initial",
	[DFB_REASON_OPERATOR] = "operator",
	[DFB_REASON_MAINTENANCE] = "maintenance",
	[DFB_REASON_VERDICT] = "verdict",
	[DFB_REASON_REMOVED] = "removed",
	[DFB_REASON_CHECK] = "check",
	[DFB_REASON_USERLAND] = "userland",
	[DFB_REASON_JOINED] = "joined",
};

static void copy_name(char to[DFB_NAME_LEN], const char *from)
{
	snprintf(to, DFB_NAME_LEN, "%s", from);
}

/* Actions beyond the limit would be lost: the limit is far above what one event can cause. */
struct action *step_action(struct step *s, enum action_kind kind)
{
	struct action *a = &s->out->action[s->out->n < ACTIONS_MAX ? s->out->n++ : ACTIONS_MAX - 1];

	memset(a, 0, sizeof(*a));
	a->kind = kind;
	return a;
}

struct report *tell(struct step *s, enum report_kind kind)
{
	struct report *r = &step_action(s, ACTION_REPORT)->report;

	r->kind = kind;
	r->time_ns = s->core->now;
	return r;
}

/* The target whose news changed the server's state. */
static const struct event_target *latest_target(const struct core_server *server)
{
	const struct event_target *t = server->target;

	return t[DFB_FAMILY_IPV6].since_ns > t[DFB_FAMILY_IPV4].since_ns ? &t[DFB_FAMILY_IPV6] :
									   &t[DFB_FAMILY_IPV4];
}

/* At the time when the kernel saw it, not when we heard of it. */
static void explain_state(struct report *r, const struct core_server *server, enum server_state state)
{
	const struct event_target *t = latest_target(server);
	bool ours = state == SERVER_MAINTENANCE || server->told == SERVER_MAINTENANCE;

	if (!ours && t->since_ns && t->since_ns < r->time_ns)
		r->time_ns = t->since_ns;
	snprintf(r->reason, sizeof(r->reason), "%s",
		 ours ? reason_names[DFB_REASON_OPERATOR] : reason_names[t->reason % DFB_REASON_MAX]);
}

/* Edges only. */
void tell_server(struct step *s, uint32_t id)
{
	struct core_server *server = server_of(s->core, id);
	enum server_state state;
	struct report *r;

	if (!server)
		return;
	state = server_state(server);
	if (server->was_told && server->told == state)
		return;
	if (server->was_told || state != SERVER_UNKNOWN) {
		r = tell(s, REPORT_SERVER_STATE);
		copy_name(r->server, server->policy->name);
		copy_name(r->from, server->was_told ? server_state_names[server->told] : "");
		copy_name(r->to, server_state_names[state]);
		explain_state(r, server, state);
	}
	server->told = state;
	server->was_told = true;
}

static struct report *tell_service(struct step *s, const struct core_pool *pool,
				   const struct policy_service *service, enum service_state state)
{
	struct report *r = tell(s, REPORT_SERVICE_STATE);

	copy_name(r->service, service->name);
	copy_name(r->pool, pool->policy->name);
	copy_name(r->server, pool_server_name(s->core, pool));
	copy_name(r->from, pool->was_told ? service_state_names[pool->told] : "");
	copy_name(r->to, service_state_names[state]);
	r->epoch = pool->epoch;
	return r;
}

static bool is_of(const struct policy *policy, const struct policy_service *service,
		  const struct core_pool *pool)
{
	return &policy->pools[service->pool] == pool->policy;
}

/* Each service's, unless that would leave no room for what other pools need done. */
static void tell_services(struct step *s, const struct core_pool *pool, enum service_state state)
{
	const struct policy *policy = s->core->policy;
	const struct policy_service *first = NULL;
	struct report *r;
	uint32_t n = 0;

	for (uint32_t i = policy->n_services; i-- > 0;) {
		if (!is_of(policy, &policy->services[i], pool))
			continue;
		first = &policy->services[i];
		n++;
	}
	if (n > 1 && s->out->n + n > TELL_SERVICES) {
		r = tell_service(s, pool, first, state);
		snprintf(r->reason, sizeof(r->reason), "and %u more of the pool", n - 1);
		return;
	}
	for (uint32_t i = 0; i < policy->n_services; i++) {
		if (is_of(policy, &policy->services[i], pool))
			tell_service(s, pool, &policy->services[i], state);
	}
}

void tell_pool(struct step *s, uint32_t id)
{
	struct core_pool *pool = pool_of(s->core, id);
	enum service_state state;

	if (!pool || !pool->known)
		return;
	state = pool_state(s->core, pool);
	if (pool->was_told && pool->told == state)
		return;
	if (!pool->was_told && !pool->share.slots[0]) { /* nobody yet: no news */
		pool->told = state;
		pool->was_told = true;
		return;
	}
	tell_services(s, pool, state);
	pool->told = state;
	pool->was_told = true;
}

static const char *first_service(const struct core *core, const struct core_pool *pool)
{
	for (uint32_t i = 0; i < core->policy->n_services; i++) {
		if (&core->policy->pools[core->policy->services[i].pool] == pool->policy)
			return core->policy->services[i].name;
	}
	return "";
}

static uint64_t span(uint64_t from, uint64_t to)
{
	return from && to > from ? to - from : 0;
}

/* Our own switches carry no evidence: it is what we know of the server that the pool left. */
static struct dfb_switch evidence(const struct core *core, const struct core_pool *pool)
{
	const struct core_server *from = &core->servers[pool->last.from];
	struct dfb_switch c = pool->last;
	const struct event_target *t;

	t = c.reason == DFB_REASON_VERDICT && from->policy ? server_dead_target(from, pool, NULL) : NULL;
	if (t) {
		c.misses = t->misses;
		c.witness = t->witness;
		c.last_good_ns = t->last_good_ns;
		c.verdict_ns = t->verdict_ns;
	}
	if (check_is_reason(c.reason)) {
		c.last_good_ns = check_of(core, pool, c.from)->good_ns;
		c.verdict_ns = check_of(core, pool, c.from)->since_ns;
	}
	return c;
}

static bool has_evidence(const struct dfb_switch *c)
{
	return c->reason == DFB_REASON_EXPIRED || c->reason == DFB_REASON_UNSENT ||
	       (c->reason == DFB_REASON_VERDICT && c->witness);
}

/* What a server fails. Return: false: it is not known any more. */
static bool explain_illness(const struct core *core, const struct core_pool *pool, enum dfb_reason reason,
			    uint32_t server, char text[CHECK_FAULT_LEN])
{
	text[0] = 0;
	if (reason == DFB_REASON_CHECK)
		snprintf(text, CHECK_FAULT_LEN, "%s", pool->faulty == server ? pool->fault : "");
	else if (core->servers[server].policy && userland_hangs(&core->servers[server]))
		userland_explain(&core->servers[server], text, CHECK_FAULT_LEN);
	return text[0];
}

static void explain_failover(const struct core *core, const struct core_pool *pool,
			     const struct dfb_switch *c, uint64_t changes, struct report *r)
{
	int n = snprintf(r->reason, sizeof(r->reason), "%s", reason_names[c->reason % DFB_REASON_MAX]);
	size_t left = sizeof(r->reason) - (size_t)n;
	char fault[CHECK_FAULT_LEN];

	if (has_evidence(c))
		n += snprintf(r->reason + n, left, ": %u probes of %s unanswered while %s answered", c->misses,
			      server_name(core, c->from), server_name(core, c->witness));
	else if (check_is_reason(c->reason) && explain_illness(core, pool, c->reason, c->from, fault))
		n += snprintf(r->reason + n, left, ": %s", fault);
	if (!c->to && (size_t)n < sizeof(r->reason))
		n += snprintf(r->reason + n, sizeof(r->reason) - (size_t)n, "; those who serve share what it had");
	if (changes > 1 && (size_t)n < sizeof(r->reason))
		n += snprintf(r->reason + n, sizeof(r->reason) - (size_t)n, " (%llu changes at once)",
			      (unsigned long long)changes);
	if (core->passive && (size_t)n < sizeof(r->reason))
		snprintf(r->reason + n, sizeof(r->reason) - (size_t)n, " (passive: nothing was steered)");
}

void tell_failover(struct step *s, uint32_t id, uint64_t changes)
{
	const struct core_pool *pool = pool_of(s->core, id);
	struct dfb_switch c = evidence(s->core, pool);
	struct report *r = tell(s, c.reason == DFB_REASON_JOINED ? REPORT_JOINED : REPORT_FAILOVER);

	if (c.verdict_ns)
		r->time_ns = c.verdict_ns;
	copy_name(r->pool, pool->policy->name);
	copy_name(r->service, first_service(s->core, pool));
	copy_name(r->from, server_name(s->core, c.from));
	copy_name(r->to, server_name(s->core, c.to));
	r->epoch = pool->epoch;
	r->detect_ns = span(c.last_good_ns, c.verdict_ns);
	r->switch_ns = span(c.verdict_ns, c.switched_ns);
	explain_failover(s->core, pool, &c, changes, r);
}

void tell_no_switch(struct step *s, uint32_t id, const struct event_target *t)
{
	struct report *r = tell(s, REPORT_NO_SWITCH);

	copy_name(r->server, server_name(s->core, id));
	snprintf(r->reason, sizeof(r->reason),
		 "no-witness: %u probes unanswered, but nobody else answered either:"
		 " the path, or this machine, is at fault; nothing moves", t->misses);
}

void tell_userland(struct step *s, const struct core_server *server, enum dfb_userland_state old)
{
	const struct event_userland *u = &server->userland;
	struct report *r = tell(s, REPORT_USERLAND);

	if (u->since_ns && u->since_ns < r->time_ns)
		r->time_ns = u->since_ns;
	copy_name(r->server, server->policy->name);
	copy_name(r->from, userland_state_names[old]);
	copy_name(r->to, userland_state_names[u->state]);
	userland_explain(server, r->reason, sizeof(r->reason));
}

void tell_stuck(struct step *s, const struct core_pool *pool, uint32_t server)
{
	enum dfb_reason reason = check_reason(s->core, pool, server);
	struct report *r = tell(s, REPORT_NO_SWITCH);
	char fault[CHECK_FAULT_LEN];
	bool known = explain_illness(s->core, pool, reason, server, fault);

	copy_name(r->pool, pool->policy->name);
	copy_name(r->service, first_service(s->core, pool));
	copy_name(r->server, server_name(s->core, server));
	snprintf(r->reason, sizeof(r->reason), "%s: %s; no other server is up and %s, so nothing moves",
		 reason_names[reason],
		 known ? fault : "it failed one already when it was the last choice",
		 reason == DFB_REASON_CHECK ? "passes" : "has run since");
}

void tell_not_steered(struct step *s, const struct core_pool *pool, const char *why)
{
	struct report *r = tell(s, REPORT_NO_SWITCH);

	copy_name(r->pool, pool->policy->name);
	copy_name(r->from, pool_server_name(s->core, pool));
	snprintf(r->reason, sizeof(r->reason), "the pool cannot be moved: %s; trying again", why);
}

void answer(struct step *s, uint64_t request, int error, const char *format, ...)
{
	struct action *a;
	va_list args;

	if (!request)
		return;
	a = step_action(s, ACTION_ANSWER);
	a->answer.request = request;
	a->answer.error = error;
	va_start(args, format);
	vsnprintf(a->answer.text, sizeof(a->answer.text), format, args);
	va_end(args);
}
