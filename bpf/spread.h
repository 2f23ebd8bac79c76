/* SPDX-License-Identifier: GPL-2.0-only */
/* Which client, and which flow of it, a packet to a service belongs to. */
#ifndef DEFIB_SPREAD_H
#define DEFIB_SPREAD_H

#include "parse.h"

#define SPREAD_ICMP_UNREACHABLE 3	 /* RFC 792 */
#define SPREAD_ICMP_TIME 11
#define SPREAD_ICMP6_ERRORS 128	 /* RFC 4443: types below are errors */
#define SPREAD_ICMP_HEADER 8

struct spread_ports {
	__be16 source;
	__be16 destination;
};

static __always_inline int spread_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static __always_inline int spread_is_error(const struct packet *pkt, const struct parse_echo *icmp)
{
	if (pkt->ipv6)
		return icmp->type < SPREAD_ICMP6_ERRORS;
	return icmp->type == SPREAD_ICMP_UNREACHABLE || icmp->type == SPREAD_ICMP_TIME;
}

/* Between client and service, whoever of them is the source. */
static __always_inline __u32 spread_mix(const struct spread_ports *ports, __u8 proto)
{
	__u32 sum = ports->source + ports->destination;

	return ((__u32)(ports->source ^ ports->destination) << 16 | (sum & 0xffff)) ^ proto;
}

/* What an error is about is a packet of the server's, so its destination is the client. */
static __always_inline int spread_inner4(void *at, void *end, __u32 ret_client[4], __u32 *ret_ports)
{
	struct spread_ports *ports = at + sizeof(struct iphdr);
	struct iphdr *ip = at;

	if ((void *)(ip + 1) > end)
		return 0;
	parse_map_ip4(ip->daddr, ret_client);
	if (ip->ihl == 5 && spread_has_ports(ip->protocol) && (void *)(ports + 1) <= end &&
	    !(ip->frag_off & bpf_htons(PARSE_FRAGMENT_OFFSET | PARSE_MORE_FRAGMENTS)))
		*ret_ports = spread_mix(ports, ip->protocol);
	return 1;
}

static __always_inline int spread_inner6(void *at, void *end, __u32 ret_client[4], __u32 *ret_ports)
{
	struct ipv6hdr *ip = at;
	struct spread_ports *ports = (void *)(ip + 1);

	if ((void *)(ip + 1) > end)
		return 0;
	__builtin_memcpy(ret_client, &ip->daddr, 16);
	if (spread_has_ports(ip->nexthdr) && (void *)(ports + 1) <= end)
		*ret_ports = spread_mix(ports, ip->nexthdr);
	return 1;
}

/* An ICMP error comes from a router on the way, but must reach the server that it is about, or that one never
 * learns of a smaller MTU (RFC 1191, RFC 8201). Return: 0: it is none. */
static __always_inline int spread_of_error(const struct packet *pkt, void *end, __u32 ret_client[4],
					 __u32 *ret_ports)
{
	struct parse_echo *icmp = parse_echo(pkt, end);

	if (!icmp || !spread_is_error(pkt, icmp))
		return 0;
	if (pkt->ipv6)
		return spread_inner6((void *)icmp + SPREAD_ICMP_HEADER, end, ret_client, ret_ports);
	return spread_inner4((void *)icmp + SPREAD_ICMP_HEADER, end, ret_client, ret_ports);
}

/**
 * spread_client() - the client of a packet, and its flow
 * @ret_client: IPv4 as ::ffff:a.b.c.d
 * @ret_ports: of the flow and its protocol, mixed; 0 for a fragment, and where there are no ports
 */
static __always_inline void spread_client(const struct packet *pkt, void *end, __u32 ret_client[4],
					__u32 *ret_ports)
{
	struct spread_ports *ports = pkt->l4;

	*ret_ports = 0;
	if (spread_of_error(pkt, end, ret_client, ret_ports))
		return;
	parse_source(pkt, ret_client);
	if (spread_has_ports(pkt->proto) && !pkt->fragment && (void *)(ports + 1) <= end)
		*ret_ports = spread_mix(ports, pkt->proto);
}

#endif
