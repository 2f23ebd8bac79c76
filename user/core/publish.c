// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: What a service's names resolve to
 *
 * Beside the names stands a record of the decision that they follow: whose, which server, and when what
 * led to it was known. Several gateways may write it. The rules, that none of them undoes another's:
 *
 *   - it is written only in place of the very record that was read before (the actuator's prerequisite);
 *   - with the same server in it there is nothing to do, whoever has put it there;
 *   - another gateway's is replaced only by later evidence: a verdict of ours, or its server being down,
 *     that is younger than the record. What replaces it says when that was, so it is no older, and the
 *     two cannot replace each other in turns without new evidence;
 *   - the first server after a start is no evidence.
 *
 * Where it stands against ours that is a dispute, told when it lasts. Peers' name servers are only read.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "private.h"
#include "timing.h"

#define WIRE_RESOLUTION_NS 1000 /* the record's time has microseconds */

static const struct core_pool *pool_of_service(const struct core *core, const struct policy_service *service)
{
	return &core->pools[core->policy->pools[service->pool].id];
}

static bool is_peer(const struct core_publication *p)
{
	return p->server >= p->service->dns->n_servers;
}

static const char *wanted(const struct core *core, const struct core_pool *pool)
{
	return pool->held ? "" : server_name(core, pool->share.slots[0]);
}

static bool agrees(const struct core *core, const struct core_publication *p)
{
	return p->record.there && !strcmp(p->record.server, wanted(core, pool_of_service(core, p->service)));
}

/* --- whose decision stands ------------------------------------------------------------------- */

/* When it was known that the names must not lead to where they do; 0: it is not. */
static uint64_t evidence(const struct core *core, const struct core_pool *pool,
			 const struct publish_record *r)
{
	uint64_t known_ns = pool->last.reason == DFB_REASON_INITIAL ? 0 : pool->last.switched_ns;
	uint32_t id = server_by_name(core, r->server);
	const struct core_server *server = &core->servers[id];
	const struct event_target *dead;
	uint64_t against_ns = 0;

	if (!r->server[0])
		return core->now; /* somebody is better than nobody */
	if (!id || !pool_has(core, pool, id))
		against_ns = core->policy_ns;
	else if (server->flags)
		against_ns = server->flagged_ns;
	dead = against_ns ? NULL : server_dead_target(server, pool, NULL);
	if (dead)
		against_ns = dead->since_ns;
	return against_ns > known_ns ? against_ns : known_ns;
}

static bool may_write(const struct core *core, const struct core_publication *p)
{
	const struct publish_record *r = &p->record;

	if (core->passive)
		return false;
	return !r->there || !strcmp(r->gateway, core->policy->gateway.name) || agrees(core, p) ||
	       evidence(core, pool_of_service(core, p->service), r) > r->time_ns;
}

/* --- actions --------------------------------------------------------------------------------- */

static struct action *begin(struct step *s, struct core_publication *p)
{
	struct action *a = step_action(s, ACTION_PUBLISH);

	p->turn = ++s->core->turn;
	p->due_ns = 0;
	a->publish.publication = (uint32_t)(p - s->core->publications);
	a->publish.turn = p->turn;
	return a;
}

/* No older than what it replaces. */
static uint64_t time_of_record(const struct core *core, const struct core_publication *p)
{
	const struct core_pool *pool = pool_of_service(core, p->service);
	uint64_t known_ns, least_ns = p->record.time_ns + WIRE_RESOLUTION_NS;

	if (!p->record.there)
		return pool->last.switched_ns;
	if (agrees(core, p))
		return p->record.time_ns;
	known_ns = evidence(core, pool, &p->record);
	return known_ns > least_ns ? known_ns : least_ns;
}

static void write_record(struct step *s, struct core_publication *p)
{
	const struct core_pool *pool = pool_of_service(s->core, p->service);
	struct action *a = begin(s, p);

	a->publish.write = true;
	a->publish.record.there = true;
	a->publish.record.epoch = pool->epoch;
	a->publish.record.time_ns = time_of_record(s->core, p);
	snprintf(a->publish.record.server, DFB_NAME_LEN, "%s", wanted(s->core, pool));
	snprintf(a->publish.record.gateway, DFB_NAME_LEN, "%s", s->core->policy->gateway.name);
}

/* --- what is told ---------------------------------------------------------------------------- */

static struct report *tell_of(struct step *s, const struct core_publication *p, enum report_kind kind)
{
	const struct core_pool *pool = pool_of_service(s->core, p->service);
	struct report *r = tell(s, kind);

	snprintf(r->service, sizeof(r->service), "%s", p->service->name);
	snprintf(r->pool, sizeof(r->pool), "%s", pool->policy->name);
	snprintf(r->server, sizeof(r->server), "%s", wanted(s->core, pool));
	r->epoch = pool->epoch;
	return r;
}

/* Once per decision, and again after a failure. */
static void tell_published(struct step *s, struct core_publication *p)
{
	const struct core_pool *pool = pool_of_service(s->core, p->service);
	bool first = !p->epoch, news = first || p->epoch != pool->epoch || p->told_nobody != pool->held;
	struct report *r;

	if (is_peer(p) || (!news && !p->told_failed))
		return;
	r = tell_of(s, p, REPORT_DNS);
	if (strcmp(p->record.gateway, s->core->policy->gateway.name))
		snprintf(r->reason, sizeof(r->reason), "by gateway %s", p->record.gateway);
	if (p->epoch != pool->epoch && !first && s->core->now > pool->last.switched_ns)
		r->commit_ns = s->core->now - pool->last.switched_ns;
	p->epoch = pool->epoch;
	p->told_nobody = pool->held;
}

static void tell_failed(struct step *s, struct core_publication *p, const char *why)
{
	if (p->told_failed)
		return;
	snprintf(tell_of(s, p, REPORT_DNS_FAILED)->reason, sizeof(((struct report *)0)->reason), "%s", why);
	p->told_failed = true;
}

static void tell_disputed(struct step *s, struct core_publication *p, bool disputed)
{
	struct report *r = tell_of(s, p, REPORT_DNS_DISPUTED);

	snprintf(r->from, sizeof(r->from), "%s", p->record.gateway);
	snprintf(r->to, sizeof(r->to), "%s", disputed ? "disputed" : "agreed");
	snprintf(r->reason, sizeof(r->reason), "gateway %s names %s", p->record.gateway,
		 p->record.server[0] ? p->record.server : "nobody");
	p->told_disputed = disputed;
}

/* Disagreement for a moment is natural: the gateways do not hear of a death at the same time. */
static void review_dispute(struct step *s, struct core_publication *p)
{
	if (!p->record.there || agrees(s->core, p)) {
		if (p->told_disputed)
			tell_disputed(s, p, false);
		p->disputed_ns = 0;
		return;
	}
	if (!p->disputed_ns)
		p->disputed_ns = s->core->now;
	if (!p->told_disputed && s->core->now >= p->disputed_ns + p->service->dns->dispute_ns)
		tell_disputed(s, p, true);
}

/* --- review ---------------------------------------------------------------------------------- */

static bool must_write(const struct core *core, const struct core_publication *p)
{
	return !is_peer(p) && (!p->sure || !agrees(core, p)) && may_write(core, p);
}

/* What stands there stays: is it what we want? */
static void settle(struct step *s, struct core_publication *p)
{
	review_dispute(s, p);
	if (agrees(s->core, p))
		tell_published(s, p);
	p->told_failed = false;
	p->races = 0;
}

static void review(struct step *s, struct core_publication *p)
{
	bool due = s->core->now >= p->due_ns;

	if (p->turn || (p->retries && !due))
		return;
	if (p->read && must_write(s->core, p))
		write_record(s, p);
	else if (due)
		begin(s, p);
	else if (p->read)
		settle(s, p);
}

void publish_review(struct step *s, uint32_t id)
{
	const struct core_pool *pool = pool_of(s->core, id);

	for (uint32_t i = 0; pool->share.slots[0] && i < POLICY_MAX_PUBLICATIONS; i++) {
		struct core_publication *p = &s->core->publications[i];

		if (p->service && pool_of_service(s->core, p->service) == pool)
			review(s, p);
	}
}

/* --- results --------------------------------------------------------------------------------- */

static void on_failure(struct step *s, struct core_publication *p, const struct event_published *r)
{
	tell_failed(s, p, r->why);
	p->due_ns = s->core->now + timing_retry(p->retries++);
}

/* Somebody has written since we read: what stands there with our server in it is his, and whole. */
static void on_stale(struct step *s, struct core_publication *p)
{
	p->read = false;
	p->sure = true;
	p->due_ns = p->races ? s->core->now + timing_retry(p->races - 1) : 0;
	p->races++;
}

/* What is read now was decided before now, whatever the other gateway's clock says. */
static void on_record(struct step *s, struct core_publication *p, const struct event_published *r)
{
	p->read = true;
	p->sure = p->sure || r->wrote;
	p->retries = 0;
	p->due_ns = s->core->now + TIMING_PUBLISHED_NS;
	p->record = r->record;
	if (p->record.time_ns > s->core->now)
		p->record.time_ns = s->core->now;
}

void publish_on_result(struct step *s, const struct event_published *r)
{
	struct core_publication *p = &s->core->publications[r->publication % POLICY_MAX_PUBLICATIONS];

	if (!p->service || !p->turn || p->turn != r->turn)
		return;
	p->turn = 0;
	if (r->error == -ESTALE)
		on_stale(s, p);
	else if (r->error)
		on_failure(s, p, r);
	else
		on_record(s, p, r);
	review(s, p);
}

/* --- configuration --------------------------------------------------------------------------- */

static const uint8_t *address_of(const struct policy_dns *dns, uint32_t server)
{
	return server < dns->n_servers ? dns->servers[server] : dns->peers[server - dns->n_servers];
}

static uint32_t count(const struct policy_dns *dns)
{
	return dns ? dns->n_servers + dns->n_peers : 0;
}

static bool is_same(const struct core_publication *p, const struct policy_service *service, uint32_t server)
{
	const struct policy_dns *old = p->service->dns, *new = service->dns;

	return !strcmp(p->service->name, service->name) && is_peer(p) == (server >= new->n_servers) &&
	       !memcmp(address_of(old, p->server), address_of(new, server), 16);
}

/* Of the former configuration: what was told stays told, all else is looked at again. */
static void carry_over(struct core *core, struct core_publication *p)
{
	struct core_publication kept = {
		.epoch = p->epoch,
		.told_nobody = p->told_nobody,
		.told_failed = p->told_failed,
	};

	for (uint32_t i = 0; i < core->policy->n_services && !kept.service; i++) {
		const struct policy_service *service = &core->policy->services[i];

		for (uint32_t k = 0; k < count(service->dns) && !kept.service; k++) {
			if (!is_same(p, service, k))
				continue;
			kept.service = service;
			kept.server = k;
		}
	}
	*p = kept.service ? kept : (struct core_publication){0};
}

static void add(struct core *core, const struct policy_service *service, uint32_t server)
{
	struct core_publication *free = NULL;

	for (uint32_t i = POLICY_MAX_PUBLICATIONS; i-- > 0;) {
		struct core_publication *p = &core->publications[i];

		if (!p->service)
			free = p;
		else if (p->service == service && p->server == server)
			return;
	}
	if (free)
		*free = (struct core_publication){.service = service, .server = server};
}

void publish_reindex(struct step *s)
{
	struct core *core = s->core;

	core->policy_ns = core->now;
	for (uint32_t i = 0; i < POLICY_MAX_PUBLICATIONS; i++) {
		if (core->publications[i].service)
			carry_over(core, &core->publications[i]);
	}
	for (uint32_t i = 0; i < core->policy->n_services; i++) {
		for (uint32_t k = 0; k < count(core->policy->services[i].dns); k++)
			add(core, &core->policy->services[i], k);
	}
}

const uint8_t *publish_address(const struct core_publication *p)
{
	return address_of(p->service->dns, p->server);
}

uint64_t publish_deadline(const struct core *core)
{
	uint64_t due = 0;

	for (uint32_t i = 0; i < POLICY_MAX_PUBLICATIONS; i++) {
		const struct core_publication *p = &core->publications[i];

		if (!p->service || p->turn || !pool_of_service(core, p->service)->share.slots[0])
			continue;
		due = timing_earlier(due, p->due_ns);
		if (p->disputed_ns && !p->told_disputed && !p->retries)
			due = timing_earlier(due, p->disputed_ns + p->service->dns->dispute_ns);
	}
	return due;
}
