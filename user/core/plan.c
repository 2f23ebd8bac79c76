// SPDX-License-Identifier: GPL-2.0-only
#include "plan.h"

#include <string.h>

/* --- targets --------------------------------------------------------------------------------- */

static bool means_another(const struct dfb_target *a, const struct dfb_target *b)
{
	return a->server != b->server || a->probe != b->probe || a->port != b->port ||
	       memcmp(a->address, b->address, sizeof(a->address)) != 0;
}

bool plan_target(const struct policy_server *server, uint32_t family, const struct dfb_target *old,
		 struct dfb_target *ret_new)
{
	const struct policy_heartbeat *h = &server->heartbeat;
	struct dfb_target t = *old;
	bool another;

	memcpy(t.address, server->address[family], sizeof(t.address));
	t.server = server->id;
	t.probe = h->probe;
	t.port = h->port;
	t.interval_ns = h->interval_ns;
	t.idle_interval_ns = h->idle_interval_ns;
	t.timeout_ns = h->timeout_ns;
	t.timeout_min_ns = h->timeout_min_ns;
	t.timeout_max_ns = h->timeout_max_ns;
	t.confirm_spacing_ns = h->confirm_spacing_ns;
	t.recover_hold_ns = h->recover_hold_ns;
	t.half_life_ns = h->half_life_ns;
	t.misses = h->misses;
	t.confirm_probes = h->confirm_probes;
	t.recover_replies = h->recover_replies;
	t.suppress = h->suppress;
	t.reuse = h->reuse;
	t.userland_ns = h->userland_ns;
	another = means_another(old, &t);
	if (another) {
		t.generation++;
		t.cannot_leave = 0;
	}
	*ret_new = t;
	return another;
}

void plan_no_target(const struct dfb_target *old, struct dfb_target *ret_new)
{
	*ret_new = (struct dfb_target){.generation = old->generation + 1};
}

/* --- servers, pools, services ---------------------------------------------------------------- */

static bool lists_server(const struct policy_pool *pool, uint32_t index)
{
	for (uint32_t i = 0; i < pool->n_servers; i++) {
		if (pool->servers[i] == index)
			return true;
	}
	return false;
}

void plan_server(const struct policy *policy, uint32_t index, const struct dfb_server *old,
		 struct dfb_server *ret_new)
{
	const struct policy_server *s = &policy->servers[index];
	bool same = !strcmp(old->name, s->name);
	struct dfb_server new = {.flags = same ? old->flags : 0, .drain_ns = same ? old->drain_ns : 0};

	memcpy(new.name, s->name, sizeof(new.name));
	for (uint32_t i = 0; i < policy->n_pools && new.n_pools < DFB_SERVER_POOLS; i++) {
		if (lists_server(&policy->pools[i], index))
			new.pools[new.n_pools++] = (uint16_t)policy->pools[i].id;
	}
	*ret_new = new;
}

/* Who was unfit when the controller last knew is still the last choice. */
static uint64_t unfit(const struct dfb_plan *old, const struct dfb_plan *new)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < new->n_candidates; i++) {
		for (uint32_t k = 0; k < old->n_candidates && k < DFB_CANDIDATES; k++) {
			if (old->candidates[k] == new->candidates[i] && (old->unfit >> k & 1))
				bits |= 1ull << i;
		}
	}
	return bits;
}

void plan_pool(const struct policy *policy, uint32_t index, const struct dfb_plan *old,
	       struct dfb_plan *ret_new)
{
	const struct policy_pool *pool = &policy->pools[index];
	struct dfb_plan new = {
		.families = pool->families,
		.fast = pool->fast,
		.held = strcmp(old->name, pool->name) ? 0 : old->held,
		.active = (uint8_t)pool->active,
		.spread = (uint8_t)pool->spread,
		.drains = strcmp(old->name, pool->name) ? 0 : old->drains,
		.paused = strcmp(old->name, pool->name) ? 0 : old->paused,
		.n_candidates = pool->n_servers,
	};

	memcpy(new.name, pool->name, sizeof(new.name));
	for (uint32_t i = 0; i < pool->n_servers; i++)
		new.candidates[i] = (uint16_t)policy->servers[pool->servers[i]].id;
	if ((pool->checked || pool->userland) && !strcmp(old->name, pool->name))
		new.unfit = unfit(old, &new);
	*ret_new = new;
}

bool plan_is_unfit(const struct dfb_plan *plan, uint32_t server)
{
	for (uint32_t i = 0; i < plan->n_candidates && i < DFB_CANDIDATES; i++) {
		if (plan->candidates[i] == server)
			return plan->unfit >> i & 1;
	}
	return false;
}

bool plan_set_fit(struct dfb_plan *plan, uint32_t server, bool fit)
{
	uint64_t before = plan->unfit;

	for (uint32_t i = 0; i < plan->n_candidates && i < DFB_CANDIDATES; i++) {
		if (plan->candidates[i] == server)
			plan->unfit = fit ? plan->unfit & ~(1ull << i) : plan->unfit | 1ull << i;
	}
	return plan->unfit != before;
}

void plan_service(const struct policy *policy, uint32_t index, struct dfb_service *ret_service)
{
	const struct policy_service *s = &policy->services[index];

	*ret_service = (struct dfb_service){.pool = policy->pools[s->pool].id, .redirect = s->redirect};
	memcpy(ret_service->name, s->name, sizeof(ret_service->name));
}

struct dfb_order plan_order(const struct action *steer)
{
	struct dfb_order order = {
		.kind = DFB_ORDER_SWITCH,
		.id = steer->steer.pool,
		.from = steer->steer.from,
		.to = steer->steer.to,
		.reason = steer->steer.reason,
		.lent = steer->steer.share.lent,
		.epoch = steer->steer.epoch,
	};

	memcpy(order.slots, steer->steer.share.slots, sizeof(order.slots));
	return order;
}

/* --- what is no longer there ----------------------------------------------------------------- */

bool plan_has_server(const struct policy *policy, const char *name)
{
	for (uint32_t i = 0; i < policy->n_servers; i++) {
		if (!strcmp(policy->servers[i].name, name))
			return true;
	}
	return false;
}

bool plan_has_pool(const struct policy *policy, const char *name)
{
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		if (!strcmp(policy->pools[i].name, name))
			return true;
	}
	return false;
}

