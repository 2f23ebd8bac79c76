// SPDX-License-Identifier: GPL-2.0-only
/* Who could serve a pool, and who of them is to be the next. */
#include "private.h"
#include "timing.h"

uint32_t pool_candidate(const struct core *core, const struct core_pool *pool, uint32_t index)
{
	return core->policy->servers[pool->policy->servers[index]].id;
}

uint32_t pool_position(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	uint32_t i = 0;

	while (i < pool->policy->n_servers && pool_candidate(core, pool, i) != server)
		i++;
	return i;
}

bool pool_has(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	return pool_position(core, pool, server) < pool->policy->n_servers;
}

static bool is_damped(const struct core_server *server)
{
	return server->target[DFB_FAMILY_IPV4].damped || server->target[DFB_FAMILY_IPV6].damped;
}

/* Up; instead of a dead one also for long enough that it has answered a probe sent since then. */
static bool grants(const struct core *core, const struct core_pool *pool, const struct core_server *server,
		   struct wish *wish)
{
	const struct event_target *dead;
	uint64_t settled_ns;

	if (!server_is_fit(server, pool))
		return false;
	if (wish->ill && !check_is_witness(core, pool, server->policy->id, wish->from))
		return false;
	if (!wish->dead)
		return true;
	dead = server_dead_target(&core->servers[wish->from], pool, server);
	if (!dead)
		return false;
	settled_ns = dead->first_missed_ns + timing_fresh(&server->policy->heartbeat) + 1;
	if (core->now >= settled_ns)
		return true;
	if (!wish->settled_ns || settled_ns < wish->settled_ns)
		wish->settled_ns = settled_ns;
	return false;
}

/* Nothing speaks against it but for want of anybody else. */
bool choice_is_spotless(const struct core *core, const struct core_pool *pool, uint32_t id)
{
	return !is_damped(&core->servers[id]) && !check_is_unfit(core, pool, id);
}

/* Who else serves and could have more: those without a stain, or else all. Return: how many. */
uint32_t choice_heirs(const struct core *core, const struct core_pool *pool, struct wish *wish,
		      uint32_t ret_heirs[DFB_SLOTS])
{
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers), heirs = 0, spotless = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = servers[i];

		if (id == wish->from || !pool_has(core, pool, id) ||
		    !grants(core, pool, &core->servers[id], wish))
			continue;
		ret_heirs[heirs++] = id;
		if (choice_is_spotless(core, pool, id)) {
			ret_heirs[heirs - 1] = ret_heirs[spotless];
			ret_heirs[spotless++] = id;
		}
	}
	return spotless ? spotless : heirs;
}

/* Round robin after the one to be replaced; damped ones, and those that fail checks, if nobody else is. */
uint32_t choice_next(const struct core *core, const struct core_pool *pool, struct wish *wish)
{
	uint32_t n = pool->policy->n_servers, start = pool_position(core, pool, wish->from), spare = 0;

	for (uint32_t i = 1; i <= n; i++) {
		uint32_t id = pool_candidate(core, pool, (start + i + (start == n ? n - 1 : 0)) % n);
		const struct core_server *server = &core->servers[id];

		if (share_has(&pool->share, id) || !grants(core, pool, server, wish))
			continue;
		if (choice_is_spotless(core, pool, id))
			return id;
		spare = spare ? spare : id;
	}
	return spare;
}

uint32_t pool_next(const struct core *core, const struct core_pool *pool, uint32_t from)
{
	struct wish wish = {.from = from};

	return choice_next(core, pool, &wish);
}

/* The kernel found a witness and a successor: do both still hold, and is the verdict still the same? */
uint32_t choice_proposed(struct core *core, const struct core_pool *pool, uint32_t from)
{
	const struct core_server *next = server_of(core, pool->proposed);
	const struct event_target *dead;

	if (!next || pool->proposed_for != from || share_has(&pool->share, pool->proposed))
		return 0;
	if (next->flags || !pool_has(core, pool, pool->proposed) || !server_is_alive(next, pool))
		return 0;
	dead = server_dead_target(&core->servers[from], pool, next);
	return dead && dead->since_ns == pool->proposed_ns ? pool->proposed : 0;
}

/* It is up, and nobody's checks speak against it. @proven: they must speak for it */
bool choice_is_well(const struct core *core, const struct core_pool *pool, uint32_t id, bool proven)
{
	if (!server_is_fit(&core->servers[id], pool))
		return false;
	return proven ? check_passes(core, pool, id) : !check_is_unfit(core, pool, id);
}
