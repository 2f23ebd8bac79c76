// SPDX-License-Identifier: GPL-2.0-only
/* Policy -> configuration maps, as a difference: who is not concerned is not touched. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"
#include "core/ids.h"
#include "kern_private.h"

/* --- ids ------------------------------------------------------------------------------------- */

static int take_servers(struct kern *k, struct ids_taken *taken)
{
	struct dfb_server who;

	taken->n = k->capacity;
	taken->name = calloc(taken->n, sizeof(*taken->name));
	for (uint32_t id = 1; taken->name && id < taken->n; id++) {
		if (!map_get(k->beat->maps.servers, id, &who))
			memcpy(taken->name[id], who.name, DFB_NAME_LEN);
	}
	return taken->name ? 0 : -ENOMEM;
}

static int take_pools(struct kern *k, struct ids_taken *taken)
{
	struct dfb_plan plan;

	taken->n = DFB_MAX_POOLS + 1;
	taken->name = calloc(taken->n, sizeof(*taken->name));
	for (uint32_t id = 1; taken->name && id < taken->n; id++) {
		if (!map_get(k->beat->maps.plans, id, &plan))
			memcpy(taken->name[id], plan.name, DFB_NAME_LEN);
	}
	return taken->name ? 0 : -ENOMEM;
}

static int give_ids(struct kern *k, struct policy *policy, struct ids_taken *servers, struct ids_taken *pools)
{
	int err = take_servers(k, servers);

	if (!err)
		err = take_pools(k, pools);
	return err ? err : ids_assign(policy, servers, pools);
}

/* --- targets --------------------------------------------------------------------------------- */

static void fill_target(struct dfb_target *t, const struct policy_server *s, uint32_t family)
{
	const struct policy_heartbeat *h = &s->heartbeat;

	memcpy(t->address, s->address[family], sizeof(t->address));
	t->server = s->id;
	t->probe = (uint16_t)h->probe;
	t->port = h->port;
	t->interval_ns = h->interval_ns;
	t->timeout_ns = h->timeout_ns;
	t->timeout_min_ns = h->timeout_min_ns;
	t->timeout_max_ns = h->timeout_max_ns;
	t->confirm_spacing_ns = h->confirm_spacing_ns;
	t->recover_hold_ns = h->recover_hold_ns;
	t->half_life_ns = h->half_life_ns;
	t->misses = h->misses;
	t->confirm_probes = h->confirm_probes;
	t->recover_replies = h->recover_replies;
	t->suppress = h->suppress;
	t->reuse = h->reuse;
}

static bool means_another(const struct dfb_target *a, const struct dfb_target *b)
{
	return a->server != b->server || a->probe != b->probe || a->port != b->port ||
	       memcmp(a->address, b->address, sizeof(a->address)) != 0;
}

static int order_target(struct kern *k, enum dfb_order_kind kind, uint32_t id)
{
	struct dfb_order order = {.kind = kind, .id = id};

	return kern_order(k, &order);
}

static int put_target(struct kern *k, const struct policy_server *s, uint32_t family, bool *ret_changed)
{
	uint32_t id = dfb_target_id(s->id, family);
	struct dfb_target old, new;
	bool another;
	int err = map_get(k->beat->maps.targets, id, &old);

	if (err)
		return err;
	new = old;
	fill_target(&new, s, family);
	another = means_another(&old, &new);
	if (another) {
		new.generation++;
		new.cannot_leave = 0;
	}
	if (memcmp(&old, &new, sizeof(old))) {
		*ret_changed = true;
		err = map_put(k->beat->maps.targets, id, &new);
	}
	if (!err && another)
		err = order_target(k, DFB_ORDER_RESET, id);
	return err ? err : order_target(k, DFB_ORDER_ARM, id);
}

static int drop_target(struct kern *k, uint32_t id, bool *ret_changed)
{
	struct dfb_target t;
	int err = map_get(k->beat->maps.targets, id, &t);

	if (err || !t.server)
		return err;
	*ret_changed = true;
	t = (struct dfb_target){.generation = t.generation + 1};
	return map_put(k->beat->maps.targets, id, &t);
}

/* --- servers, plans, services ---------------------------------------------------------------- */

static bool lists_server(const struct policy_pool *pool, uint32_t index)
{
	for (uint32_t i = 0; i < pool->n_servers; i++) {
		if (pool->servers[i] == index)
			return true;
	}
	return false;
}

static int put_server(struct kern *k, const struct policy *policy, uint32_t index, bool *ret_changed)
{
	const struct policy_server *s = &policy->servers[index];
	struct dfb_server old, new = {};
	int err = map_get(k->beat->maps.servers, s->id, &old);

	if (err)
		return err;
	text_copy(new.name, sizeof(new.name), s->name);
	new.flags = strcmp(old.name, s->name) ? 0 : old.flags;
	for (uint32_t i = 0; i < policy->n_pools && new.n_pools < DFB_SERVER_POOLS; i++) {
		if (lists_server(&policy->pools[i], index))
			new.pools[new.n_pools++] = (uint16_t)policy->pools[i].id;
	}
	if (memcmp(&old, &new, sizeof(old)))
		err = map_put(k->beat->maps.servers, s->id, &new);
	for (uint32_t family = 0; !err && family < DFB_FAMILIES; family++) {
		if (s->has[family])
			err = put_target(k, s, family, ret_changed);
		else
			err = drop_target(k, dfb_target_id(s->id, family), ret_changed);
	}
	return err;
}

static int put_plan(struct kern *k, const struct policy *policy, const struct policy_pool *pool)
{
	struct dfb_plan old, new = {};
	int err = map_get(k->beat->maps.plans, pool->id, &old);

	if (err)
		return err;
	text_copy(new.name, sizeof(new.name), pool->name);
	new.families = pool->families;
	new.fast = pool->fast;
	new.held = strcmp(old.name, pool->name) ? 0 : old.held;
	new.n_candidates = pool->n_servers;
	for (uint32_t i = 0; i < pool->n_servers; i++)
		new.candidates[i] = (uint16_t)policy->servers[pool->servers[i]].id;
	return memcmp(&old, &new, sizeof(old)) ? map_put(k->beat->maps.plans, pool->id, &new) : 0;
}

static int put_service(struct kern *k, const struct policy *policy, const struct policy_service *s)
{
	struct dfb_service value = {.pool = policy->pools[s->pool].id};

	text_copy(value.name, sizeof(value.name), s->name);
	for (uint32_t i = 0; i < s->n_addresses; i++) {
		if (bpf_map_update_elem(bpf_map__fd(k->beat->maps.services), s->address[i], &value, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* --- removal --------------------------------------------------------------------------------- */

static bool is_server_of(const struct policy *policy, const char *name)
{
	for (uint32_t i = 0; i < policy->n_servers; i++) {
		if (!strcmp(policy->servers[i].name, name))
			return true;
	}
	return false;
}

static bool is_pool_of(const struct policy *policy, const char *name)
{
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		if (!strcmp(policy->pools[i].name, name))
			return true;
	}
	return false;
}

static bool is_service_address_of(const struct policy *policy, const uint8_t address[16])
{
	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];

		for (uint32_t a = 0; a < s->n_addresses; a++) {
			if (!memcmp(s->address[a], address, 16))
				return true;
		}
	}
	return false;
}

static void drop_services(struct kern *k, const struct policy *policy)
{
	int fd = bpf_map__fd(k->beat->maps.services);
	struct dfb_service_key key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!is_service_address_of(policy, key.address))
			bpf_map_delete_elem(fd, &key);
	}
}

static void drop_pools(struct kern *k, const struct policy *policy, const struct ids_taken *taken)
{
	const struct dfb_plan none = {};

	for (uint32_t id = 1; id < taken->n; id++) {
		struct dfb_order forget = {.kind = DFB_ORDER_FORGET_POOL, .id = id};

		if (!taken->name[id][0] || is_pool_of(policy, taken->name[id]))
			continue;
		map_put(k->beat->maps.plans, id, &none);
		kern_order(k, &forget);
	}
}

static void drop_servers(struct kern *k, const struct policy *policy, const struct ids_taken *taken,
			 bool *ret_changed)
{
	const struct dfb_server none = {};

	for (uint32_t id = 1; id < taken->n; id++) {
		if (!taken->name[id][0] || is_server_of(policy, taken->name[id]))
			continue;
		for (uint32_t family = 0; family < DFB_FAMILIES; family++)
			drop_target(k, dfb_target_id(id, family), ret_changed);
		map_put(k->beat->maps.servers, id, &none);
	}
}

/* The prober looks at the targets again when the generation changes. */
static int tell_prober(struct kern *k)
{
	struct dfb_control control;
	int err = map_get(k->beat->maps.control, 0, &control);

	if (err)
		return err;
	control.generation++;
	return map_put(k->beat->maps.control, 0, &control);
}

/* What refers to something is removed before it, and added after it. */
static int put_all(struct kern *k, const struct policy *policy, bool *ret_changed)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < policy->n_servers; i++)
		err = put_server(k, policy, i, ret_changed);
	for (uint32_t i = 0; !err && i < policy->n_pools; i++)
		err = put_plan(k, policy, &policy->pools[i]);
	for (uint32_t i = 0; !err && i < policy->n_services; i++)
		err = put_service(k, policy, &policy->services[i]);
	return err;
}

int kern_configure(struct kern *k, struct policy *policy, char *why, size_t size)
{
	struct ids_taken servers = {}, pools = {};
	bool changed = false;
	int err = give_ids(k, policy, &servers, &pools);

	if (!err) {
		drop_services(k, policy);
		drop_pools(k, policy, &pools);
		err = put_all(k, policy, &changed);
		drop_servers(k, policy, &servers, &changed);
		if (!err && changed)
			err = tell_prober(k);
	}
	if (err)
		snprintf(why, size, "cannot write the configuration maps: %s", strerror(-err));
	free(servers.name);
	free(pools.name);
	return err;
}
