// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: Maps of another ABI version are taken over
 *
 * Below the instance's pins are up to three sets of maps: `maps`, which is in force; `heir`, being made;
 * and `former`, whose programs may still be attached. The steps, each of which may be the last:
 *
 *   1. heir is made and filled with what maps say; maps go on serving
 *   2. maps is renamed to former, heir to maps
 *   3. the prober of the former set is ended (the daemon does it)
 *   4. dfb_steer is replaced on the clients' interfaces
 *   5. a last look at the former pools: what moved since step 1 is taken over, and which connections
 *      clients have; former is removed
 *   6. dfb_stamp, dfb_reply and dfb_vip are replaced, and a prober is started
 *
 * A heir without a former was not finished, and is removed. A former beside maps means: go on from step 3.
 * So a start after a crash need not know how far the last one came, nor of which version it was.
 *
 * The first set, too, is made as heir, and at teardown maps become heir before they go: so maps are whole,
 * or not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/pins.h"
#include "flows.h"
#include "kern_private.h"
#include "snapshot.h"

/* --- which sets there are -------------------------------------------------------------------- */

static bool is_there(const char *dir)
{
	return !access(dir, F_OK);
}

int kern_settle_maps(const struct paths *paths)
{
	bool whole = is_there(paths->heir_dir);

	if (!is_there(paths->pin_dir))
		return -ENOENT;
	if (!is_there(paths->maps_dir) && is_there(paths->former_dir) &&
	    rename(whole ? paths->heir_dir : paths->former_dir, paths->maps_dir))
		return -errno;
	pins_remove(paths->heir_dir);
	return 0;
}

/* Beside a former set, which decides as long as it is there, maps were never more than a copy of it. */
static int put_in_force(const struct paths *paths)
{
	if (is_there(paths->former_dir)) {
		if (renameat2(AT_FDCWD, paths->heir_dir, AT_FDCWD, paths->maps_dir, RENAME_EXCHANGE))
			return -errno;
		pins_remove(paths->heir_dir);
		return 0;
	}
	if (rename(paths->maps_dir, paths->former_dir) || rename(paths->heir_dir, paths->maps_dir))
		return -errno;
	return 0;
}

/* --- the decision ---------------------------------------------------------------------------- */

static bool is_same_pool(const struct dfb_plan *a, const struct dfb_plan *b)
{
	return a->name[0] && !strncmp(a->name, b->name, DFB_NAME_LEN);
}

/* What an earlier takeover was killed before looking at. */
static void merge_former(const struct paths *paths, struct snapshot *s)
{
	struct snapshot *former;
	char why[256];

	if (!is_there(paths->former_dir) || snapshot_read_any(paths->former_dir, &former, why, sizeof(why)))
		return;
	for (uint32_t id = 1; id < s->n_pools && id < former->n_pools; id++) {
		if (is_same_pool(&s->plans[id], &former->plans[id]) &&
		    former->pools[id].epoch > s->pools[id].epoch)
			s->pools[id] = former->pools[id];
	}
	snapshot_free(former);
}

/* Ours could not have moved: no program that is attached knew it, and no prober. */
static void take_later(struct kern *k, uint32_t id, const struct dfb_plan *their_plan,
		       const struct dfb_pool *theirs)
{
	struct dfb_plan plan;
	struct dfb_pool pool;

	if (map_get(k->beat->maps.plans, id, &plan) || !is_same_pool(&plan, their_plan) ||
	    map_get(k->beat->maps.pools, id, &pool) || theirs->epoch <= pool.epoch)
		return;
	pool.epoch = theirs->epoch;
	memcpy(pool.slots, theirs->slots, sizeof(pool.slots));
	pool.last = theirs->last;
	if (!map_put(k->beat->maps.pools, id, &pool))
		kern_adopt_pool(k, id);
}

void kern_heir_settle(struct kern *k)
{
	struct snapshot *former = NULL;
	char why[256];

	if (!k->inherits)
		return;
	if (!snapshot_read_any(k->paths.former_dir, &former, why, sizeof(why))) {
		for (uint32_t id = 1; id < former->n_pools && id <= DFB_MAX_POOLS; id++)
			take_later(k, id, &former->plans[id], &former->pools[id]);
		snapshot_free(former);
	}
	flows_inherit(k->paths.former_dir, k->paths.maps_dir);
	pins_remove(k->paths.former_dir);
	k->inherits = false;
}

/* --- filling --------------------------------------------------------------------------------- */

/* Probes under way are nobody's evidence: their replies may have come to the former programs. */
static void settle(struct dfb_detect *d, uint32_t seq)
{
	d->judged = d->stamped = seq;
	d->misses = d->stamped_misses = d->late_run = 0;
	if (d->state == DFB_STATE_SUSPECT)
		d->state = DFB_STATE_UP;
	memset(d->slots, 0, sizeof(d->slots));
}

static int fill_target(struct kern *k, const struct snapshot *s, uint32_t id)
{
	struct dfb_target_run run = {.detect = s->state[id].detect};
	int err;

	if (!s->targets[id].server)
		return 0;
	settle(&run.detect, s->attempts[id].seq);
	run.worst_lateness_ns = s->state[id].worst_lateness_ns;
	err = map_put(k->beat->maps.targets, id, &s->targets[id]);
	if (!err)
		err = map_put(k->beat->maps.attempts, id, &s->attempts[id]);
	if (!err)
		err = map_put(k->beat->maps.rtt, id, &s->rtt[id]);
	return err ? err : map_put(k->beat->maps.state, id, &run);
}

static int fill_hashes(struct kern *k, const struct snapshot *s)
{
	int services = bpf_map__fd(k->beat->maps.services);
	int interfaces = bpf_map__fd(k->beat->maps.interfaces);

	for (uint32_t i = 0; i < s->n_services; i++) {
		const struct snapshot_service *one = &s->services[i];

		if (bpf_map_update_elem(services, &one->key, &one->service, BPF_ANY))
			return -errno;
	}
	for (uint32_t i = 0; i < s->n_interfaces; i++) {
		const struct snapshot_interface *one = &s->interfaces[i];

		if (bpf_map_update_elem(interfaces, &one->ifindex, &one->interface, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int fill(struct kern *k, const struct snapshot *s)
{
	int err = fill_hashes(k, s);

	for (uint32_t id = 1; !err && id < s->n_servers; id++) {
		if (s->servers[id].name[0])
			err = map_put(k->beat->maps.servers, id, &s->servers[id]);
	}
	for (uint32_t id = 1; !err && id < s->n_pools && id <= DFB_MAX_POOLS; id++) {
		if (!s->plans[id].name[0])
			continue;
		err = map_put(k->beat->maps.plans, id, &s->plans[id]);
		if (!err)
			err = map_put(k->beat->maps.pools, id, &s->pools[id]);
	}
	for (uint32_t id = 0; !err && id < s->n_servers * DFB_FAMILIES; id++)
		err = fill_target(k, s, id);
	return err;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int make(struct kern *k, const struct policy *policy, const struct snapshot *s)
{
	uint32_t wanted = policy->gateway.max_servers + 1;
	int err;

	k->capacity = s->n_servers > wanted ? s->n_servers : wanted;
	k->addresses = s->n_services > KERN_SERVICES ? s->n_services : KERN_SERVICES;
	k->flows = KERN_FLOWS;
	err = kern_load(k, policy, k->paths.heir_dir);
	if (!err)
		err = fill(k, s);
	if (!err)
		err = kern_put_control(k, policy);
	return err ? err : put_in_force(&k->paths);
}

int kern_heir_make(struct kern *k, const struct policy *policy, uint32_t abi, char *why, size_t size)
{
	struct snapshot *s = NULL;
	char reason[256];
	int err = snapshot_read_any(k->paths.maps_dir, &s, reason, sizeof(reason));

	if (err) {
		snprintf(why, size, "the maps pinned below %s have ABI version %u and this program, of version %u, "
			 "cannot take them over: %s; start the version that made them, or give them up with "
			 "`defib teardown --keep-routes`, which leaves the routes serving", k->paths.maps_dir, abi,
			 DFB_ABI_VERSION, reason);
		return -EPROTO;
	}
	merge_former(&k->paths, s);
	err = kern_check_netns(&s->control, &k->paths, why, size);
	if (!err)
		err = kern_check_places(k, policy, why, size);
	if (!err)
		err = make(k, policy, s);
	if (err)
		pins_remove(k->paths.heir_dir);
	snapshot_free(s);
	return err;
}
