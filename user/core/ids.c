// SPDX-License-Identifier: GPL-2.0-only
#include "ids.h"

#include <errno.h>
#include <string.h>

static uint32_t find(const struct ids_taken *taken, const char *name)
{
	for (uint32_t id = 1; id < taken->n; id++) {
		if (!strcmp(taken->name[id], name))
			return id;
	}
	return 0;
}

/* The name's id, else the first free one. */
static int assign(struct ids_taken *taken, const char *name, uint32_t *ret_id)
{
	uint32_t id = find(taken, name);

	if (!id)
		id = find(taken, "");
	if (!id)
		return -ENOSPC;
	memcpy(taken->name[id], name, DFB_NAME_LEN);
	*ret_id = id;
	return 0;
}

int ids_assign(struct policy *policy, struct ids_taken *servers, struct ids_taken *pools)
{
	for (uint32_t i = 0; i < policy->n_servers; i++) {
		if (assign(servers, policy->servers[i].name, &policy->servers[i].id))
			return -ENOSPC;
	}
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		if (assign(pools, policy->pools[i].name, &policy->pools[i].id))
			return -ENOSPC;
	}
	return 0;
}
