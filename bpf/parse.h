/* SPDX-License-Identifier: GPL-2.0-only */
/* From a frame to its transport header: Ethernet, up to two VLAN tags, IPv4 or IPv6. */
#ifndef DEFIB_PARSE_H
#define DEFIB_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <defib/wire.h>

#define PARSE_MAX_TAGS 2
#define PARSE_ICMP_REQUEST 8	/* RFC 792; <linux/icmp.h> drags in the C library */
#define PARSE_ICMP_REPLY 0
#define PARSE_ICMP6_REQUEST 128 /* RFC 4443 */
#define PARSE_ICMP6_REPLY 129
#define PARSE_ICMP6_SOLICITATION 135 /* RFC 4861 */
#define PARSE_ICMP6_ADVERTISEMENT 136
#define PARSE_FRAGMENT_OFFSET 0x1fff
#define PARSE_MORE_FRAGMENTS 0x2000
#define PARSE_VLAN_ID 0x0fff

/* struct ethhdr is packed, so compilers read it byte by byte; it begins at an even address. */
struct parse_link {
	__be16 to[ETH_ALEN / 2];
	__be16 from[ETH_ALEN / 2];
	__be16 type;
};

struct parse_vlan { /* IEEE 802.1Q; not in the UAPI headers */
	__be16 tci;
	__be16 type;
};

enum parse_result {
	PARSE_OK,
	PARSE_NOT_IP,
	PARSE_TRUNCATED,
};

/**
 * struct packet - where things are; pointers into the frame
 * @l3: the IP header, or what else is behind the tags
 * @type: of @l3, as in the frame
 * @ipv6: which version of it
 * @l4: behind the IP header; nothing is known about its length
 * @l4_length: what the IP header says is there
 * @proto: IPPROTO_*
 * @fragment: part of a fragmented packet
 * @later: not the first fragment: @l4 is no header
 * @options: IPv4 options are present
 * @vlan: VLAN identifiers, from the outermost on; 0: no tag, or one of priority only
 */
struct packet {
	struct parse_link *link;
	void *l3;
	void *l4;
	__u32 l4_length;
	__be16 type;
	__u8 ipv6;
	__u8 proto;
	__u8 fragment;
	__u8 later;
	__u8 options;
	__u16 vlan[PARSE_MAX_TAGS];
};

static __always_inline enum parse_result parse_ip4(void *at, void *end, struct packet *pkt)
{
	struct iphdr *ip = at;
	__u32 header, total;

	if ((void *)(ip + 1) > end)
		return PARSE_TRUNCATED;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip))
		return PARSE_NOT_IP;
	if (total < header || at + header > end)
		return PARSE_TRUNCATED;
	pkt->l4 = at + header;
	pkt->l4_length = total - header;
	pkt->proto = ip->protocol;
	pkt->options = header > sizeof(*ip);
	pkt->later = !!(ip->frag_off & bpf_htons(PARSE_FRAGMENT_OFFSET));
	pkt->fragment = pkt->later || (ip->frag_off & bpf_htons(PARSE_MORE_FRAGMENTS));
	return PARSE_OK;
}

static __always_inline enum parse_result parse_ip6(void *at, void *end, struct packet *pkt)
{
	struct ipv6hdr *ip = at;

	if ((void *)(ip + 1) > end)
		return PARSE_TRUNCATED;
	if (ip->version != 6)
		return PARSE_NOT_IP;
	pkt->ipv6 = 1;
	pkt->l4 = ip + 1;
	pkt->l4_length = bpf_ntohs(ip->payload_len);
	pkt->proto = ip->nexthdr;
	pkt->fragment = ip->nexthdr == IPPROTO_FRAGMENT;
	pkt->later = pkt->fragment; /* the transport header is behind an extension header */
	return PARSE_OK;
}

static __always_inline enum parse_result parse_frame(void *data, void *end, struct packet *pkt)
{
	struct parse_link *link = data;
	void *at = link + 1;
	__be16 type;

	if (at > end)
		return PARSE_TRUNCATED;
	pkt->link = link;
	type = link->type;
#pragma unroll
	for (int i = 0; i < PARSE_MAX_TAGS; i++) {
		struct parse_vlan *vlan = at;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			return PARSE_TRUNCATED;
		pkt->vlan[i] = bpf_ntohs(vlan->tci) & PARSE_VLAN_ID;
		type = vlan->type;
		at = vlan + 1;
	}
	pkt->l3 = at;
	pkt->type = type;
	if (type == bpf_htons(ETH_P_IP))
		return parse_ip4(at, end, pkt);
	if (type == bpf_htons(ETH_P_IPV6))
		return parse_ip6(at, end, pkt);
	return PARSE_NOT_IP;
}

/* A UDP header that is really there; NULL otherwise. */
static __always_inline struct udphdr *parse_udp(const struct packet *pkt, void *end)
{
	struct udphdr *udp = pkt->l4;

	if (pkt->proto != IPPROTO_UDP || pkt->later || (void *)(udp + 1) > end)
		return NULL;
	return udp;
}

#define PARSE_TCP_FIN 0x01 /* RFC 9293, 3.1 */
#define PARSE_TCP_SYN 0x02
#define PARSE_TCP_RST 0x04
#define PARSE_TCP_EDGES (PARSE_TCP_FIN | PARSE_TCP_SYN | PARSE_TCP_RST)

struct parse_tcp { /* the flags of <linux/tcp.h> are bit fields */
	__be16 source;
	__be16 destination;
	__be32 seq;
	__be32 ack;
	__u8 offset;
	__u8 flags;
	__be16 window;
	__be16 check;
	__be16 urgent;
};

/* The TCP header of a whole packet that is really there; NULL otherwise. */
static __always_inline struct parse_tcp *parse_tcp(const struct packet *pkt, void *end)
{
	struct parse_tcp *tcp = pkt->l4;

	if (pkt->proto != IPPROTO_TCP || pkt->fragment || (void *)(tcp + 1) > end)
		return NULL;
	return tcp;
}

/* What a datagram in the format of pktgen begins with; NULL otherwise. */
static __always_inline struct dfb_pktgen *parse_pktgen(struct udphdr *udp, void *end)
{
	struct dfb_pktgen *head = (struct dfb_pktgen *)(udp + 1);

	if (bpf_ntohs(udp->len) < sizeof(*udp) + sizeof(*head) || (void *)(head + 1) > end ||
	    head->magic != bpf_htonl(DFB_PKTGEN_MAGIC))
		return NULL;
	return head;
}

/* What may follow it. */
static __always_inline struct dfb_far *parse_far(const struct udphdr *udp, void *end)
{
	struct dfb_far *far = (void *)(udp + 1) + sizeof(struct dfb_pktgen);

	if (bpf_ntohs(udp->len) < sizeof(*udp) + sizeof(struct dfb_pktgen) + sizeof(*far) ||
	    (void *)(far + 1) > end || far->magic != bpf_htonl(DFB_FAR_MAGIC))
		return NULL;
	return far;
}

struct parse_echo { /* ICMP (RFC 792) and ICMPv6 (RFC 4443) echo have one layout */
	__u8 type;
	__u8 code;
	__be16 check;
	__be16 id;
	__be16 seq;
};

/* An ICMP or ICMPv6 echo header that is really there; NULL otherwise. */
static __always_inline struct parse_echo *parse_echo(const struct packet *pkt, void *end)
{
	__u8 proto = pkt->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	struct parse_echo *echo = pkt->l4;

	if (pkt->proto != proto || pkt->later || (void *)(echo + 1) > end)
		return NULL;
	return echo;
}

/* An address in the form that maps and configuration use: IPv4 as ::ffff:a.b.c.d. */
static __always_inline void parse_map_ip4(__be32 address, __u32 ret_mapped[4])
{
	ret_mapped[0] = 0;
	ret_mapped[1] = 0;
	ret_mapped[2] = bpf_htonl(0xffff);
	ret_mapped[3] = address;
}

static __always_inline void parse_source(const struct packet *pkt, __u32 ret_mapped[4])
{
	if (pkt->ipv6)
		__builtin_memcpy(ret_mapped, &((struct ipv6hdr *)pkt->l3)->saddr, 16);
	else
		parse_map_ip4(((struct iphdr *)pkt->l3)->saddr, ret_mapped);
}

static __always_inline void parse_destination(const struct packet *pkt, __u32 ret_mapped[4])
{
	if (pkt->ipv6)
		__builtin_memcpy(ret_mapped, &((struct ipv6hdr *)pkt->l3)->daddr, 16);
	else
		parse_map_ip4(((struct iphdr *)pkt->l3)->daddr, ret_mapped);
}

static __always_inline int parse_same_address(const __u32 a[4], const void *address)
{
	const __u32 *b = address;

	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

#endif
