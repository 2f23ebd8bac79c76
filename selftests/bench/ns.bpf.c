// SPDX-License-Identifier: GPL-2.0-only
/*
 * In front of a program that is measured by BPF_PROG_TEST_RUN: each run of a batch finds what the first
 * one found. Without it the second would see the packet as the first left it, and a spent nonce. There are
 * two of each kind, as to change what one of them leads to takes the kernel much longer than a batch.
 */
#include <defib/wire.h>

#include "maps.h"

#include "ns.h"

#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

#define NEXT                                       \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, NS_NEXT_MAX);  \
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

/* What was written in small pieces a moment ago, a processor is slow to read in a large one, and no packet
 * comes from the wire like that. So nothing is written in smaller pieces than programs read. */
static __always_inline void write_nonce(void *payload, const struct ns_again *a)
{
	struct dfb_probe *probe = payload;

	*(volatile __u64 *)&probe->nonce = a->nonce;
}

static __always_inline int frame_again(struct xdp_md *ctx, const struct ns_again *a)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	volatile __u16 *link = data;
	volatile __u32 *rest = data + NS_IP;

	if (data + NS_SHORT > end)
		return 0;
#pragma unroll
	for (int i = 0; i < NS_IP / 2; i++)
		link[i] = a->link[i];
#pragma unroll
	for (int i = 0; i < (NS_SHORT - NS_IP) / 4; i++)
		rest[i] = a->rest[i];
	if (data + NS_LONG > end) {
		write_nonce(data + NS_SHORT - sizeof(struct dfb_probe), a);
		return 1;
	}
#pragma unroll
	for (int i = (NS_SHORT - NS_IP) / 4; i < (NS_LONG - NS_IP) / 4; i++)
		rest[i] = a->rest[i];
	write_nonce(data + NS_LONG - sizeof(struct dfb_probe), a);
	return 1;
}

/* The next packet of the next stream. */
static __always_inline int stream_again(struct xdp_md *ctx, struct ns_again *a, enum ns_next next)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 n = a->n[next]++, at = a->udp & 31;
	volatile __u32 *udp = data + NS_IP + at * 4;

	if ((void *)(udp + NS_SEQ + 1) > end)
		return 0;
	udp[0] = (udp[0] & bpf_htonl(0xffff)) | bpf_htonl((10000 + n % a->streams) << 16);
	udp[NS_SEQ] = bpf_htonl(n / a->streams + 1);
	return 1;
}

static __always_inline int again_xdp(struct xdp_md *ctx, enum ns_next next)
{
	struct ns_again *a = bpf_map_lookup_elem(&again, &(__u32){0});

	if (!a || !frame_again(ctx, a))
		return XDP_ABORTED;
	if (a->streams && !stream_again(ctx, a, next))
		return XDP_ABORTED;
	if (a->target)
		probe_again(a);
	bpf_tail_call(ctx, &next_xdp, next);
	return XDP_ABORTED;
}

/* A test run has a socket of its own: the prober's, for once. */
static __always_inline int again_tc(struct __sk_buff *skb, enum ns_next next)
{
	struct dfb_prober *p = bpf_map_lookup_elem(&prober, &(__u32){0});

	if (p)
		p->cookies[0] = bpf_get_socket_cookie(skb);
	bpf_tail_call(skb, &next_tc, next);
	return TC_ACT_SHOT;
}

SEC("xdp")
int ns_xdp(struct xdp_md *ctx)
{
	return again_xdp(ctx, NS_SUBJECT);
}

SEC("xdp")
int ns_xdp_without(struct xdp_md *ctx)
{
	return again_xdp(ctx, NS_NOTHING);
}

SEC("tc")
int ns_tc(struct __sk_buff *skb)
{
	return again_tc(skb, NS_SUBJECT);
}

SEC("tc")
int ns_tc_without(struct __sk_buff *skb)
{
	return again_tc(skb, NS_NOTHING);
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
