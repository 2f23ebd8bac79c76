// SPDX-License-Identifier: GPL-2.0-only
#include "ids.h"

#include <errno.h>
#include <string.h>

/* @after: look behind this id first: names mostly are in the order they were in last time. */
static uint32_t find(const struct ids_taken *taken, const char *name, uint32_t after)
{
	for (uint32_t i = 0; i + 1 < taken->n; i++) {
		uint32_t id = 1 + (after + i) % (taken->n - 1);

		if (!strcmp(taken->name[id], name))
			return id;
	}
	return 0;
}

/* The name's id, else the first free one. @ret_id: in: the one before, 0: none. */
static int assign(struct ids_taken *taken, const char *name, uint32_t *ret_id)
{
	uint32_t id = find(taken, name, *ret_id);

	if (!id)
		id = find(taken, "", 0);
	if (!id)
		return -ENOSPC;
	memcpy(taken->name[id], name, DFB_NAME_LEN);
	*ret_id = id;
	return 0;
}

int ids_assign(struct policy *policy, struct ids_taken *servers, struct ids_taken *pools)
{
	uint32_t id = 0;

	for (uint32_t i = 0; i < policy->n_servers; i++) {
		if (assign(servers, policy->servers[i].name, &id))
			return -ENOSPC;
		policy->servers[i].id = id;
	}
	id = 0;
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		if (assign(pools, policy->pools[i].name, &id))
			return -ENOSPC;
		policy->pools[i].id = id;
	}
	return 0;
}
