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

/* Return: descriptor, or -errno; -EPROTO if its values are not what we know. */
static int open_map(const char *dir, const char *name, size_t value_size, uint32_t *ret_capacity)
{
	char path[PATHS_LEN + BPF_OBJ_NAME_LEN];
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);
	CLEAN_CLOSE int fd = -1;
	int error;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd == -EACCES ? -EPERM : fd;
	error = bpf_obj_get_info_by_fd(fd, &info, &length);
	if (error)
		return error;
	if (info.value_size != value_size)
		return -EPROTO;
	*ret_capacity = info.max_entries;
	return TAKE_FD(fd);
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

struct source {
	const char *name;
	size_t value_size;
	uint32_t n;
	void *values;
	uint64_t lock;
};

static int read_source(const char *dir, const struct source *source)
{
	uint32_t capacity, n;
	CLEAN_CLOSE int fd = open_map(dir, source->name, source->value_size, &capacity);

	if (fd < 0)
		return fd;
	n = source->n < capacity ? source->n : capacity;
	return read_array(fd, n, source->value_size, source->values, source->lock);
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

/* A hash whose elements go to an array of records, each with the key first. */
struct hash {
	const char *name;
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
static int read_hash(const char *dir, struct hash *h)
{
	uint32_t capacity;
	CLEAN_CLOSE int fd = open_map(dir, h->name, h->value_size, &capacity);

	for (uint32_t i = 0; fd >= 0 && i < capacity; i++) {
		int error = hash_grow(h);
		char *record = h->records + h->n * h->record_size;

		if (!error)
			error = bpf_map_get_next_key(fd, h->n ? record - h->record_size : NULL, record);
		if (error)
			return error == -ENOENT ? 0 : error;
		/* One that went away meanwhile is asked for again: the keys then begin anew. */
		if (!bpf_map_lookup_elem(fd, record, record + h->value_offset))
			h->n++;
	}
	return fd < 0 ? fd : 0;
}

static int read_services(const char *dir, struct snapshot *s)
{
	struct hash h = {.name = "services", .value_size = sizeof(struct dfb_service),
			 .value_offset = offsetof(struct snapshot_service, service),
			 .record_size = sizeof(struct snapshot_service)};
	int error = read_hash(dir, &h);

	s->services = (struct snapshot_service *)h.records;
	s->n_services = h.n;
	return error;
}

static int read_interfaces(const char *dir, struct snapshot *s)
{
	struct hash h = {.name = "interfaces", .value_size = sizeof(struct dfb_interface),
			 .value_offset = offsetof(struct snapshot_interface, interface),
			 .record_size = sizeof(struct snapshot_interface)};
	int error = read_hash(dir, &h);

	s->interfaces = (struct snapshot_interface *)h.records;
	s->n_interfaces = h.n;
	return error;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* How many ids to read: the capacity of the map, but no further than the last one in use. */
static int count_servers(const char *dir, uint32_t *ret_n)
{
	uint32_t capacity;
	CLEAN_CLOSE int fd = open_map(dir, "servers", sizeof(struct dfb_server), &capacity);
	CLEAN_FREE struct dfb_server *servers = fd < 0 ? NULL : calloc(capacity, sizeof(*servers));
	int error;

	if (fd < 0)
		return fd;
	if (!servers)
		return -ENOMEM;
	error = read_array(fd, capacity, sizeof(*servers), servers, 0);
	if (error)
		return error;
	while (capacity && !servers[capacity - 1].name[0])
		capacity--;
	*ret_n = capacity;
	return 0;
}

static int count_pools(const char *dir, uint32_t *ret_n)
{
	CLEAN_CLOSE int fd = open_map(dir, "plans", sizeof(struct dfb_plan), ret_n);

	return fd < 0 ? fd : 0;
}

static int read_control(const char *dir, struct dfb_control *ret_control)
{
	struct source source = {"control", sizeof(*ret_control), 1, ret_control, 0};
	int error = read_source(dir, &source);

	if (error)
		return error;
	if (!ret_control->abi) /* the daemon is just about to fill them */
		return -ENOENT;
	return ret_control->abi == DFB_ABI_VERSION ? 0 : -EPROTO;
}

static int read_all(const char *dir, struct snapshot *s)
{
	uint32_t n_targets = s->n_servers * DFB_FAMILIES;
	const struct source sources[] = {
		{"prober", sizeof(s->prober), 1, &s->prober, 0},
		{"servers", sizeof(*s->servers), s->n_servers, s->servers, 0},
		{"targets", sizeof(*s->targets), n_targets, s->targets, 0},
		{"attempts", sizeof(*s->attempts), n_targets, s->attempts, 0},
		{"state", sizeof(*s->state), n_targets, s->state, 0},
		{"rtt", sizeof(*s->rtt), n_targets, s->rtt, 0},
		{"plans", sizeof(*s->plans), s->n_pools, s->plans, 0},
		{"pools", sizeof(*s->pools), s->n_pools, s->pools, BPF_F_LOCK},
	};
	int error = 0;

	for (size_t i = 0; !error && i < ARRAY_SIZE(sources); i++)
		error = read_source(dir, &sources[i]);
	if (!error)
		error = read_services(dir, s);
	if (!error)
		error = read_interfaces(dir, s);
	if (!error)
		error = read_counters(dir, "beat_counters", (uint64_t *)&s->beat, sizeof(s->beat));
	if (!error)
		error = read_counters(dir, "steer_counters", (uint64_t *)&s->steer, sizeof(s->steer));
	return error;
}

int snapshot_read(const char *maps_dir, struct snapshot **ret_snapshot)
{
	struct dfb_control control;
	uint32_t n_servers, n_pools;
	struct snapshot *s;
	int error = read_control(maps_dir, &control);

	if (!error)
		error = count_servers(maps_dir, &n_servers);
	if (!error)
		error = count_pools(maps_dir, &n_pools);
	if (error)
		return error;
	s = snapshot_new(n_servers, n_pools);
	if (!s)
		return -ENOMEM;
	s->control = control;
	error = read_all(maps_dir, s);
	if (error) {
		snapshot_free(s);
		return error;
	}
	s->now_ns = clock_now_ns();
	*ret_snapshot = s;
	return 0;
}
