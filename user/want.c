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

/* All addresses of the pool's services, in one allocation the pool owns. */
static int fill_addresses(struct route_pool *to, const struct policy *policy, uint32_t index)
{
	uint8_t(*list)[16] = calloc((size_t)policy->n_services * POLICY_SERVICE_ADDRESSES + 1, sizeof(*list));

	if (!list)
		return -1;
	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];

		if (s->pool != index)
			continue;
		memcpy(list[to->n_addresses], s->address, s->n_addresses * sizeof(s->address[0]));
		to->n_addresses += s->n_addresses;
	}
	to->addresses = (const uint8_t (*)[16])list;
	return 0;
}

static int fill_pool(struct route_pool *to, const struct policy *policy, uint32_t index,
		     const struct core *core)
{
	const struct policy_pool *from = &policy->pools[index];
	const struct core_pool *decided = &core->pools[from->id];

	to->id = from->id;
	to->name = from->name;
	to->server = decided->server;
	to->how = from->when_none;
	to->held = decided->held;
	return fill_addresses(to, policy, index);
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

struct route_want *want_make(const struct policy *policy, const struct core *core, const struct link *link)
{
	struct route_server *servers = calloc(policy->n_servers + 1, sizeof(*servers));
	struct route_pool *pools = calloc(policy->n_pools + 1, sizeof(*pools));
	struct route_want *want = calloc(1, sizeof(*want));
	int err = !servers || !pools || !want;

	for (uint32_t i = 0; !err && i < policy->n_servers; i++)
		fill_server(&servers[i], &policy->servers[i], link);
	for (uint32_t i = 0; !err && i < policy->n_pools; i++)
		err = fill_pool(&pools[i], policy, i, core);
	if (!want) {
		free(servers);
		free(pools);
		return NULL;
	}
	want->mark_mask = policy->gateway.mark_mask;
	want->mark_shift = (uint32_t)ffs((int)policy->gateway.mark_mask) - 1;
	want->table_base = policy->gateway.table_base;
	want->rule_priority = policy->gateway.rule_priority;
	want->n_servers = policy->n_servers;
	want->servers = servers;
	want->n_pools = pools ? policy->n_pools : 0;
	want->pools = pools;
	if (err) {
		want_free(want);
		return NULL;
	}
	return want;
}
