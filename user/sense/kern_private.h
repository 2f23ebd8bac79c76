/* SPDX-License-Identifier: GPL-2.0-only */
/* What kern.c, kern_config.c and kern_attach.c share. */
#ifndef SENSE_KERN_PRIVATE_H
#define SENSE_KERN_PRIVATE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "beat.skel.h"
#include "kern.h"
#include "steer.skel.h"

/**
 * struct kern - see kern.h
 * @capacity: server ids that the maps hold, 0 included
 */
struct kern {
	struct paths paths;
	struct beat_bpf *beat;
	struct steer_bpf *steer;
	struct ring_buffer *ring;
	kern_emit *emit;
	void *arg;
	uint32_t capacity;
	uint64_t ring_full;
};

static inline int map_get(const struct bpf_map *map, uint32_t key, void *value)
{
	return bpf_map_lookup_elem(bpf_map__fd(map), &key, value) ? -errno : 0;
}

static inline int map_put(const struct bpf_map *map, uint32_t key, const void *value)
{
	return bpf_map_update_elem(bpf_map__fd(map), &key, value, BPF_ANY) ? -errno : 0;
}

#endif
