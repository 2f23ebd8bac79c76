// SPDX-License-Identifier: GPL-2.0-only
/* Pools: who stands in for whom. */
#include <string.h>

#include "draft.h"

const char *const draft_when_none_names[] = {"keep", "withdraw", "unreachable", NULL};

_Static_assert(ARRAY_SIZE(draft_when_none_names) == POLICY_WHEN_NONE_MAX + 1, "every policy has a name");

const char *const draft_spread_names[] = {"client", "flow", NULL};

_Static_assert(ARRAY_SIZE(draft_spread_names) == DFB_SPREAD_MAX + 1, "every way to spread has a name");

static struct draft_server *find_server(struct draft *d, const char *name)
{
	for (uint32_t i = 0; i < d->n_servers; i++) {
		if (!strcmp(d->servers[i].out.name, name))
			return &d->servers[i];
	}
	return NULL;
}

#define NAMES_SHOWN 16

static void complain_server(struct draft *d, const yaml_node_t *node)
{
	const char *names[NAMES_SHOWN + 1];
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_servers && n < NAMES_SHOWN; i++) {
		if (d->servers[i].out.name[0])
			names[n++] = d->servers[i].out.name;
	}
	names[n] = NULL;
	reader_unknown(&d->r, node, "server", names);
}

static bool has_server(const struct draft_pool *pool, uint32_t index)
{
	for (uint32_t i = 0; i < pool->out.n_servers; i++) {
		if (pool->out.servers[i] == index)
			return true;
	}
	return false;
}

static void add_server(struct draft_pool *pool, const yaml_node_t *node, const char *name)
{
	struct draft *d = pool->draft;
	struct draft_server *server = find_server(d, name);
	uint32_t index = server ? (uint32_t)(server - d->servers) : 0;

	if (!server) {
		complain_server(d, node);
		return;
	}
	if (has_server(pool, index)) {
		reader_error(&d->r, node, "server '%s' is in this pool twice, remove one", name);
		return;
	}
	pool->out.servers[pool->out.n_servers++] = index;
	if (++server->n_pools == DFB_SERVER_POOLS + 1)
		reader_error(&d->r, node, "server '%s' is in more than %d pools, merge pools: services may share one",
			     name, DFB_SERVER_POOLS);
}

static void read_servers(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	uint32_t n = reader_list(r, key, node);

	for (uint32_t i = 0; i < n; i++) {
		const yaml_node_t *item = reader_item(r, node, i);
		const char *name = reader_text(r, key, item);

		if (name)
			add_server(field, item, name);
	}
}

static const struct reader_key pool_keys[] = {
	{"name", "app", reader_name, offsetof(struct draft_pool, out.name), 0, 0, NULL, true},
	{"servers", "[s1, s2]", read_servers, 0, 1, DFB_CANDIDATES, NULL, true},
	{"active", "1", reader_number, offsetof(struct draft_pool, out.active), 1, DFB_SLOTS, NULL, false},
	{"spread", "client", reader_word, offsetof(struct draft_pool, out.spread), 0, 0, draft_spread_names,
	 false},
	{"when-none", "keep", reader_word, offsetof(struct draft_pool, out.when_none), 0, 0,
	 draft_when_none_names, false},
};
READER_TABLE(pool_table, "a pool", pool_keys);

static void check_active(struct draft *d, const struct draft_pool *pool)
{
	const yaml_node_t *at = reader_find(&d->r, pool->at, "active");

	if (at && pool->out.n_servers && pool->out.active > pool->out.n_servers)
		reader_error(&d->r, at, "'active' is %u, but the pool has only %u that can serve, name more or lower it",
			     pool->out.active, pool->out.n_servers);
}

void draft_pools(struct draft *d, const struct reader_key *key, const yaml_node_t *node)
{
	uint32_t n = reader_list(&d->r, key, node);

	d->pools = draft_calloc(d, n, sizeof(*d->pools));
	for (uint32_t i = 0; d->pools && i < n; i++) {
		struct draft_pool *pool = &d->pools[d->n_pools++];

		pool->draft = d;
		pool->at = reader_item(&d->r, node, i);
		pool->out.fast = true;
		pool->out.active = 1;
		reader_mapping(&d->r, &pool_table, pool->at, pool);
		check_active(d, pool);
	}
}
