// SPDX-License-Identifier: GPL-2.0-only
/* World -> policy -> configuration maps, in the order of user/sense/kern_config.c. */
#include <stdlib.h>
#include <string.h>

#include "core/ids.h"
#include "core/plan.h"
#include "world.h"

/* --- the policy ------------------------------------------------------------------------------ */

/* Index among the configured servers. */
static uint32_t index_of(const struct world *w, uint32_t server)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < server; i++)
		n += w->servers[i].configured;
	return n;
}

static void give_ids(struct policy *policy)
{
	static char servers[WORLD_IDS][DFB_NAME_LEN], pools[WORLD_POOLS + 1][DFB_NAME_LEN];
	struct ids_taken taken_servers = {.n = WORLD_IDS, .name = servers};
	struct ids_taken taken_pools = {.n = WORLD_POOLS + 1, .name = pools};

	for (uint32_t id = 1; id < WORLD_IDS; id++)
		memcpy(servers[id], kernel_server(id)->name, DFB_NAME_LEN);
	for (uint32_t id = 1; id <= WORLD_POOLS; id++)
		memcpy(pools[id], kernel_plan(id)->name, DFB_NAME_LEN);
	if (ids_assign(policy, &taken_servers, &taken_pools))
		abort();
}

static void fill_pool(const struct world *w, const struct world_pool *from, struct policy_pool *to)
{
	*to = from->conf;
	for (uint32_t i = 0; i < from->n_servers; i++) {
		if (w->servers[from->servers[i]].configured)
			to->servers[to->n_servers++] = index_of(w, from->servers[i]);
	}
}

struct policy *configure_policy(struct world *w)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->servers = calloc(WORLD_SERVERS, sizeof(*p->servers));
	p->pools = calloc(WORLD_POOLS, sizeof(*p->pools));
	p->services = calloc(WORLD_SERVICES, sizeof(*p->services));
	if (!p->servers || !p->pools || !p->services)
		abort();
	for (uint32_t i = 0; i < w->n_servers; i++) {
		if (w->servers[i].configured)
			p->servers[p->n_servers++] = w->servers[i].conf;
	}
	for (uint32_t i = 0; i < w->n_pools; i++)
		fill_pool(w, &w->pools[i], &p->pools[p->n_pools++]);
	for (uint32_t i = 0; i < w->n_services; i++) {
		struct policy_service *s = &p->services[p->n_services++];

		memcpy(s->name, w->services[i].name, DFB_NAME_LEN);
		s->pool = w->services[i].pool;
		if (w->services[i].has_names) {
			s->redirect = DFB_REDIRECT_DNS;
			s->dns = &w->services[i].dns;
		}
	}
	give_ids(p);
	return p;
}

void configure_free(struct policy *policy)
{
	free(policy->servers);
	free(policy->pools);
	free(policy->services);
	free(policy);
}

/* --- the maps -------------------------------------------------------------------------------- */

static void order(enum dfb_order_kind kind, uint32_t id)
{
	struct dfb_order o = {.kind = kind, .id = id};

	kernel_order(&o);
}

static void put_target(const struct policy_server *s, uint32_t family)
{
	uint32_t id = dfb_target_id(s->id, family);

	if (plan_target(s, family, kernel_target(id), kernel_target(id)))
		order(DFB_ORDER_RESET, id);
	order(DFB_ORDER_ARM, id);
}

static void drop_target(uint32_t id)
{
	if (kernel_target(id)->server)
		plan_no_target(kernel_target(id), kernel_target(id));
}

static void put_server(const struct policy *policy, uint32_t index)
{
	const struct policy_server *s = &policy->servers[index];

	plan_server(policy, index, kernel_server(s->id), kernel_server(s->id));
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (s->has[family])
			put_target(s, family);
		else
			drop_target(dfb_target_id(s->id, family));
	}
}

static void drop_servers(const struct policy *policy)
{
	for (uint32_t id = 1; id < WORLD_IDS; id++) {
		struct dfb_server *who = kernel_server(id);

		if (!who->name[0] || plan_has_server(policy, who->name))
			continue;
		drop_target(dfb_target_id(id, DFB_FAMILY_IPV4));
		drop_target(dfb_target_id(id, DFB_FAMILY_IPV6));
		*who = (struct dfb_server){};
	}
}

static void drop_pools(struct world *w, const struct policy *policy)
{
	for (uint32_t id = 1; id <= WORLD_POOLS; id++) {
		struct dfb_plan *plan = kernel_plan(id);

		if (!plan->name[0] || plan_has_pool(policy, plan->name))
			continue;
		*plan = (struct dfb_plan){};
		order(DFB_ORDER_FORGET_POOL, id);
		w->truth.epoch[id] = 0;
		memset(w->truth.slots[id], 0, sizeof(w->truth.slots[id]));
	}
}

static void remember_ids(struct world *w, const struct policy *policy)
{
	memset(w->by_id, 0, sizeof(w->by_id));
	for (uint32_t i = 0; i < policy->n_servers; i++) {
		for (uint32_t k = 0; k < w->n_servers; k++) {
			if (!strcmp(w->servers[k].conf.name, policy->servers[i].name))
				w->by_id[policy->servers[i].id] = k + 1;
		}
	}
}

void configure_kernel(struct world *w, struct policy *policy)
{
	remember_ids(w, policy);
	drop_pools(w, policy);
	for (uint32_t i = 0; i < policy->n_servers; i++)
		put_server(policy, i);
	for (uint32_t i = 0; i < policy->n_pools; i++)
		plan_pool(policy, i, kernel_plan(policy->pools[i].id), kernel_plan(policy->pools[i].id));
	drop_servers(policy);
	kernel_control()->generation++;
	prober_look(w);
}
