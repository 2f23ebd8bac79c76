/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pinned maps that several programs share. include/defib/abi.h says what is in them; capacities
 * are set when they are made (indices start at 1).
 */
#ifndef DEFIB_MAPS_H
#define DEFIB_MAPS_H

#include <defib/abi.h>
#include <defib/flow.h>
#include <defib/vip.h>

#include <bpf/bpf_helpers.h>

#define MAP_OF(kind, key_type, value_type, flags)  \
	struct {                                   \
		__uint(type, kind);                \
		__uint(max_entries, 1);            \
		__uint(map_flags, flags);          \
		__type(key, key_type);             \
		__type(value, value_type);         \
		__uint(pinning, LIBBPF_PIN_BY_NAME); \
	}

/* configuration */
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_target, BPF_F_MMAPABLE) targets SEC(".maps");
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_server, 0) servers SEC(".maps");
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_plan, 0) plans SEC(".maps");
MAP_OF(BPF_MAP_TYPE_HASH, struct dfb_service_key, struct dfb_service, BPF_F_NO_PREALLOC)
services SEC(".maps");
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_control, BPF_F_MMAPABLE) control SEC(".maps");
MAP_OF(BPF_MAP_TYPE_HASH, __u32, struct dfb_interface, BPF_F_NO_PREALLOC) interfaces SEC(".maps");
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_station, 0) stations SEC(".maps");

/* written by the prober */
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_attempts, BPF_F_MMAPABLE) attempts SEC(".maps");
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_prober, BPF_F_MMAPABLE) prober SEC(".maps");
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_pulse, BPF_F_MMAPABLE) pulses SEC(".maps");

/* state */
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_target_run, 0) state SEC(".maps");
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_pool, 0) pools SEC(".maps");
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_rtt, 0) rtt SEC(".maps");
MAP_OF(BPF_MAP_TYPE_LRU_HASH, struct dfb_flow_key, struct dfb_flow, 0) flows SEC(".maps");

#endif
