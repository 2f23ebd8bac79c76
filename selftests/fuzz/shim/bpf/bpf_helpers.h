/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel programs call, for running them as a part of an ordinary program: they are compiled as they
 * are, with this header in libbpf's place. native.c has the other half. A packet's addresses have 32 bits.
 */
#ifndef NATIVE_BPF_HELPERS_H
#define NATIVE_BPF_HELPERS_H

#include "../../../lib/bpf_declare.h"

#define bpf_map_lookup_elem(map, key) native_lookup((map), (key))
#define bpf_map_update_elem(map, key, value, flags) native_update((map), (key), (value))
#define bpf_map_delete_elem(map, key) ((void)(key))
#define bpf_loop(n, round, context, flags) native_loop((n), (long (*)(__u32, void *))(round), (context))
#define bpf_ktime_get_ns() NATIVE_NOW_NS
#define bpf_jiffies64() 0ull
#define bpf_ktime_get_coarse_ns() NATIVE_NOW_NS
#define bpf_timer_init(timer, map, clock) ((void)(timer), 0L)
#define bpf_timer_set_callback(timer, callback) ((void)(callback), 0L)
#define bpf_timer_start(timer, delay, flags) ((void)(delay))
#define bpf_spin_lock(lock) ((void)(lock))
#define bpf_spin_unlock(lock) ((void)(lock))
#define bpf_ringbuf_reserve(ring, size, flags) NULL
#define bpf_ringbuf_submit(record, flags) ((void)(record))
#define bpf_get_smp_processor_id() 0u
#define bpf_get_socket_cookie(skb) native_cookie()
#define bpf_skb_load_bytes(skb, offset, to, size) ((void)(to), -1) /* orders do not come this way */
#define bpf_tail_call(ctx, map, slot) native_tail_call(slot)
#define bpf_xdp_load_bytes(ctx, offset, to, size) native_load_bytes((ctx), (offset), (to), (size))
#define bpf_csum_diff(from, from_size, to, to_size, seed) native_sum((to), (to_size), (seed))

#define NATIVE_NOW_NS 1000000000ull

void *native_lookup(void *map, const void *key);
int native_update(void *map, const void *key, const void *value);
void native_loop(__u32 n, long (*round)(__u32 i, void *context), void *context);
__u64 native_cookie(void);
void native_tail_call(__u32 slot);
int native_load_bytes(const struct xdp_md *ctx, __u32 offset, void *to, __u32 size);
__s64 native_sum(const __u32 *words, __u32 size, __u32 seed);

#endif
