// SPDX-License-Identifier: GPL-2.0-only
/*
 * A capture of probes and replies on the cables of the lab's switch, on the detector's clock. It is
 * kept in the kernel, a slot per probe: nothing is lost when whoever reads it gets no processor.
 * It shares the parser with the programs it watches, and no rule.
 */
#include <defib/wire.h>

#include "parse.h"
#include "tap.h"

#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TAP_TARGETS * TAP_WINDOW);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct tap_slot);
} wire SEC(".maps");

/* 1: the target's replies are noted and then lost: a fault that no server has, to test the oracle */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TAP_TARGETS);
	__type(key, __u32);
	__type(value, __u32);
} deaf SEC(".maps");

static __always_inline struct dfb_probe *find_probe(struct __sk_buff *skb, int reply)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct packet pkt = {};
	struct dfb_probe *probe;
	struct udphdr *udp;

	if (parse_frame(data, end, &pkt) != PARSE_OK || pkt.fragment)
		return NULL;
	udp = parse_udp(&pkt, end);
	if (!udp || (reply ? udp->source : udp->dest) != bpf_htons(DFB_ECHO_PORT))
		return NULL;
	probe = (struct dfb_probe *)(udp + 1);
	if ((void *)(probe + 1) > end || probe->magic != bpf_htonl(DFB_PROBE_MAGIC))
		return NULL;
	return probe;
}

static __always_inline struct tap_slot *find_slot(const struct dfb_probe *probe)
{
	__u32 target = bpf_ntohl(probe->target), index = tap_index(target, bpf_ntohl(probe->seq));

	return target < TAP_TARGETS ? bpf_map_lookup_elem(&wire, &index) : NULL;
}

static __always_inline void open_slot(struct tap_slot *slot, const struct dfb_probe *probe)
{
	slot->nonce = 0;
	for (int i = 0; i < TAP_POINT_MAX; i++)
		slot->at_ns[i] = 0;
	slot->seq = bpf_ntohl(probe->seq);
	slot->at_ns[TAP_LEFT] = bpf_ktime_get_ns();
	slot->nonce = probe->nonce;
}

/* Forged replies carry another nonce; of copies the first counts. */
static __always_inline int note(struct __sk_buff *skb, enum tap_point point)
{
	struct dfb_probe *probe = find_probe(skb, point == TAP_REPLIED || point == TAP_BACK);
	struct tap_slot *slot = probe ? find_slot(probe) : NULL;
	__u32 target, *lost;

	if (!slot)
		return TC_ACT_UNSPEC;
	if (point == TAP_LEFT)
		open_slot(slot, probe);
	else if (slot->nonce == probe->nonce && !slot->at_ns[point])
		slot->at_ns[point] = bpf_ktime_get_ns();
	if (point != TAP_BACK)
		return TC_ACT_UNSPEC;
	target = bpf_ntohl(probe->target);
	lost = bpf_map_lookup_elem(&deaf, &target);
	return lost && *lost ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc")
int tap_left(struct __sk_buff *skb)
{
	return note(skb, TAP_LEFT);
}

SEC("tc")
int tap_reached(struct __sk_buff *skb)
{
	return note(skb, TAP_REACHED);
}

SEC("tc")
int tap_replied(struct __sk_buff *skb)
{
	return note(skb, TAP_REPLIED);
}

SEC("tc")
int tap_back(struct __sk_buff *skb)
{
	return note(skb, TAP_BACK);
}
