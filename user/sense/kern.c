// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/netns.h"
#include "base/pins.h"
#include "core/news.h"
#include "core/plan.h"
#include "kern_private.h"
#include "layout.h"
#include "snapshot.h"

#define KERN_INTERFACES 128
#define KERN_RING_BATCH 4096

/* --- loading --------------------------------------------------------------------------------- */

static int log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[512];

	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = 0;
	if (level != LIBBPF_DEBUG)
		log_debug("libbpf: %s", line);
	return 0;
}

static int make_dir(const char *path, mode_t mode)
{
	return mkdir(path, mode) && errno != EEXIST ? -errno : 0;
}

static int make_dirs(const struct paths *paths)
{
	int err = pins_mount();
	CLEAN_CLOSE int lock = pins_lock();

	if (!err)
		err = make_dir(PATHS_BPF "/defib", 0750);
	if (!err)
		err = make_dir(paths->pin_dir, 0750);
	if (!err)
		err = kern_settle_maps(paths);
	if (!err)
		err = make_dir(paths->links_dir, 0750);
	return err;
}

static int open_pin(const char *dir, const char *name)
{
	char path[2 * PATHS_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_get(path);
}

/* The interfaces of an instance are in one network namespace, for as long as that exists. */
int kern_check_netns(const struct dfb_control *control, const struct paths *paths, char *why, size_t size)
{
	CLEAN_CLOSE int fd = control->netns == netns_inode() ? -1 : netns_open(control->netns);

	if (fd < 0)
		return 0;
	snprintf(why, size, "what is pinned below %s works in another network namespace (inode %llu);"
		 " start there, or use another --instance", paths->pin_dir, (unsigned long long)control->netns);
	return -EXDEV;
}

/* Of our version. */
static int check_place(const struct paths *paths, char *why, size_t size)
{
	CLEAN_CLOSE int fd = open_pin(paths->maps_dir, "control");
	struct dfb_control control = {};

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &(uint32_t){0}, &control))
		return -errno;
	return kern_check_netns(&control, paths, why, size);
}

/* Maps keep the capacity they were made with. */
static uint32_t capacity_of(const struct paths *paths, const char *map, uint32_t otherwise)
{
	CLEAN_CLOSE int fd = open_pin(paths->maps_dir, map);
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length) ? info.max_entries : otherwise;
}

static int find_capacities(struct kern *k, const struct policy *policy, char *why, size_t size)
{
	k->capacity = capacity_of(&k->paths, "servers", policy->gateway.max_servers + 1);
	k->addresses = capacity_of(&k->paths, "services", KERN_SERVICES);
	k->flows = capacity_of(&k->paths, "flows", KERN_FLOWS);
	if (policy->n_servers < k->capacity)
		return 0;
	snprintf(why, size, "%u servers are configured, but the maps were made for %u;"
		 " raise max-servers, then `defib teardown --keep-routes` and start again",
		 policy->n_servers, k->capacity - 1);
	return -ENOSPC;
}

static void set_capacities(struct bpf_object *obj, const struct kern *k)
{
	const struct {
		const char *map;
		uint32_t entries;
	} sizes[] = {
		{"targets", k->capacity * DFB_FAMILIES}, {"attempts", k->capacity * DFB_FAMILIES},
		{"state", k->capacity * DFB_FAMILIES},	 {"rtt", k->capacity * DFB_FAMILIES},
		{"servers", k->capacity},		 {"plans", DFB_MAX_POOLS + 1},
		{"pools", DFB_MAX_POOLS + 1},		 {"services", k->addresses},
		{"interfaces", KERN_INTERFACES},	 {"flows", k->flows},
		{"stations", k->capacity * DFB_FAMILIES}, {"claims", DFB_MAX_POOLS + 1},
		{"pulses", (uint32_t)libbpf_num_possible_cpus()},
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, sizes[i].map);

		if (map)
			bpf_map__set_max_entries(map, sizes[i].entries);
	}
}

int kern_load(struct kern *k, const struct policy *policy, const char *maps_dir)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = maps_dir);
	int err = make_dir(maps_dir, 0750);

	if (!err)
		err = layout_pin(maps_dir);
	if (err)
		return err;
	k->beat = beat_bpf__open_opts(&opts);
	k->steer = k->beat ? steer_bpf__open_opts(&opts) : NULL;
	k->vip = k->steer ? vip_bpf__open_opts(&opts) : NULL;
	if (!k->vip)
		return -errno;
	k->beat->rodata->n_servers = k->capacity;
	k->steer->rodata->mark_mask = policy->gateway.mark_mask;
	k->steer->rodata->mark_shift = (uint32_t)ffs((int)policy->gateway.mark_mask) - 1;
	set_capacities(k->beat->obj, k);
	set_capacities(k->steer->obj, k);
	set_capacities(k->vip->obj, k);
	err = beat_bpf__load(k->beat);
	if (!err)
		err = steer_bpf__load(k->steer);
	return err ? err : vip_bpf__load(k->vip);
}

int kern_put_control(struct kern *k, const struct policy *policy)
{
	struct dfb_control control = {};
	int err = map_get(k->beat->maps.control, 0, &control);

	if (err)
		return err;
	control.abi = DFB_ABI_VERSION;
	control.mark_mask = policy->gateway.mark_mask;
	control.mark_shift = k->steer->rodata->mark_shift;
	control.table_base = policy->gateway.table_base;
	control.rule_priority = policy->gateway.rule_priority;
	control.zone_base = policy->gateway.zone_base;
	control.netns = netns_inode();
	control.stop = 0;
	return map_put(k->beat->maps.control, 0, &control);
}

/* --- edges ----------------------------------------------------------------------------------- */

static int on_record(void *arg, void *data, size_t size)
{
	struct kern *k = arg;
	struct event ev;

	if (size >= sizeof(struct dfb_event) && news_from_record(data, &ev))
		k->emit(k->arg, &ev);
	return 0;
}

static int on_claim(void *arg, void *data, size_t size)
{
	struct kern *k = arg;
	struct event ev = {.kind = EVENT_CLAIM};

	if (size < sizeof(ev.claim))
		return 0;
	memcpy(&ev.claim, data, sizeof(ev.claim));
	ev.time_ns = ev.claim.time_ns;
	k->emit(k->arg, &ev);
	return 0;
}

/* All rings that are listened to have one descriptor. */
static int open_rings(struct kern *k)
{
	k->ring = ring_buffer__new(bpf_map__fd(k->beat->maps.events), on_record, k, NULL);
	if (!k->ring)
		return -errno;
	return ring_buffer__add(k->ring, bpf_map__fd(k->vip->maps.claim_events), on_claim, k);
}

void kern_adopt_pool(struct kern *k, uint32_t id)
{
	struct dfb_plan plan;
	struct dfb_pool pool;
	struct event ev;

	if (map_get(k->beat->maps.plans, id, &plan) || !plan.name[0] ||
	    bpf_map_lookup_elem_flags(bpf_map__fd(k->beat->maps.pools), &id, &pool, BPF_F_LOCK))
		return;
	news_from_pool(id, &pool, clock_now_ns(), &ev);
	k->emit(k->arg, &ev);
}

static void adopt_target(struct kern *k, uint32_t id)
{
	struct dfb_target_run run;
	struct dfb_target cfg;
	struct event ev;

	if (map_get(k->beat->maps.targets, id, &cfg) || !cfg.server || map_get(k->beat->maps.state, id, &run))
		return;
	news_from_target(id, &run.detect, clock_now_ns(), &ev);
	k->emit(k->arg, &ev);
	if (!run.userland.heard_ns)
		return;
	news_from_userland(id, &run.userland, clock_now_ns(), &ev);
	k->emit(k->arg, &ev);
}

void kern_adopt(struct kern *k)
{
	for (uint32_t id = 0; id < k->capacity * DFB_FAMILIES; id++)
		adopt_target(k, id);
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++)
		kern_adopt_pool(k, id);
}

int kern_fd(const struct kern *k)
{
	return ring_buffer__epoll_fd(k->ring);
}

static uint64_t ring_full(const struct kern *k)
{
	int n = libbpf_num_possible_cpus();
	CLEAN_FREE struct dfb_beat_counters *count = n > 0 ? calloc((size_t)n, sizeof(*count)) : NULL;
	uint64_t sum = 0;

	if (!count || map_get(k->beat->maps.beat_counters, 0, count))
		return 0;
	for (int i = 0; i < n; i++)
		sum += count[i].ring_full;
	return sum;
}

/* The ring is a hint: if it was ever full, the maps tell what it could not. */
void kern_poll(struct kern *k)
{
	uint64_t full;

	ring_buffer__consume(k->ring);
	full = ring_full(k);
	if (full == k->ring_full)
		return;
	k->ring_full = full;
	kern_adopt(k);
}

/* --- life ------------------------------------------------------------------------------------ */

static int load_at(struct kern *k, const struct policy *policy, const char *dir, char *why, size_t size)
{
	int err = find_capacities(k, policy, why, size);

	if (!err)
		err = kern_load(k, policy, dir);
	return err ? err : kern_put_control(k, policy);
}

static int make_maps(struct kern *k, const struct policy *policy, char *why, size_t size)
{
	int err = load_at(k, policy, k->paths.heir_dir, why, size);

	if (err)
		return err;
	pins_remove(k->paths.maps_dir); /* if there, nobody can read it */
	return rename(k->paths.heir_dir, k->paths.maps_dir) ? -errno : 0;
}

static int adopt_maps(struct kern *k, const struct policy *policy, char *why, size_t size)
{
	int err = check_place(&k->paths, why, size);

	return err ? err : load_at(k, policy, k->paths.maps_dir, why, size);
}

static int open_all(struct kern *k, const struct policy *policy, char *why, size_t size)
{
	int err = make_dirs(&k->paths);
	uint32_t abi;

	if (err)
		return err;
	err = snapshot_version(k->paths.maps_dir, &abi);
	if (err == -ENOENT)
		err = make_maps(k, policy, why, size);
	else if (!err && abi == DFB_ABI_VERSION)
		err = adopt_maps(k, policy, why, size);
	else if (!err)
		err = kern_heir_make(k, policy, abi, why, size);
	if (err)
		return err;
	k->inherits = !access(k->paths.former_dir, F_OK);
	k->ring_full = ring_full(k);
	return open_rings(k);
}

int kern_open(const struct paths *paths, const struct policy *policy, kern_emit *emit, void *arg,
	      struct kern **ret_kern, char *why, size_t size)
{
	struct kern *k = calloc(1, sizeof(*k));
	int err = k ? 0 : -ENOMEM;

	libbpf_set_print(log_libbpf);
	why[0] = 0;
	if (k) {
		k->paths = *paths;
		k->emit = emit;
		k->arg = arg;
		err = open_all(k, policy, why, size);
	}
	if (err && !why[0])
		snprintf(why, size, "cannot load the kernel programs: %s%s", strerror(-err),
			 err == -EPERM ? " (root, or CAP_BPF and CAP_NET_ADMIN, is needed)" : "");
	if (err)
		kern_close(k);
	else
		*ret_kern = k;
	return err;
}

bool kern_inherits(const struct kern *k)
{
	return k->inherits;
}

void kern_close(struct kern *k)
{
	if (!k)
		return;
	ring_buffer__free(k->ring);
	if (k->vip)
		vip_bpf__destroy(k->vip);
	if (k->steer)
		steer_bpf__destroy(k->steer);
	if (k->beat)
		beat_bpf__destroy(k->beat);
	free(k);
}

/* --- orders ---------------------------------------------------------------------------------- */

int kern_order(struct kern *k, const struct dfb_order *order)
{
	unsigned char packet[DFB_ORDER_OFFSET + sizeof(*order)] = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet));

	memcpy(packet + DFB_ORDER_OFFSET, order, sizeof(*order));
	if (bpf_prog_test_run_opts(bpf_program__fd(k->beat->progs.dfb_order), &run))
		return -errno;
	return -(int)run.retval;
}

int kern_flag(struct kern *k, uint32_t server, uint32_t flags, const bool cannot_leave[DFB_FAMILIES])
{
	struct dfb_server who;
	int err = map_get(k->beat->maps.servers, server, &who);

	if (!err && who.flags != flags) {
		who.flags = flags;
		err = map_put(k->beat->maps.servers, server, &who);
	}
	for (uint32_t family = 0; !err && family < DFB_FAMILIES; family++) {
		uint32_t id = dfb_target_id(server, family);
		struct dfb_target cfg;

		err = map_get(k->beat->maps.targets, id, &cfg);
		if (err || !cfg.server || cfg.cannot_leave == cannot_leave[family])
			continue;
		cfg.cannot_leave = cannot_leave[family];
		err = map_put(k->beat->maps.targets, id, &cfg);
	}
	return err;
}

uint32_t kern_flags(const struct kern *k, uint32_t server)
{
	struct dfb_server who;

	return map_get(k->beat->maps.servers, server, &who) ? 0 : who.flags;
}

int kern_note_drains(struct kern *k, uint32_t pool)
{
	struct dfb_plan plan;
	int err = map_get(k->beat->maps.plans, pool, &plan);
	bool drains = false;

	for (uint32_t i = 0; !err && i < plan.n_candidates; i++)
		drains = drains || kern_drains_until(k, plan.candidates[i]);
	if (err || plan.drains == drains)
		return err;
	plan.drains = drains;
	return map_put(k->beat->maps.plans, pool, &plan);
}

int kern_drain(struct kern *k, uint32_t server, uint64_t until_ns)
{
	struct dfb_server who;
	int err = map_get(k->beat->maps.servers, server, &who);

	if (!err && who.drain_ns != until_ns) {
		who.drain_ns = until_ns;
		err = map_put(k->beat->maps.servers, server, &who);
	}
	for (uint32_t i = 0; !err && i < who.n_pools; i++)
		err = kern_note_drains(k, who.pools[i]);
	return err;
}

uint64_t kern_drains_until(const struct kern *k, uint32_t server)
{
	struct dfb_server who;

	return map_get(k->beat->maps.servers, server, &who) ? 0 : who.drain_ns;
}

int kern_station(struct kern *k, uint32_t server, uint32_t family, const struct dfb_station *at)
{
	return map_put(k->beat->maps.stations, dfb_target_id(server, family), at);
}

int kern_fit(struct kern *k, uint32_t pool, uint32_t server, bool fit)
{
	struct dfb_plan plan;
	int err = map_get(k->beat->maps.plans, pool, &plan);

	if (err || !plan_set_fit(&plan, server, fit))
		return err;
	return map_put(k->beat->maps.plans, pool, &plan);
}

int kern_hold(struct kern *k, uint32_t pool, enum dfb_held held)
{
	struct dfb_plan plan;
	int err = map_get(k->beat->maps.plans, pool, &plan);

	if (err || plan.held == held)
		return err;
	plan.held = (uint8_t)held;
	return map_put(k->beat->maps.plans, pool, &plan);
}

int kern_pause(struct kern *k, uint32_t pool, bool paused)
{
	struct dfb_plan plan;
	int err = map_get(k->beat->maps.plans, pool, &plan);

	if (err || plan.paused == paused)
		return err;
	plan.paused = paused;
	return map_put(k->beat->maps.plans, pool, &plan);
}

void kern_stop_prober(const struct paths *paths)
{
	CLEAN_CLOSE int fd = open_pin(paths->maps_dir, "control");
	struct dfb_control control;
	uint32_t abi;

	if (fd < 0 || snapshot_version(paths->maps_dir, &abi) || abi != DFB_ABI_VERSION ||
	    bpf_map_lookup_elem(fd, &(uint32_t){0}, &control))
		return;
	control.stop = 1;
	bpf_map_update_elem(fd, &(uint32_t){0}, &control, BPF_ANY);
}
