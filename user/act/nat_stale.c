// SPDX-License-Identifier: GPL-2.0-only
/* Which tracked connections lead to where their service no longer is? */
#include "nat_stale.h"

#include <string.h>

#include "base/text.h"

/* Return: NULL: of no translated service. */
static const struct policy_pool *pool_of(const struct policy *policy, const uint8_t address[16])
{
	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];

		for (uint32_t a = 0; s->redirect == DFB_REDIRECT_NAT && a < s->n_addresses; a++) {
			if (!memcmp(s->address[a], address, 16))
				return &policy->pools[s->pool];
		}
	}
	return NULL;
}

bool nat_is_stale(const struct policy *policy, const struct core *core, const struct conntrack_entry *entry)
{
	uint32_t base = policy->gateway.zone_base, server = entry->zone > base ? entry->zone - base : 0;
	uint32_t family = address_is_ipv4(entry->server) ? DFB_FAMILY_IPV4 : DFB_FAMILY_IPV6;
	const struct policy_pool *pool = pool_of(policy, entry->destination);
	const struct policy_server *serves;

	if (!server || server > policy->gateway.max_servers)
		return false;
	if (pool && !core->pools[pool->id].share.slots[0])
		return false; /* not known yet */
	if (!pool || (!share_has(&core->pools[pool->id].share, server) &&
		      !core->servers[server].drain.until_ns))
		return true;
	serves = core->servers[server].policy;
	return !serves || !serves->has[family] || memcmp(serves->address[family], entry->server, 16) != 0;
}
