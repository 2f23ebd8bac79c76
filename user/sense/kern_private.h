/* SPDX-License-Identifier: GPL-2.0-only */
/* What kern.c, kern_config.c and kern_attach.c share. */
#ifndef SENSE_KERN_PRIVATE_H
#define SENSE_KERN_PRIVATE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "beat.skel.h"
#include "kern.h"
#include "steer.skel.h"
#include "vip.skel.h"

#define KERN_SERVICES 65536 /* addresses; the map takes memory for what is there only */
#define KERN_FLOWS 65536    /* connections; 8 MiB, taken at once */

/**
 * struct kern - see kern.h
 * @capacity: server ids that the maps hold, 0 included
 * @addresses: of services that the maps hold
 * @flows: TCP connections that the map holds
 * @inherits: a former set of maps is there, whose programs may be attached
 */
struct kern {
	struct paths paths;
	struct beat_bpf *beat;
	struct steer_bpf *steer;
	struct vip_bpf *vip;
	struct ring_buffer *ring;
	kern_emit *emit;
	void *arg;
	uint32_t capacity;
	uint32_t addresses;
	uint32_t flows;
	uint64_t ring_full;
	bool inherits;
};

/* kern.c */
int kern_check_netns(const struct dfb_control *control, const struct paths *paths, char *why, size_t size);

/** kern_load() - make the maps in a folder, or adopt those that are there, and load the programs */
int kern_load(struct kern *k, const struct policy *policy, const char *maps_dir);

/** kern_put_control() - what a teardown, the steering and another version need to know */
int kern_put_control(struct kern *k, const struct policy *policy);

/** kern_check_places() - is no foreign program where ours are to be? Return: 0 or -errno, @why. */
int kern_check_places(const struct kern *k, const struct policy *policy, char *why, size_t size);

/** kern_note_drains() - a pool's packets are looked up only while one of its candidates drains. */
int kern_note_drains(struct kern *k, uint32_t pool);

/* kern_heir.c explains the sets of maps. */

/** kern_heir_make() - take over the maps in force, which are of version @abi. Return: 0 or -errno, @why. */
int kern_heir_make(struct kern *k, const struct policy *policy, uint32_t abi, char *why, size_t size);

/** kern_heir_settle() - the last look at the former set, which then goes; nothing if there is none */
void kern_heir_settle(struct kern *k);

static inline int map_get(const struct bpf_map *map, uint32_t key, void *value)
{
	return bpf_map_lookup_elem(bpf_map__fd(map), &key, value) ? -errno : 0;
}

static inline int map_put(const struct bpf_map *map, uint32_t key, const void *value)
{
	return bpf_map_update_elem(bpf_map__fd(map), &key, value, BPF_ANY) ? -errno : 0;
}

#endif
