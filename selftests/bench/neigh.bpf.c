// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way not taken: send a service's packets to their server from clsact with bpf_redirect_neigh,
 * past routing, firewall and TTL. Only to be measured beside the mark.
 */
#include <defib/abi.h>

#include "parse.h"

#include <linux/pkt_cls.h>

#define AF_INET 2

char LICENSE[] SEC("license") = "GPL";

struct hop {
	__u32 ifindex;
	__be32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct dfb_service_key);
	__type(value, struct hop);
} hops SEC(".maps");

SEC("tc")
int neigh(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bpf_redir_neigh next = {.nh_family = AF_INET};
	struct packet pkt = {};
	__u32 destination[4];
	struct hop *hop;

	if (parse_frame(data, end, &pkt) != PARSE_OK)
		return TC_ACT_UNSPEC;
	parse_destination(&pkt, destination);
	hop = bpf_map_lookup_elem(&hops, destination);
	if (!hop)
		return TC_ACT_UNSPEC;
	next.ipv4_nh = hop->address;
	return bpf_redirect_neigh(hop->ifindex, &next, sizeof(next), 0);
}
