// SPDX-License-Identifier: GPL-2.0-only
#include "meter_view.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/loop.h"
#include "percpu.h"

#define VIEW_TRIES 100
#define COUNTERS (sizeof(struct dfb_loss_counters) / sizeof(uint64_t))

static int open_map(const struct meter_place *place, const char *name)
{
	char path[PATHS_LEN + 32];

	snprintf(path, sizeof(path), "%s/%s", place->maps_dir, name);
	return bpf_obj_get(path);
}

static int read_one(const struct meter_place *place, const char *name, void *ret_value)
{
	CLEAN_CLOSE int fd = open_map(place, name);

	if (fd < 0)
		return fd;
	return bpf_map_lookup_elem(fd, &(uint32_t){0}, ret_value) ? -errno : 0;
}

/* The first word that is copied is the version: equal and even around a copy, nobody changed it meanwhile.
 * A stream that changes all the time is taken as it is in the end. */
static int read_stream(int fd, const struct dfb_stream_key *key, struct dfb_stream *ret_stream)
{
	for (int i = 0; i < VIEW_TRIES; i++) {
		struct dfb_stream again;

		if (bpf_map_lookup_elem(fd, key, ret_stream) || bpf_map_lookup_elem(fd, key, &again))
			return -errno;
		if (again.version == ret_stream->version && !(again.version & 1))
			break;
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct dfb_stream_key *x = &((const struct meter_stream *)a)->key;
	const struct dfb_stream_key *y = &((const struct meter_stream *)b)->key;
	int order = memcmp(x->source, y->source, sizeof(x->source) + sizeof(x->destination));

	if (order)
		return order;
	if (x->sport != y->sport)
		return x->sport < y->sport ? -1 : 1;
	if (x->dport != y->dport)
		return x->dport < y->dport ? -1 : 1;
	return memcmp(&x->interface, &y->interface, 2 * sizeof(x->interface));
}

static void read_streams(int fd, struct meter_view *v)
{
	struct dfb_stream_key key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more && v->n < DFB_STREAMS) {
		struct meter_stream *one = &v->streams[v->n];

		key = next;
		one->key = key;
		v->n += !read_stream(fd, &key, &one->stream);
		more = !bpf_map_get_next_key(fd, &key, &next);
	}
	qsort(v->streams, v->n, sizeof(v->streams[0]), by_key);
}

int meter_view_read(const struct meter_place *place, struct meter_view **ret_view)
{
	CLEAN_CLOSE int fd = open_map(place, "loss");
	CLEAN_CLOSE int counters = open_map(place, "loss_counters");
	CLEAN_FREE struct meter_view *v = NULL;
	int err;

	if (fd < 0)
		return fd;
	v = calloc(1, sizeof(*v) + DFB_STREAMS * sizeof(v->streams[0]));
	if (!v)
		return -ENOMEM;
	err = read_one(place, "loss_conf", &v->conf);
	if (!err && v->conf.abi != DFB_LOSS_ABI)
		err = -EPROTO;
	if (!err)
		err = read_one(place, "loss_total", &v->total);
	if (err)
		return err;
	if (counters >= 0)
		percpu_sum(counters, (uint64_t *)&v->counters, COUNTERS);
	read_streams(fd, v);
	v->now_ns = clock_now_ns();
	*ret_view = TAKE_PTR(v);
	return 0;
}

static int clear(const struct meter_place *place, const char *name, const void *zero)
{
	CLEAN_CLOSE int fd = open_map(place, name);

	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, &(uint32_t){0}, zero, BPF_ANY) ? -errno : 0;
}

int meter_view_reset(const struct meter_place *place)
{
	const struct dfb_loss_total none = {};
	CLEAN_CLOSE int fd = open_map(place, "loss");
	CLEAN_CLOSE int counters = open_map(place, "loss_counters");
	struct dfb_stream_key key;
	int err;

	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < 2 * DFB_STREAMS && !bpf_map_get_next_key(fd, NULL, &key); i++)
		bpf_map_delete_elem(fd, &key);
	err = clear(place, "loss_total", &none);
	if (!err)
		err = counters < 0 ? counters : percpu_clear(counters, COUNTERS);
	return err;
}
