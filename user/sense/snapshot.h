/* SPDX-License-Identifier: GPL-2.0-only */
/* What the pinned maps of an instance say at one moment; the daemon need not run. Reads only. */
#ifndef SENSE_SNAPSHOT_H
#define SENSE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/abi.h>
#include <defib/vip.h>

/** struct snapshot_service - one element of the map `services` */
struct snapshot_service {
	struct dfb_service_key key;
	struct dfb_service service;
};

/** struct snapshot_interface - one element of the map `interfaces` */
struct snapshot_interface {
	uint32_t ifindex;
	struct dfb_interface interface;
};

/**
 * struct snapshot - arrays are indexed by id, as the maps are; id 0 is never in use
 * @now_ns: CLOCK_MONOTONIC, not before anything that was read
 * @n_servers: elements of @servers; an id with an empty name is free
 * @targets: @n_servers * DFB_FAMILIES elements, by dfb_target_id(); as @attempts, @state, @rtt
 * @n_pools: elements of @plans and @pools; an id with an empty name is free
 * @beat: sum over all CPUs
 * @steer: sum over all CPUs
 */
struct snapshot {
	uint64_t now_ns;
	struct dfb_control control;
	struct dfb_prober prober;
	uint32_t n_servers;
	struct dfb_server *servers;
	struct dfb_target *targets;
	struct dfb_attempts *attempts;
	struct dfb_target_run *state;
	struct dfb_rtt *rtt;
	uint32_t n_pools;
	struct dfb_plan *plans;
	struct dfb_pool *pools;
	uint32_t n_services;
	struct snapshot_service *services;
	uint32_t n_interfaces;
	struct snapshot_interface *interfaces;
	struct dfb_beat_counters beat;
	struct dfb_steer_counters steer;
	struct dfb_vip_counters vip;
};

/**
 * snapshot_read() - read the maps
 * @maps_dir: where they are pinned, paths.maps_dir
 * @ret_snapshot: to be freed with snapshot_free()
 * Return: 0, -ENOENT (nothing is pinned), -EPERM (not root), -EPROTO (made by a defib with another
 * ABI than ours), or -errno.
 */
int snapshot_read(const char *maps_dir, struct snapshot **ret_snapshot);

/**
 * snapshot_version() - the ABI version of pinned maps
 * Return: 0, -ENOENT (nothing is pinned), or another -errno.
 */
int snapshot_version(const char *maps_dir, uint32_t *ret_abi);

/**
 * snapshot_read_any() - snapshot_read() of maps of any version, by the names of their fields
 * @why: out: one line that ends a sentence about the maps, when it fails
 *
 * What another version does not have is 0; its counters are not read.
 * Return: as snapshot_read(); -EPROTO if something that must be known is not in them.
 */
int snapshot_read_any(const char *maps_dir, struct snapshot **ret_snapshot, char *why, size_t size);

/** snapshot_new() - an empty one for ids below @n_servers and @n_pools. Return: NULL without memory. */
struct snapshot *snapshot_new(uint32_t n_servers, uint32_t n_pools);
void snapshot_free(struct snapshot *s);

/** snapshot_server() - Return: the server of an id, NULL if the id is free or out of range. */
const struct dfb_server *snapshot_server(const struct snapshot *s, uint32_t id);

/** snapshot_name() - Return: a server's name, "" for an id that is free. */
const char *snapshot_name(const struct snapshot *s, uint32_t id);

#endif
