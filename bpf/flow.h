/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: Flows
 *
 * Which server a client's TCP connection is with, so that the client can be told when that server is dead,
 * and can be left with it while it is drained. The packets that begin and end a connection write it down; of
 * the others only a few are looked at, so that the usual one costs nothing. While a pool drains, all are.
 *
 * What was not seen to begin is written down with its first packet that is looked at. An entry keeps its
 * server, wherever the pool goes: it is with that one that the connection was made.
 */
#ifndef DEFIB_STEER_FLOW_H
#define DEFIB_STEER_FLOW_H

#include "maps.h"
#include "parse.h"

#define FLOW_SAMPLE_SHIFT 59 /* one in 32 */

/* Steps of the golden section fall evenly, in step with no rhythm that packets may have (Knuth, The Art of
 * Computer Programming, volume 3, 6.4). */
static __always_inline int flow_is_sampled(__u64 packets)
{
	return !(packets * 0x9e3779b97f4a7c15ull >> FLOW_SAMPLE_SHIFT);
}

/* Its server drains, is not dead, and the deadline is not over. */
static __always_inline int flow_may_stay(const struct dfb_flow *flow, __u32 family, __u64 now)
{
	__u32 server = flow->server, target = dfb_target_id(server, family);
	struct dfb_server *who = bpf_map_lookup_elem(&servers, &server);
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &target);

	return who && now < who->drain_ns && run && run->detect.state != DFB_STATE_DOWN;
}

static __always_inline void flow_begin(const struct dfb_flow_key *key, struct dfb_flow *flow,
				       struct dfb_steer_counters *count)
{
	if (bpf_map_update_elem(&flows, key, flow, BPF_ANY))
		count->flows_failed++;
	else
		count->flows_new++;
}

/**
 * struct flow_packet - a TCP packet that is looked at
 * @flags: of its header
 * @pool: of its service
 * @server: that serves new connections
 */
struct flow_packet {
	struct dfb_flow_key key;
	__u32 family;
	__u32 flags;
	__u32 pool;
	__u32 server;
} __attribute__((aligned(8)));

/* Return: the server that the packet goes to. Not inlined: the usual packet does not come here. */
static __attribute__((noinline)) __u32 flow_follow(const struct flow_packet *pkt,
						   struct dfb_steer_counters *count)
{
	struct dfb_flow *flow = bpf_map_lookup_elem(&flows, &pkt->key);
	__u64 now = bpf_ktime_get_ns();
	struct dfb_flow new = {.server = pkt->server, .pool = pkt->pool, .first_ns = now, .seen_ns = now};
	__u32 server = pkt->server;

	if (!flow || (pkt->flags & PARSE_TCP_SYN)) {
		if (!(pkt->flags & (PARSE_TCP_FIN | PARSE_TCP_RST)))
			flow_begin(&pkt->key, &new, count);
		return server;
	}
	if (flow->server != server && flow_may_stay(flow, pkt->family, now))
		server = flow->server;
	flow->seen_ns = now;
	if (pkt->flags & PARSE_TCP_FIN)
		flow->closing = 1;
	if (pkt->flags & PARSE_TCP_RST)
		bpf_map_delete_elem(&flows, &pkt->key);
	return server;
}

/* Who gets the packet of a service that @server serves. @drains: connections of the pool may be elsewhere */
static __always_inline __u32 flow_server(const struct packet *pkt, void *end, __u32 pool, __u32 server,
					 __u32 drains, struct dfb_steer_counters *count)
{
	struct parse_tcp *tcp = parse_tcp(pkt, end);
	struct flow_packet this;

	if (!tcp || !((tcp->flags & PARSE_TCP_EDGES) || drains || flow_is_sampled(count->marked)))
		return server;
	parse_source(pkt, (__u32 *)this.key.client);
	parse_destination(pkt, (__u32 *)this.key.service);
	this.key.client_port = bpf_ntohs(tcp->source);
	this.key.service_port = bpf_ntohs(tcp->destination);
	this.family = pkt->ipv6 ? DFB_FAMILY_IPV6 : DFB_FAMILY_IPV4;
	this.flags = tcp->flags;
	this.pool = pool;
	this.server = server;
	return flow_follow(&this, count);
}

#endif
