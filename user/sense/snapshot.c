// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <base/clean.h>
#include <base/loop.h>
#include <base/paths.h>

#include "layout.h"

#define BATCH 4096

/* --- memory ---------------------------------------------------------------------------------- */

struct snapshot *snapshot_new(uint32_t n_servers, uint32_t n_pools)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	size_t n_targets = (size_t)n_servers * DFB_FAMILIES;

	if (!s)
		return NULL;
	s->n_servers = n_servers;
	s->n_pools = n_pools;
	s->servers = calloc(n_servers, sizeof(*s->servers));
	s->targets = calloc(n_targets, sizeof(*s->targets));
	s->attempts = calloc(n_targets, sizeof(*s->attempts));
	s->state = calloc(n_targets, sizeof(*s->state));
	s->rtt = calloc(n_targets, sizeof(*s->rtt));
	s->plans = calloc(n_pools, sizeof(*s->plans));
	s->pools = calloc(n_pools, sizeof(*s->pools));
	if (s->servers && s->targets && s->attempts && s->state && s->rtt && s->plans && s->pools)
		return s;
	snapshot_free(s);
	return NULL;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	free(s->servers);
	free(s->targets);
	free(s->attempts);
	free(s->state);
	free(s->rtt);
	free(s->plans);
	free(s->pools);
	free(s->services);
	free(s->interfaces);
	free(s);
}

const struct dfb_server *snapshot_server(const struct snapshot *s, uint32_t id)
{
	return id && id < s->n_servers && s->servers[id].name[0] ? &s->servers[id] : NULL;
}

const char *snapshot_name(const struct snapshot *s, uint32_t id)
{
	const struct dfb_server *server = snapshot_server(s, id);

	return server ? server->name : "";
}

/* --- one map --------------------------------------------------------------------------------- */

/* @layout: NULL: the maps are of our version */
struct reader {
	const char *dir;
	const struct layout *layout;
};

static int open_any(const char *dir, const char *name)
{
	char path[PATHS_LEN + BPF_OBJ_NAME_LEN];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	return fd == -EACCES ? -EPERM : fd;
}

/* Return: descriptor, or -errno; -EPROTO if its values are not what we know. */
static int open_map(const char *dir, const char *name, size_t value_size, uint32_t *ret_capacity)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);
	CLEAN_CLOSE int fd = open_any(dir, name);
	int error;

	if (fd < 0)
		return fd;
	error = bpf_obj_get_info_by_fd(fd, &info, &length);
	if (error)
		return error;
	if (info.value_size != value_size)
		return -EPROTO;
	*ret_capacity = info.max_entries;
	return TAKE_FD(fd);
}

static int count_entries(const char *dir, const char *name, uint32_t *ret_n)
{
	CLEAN_CLOSE int fd = open_any(dir, name);
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	*ret_n = info.max_entries;
	return 0;
}

static int read_singly(int fd, uint32_t n, size_t value_size, char *values)
{
	for (uint32_t key = 0; key < n; key++) {
		int error = bpf_map_lookup_elem(fd, &key, values + key * value_size);

		if (error)
			return error;
	}
	return 0;
}

/* The first @n elements of an array. @lock: never show a pool half way through a switch. */
static int read_batches(int fd, uint32_t n, size_t value_size, char *values, uint64_t lock)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts, .elem_flags = lock);
	CLEAN_FREE uint32_t *keys = calloc(BATCH, sizeof(*keys));
	uint32_t from = 0, next = 0, done = 0;

	if (!keys)
		return -ENOMEM;
	while (done < n) {
		uint32_t count = n - done < BATCH ? n - done : BATCH;
		int error = bpf_map_lookup_batch(fd, done ? &from : NULL, &next, keys,
						 values + done * value_size, &count, &opts);

		if (error && error != -ENOENT)
			return error;
		if (!count)
			return -ENODATA;
		done += count;
		from = next;
	}
	return 0;
}

static int read_array(int fd, uint32_t n, size_t value_size, void *values, uint64_t lock)
{
	if (!n || !read_batches(fd, n, value_size, values, lock))
		return 0;
	return read_singly(fd, n, value_size, values);
}

/* How values of a structure are read: as they are, or as ours are. */
static int plan_values(const struct reader *r, const char *type, size_t value_size,
		       struct layout_plan *ret_plan)
{
	*ret_plan = (struct layout_plan){.from_size = (uint32_t)value_size, .to_size = (uint32_t)value_size};
	return r->layout ? layout_make_plan(r->layout, type, ret_plan) : 0;
}

static int convert(const struct layout_plan *plan, const char *from, uint32_t n, char *to)
{
	int error = 0;

	for (uint32_t i = 0; !error && i < n; i++)
		error = layout_apply(plan, from + (size_t)i * plan->from_size,
				     to + (size_t)i * plan->to_size);
	return error;
}

static int read_values(const struct reader *r, int fd, const struct layout_plan *plan, uint32_t n,
		       char *values, uint64_t lock)
{
	CLEAN_FREE char *theirs = r->layout ? calloc(n + 1, plan->from_size) : NULL;
	int error;

	if (!r->layout)
		return read_array(fd, n, plan->to_size, values, lock);
	if (!theirs)
		return -ENOMEM;
	error = read_array(fd, n, plan->from_size, theirs, lock);
	return error ? error : convert(plan, theirs, n, values);
}

struct source {
	const char *name;
	const char *type;
	size_t value_size;
	uint32_t n;
	void *values;
	uint64_t lock;
};

static int read_source(const struct reader *r, const struct source *source)
{
	struct layout_plan plan;
	uint32_t capacity, n;
	int error = plan_values(r, source->type, source->value_size, &plan);
	CLEAN_CLOSE int fd = error ? error : open_map(r->dir, source->name, plan.from_size, &capacity);

	if (fd < 0) {
		if (!error)
			free(plan.move);
		return fd;
	}
	n = source->n < capacity ? source->n : capacity;
	error = read_values(r, fd, &plan, n, source->values, source->lock);
	free(plan.move);
	return error;
}

/* A per-CPU array of one element made of counters only: their sums. */
static int read_counters(const char *dir, const char *name, uint64_t *sums, size_t size)
{
	uint32_t capacity, zero = 0;
	int cpus = libbpf_num_possible_cpus(), error;
	CLEAN_FREE uint64_t *values = cpus > 0 ? calloc((size_t)cpus, size) : NULL;
	CLEAN_CLOSE int fd = -1;

	if (!values)
		return -ENOMEM;
	fd = open_map(dir, name, size, &capacity);
	if (fd < 0)
		return fd;
	error = bpf_map_lookup_elem(fd, &zero, values);
	if (error)
		return error;
	for (size_t i = 0; i < (size_t)cpus * (size / sizeof(*values)); i++)
		sums[i % (size / sizeof(*values))] += values[i];
	return 0;
}

/* A hash whose elements go to an array of records, each with the key first, the same in all versions. */
struct hash {
	const char *name;
	const char *type;
	size_t value_size;
	size_t value_offset;
	size_t record_size;
	char *records;
	uint32_t n;
	uint32_t room;
};

static int hash_grow(struct hash *h)
{
	uint32_t room = h->room ? 2 * h->room : 16;
	char *records;

	if (h->n < h->room)
		return 0;
	records = reallocarray(h->records, room, h->record_size);
	if (!records)
		return -ENOMEM;
	h->records = records;
	h->room = room;
	return 0;
}

/* It may change meanwhile: no more steps than it has places. */
static int read_elements(const struct reader *r, int fd, uint32_t capacity,
			 const struct layout_plan *plan,
			 struct hash *h)
{
	CLEAN_FREE char *theirs = calloc(1, plan->from_size);

	for (uint32_t i = 0; theirs && i < capacity; i++) {
		int error = hash_grow(h);
		char *record = h->records + h->n * h->record_size;
		char *value = record + h->value_offset;

		if (!error)
			error = bpf_map_get_next_key(fd, h->n ? record - h->record_size : NULL, record);
		if (error)
			return error == -ENOENT ? 0 : error;
		/* One that went away meanwhile is asked for again: the keys then begin anew. */
		if (bpf_map_lookup_elem(fd, record, r->layout ? theirs : value))
			continue;
		h->n++;
		if (r->layout && layout_apply(plan, theirs, value))
			return -EPROTO;
	}
	return theirs ? 0 : -ENOMEM;
}

static int read_hash(const struct reader *r, struct hash *h)
{
	struct layout_plan plan;
	uint32_t capacity;
	int error = plan_values(r, h->type, h->value_size, &plan);
	CLEAN_CLOSE int fd = error ? error : open_map(r->dir, h->name, plan.from_size, &capacity);

	if (error)
		return error;
	error = fd < 0 ? fd : read_elements(r, fd, capacity, &plan, h);
	free(plan.move);
	return error;
}

static int read_services(const struct reader *r, struct snapshot *s)
{
	struct hash h = {.name = "services", .type = "dfb_service", .value_size = sizeof(struct dfb_service),
			 .value_offset = offsetof(struct snapshot_service, service),
			 .record_size = sizeof(struct snapshot_service)};
	int error = read_hash(r, &h);

	s->services = (struct snapshot_service *)h.records;
	s->n_services = h.n;
	return error;
}

static int read_interfaces(const struct reader *r, struct snapshot *s)
{
	struct hash h = {.name = "interfaces", .type = "dfb_interface",
			 .value_size = sizeof(struct dfb_interface),
			 .value_offset = offsetof(struct snapshot_interface, interface),
			 .record_size = sizeof(struct snapshot_interface)};
	int error = read_hash(r, &h);

	s->interfaces = (struct snapshot_interface *)h.records;
	s->n_interfaces = h.n;
	return error;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* How many ids to read: the capacity of the map, but no further than the last one in use. */
static int count_servers(const struct reader *r, uint32_t *ret_n)
{
	uint32_t capacity = 0;
	CLEAN_FREE struct dfb_server *servers = NULL;
	struct source source = {.name = "servers", .type = "dfb_server", .value_size = sizeof(*servers)};
	int error = count_entries(r->dir, "servers", &capacity);

	if (error)
		return error;
	source.n = capacity;
	source.values = servers = calloc(capacity, sizeof(*servers));
	error = servers ? read_source(r, &source) : -ENOMEM;
	if (error)
		return error;
	while (capacity && !servers[capacity - 1].name[0])
		capacity--;
	*ret_n = capacity;
	return 0;
}

static int read_counts(const struct reader *r, struct snapshot *s)
{
	int error;

	if (r->layout) /* they begin anew with every version */
		return 0;
	error = read_counters(r->dir, "beat_counters", (uint64_t *)&s->beat, sizeof(s->beat));
	if (error)
		return error;
	error = read_counters(r->dir, "steer_counters", (uint64_t *)&s->steer, sizeof(s->steer));
	if (error)
		return error;
	return read_counters(r->dir, "vip_counters", (uint64_t *)&s->vip, sizeof(s->vip));
}

static int read_all(const struct reader *r, struct snapshot *s)
{
	uint32_t n_targets = s->n_servers * DFB_FAMILIES;
	const struct source sources[] = {
		{"control", "dfb_control", sizeof(s->control), 1, &s->control, 0},
		{"prober", "dfb_prober", sizeof(s->prober), 1, &s->prober, 0},
		{"servers", "dfb_server", sizeof(*s->servers), s->n_servers, s->servers, 0},
		{"targets", "dfb_target", sizeof(*s->targets), n_targets, s->targets, 0},
		{"attempts", "dfb_attempts", sizeof(*s->attempts), n_targets, s->attempts, 0},
		{"state", "dfb_target_run", sizeof(*s->state), n_targets, s->state, 0},
		{"rtt", "dfb_rtt", sizeof(*s->rtt), n_targets, s->rtt, 0},
		{"plans", "dfb_plan", sizeof(*s->plans), s->n_pools, s->plans, 0},
		{"pools", "dfb_pool", sizeof(*s->pools), s->n_pools, s->pools, BPF_F_LOCK},
	};
	int error = 0;

	for (size_t i = 0; !error && i < ARRAY_SIZE(sources); i++)
		error = read_source(r, &sources[i]);
	if (!error)
		error = read_services(r, s);
	if (!error)
		error = read_interfaces(r, s);
	return error ? error : read_counts(r, s);
}

static int read_as(const struct reader *r, struct snapshot **ret_snapshot)
{
	uint32_t n_servers, n_pools;
	struct snapshot *s;
	int error = count_servers(r, &n_servers);

	if (!error)
		error = count_entries(r->dir, "plans", &n_pools);
	if (error)
		return error;
	s = snapshot_new(n_servers, n_pools);
	if (!s)
		return -ENOMEM;
	error = read_all(r, s);
	if (error) {
		snapshot_free(s);
		return error;
	}
	s->now_ns = clock_now_ns();
	*ret_snapshot = s;
	return 0;
}

int snapshot_version(const char *maps_dir, uint32_t *ret_abi)
{
	CLEAN_CLOSE int fd = open_any(maps_dir, "control");
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info), abi;
	CLEAN_FREE char *control = NULL;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	control = info.value_size < sizeof(abi) ? NULL : malloc(info.value_size);
	if (!control)
		return info.value_size < sizeof(abi) ? -EPROTO : -ENOMEM;
	if (bpf_map_lookup_elem(fd, &(uint32_t){0}, control))
		return -errno;
	memcpy(&abi, control, sizeof(abi));
	*ret_abi = abi;
	return 0;
}

int snapshot_read(const char *maps_dir, struct snapshot **ret_snapshot)
{
	const struct reader r = {.dir = maps_dir};
	uint32_t abi;
	int error = snapshot_version(maps_dir, &abi);

	if (!error && abi != DFB_ABI_VERSION)
		error = -EPROTO;
	return error ? error : read_as(&r, ret_snapshot);
}

int snapshot_read_any(const char *maps_dir, struct snapshot **ret_snapshot, char *why, size_t size)
{
	struct reader r = {.dir = maps_dir};
	struct layout *layout = NULL;
	uint32_t abi;
	int error = snapshot_version(maps_dir, &abi);

	snprintf(why, size, "they cannot be read");
	if (!error && abi != DFB_ABI_VERSION)
		error = layout_open(maps_dir, &layout, why, size);
	if (error)
		return error;
	r.layout = layout;
	error = read_as(&r, ret_snapshot);
	layout_close(layout);
	return error;
}
