// SPDX-License-Identifier: GPL-2.0-only
/*
 * The unit of switching is the pool: a service that can fail alone must have one of its own. Services with
 * checks, and those that need a server's userland, leave a pool that they share, for one of the same servers.
 * Steering goes by address, so whoever shares an address with such a service goes with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draft.h"

/**
 * struct band - a service, and those that share its fate
 * @leader: index of the first service of its band
 * @checked, @userland: of a leader: one of the band has checks, needs its server's userland
 */
struct band {
	uint32_t leader;
	bool checked;
	bool userland;
};

/** struct holder - of an address */
struct holder {
	const struct draft_service *service;
	const uint8_t *address;
};

static uint32_t leader_of(struct band *bands, uint32_t i)
{
	while (bands[i].leader != i)
		i = bands[i].leader = bands[bands[i].leader].leader;
	return i;
}

/* The first in the text leads. */
static void join(struct band *bands, uint32_t a, uint32_t b)
{
	uint32_t x = leader_of(bands, a), y = leader_of(bands, b);

	bands[x > y ? x : y].leader = x > y ? y : x;
}

static int by_pool_and_address(const void *left, const void *right)
{
	const struct holder *a = left, *b = right;

	if (a->service->pool != b->service->pool)
		return a->service->pool < b->service->pool ? -1 : 1;
	return memcmp(a->address, b->address, 16);
}

static void join_by_address(struct draft *d, struct band *bands, struct holder *holders)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_services; i++) {
		const struct draft_service *service = &d->services[i];

		for (uint32_t a = 0; service->pool && a < service->out.n_addresses; a++)
			holders[n++] = (struct holder){service, service->out.address[a]};
	}
	if (n)
		qsort(holders, n, sizeof(*holders), by_pool_and_address);
	for (uint32_t i = 1; i < n; i++) {
		if (!by_pool_and_address(&holders[i - 1], &holders[i]))
			join(bands, (uint32_t)(holders[i - 1].service - d->services),
			     (uint32_t)(holders[i].service - d->services));
	}
}

static uint32_t count_addresses(const struct draft *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_services; i++)
		n += d->services[i].out.n_addresses;
	return n;
}

/* Room for every band: pools do not move once services point to them. */
static bool grow(struct draft *d, uint32_t more)
{
	struct draft_pool *pools = draft_calloc(d, (size_t)d->n_pools + more, sizeof(*pools));

	if (!pools)
		return false;
	memcpy(pools, d->pools, d->n_pools * sizeof(*pools));
	for (uint32_t i = 0; i < d->n_services; i++) {
		if (d->services[i].pool)
			d->services[i].pool = &pools[d->services[i].out.pool];
	}
	free(d->pools);
	d->pools = pools;
	return true;
}

static void count_pools(struct draft *d, struct draft_pool *pool, const struct draft_service *service)
{
	if (d->n_pools == DFB_MAX_POOLS + 1)
		reader_error(&d->r, service->at, "service '%s' needs a pool of its own for its checks or needs, and there are "
			     "%d already, let such services share addresses", service->out.name, DFB_MAX_POOLS);
	for (uint32_t i = 0; i < pool->out.n_servers; i++) {
		struct draft_server *server = &d->servers[pool->out.servers[i]];

		if (++server->n_pools == DFB_SERVER_POOLS + 1)
			reader_error(&d->r, service->at, "service '%s' needs a pool of its own for its checks or needs, and server "
				     "'%s' is in %d already, let such services share addresses", service->out.name,
				     server->out.name, DFB_SERVER_POOLS);
	}
}

static struct draft_pool *split_off(struct draft *d, const struct draft_service *leader)
{
	struct draft_pool *origin = leader->pool, *pool = &d->pools[d->n_pools++];
	char name[2 * DFB_NAME_LEN];

	*pool = *origin;
	origin->split = true;
	pool->out.origin = leader->out.pool + 1;
	snprintf(name, sizeof(name), "%s:%s", origin->out.name, leader->out.name);
	if (strlen(name) >= DFB_NAME_LEN)
		reader_error(&d->r, leader->at, "service '%s' has checks or needs and gets a pool of its own, but its name would be '%s', "
			     "longer than %d characters; shorten one, or write a pool for this service alone",
			     leader->out.name, name, DFB_NAME_LEN - 1);
	snprintf(pool->out.name, sizeof(pool->out.name), "%.*s", DFB_NAME_LEN - 1, name);
	count_pools(d, pool, leader);
	return pool;
}

static void move(struct draft *d, struct draft_service *service, struct draft_pool *pool)
{
	service->pool = pool;
	service->out.pool = (uint32_t)(pool - d->pools);
}

/* Is the band all that the pool has? Then the pool is its own already. */
static bool is_alone(const struct draft *d, struct band *bands, uint32_t leader)
{
	for (uint32_t i = 0; i < d->n_services; i++) {
		if (d->services[i].pool == d->services[leader].pool && leader_of(bands, i) != leader)
			return false;
	}
	return true;
}

/* Can it fail on a server that answers? */
static bool can_fail_alone(const struct draft_service *service)
{
	return service->out.n_checks || service->out.needs != POLICY_NEEDS_ECHO;
}

static void note_needs(struct draft *d, struct band *bands)
{
	for (uint32_t i = 0; i < d->n_services; i++) {
		struct band *band = &bands[leader_of(bands, i)];

		band->checked |= d->services[i].out.n_checks > 0;
		band->userland |= d->services[i].out.needs == POLICY_NEEDS_USERLAND;
	}
}

static void split(struct draft *d, struct band *bands, struct draft_pool **own)
{
	note_needs(d, bands);
	for (uint32_t i = 0; i < d->n_services; i++) {
		if (bands[i].leader == i && (bands[i].checked || bands[i].userland) && d->services[i].pool &&
		    !is_alone(d, bands, i))
			own[i] = split_off(d, &d->services[i]);
	}
	for (uint32_t i = 0; i < d->n_services; i++) {
		const struct band *band = &bands[leader_of(bands, i)];
		struct draft_pool *pool = own[band - bands];

		if (pool)
			move(d, &d->services[i], pool);
		if (!d->services[i].pool)
			continue;
		d->services[i].pool->out.checked |= band->checked;
		d->services[i].pool->out.userland |= band->userland;
	}
}

static uint32_t count_movers(const struct draft *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_services; i++)
		n += can_fail_alone(&d->services[i]);
	return n;
}

void draft_split(struct draft *d)
{
	uint32_t movers = count_movers(d);
	CLEAN_FREE struct band *bands = draft_calloc(d, d->n_services, sizeof(*bands));
	CLEAN_FREE struct holder *holders = draft_calloc(d, count_addresses(d), sizeof(*holders));
	CLEAN_FREE struct draft_pool **own = draft_calloc(d, d->n_services, sizeof(struct draft_pool *));

	if (!movers || !bands || !holders || !own || !grow(d, movers))
		return;
	for (uint32_t i = 0; i < d->n_services; i++)
		bands[i].leader = i;
	join_by_address(d, bands, holders);
	split(d, bands, own);
}
