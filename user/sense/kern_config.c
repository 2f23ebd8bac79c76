// SPDX-License-Identifier: GPL-2.0-only
/* Policy -> configuration maps, as a difference: who is not concerned is not touched. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "core/ids.h"
#include "core/plan.h"
#include "kern_private.h"

#define KERN_TIMER_TRIES 1000

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

int kern_assign_ids(struct kern *k, struct policy *policy)
{
	struct ids_taken servers = {}, pools = {};
	int err = give_ids(k, policy, &servers, &pools);

	free(servers.name);
	free(pools.name);
	return err;
}

/* --- targets --------------------------------------------------------------------------------- */

/* An allocation of the kernel's in the size class of its timers that may wait. */
static void refill_slab(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return;
	close(fds[0]);
	close(fds[1]);
}

/* Kernel 6.18 allocates a timer without ever waiting, and fails when a slab is used up: with every
 * 21st target of a large configuration. The first ordinary allocation helps it out. */
static int order_target(struct kern *k, enum dfb_order_kind kind, uint32_t id)
{
	struct dfb_order order = {.kind = kind, .id = id};
	int err = kern_order(k, &order);

	for (int i = 0; err == -ENOMEM && i < KERN_TIMER_TRIES; i++) {
		refill_slab();
		err = kern_order(k, &order);
	}
	return err;
}

/* What was at the former address is not at this one. */
static int forget_station(struct kern *k, uint32_t id)
{
	const struct dfb_station nowhere = {};

	return map_put(k->beat->maps.stations, id, &nowhere);
}

static int put_target(struct kern *k, const struct policy_server *s, uint32_t family, bool *ret_changed)
{
	uint32_t id = dfb_target_id(s->id, family);
	struct dfb_target old, new;
	bool another;
	int err = map_get(k->beat->maps.targets, id, &old);

	if (err)
		return err;
	another = plan_target(s, family, &old, &new);
	if (memcmp(&old, &new, sizeof(old))) {
		*ret_changed = true;
		err = map_put(k->beat->maps.targets, id, &new);
	}
	if (!err && another)
		err = forget_station(k, id);
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
	plan_no_target(&t, &t);
	err = map_put(k->beat->maps.targets, id, &t);
	return err ? err : forget_station(k, id);
}

/* --- servers, plans, services ---------------------------------------------------------------- */

static int put_server(struct kern *k, const struct policy *policy, uint32_t index, bool *ret_changed)
{
	const struct policy_server *s = &policy->servers[index];
	struct dfb_server old, new;
	int err = map_get(k->beat->maps.servers, s->id, &old);

	if (err)
		return err;
	plan_server(policy, index, &old, &new);
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

static int put_pool(struct kern *k, const struct policy *policy, uint32_t index)
{
	uint32_t id = policy->pools[index].id;
	struct dfb_plan old, new;
	int err = map_get(k->beat->maps.plans, id, &old);

	if (err)
		return err;
	plan_pool(policy, index, &old, &new);
	if (memcmp(&old, &new, sizeof(old)))
		err = map_put(k->beat->maps.plans, id, &new);
	return err ? err : kern_note_drains(k, id);
}

static int put_service(struct kern *k, const struct policy *policy, uint32_t index)
{
	const struct policy_service *s = &policy->services[index];
	struct dfb_service value;

	plan_service(policy, index, &value);
	for (uint32_t i = 0; i < s->n_addresses; i++) {
		if (bpf_map_update_elem(bpf_map__fd(k->beat->maps.services), s->address[i], &value, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* --- removal --------------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct dfb_service_key));
}

/* All addresses of services, in order; the caller frees them. */
static struct dfb_service_key *sort_addresses(const struct policy *policy, uint32_t n)
{
	struct dfb_service_key *keys = calloc((size_t)n + 1, sizeof(*keys)), *key = keys;

	for (uint32_t i = 0; keys && i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];

		memcpy(key, s->address, s->n_addresses * sizeof(*key));
		key += s->n_addresses;
	}
	if (keys)
		qsort(keys, n, sizeof(*keys), by_address);
	return keys;
}

static int drop_services(struct kern *k, const struct policy *policy, uint32_t n)
{
	CLEAN_FREE struct dfb_service_key *wanted = sort_addresses(policy, n);
	int fd = bpf_map__fd(k->beat->maps.services);
	struct dfb_service_key key, next;
	bool more = wanted && !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!bsearch(&key, wanted, n, sizeof(key), by_address))
			bpf_map_delete_elem(fd, &key);
	}
	return wanted ? 0 : -ENOMEM;
}

static void drop_pools(struct kern *k, const struct policy *policy, const struct ids_taken *taken)
{
	const struct dfb_plan none = {};

	for (uint32_t id = 1; id < taken->n; id++) {
		struct dfb_order forget = {.kind = DFB_ORDER_FORGET_POOL, .id = id};

		if (!taken->name[id][0] || plan_has_pool(policy, taken->name[id]))
			continue;
		map_put(k->beat->maps.plans, id, &none);
		kern_order(k, &forget);
	}
}

static void drop_servers(struct kern *k, const struct policy *policy, const struct ids_taken *taken,
			 bool *ret_changed)
{
	bool wanted[DFB_MAX_SERVERS + 1] = {};
	const struct dfb_server none = {};

	for (uint32_t i = 0; i < policy->n_servers; i++)
		wanted[policy->servers[i].id] = true;
	for (uint32_t id = 1; id < taken->n; id++) {
		if (!taken->name[id][0] || wanted[id])
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
		err = put_pool(k, policy, i);
	for (uint32_t i = 0; !err && i < policy->n_services; i++)
		err = put_service(k, policy, i);
	return err;
}

static uint32_t count_addresses(const struct policy *policy)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < policy->n_services; i++)
		n += policy->services[i].n_addresses;
	return n;
}

int kern_configure(struct kern *k, struct policy *policy, char *why, size_t size)
{
	struct ids_taken servers = {}, pools = {};
	uint32_t addresses = count_addresses(policy);
	bool changed = false;
	int err;

	if (addresses > k->addresses) {
		snprintf(why, size, "services have %u addresses, but the maps hold %u; configure fewer, or, if an"
			 " older version made the maps, `defib teardown --keep-routes` and start again",
			 addresses, k->addresses);
		return -ENOSPC;
	}
	err = give_ids(k, policy, &servers, &pools);
	if (!err)
		err = drop_services(k, policy, addresses);
	if (!err) {
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
