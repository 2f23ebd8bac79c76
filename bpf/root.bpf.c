// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one XDP program of an interface: decides by a packet's shape whose it is and hands it over.
 * A slot that nobody filled lets the packet pass. Slots read the packet again: what is behind a
 * slot serves many interfaces, so a scratch area of this one would be the wrong one.
 */
#include <defib/echo.h>
#include <defib/wire.h>

#include "parse.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, DFB_XDP_SLOT_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xdp_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dfb_xdp_conf);
} xdp_conf SEC(".maps");

/* @header: of UDP or of an echo, which have one size */
static __always_inline int is_ours(const struct packet *pkt, void *header, void *end)
{
	struct dfb_probe *probe = header + sizeof(struct udphdr);

	return pkt->l4_length >= sizeof(struct udphdr) + sizeof(*probe) && (void *)(probe + 1) <= end &&
	       probe->magic == bpf_htonl(DFB_PROBE_MAGIC);
}

static __always_inline int is_echo_reply(const struct packet *pkt, const struct parse_echo *echo)
{
	return echo->type == (pkt->ipv6 ? PARSE_ICMP6_REPLY : PARSE_ICMP_REPLY);
}

/* Neighbour discovery behind a fragment header is none (RFC 6980). */
static __always_inline int is_about_neighbours(const struct packet *pkt, const struct parse_echo *icmp)
{
	return pkt->ipv6 &&
	       (icmp->type == PARSE_ICMP6_SOLICITATION || icmp->type == PARSE_ICMP6_ADVERTISEMENT);
}

static __always_inline __u32 classify(const struct packet *pkt, void *end)
{
	struct dfb_xdp_conf *conf = bpf_map_lookup_elem(&xdp_conf, &(__u32){0});
	struct parse_echo *echo = parse_echo(pkt, end);
	struct udphdr *udp = parse_udp(pkt, end);

	if (udp && conf && conf->echo_port && bpf_ntohs(udp->dest) == conf->echo_port)
		return DFB_XDP_ECHO;
	if (udp && is_ours(pkt, udp, end))
		return DFB_XDP_BEAT;
	if (udp && parse_pktgen(udp, end))
		return DFB_XDP_LOSS;
	if (echo && is_echo_reply(pkt, echo) && is_ours(pkt, echo, end))
		return DFB_XDP_BEAT;
	if (echo && is_about_neighbours(pkt, echo))
		return DFB_XDP_VIP;
	return DFB_XDP_SLOT_MAX;
}

SEC("xdp")
int dfb_root(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	enum parse_result result;
	struct packet pkt = {};
	__u32 slot;

	result = parse_frame(data, end, &pkt);
	if (result == PARSE_NOT_IP && pkt.type == bpf_htons(ETH_P_ARP))
		slot = DFB_XDP_VIP;
	else if (result == PARSE_OK)
		slot = classify(&pkt, end);
	else
		return XDP_PASS;
	if (slot < DFB_XDP_SLOT_MAX)
		bpf_tail_call(ctx, &xdp_slots, slot);
	return XDP_PASS;
}
