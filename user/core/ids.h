/* SPDX-License-Identifier: GPL-2.0-only */
/* Identifiers by name: what had one keeps it, what is new gets a free one. */
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include "policy.h"

/**
 * struct ids_taken - names in use, by id
 * @n: ids 1 to @n - 1 exist
 * @name: @n names of DFB_NAME_LEN bytes; empty: free
 */
struct ids_taken {
	uint32_t n;
	char (*name)[DFB_NAME_LEN];
};

/**
 * ids_assign() - fill policy.servers[].id and policy.pools[].id
 * @servers, @pools: names in force; new ones are added, none is removed
 * Return: 0, or -ENOSPC: more servers or pools than ids.
 */
int ids_assign(struct policy *policy, struct ids_taken *servers, struct ids_taken *pools);

#endif
