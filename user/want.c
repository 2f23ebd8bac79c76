// SPDX-License-Identifier: GPL-2.0-only
#include "want.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void fill_server(struct route_server *to, const struct policy_server *from, const struct link *link)
{
	to->id = from->id;
	to->name = from->name;
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		to->has[family] = from->has[family];
		memcpy(to->address[family], from->address[family], 16);
		to->ifindex[family] = link ? link_ifindex(link, from->id, family) : 0;
	}
}

static int by_server(const void *a, const void *b)
{
	const struct route_share *x = a, *y = b;

	return x->server < y->server ? -1 : x->server > y->server;
}

static void fill_shares(struct route_pool *to, const struct share *share)
{
	uint32_t servers[DFB_SLOTS];

	to->n_shares = share_list(share, servers);
	for (uint32_t i = 0; i < to->n_shares; i++) {
		to->shares[i].server = servers[i];
		to->shares[i].weight = share_weight(share, servers[i]);
	}
	qsort(to->shares, to->n_shares, sizeof(to->shares[0]), by_server);
}

static void fill_pool(struct route_pool *to, const struct policy *policy, uint32_t index,
		      const struct core *core)
{
	const struct policy_pool *from = &policy->pools[index];
	const struct core_pool *decided = &core->pools[from->id];

	to->id = from->id;
	to->name = from->name;
	to->server = decided->share.slots[0];
	to->group = from->active > 1;
	if (to->group)
		fill_shares(to, &decided->share);
	to->how = from->when_none;
	to->held = decided->held;
}

static void add_addresses(struct route_pool *pools, const struct policy *policy, bool translated)
{
	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];
		struct route_pool *to = &pools[s->pool];

		if ((s->redirect == DFB_REDIRECT_NAT) != translated)
			continue;
		memcpy((void *)to->addresses[to->n_addresses], s->address,
		       s->n_addresses * sizeof(s->address[0]));
		to->n_addresses += s->n_addresses;
		to->n_translated += translated ? s->n_addresses : 0;
	}
}

/* All addresses of each pool's services, in one allocation that the pool owns; translated ones first. */
static int fill_addresses(struct route_pool *pools, const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->n_services; i++)
		pools[policy->services[i].pool].n_addresses += policy->services[i].n_addresses;
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		pools[i].addresses = calloc(pools[i].n_addresses + 1, sizeof(*pools[i].addresses));
		if (!pools[i].addresses)
			return -1;
		pools[i].n_addresses = 0;
	}
	add_addresses(pools, policy, true);
	add_addresses(pools, policy, false);
	return 0;
}

/* Those that serve a pool; one that serves two is there twice. Return: how many. */
static uint32_t fill_serving(struct route_server *to, const struct policy *policy, const struct core *core,
			     const struct link *link)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < policy->n_pools; i++) {
		uint32_t servers[DFB_SLOTS];
		uint32_t serving = share_list(&core->pools[policy->pools[i].id].share, servers);

		for (uint32_t k = 0; k < serving; k++) {
			if (core->servers[servers[k]].policy)
				fill_server(&to[n++], core->servers[servers[k]].policy, link);
		}
	}
	return n;
}

static uint32_t fill_servers(struct route_server *to, const struct policy *policy, const struct link *link)
{
	for (uint32_t i = 0; i < policy->n_servers; i++)
		fill_server(&to[i], &policy->servers[i], link);
	return policy->n_servers;
}

void want_free(struct route_want *want)
{
	if (!want)
		return;
	for (uint32_t i = 0; i < want->n_pools; i++)
		free((void *)want->pools[i].addresses);
	free((void *)want->pools);
	free((void *)want->servers);
	free(want);
}

static struct route_want *make(const struct policy *policy, const struct core *core, uint32_t room)
{
	struct route_server *servers = calloc(room + 1, sizeof(*servers));
	struct route_pool *pools = calloc(policy->n_pools + 1, sizeof(*pools));
	struct route_want *want = calloc(1, sizeof(*want));

	if (!servers || !pools || !want) {
		free(servers);
		free(pools);
		free(want);
		return NULL;
	}
	want->mark_mask = policy->gateway.mark_mask;
	want->mark_shift = (uint32_t)ffs((int)policy->gateway.mark_mask) - 1;
	want->table_base = policy->gateway.table_base;
	want->rule_priority = policy->gateway.rule_priority;
	want->servers = servers;
	want->pools = pools;
	if (core->passive)
		return want;
	want->n_pools = policy->n_pools;
	for (uint32_t i = 0; i < policy->n_pools; i++)
		fill_pool(&pools[i], policy, i, core);
	if (fill_addresses(pools, policy)) {
		want_free(want);
		return NULL;
	}
	return want;
}

struct route_want *want_make(const struct policy *policy, const struct core *core, const struct link *link)
{
	struct route_want *want = make(policy, core, policy->n_servers);

	if (want && !core->passive)
		want->n_servers = fill_servers((struct route_server *)want->servers, policy, link);
	return want;
}

struct route_want *want_make_serving(const struct policy *policy, const struct core *core,
				     const struct link *link)
{
	struct route_want *want = make(policy, core, policy->n_pools * DFB_SLOTS);

	if (want)
		want->n_servers = fill_serving((struct route_server *)want->servers, policy, core, link);
	return want;
}
