// SPDX-License-Identifier: GPL-2.0-only
/*
 * In front of a program that is measured by BPF_PROG_TEST_RUN: each run of a batch finds what the first
 * one found. Without it the second would see the packet as the first left it, and a spent nonce.
 */
#include "maps.h"

#include "ns.h"

#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "GPL";

/* Element 0: what is measured, or a program that does nothing. */
#define NEXT                                       \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, 1);            \
		__type(key, __u32);                \
		__type(value, __u32);              \
	}

NEXT next_xdp SEC(".maps");
NEXT next_tc SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ns_again);
} again SEC(".maps");

/* A probe that has just left, and has no answer yet. */
static __always_inline void probe_again(const struct ns_again *a)
{
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &a->target);
	struct dfb_slot *slot;

	if (!run)
		return;
	slot = &run->detect.slots[a->seq & (DFB_WINDOW - 1)];
	run->detect.judged = a->seq - 1;
	slot->seq = a->seq;
	slot->rtt_ns = 0;
	slot->stamp_ns = bpf_ktime_get_ns();
	slot->nonce = a->nonce;
}

SEC("xdp")
int ns_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ns_again *a = bpf_map_lookup_elem(&again, &(__u32){0});

	if (!a || data + NS_SHORT > end)
		return XDP_ABORTED;
	__builtin_memcpy(data, a->packet, NS_SHORT);
	if (data + NS_LONG <= end)
		__builtin_memcpy(data + NS_SHORT, a->packet + NS_SHORT, NS_LONG - NS_SHORT);
	if (a->target)
		probe_again(a);
	bpf_tail_call(ctx, &next_xdp, 0);
	return XDP_ABORTED;
}

/* A test run has a socket of its own: the prober's, for once. */
SEC("tc")
int ns_tc(struct __sk_buff *skb)
{
	struct dfb_prober *p = bpf_map_lookup_elem(&prober, &(__u32){0});

	if (p)
		p->cookies[0] = bpf_get_socket_cookie(skb);
	bpf_tail_call(skb, &next_tc, 0);
	return TC_ACT_SHOT;
}

SEC("xdp")
int ns_xdp_nothing(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc")
int ns_tc_nothing(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}
