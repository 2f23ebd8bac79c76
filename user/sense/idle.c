// SPDX-License-Identifier: GPL-2.0-only
#include "idle.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clean.h"

/**
 * struct idle - see idle.h
 * @busy_until: by target
 * @seen: by pool, clients' packets when last looked
 * @pool_until: by pool, when it is idle
 * @counts: room for one pool's packets on each processor
 */
struct idle {
	const struct dfb_target *targets;
	uint32_t n_targets;
	int servers, state, traffic;
	int n_cpus;
	uint64_t look_ns;
	uint64_t *busy_until;
	uint64_t *counts;
	uint64_t seen[DFB_MAX_POOLS + 1];
	uint64_t pool_until[DFB_MAX_POOLS + 1];
};

static int open_pin(const struct paths *paths, const char *name)
{
	char path[2 * PATHS_LEN];

	snprintf(path, sizeof(path), "%s/%s", paths->maps_dir, name);
	return bpf_obj_get(path);
}

static int open_all(struct idle *i, const struct paths *paths)
{
	i->n_cpus = libbpf_num_possible_cpus();
	if (i->n_cpus < 0)
		return i->n_cpus;
	i->busy_until = calloc(i->n_targets, sizeof(*i->busy_until));
	i->counts = calloc((size_t)i->n_cpus, sizeof(*i->counts));
	if (!i->busy_until || !i->counts)
		return -ENOMEM;
	i->servers = open_pin(paths, "servers");
	i->state = open_pin(paths, "state");
	i->traffic = open_pin(paths, "traffic");
	return i->servers < 0 || i->state < 0 || i->traffic < 0 ? -errno : 0;
}

int idle_open(const struct paths *paths, const struct dfb_target *targets, uint32_t n, struct idle **ret_idle)
{
	struct idle *i = calloc(1, sizeof(*i));
	int err;

	if (!i)
		return -ENOMEM;
	*i = (struct idle){.targets = targets, .n_targets = n, .servers = -1, .state = -1, .traffic = -1};
	err = open_all(i, paths);
	if (err) {
		idle_close(i);
		return err;
	}
	*ret_idle = i;
	return 0;
}

void idle_close(struct idle *i)
{
	if (!i)
		return;
	clean_close(&i->servers);
	clean_close(&i->state);
	clean_close(&i->traffic);
	free(i->busy_until);
	free(i->counts);
	free(i);
}

/* --- looking --------------------------------------------------------------------------------- */

static bool may_rest(const struct idle *i, uint32_t target)
{
	return i->targets[target].server && i->targets[target].idle_interval_ns;
}

static bool is_in_use(const struct idle *i)
{
	for (uint32_t id = 0; id < i->n_targets; id++) {
		if (may_rest(i, id))
			return true;
	}
	return false;
}

static void look_at_pool(struct idle *i, uint32_t pool, uint64_t now)
{
	uint64_t packets = 0;

	if (bpf_map_lookup_elem(i->traffic, &pool, i->counts))
		return;
	for (int cpu = 0; cpu < i->n_cpus; cpu++)
		packets += i->counts[cpu];
	if (packets != i->seen[pool])
		i->pool_until[pool] = now + IDLE_AFTER_NS;
	i->seen[pool] = packets;
}

static void wake_until(struct idle *i, uint32_t target, uint64_t until)
{
	if (until > i->busy_until[target])
		i->busy_until[target] = until;
}

static void look_at_target(struct idle *i, uint32_t target, uint64_t now)
{
	uint32_t server = i->targets[target].server;
	struct dfb_target_run run;
	struct dfb_server who;

	if (bpf_map_lookup_elem(i->state, &target, &run) || run.detect.state != DFB_STATE_UP ||
	    run.detect.misses)
		idle_wake(i, target, now);
	if (bpf_map_lookup_elem(i->servers, &server, &who))
		return;
	for (uint32_t k = 0; k < who.n_pools && k < DFB_SERVER_POOLS; k++)
		wake_until(i, target, i->pool_until[who.pools[k]]);
}

bool idle_look(struct idle *i, uint64_t now)
{
	if (now < i->look_ns)
		return false;
	if (!i->look_ns) {
		for (uint32_t id = 0; id < i->n_targets; id++)
			idle_wake(i, id, now);
	}
	i->look_ns = now + IDLE_LOOK_NS;
	if (!is_in_use(i))
		return false;
	for (uint32_t pool = 1; pool <= DFB_MAX_POOLS; pool++)
		look_at_pool(i, pool, now);
	for (uint32_t id = 0; id < i->n_targets; id++) {
		if (may_rest(i, id))
			look_at_target(i, id, now);
	}
	return true;
}

void idle_wake(struct idle *i, uint32_t target, uint64_t now)
{
	wake_until(i, target, now + IDLE_AFTER_NS);
}

uint64_t idle_interval(const struct idle *i, uint32_t target, uint64_t now)
{
	const struct dfb_target *t = &i->targets[target];

	return t->idle_interval_ns && now >= i->busy_until[target] ? t->idle_interval_ns : t->interval_ns;
}
