// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/clean.h>
#include <base/text.h>
#include <core/core.h>
#include <core/plan.h>
#include <detect.h>

#include "cost.h"
#include "counters.h"
#include "gateway.h"
#include "loss.h"
#include "report.h"
#include "serving.h"
#include "standing.h"
#include "userland.h"

static const char *const probe_names[] = {
	[DFB_PROBE_ECHO] = "echo",
	[DFB_PROBE_ICMP] = "icmp",
};

_Static_assert(ARRAY_SIZE(probe_names) == DFB_PROBE_KIND_MAX, "every kind of probe has a name");

static const char *const family_names[DFB_FAMILIES] = {"ipv4", "ipv6"};

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{DFB_SERVER_MAINTENANCE, "maintenance"},
	{DFB_SERVER_FENCED, "fenced"},
	{DFB_SERVER_UNROUTABLE, "unroutable"},
};

/* The maps may be of a younger program than we are. */
static const char *name_of(const char *const *names, size_t n, uint32_t value)
{
	return value < n ? names[value] : "?";
}

/* --- values ---------------------------------------------------------------------------------- */

static json_t *us_or_null(uint64_t ns)
{
	return ns ? json_integer((json_int_t)(ns / 1000)) : json_null();
}

/* From one time stamp to a later one; null unless both are there. */
static json_t *span_us(uint64_t from_ns, uint64_t to_ns)
{
	if (!from_ns || !to_ns || (int64_t)(to_ns - from_ns) < 0)
		return json_null();
	return json_integer((json_int_t)((to_ns - from_ns) / 1000));
}

static json_t *since_s(uint64_t now_ns, uint64_t since_ns)
{
	if (!since_ns)
		return json_null();
	if ((int64_t)(now_ns - since_ns) < 0)
		return json_real(0);
	return json_real((double)((now_ns - since_ns) / 1000000) / 1e3);
}

static json_t *name_or_null(const char *name)
{
	return name[0] ? json_string(name) : json_null();
}

static json_t *time_or_null(uint64_t mono_ns)
{
	char text[TIME_TEXT_LEN];

	return mono_ns ? json_string(time_format(mono_ns, text)) : json_null();
}

uint64_t status_rtt_ns(const struct dfb_rtt *rtt, uint32_t permille)
{
	uint64_t total = 0, seen = 0, wanted;

	for (uint32_t i = 0; i < DFB_RTT_BUCKETS; i++)
		total += rtt->count[i];
	if (!total)
		return 0;
	wanted = (total * permille + 999) / 1000;
	for (uint32_t i = 0; i < DFB_RTT_BUCKETS; i++) {
		seen += rtt->count[i];
		if (seen >= wanted)
			return dfb_rtt_bound_ns(i);
	}
	return 0;
}

/* --- servers --------------------------------------------------------------------------------- */

static json_t *address_json(const struct snapshot *s, uint32_t target)
{
	const struct dfb_target *cfg = &s->targets[target];
	const struct dfb_detect *d = serving_detect(s, target);
	const struct dfb_rtt *rtt = &s->rtt[target];
	struct timing_loss loss = {0};
	char address[ADDRESS_TEXT_LEN];
	json_t *doc = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o}",
		"address", address_format(cfg->address, address),
		"family", family_names[dfb_target_family(target)],
		"probe", name_of(probe_names, ARRAY_SIZE(probe_names), cfg->probe),
		"port", cfg->port,
		"state", server_state_names[serving_ranks[d->state]],
		"reason", name_of(reason_names, DFB_REASON_MAX, d->reason),
		"since_s", since_s(s->now_ns, d->since_ns));

	json_object_update_new(doc, json_pack("{s:o, s:o, s:o, s:I, s:I, s:b, s:i, s:i, s:b, s:b}",
		"rtt_p50_us", us_or_null(status_rtt_ns(rtt, 500)),
		"rtt_p99_us", us_or_null(status_rtt_ns(rtt, 990)),
		"rtt_smoothed_us", us_or_null(d->srtt_ns),
		"timeout_us", (json_int_t)(detect_timeout(cfg, d) / 1000),
		"interval_us", (json_int_t)(cfg->interval_ns / 1000),
		"idle", (int)(s->attempts[target].interval_ns > cfg->interval_ns),
		"misses_allowed", (int)cfg->misses,
		"misses", (int)d->misses,
		"damped", (int)d->damped,
		"cannot_leave", (int)cfg->cannot_leave));
	json_object_update_new(doc, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
		"probes_sent", (json_int_t)d->sent,
		"replies", (json_int_t)d->answered,
		"expired", (json_int_t)d->expired,
		"expired_again", (json_int_t)d->expired_again,
		"unsent", (json_int_t)d->unsent,
		"late", (json_int_t)d->late,
		"graces", (json_int_t)d->graces,
		"timer_late_worst_us", (json_int_t)(s->state[target].worst_lateness_ns / 1000),
		"last_reply_ms_ago", d->last_good_ns ? json_integer((json_int_t)(
			(int64_t)(s->now_ns - d->last_good_ns) / 1000000)) : json_null()));
	loss_add(&loss, d);
	json_object_update_new(doc, loss_json(&loss));
	return doc;
}

struct totals {
	uint64_t sent;
	uint64_t answered;
	uint64_t expired;
	struct timing_loss loss;
	struct dfb_rtt rtt;
};

static void add_target(struct totals *t, const struct snapshot *s, uint32_t target)
{
	const struct dfb_detect *d = serving_detect(s, target);

	t->sent += d->sent;
	t->answered += d->answered;
	t->expired += d->expired;
	loss_add(&t->loss, d);
	for (uint32_t i = 0; i < DFB_RTT_BUCKETS; i++)
		t->rtt.count[i] += s->rtt[target].count[i];
}

static json_t *flags_json(uint32_t flags)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (flags & flag_names[i].flag)
			json_array_append_new(list, json_string(flag_names[i].name));
	}
	return list;
}

static json_t *server_pools_json(const struct snapshot *s, const struct dfb_server *server)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < server->n_pools && i < DFB_SERVER_POOLS; i++) {
		uint32_t pool = server->pools[i];

		if (pool < s->n_pools && s->plans[pool].name[0])
			json_array_append_new(list, json_string(s->plans[pool].name));
	}
	return list;
}

static const char *server_state(const struct dfb_server *server, const struct dfb_detect *worst)
{
	if (server->flags & DFB_SERVER_MAINTENANCE)
		return server_state_names[SERVER_MAINTENANCE];
	return server_state_names[worst ? serving_ranks[worst->state] : SERVER_UNKNOWN];
}

/* Families that count: those its pools use, or all if none does. */
static uint32_t server_families(const struct snapshot *s, uint32_t id)
{
	const struct dfb_server *server = &s->servers[id];
	uint32_t used = 0;

	for (uint32_t i = 0; i < server->n_pools && i < DFB_SERVER_POOLS; i++) {
		if (server->pools[i] < s->n_pools)
			used |= s->plans[server->pools[i]].families;
	}
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (!serving_in_use(s, id, family))
			used &= ~(1u << family);
	}
	return used ? used : ~0u;
}

static json_t *server_json(const struct snapshot *s, uint32_t id)
{
	const struct dfb_server *server = &s->servers[id];
	const struct dfb_detect *worst = serving_worst(s, id, server_families(s, id));
	json_t *addresses = json_array(), *doc;
	struct totals t = {0};

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (!serving_in_use(s, id, family))
			continue;
		add_target(&t, s, dfb_target_id(id, family));
		json_array_append_new(addresses, address_json(s, dfb_target_id(id, family)));
	}
	doc = json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o}",
		"name", server->name,
		"id", (int)id,
		"state", server_state(server, worst),
		"reason", name_of(reason_names, DFB_REASON_MAX, worst ? worst->reason : 0),
		"since_s", since_s(s->now_ns, worst ? worst->since_ns : 0),
		"rtt_p50_us", us_or_null(status_rtt_ns(&t.rtt, 500)),
		"rtt_p99_us", us_or_null(status_rtt_ns(&t.rtt, 990)),
		"probes_sent", (json_int_t)t.sent,
		"replies", (json_int_t)t.answered,
		"expired", (json_int_t)t.expired,
		"flags", flags_json(server->flags),
		"pools", server_pools_json(s, server),
		"addresses", addresses);
	json_object_set_new(doc, "userland", userland_json(s, id));
	json_object_update_new(doc, loss_json(&t.loss));
	return doc;
}

/* --- pools ----------------------------------------------------------------------------------- */

static json_t *active_json(const struct snapshot *s, const struct dfb_pool *pool)
{
	uint32_t servers[DFB_SLOTS];
	struct share share = serving_share(pool);
	uint32_t n = share_list(&share, servers);
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++) {
		if (snapshot_server(s, servers[i]))
			json_array_append_new(list, json_string(snapshot_name(s, servers[i])));
	}
	return list;
}

/* Which part of the clients each of those who serve has. */
static json_t *shares_json(const struct snapshot *s, const struct dfb_pool *pool)
{
	struct share share = serving_share(pool);
	uint32_t servers[DFB_SLOTS], n = share_list(&share, servers);
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++) {
		if (!snapshot_server(s, servers[i]))
			continue;
		json_array_append_new(list, json_pack("{s:s, s:i, s:i}",
			"server", snapshot_name(s, servers[i]),
			"slots", (int)share_weight(&share, servers[i]),
			"lent", (int)share_lent(&share, servers[i])));
	}
	return list;
}

static json_t *candidates_json(const struct snapshot *s, const struct dfb_plan *plan)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < serving_candidates(plan); i++)
		json_array_append_new(list, name_or_null(snapshot_name(s, plan->candidates[i])));
	return list;
}

/* Who, when, and the phases that this kind of switch had. */
static json_t *failover_json(const struct snapshot *s, const struct dfb_pool *pool)
{
	const struct dfb_switch *last = &pool->last;
	bool committed = pool->committed == pool->epoch;

	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o}",
		"at", time_or_null(last->switched_ns),
		"from", name_or_null(snapshot_name(s, last->from)),
		"to", name_or_null(snapshot_name(s, last->to)),
		"reason", name_of(reason_names, DFB_REASON_MAX, last->reason),
		"detect_us", span_us(last->last_good_ns, last->verdict_ns),
		"switch_us", span_us(last->verdict_ns, last->switched_ns),
		"commit_us", committed ? span_us(last->switched_ns, pool->committed_ns) : json_null());
}

static json_t *last_switch_json(const struct snapshot *s, const struct dfb_pool *pool)
{
	const struct dfb_switch *last = &pool->last;
	json_t *doc;

	if (!last->reason && !last->switched_ns)
		return json_null();
	doc = failover_json(s, pool);
	json_object_update_new(doc, json_pack("{s:I, s:i, s:o, s:I, s:o, s:o}",
		"mono_ns", (json_int_t)last->switched_ns,
		"misses", (int)last->misses,
		"witness", name_or_null(snapshot_name(s, last->witness)),
		"timer_late_us", (json_int_t)(last->lateness_ns / 1000),
		"silent_us", span_us(last->first_missed_ns, last->verdict_ns),
		"witness_before_verdict_us", span_us(last->witness_ns, last->verdict_ns)));
	return doc;
}

static json_t *pool_json(const struct snapshot *s, uint32_t id)
{
	const struct dfb_plan *plan = &s->plans[id];
	const struct dfb_pool *pool = &s->pools[id];

	return json_pack("{s:s, s:i, s:o, s:i, s:s, s:o, s:o, s:I, s:I, s:b, s:b, s:b, s:o, s:o}",
		"name", plan->name,
		"id", (int)id,
		"active", active_json(s, pool),
		"active_wanted", (int)serving_places(plan),
		"spread", plan->spread == DFB_SPREAD_FLOW ? "flow" : "client",
		"shares", shares_json(s, pool),
		"next", name_or_null(snapshot_name(s, serving_next(s, plan, pool))),
		"epoch", (json_int_t)pool->epoch,
		"committed", (json_int_t)pool->committed,
		"fast", (int)plan->fast,
		"held", (int)(plan->held == DFB_HELD_NOBODY),
		"paused", (int)plan->paused,
		"candidates", candidates_json(s, plan),
		"last_switch", last_switch_json(s, pool));
}

/* --- services -------------------------------------------------------------------------------- */

static json_t *service_json(const struct snapshot *s, const char *name, uint32_t pool,
			    enum dfb_redirect redirect)
{
	bool known = pool && pool < s->n_pools;
	const struct dfb_pool *p = known ? &s->pools[pool] : NULL;

	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:o}",
		"name", name,
		"pool", name_or_null(known ? s->plans[pool].name : ""),
		"redirect", redirect_names[redirect < DFB_REDIRECT_MAX ? redirect : DFB_REDIRECT_ROUTE],
		"state", known ? serving_service(s, pool) : service_state_names[SERVICE_DOWN],
		"server", name_or_null(known ? serving_only(s, pool) : ""),
		"last_failover", p && snapshot_server(s, p->last.from) ? failover_json(s, p) : json_null());
}

static json_t *address_string(const uint8_t address[16])
{
	char text[ADDRESS_TEXT_LEN];

	return json_string(address_format(address, text));
}

static json_t *ports_json(const struct policy_service *service)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < service->n_ports; i++)
		json_array_append_new(list, json_sprintf("%s/%u",
			service->ports[i].protocol == IPPROTO_TCP ? "tcp" : "udp", service->ports[i].port));
	return list;
}

static json_t *policy_services(const struct snapshot *s, const struct status_extra *extra)
{
	const struct policy *policy = extra->policy;
	json_t *list = json_array();

	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *service = &policy->services[i];
		json_t *doc = service_json(s, service->name, policy->pools[service->pool].id,
					   service->redirect);
		json_t *addresses = json_array();

		for (uint32_t k = 0; k < service->n_addresses; k++)
			json_array_append_new(addresses, address_string(service->address[k]));
		json_object_set_new(doc, "addresses", addresses);
		json_object_set_new(doc, "ports", ports_json(service));
		cost_add(s, extra, service, doc);
		json_object_set_new(doc, "needs", json_string(needs_names[service->needs]));
		if (service->n_checks && extra->checks)
			json_object_set_new(doc, "checks", extra->checks(extra->arg, i));
		json_array_append_new(list, doc);
	}
	return list;
}

static int by_name(const void *a, const void *b)
{
	const struct snapshot_service *x = a, *y = b;
	int order = strcmp(x->service.name, y->service.name);

	return order ? order : memcmp(&x->key, &y->key, sizeof(x->key));
}

/* The map knows addresses, several of which may be one service's. */
static json_t *map_services(const struct snapshot *s)
{
	struct snapshot_service *sorted = calloc(s->n_services + 1, sizeof(*sorted));
	json_t *list = json_array(), *addresses = NULL;

	if (sorted && s->n_services)
		memcpy(sorted, s->services, s->n_services * sizeof(*sorted));
	for (uint32_t i = 0; sorted && i < s->n_services; i++) {
		if (!i)
			qsort(sorted, s->n_services, sizeof(*sorted), by_name);
		if (!i || strcmp(sorted[i].service.name, sorted[i - 1].service.name)) {
			json_t *doc = service_json(s, sorted[i].service.name, sorted[i].service.pool,
						   sorted[i].service.redirect);

			addresses = json_array();
			json_object_set_new(doc, "addresses", addresses);
			json_array_append_new(list, doc);
		}
		json_array_append_new(addresses, address_string(sorted[i].key.address));
	}
	free(sorted);
	return list;
}

/* --- the whole ------------------------------------------------------------------------------- */

json_t *status_json(const struct snapshot *s, const struct status_extra *extra)
{
	json_t *servers = json_array(), *pools = json_array(), *doc;

	for (uint32_t id = 1; id < s->n_servers; id++) {
		if (snapshot_server(s, id))
			json_array_append_new(servers, server_json(s, id));
	}
	for (uint32_t id = 1; id < s->n_pools; id++) {
		if (s->plans[id].name[0])
			json_array_append_new(pools, pool_json(s, id));
	}
	doc = json_pack("{s:i, s:s, s:o, s:n, s:n, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}}",
		"schema", CTL_SCHEMA,
		"daemon", extra ? "up" : "down",
		"gateway", extra && extra->gateway ? json_string(extra->gateway) : json_null(),
		"config", /* the daemon's own matter */
		"checker", /* likewise */
		"uptime_s", since_s(s->now_ns, extra ? extra->started_ns : 0),
		"servers", servers,
		"pools", pools,
		"services", extra && extra->policy ? policy_services(s, extra) : map_services(s),
		"interfaces", gateway_interfaces_json(s),
		"prober", gateway_prober_json(s),
		"counters",
		"beat", counters_beat_json(&s->beat),
		"steer", counters_steer_json(&s->steer),
		"vip", counters_vip_json(&s->vip));
	standing_add(doc, extra ? extra->core : NULL);
	return doc;
}

enum ctl_code status_code(const json_t *doc)
{
	const char *daemon = json_string_value(json_object_get(doc, "daemon"));
	size_t i;
	json_t *service;

	if (daemon && !strcmp(daemon, "down"))
		return CTL_UNREACHABLE;
	json_array_foreach(json_object_get(doc, "services"), i, service) {
		const char *state = json_string_value(json_object_get(service, "state"));

		if (!state || strcmp(state, "serving"))
			return CTL_DEGRADED;
	}
	return CTL_OK;
}
