/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel programs call, as far as the simulator runs them: bpf/beat.bpf.c is compiled
 * for it as it is, with this header in libbpf's place. kernel.c has the other half.
 */
#ifndef MODEL_BPF_HELPERS_H
#define MODEL_BPF_HELPERS_H

#include "../../../lib/bpf_declare.h"

/* Arrays only: the key is an index. */
#define bpf_map_lookup_elem(map, key) kernel_lookup((map), sizeof(*(map)->value), *(const __u32 *)(key))
#define bpf_loop(n, round, context, flags) kernel_loop((n), (long (*)(__u32, void *))(round), (context))
#define bpf_ktime_get_ns() kernel_time()
#define bpf_timer_init(timer, map, clock) ((void)(timer), 0L)
#define bpf_timer_set_callback(timer, callback) ((void)(callback), 0L)
#define bpf_timer_start(timer, delay, flags) kernel_timer_start((timer), (delay))
#define bpf_spin_lock(lock) ((void)(lock))
#define bpf_spin_unlock(lock) ((void)(lock))
#define bpf_ringbuf_reserve(ring, size, flags) kernel_reserve((ring), (size))
#define bpf_ringbuf_submit(record, flags) kernel_submit(record)
#define bpf_get_smp_processor_id() kernel_cpu()
#define bpf_get_socket_cookie(skb) ((__u64)(skb != NULL))
#define bpf_skb_load_bytes(skb, offset, to, size) kernel_load_order((to), (size))

void *kernel_lookup(void *map, size_t value_size, __u32 index);
void kernel_loop(__u32 n, long (*round)(__u32 i, void *context), void *context);
__u64 kernel_time(void);
__u32 kernel_cpu(void);
void kernel_timer_start(struct bpf_timer *timer, __u64 delay_ns);
void *kernel_reserve(void *ring, size_t size);
void kernel_submit(void *record);
int kernel_load_order(void *to, size_t size);

#endif
