// SPDX-License-Identifier: GPL-2.0-only
#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#define DESTINATION_OPTIONS 60 /* RFC 8200, 4.6 */

/* Where building has got to. */
struct cursor {
	uint8_t *start;
	uint8_t *at;
};

static uint8_t *put(struct cursor *c, const void *data, size_t size)
{
	uint8_t *at = c->at;

	assert(at + size <= c->start + FRAME_ROOM);
	if (data)
		memcpy(at, data, size);
	else
		memset(at, 0, size);
	c->at += size;
	return at;
}

static void put_type(struct cursor *c, uint16_t type)
{
	type = htons(type);
	put(c, &type, sizeof(type));
}

static uint16_t usual(uint16_t value, uint16_t otherwise)
{
	return value ? value : otherwise;
}

static void put_link(struct cursor *c, const struct frame *f)
{
	put(c, f->to ? f->to : FRAME_STATION, ETH_ALEN);
	put(c, f->from ? f->from : FRAME_PEER, ETH_ALEN);
	for (int i = 0; i < f->tags; i++) {
		put_type(c, i + 1 < f->tags ? ETH_P_8021AD : ETH_P_8021Q);
		put_type(c, (uint16_t)(100 + i));
	}
	put_type(c, usual(f->ethertype, f->ipv6 ? ETH_P_IPV6 : ETH_P_IP));
}

static uint16_t payload_length(const struct frame *f)
{
	static const uint16_t lengths[] = {
		[FRAME_PROBE] = sizeof(struct dfb_probe),
		[FRAME_STREAM] = sizeof(struct dfb_pktgen) + sizeof(struct dfb_far),
	};

	return usual(f->length, f->payload == FRAME_TEXT ? 0 : lengths[f->payload]);
}

static bool is_icmp(const struct frame *f)
{
	return f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6;
}

static void fill_probe(const struct frame *f, uint8_t *at, uint16_t length)
{
	struct dfb_probe probe = f->probe;

	if (!probe.magic)
		probe.magic = htonl(DFB_PROBE_MAGIC);
	if (!probe.version)
		probe.version = DFB_PROBE_VERSION;
	memcpy(at, &probe, length < sizeof(probe) ? length : sizeof(probe));
}

static void fill_stream(const struct frame *f, uint8_t *at, uint16_t length)
{
	struct {
		struct dfb_pktgen head;
		struct dfb_far far;
	} both = {f->stream, f->far};

	if (!both.head.magic)
		both.head.magic = htonl(DFB_PKTGEN_MAGIC);
	if (!both.far.magic)
		both.far.magic = htonl(DFB_FAR_MAGIC);
	memcpy(at, &both, length < sizeof(both) ? length : sizeof(both));
}

static void put_payload(struct cursor *c, const struct frame *f)
{
	uint16_t length = payload_length(f);
	uint8_t *at = put(c, NULL, length);

	for (uint16_t i = 0; i < length; i++)
		at[i] = (uint8_t)(i * 7 + 3);
	if (f->payload == FRAME_PROBE)
		fill_probe(f, at, length);
	else if (f->payload == FRAME_STREAM)
		fill_stream(f, at, length);
}

static uint16_t final(uint32_t sum)
{
	return htons((uint16_t)~sum);
}

/* The checksum over a transport message, with the pseudo header of the IP header at @ip. */
static uint32_t sum_of_message(const uint8_t *ip, const uint8_t *message, size_t size, uint8_t proto)
{
	bool ipv6 = ip[0] >> 4 == 6;
	uint8_t tail[4] = {0, proto, (uint8_t)(size >> 8), (uint8_t)size};
	uint32_t sum = frame_sum(message, size, 0);

	if (proto == IPPROTO_ICMP)
		return sum;
	sum = frame_sum(ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8, sum);
	return frame_sum(tail, sizeof(tail), sum);
}

/* TCP: its header and nothing else. */
static void put_segment(struct cursor *c, const struct frame *f, const uint8_t *ip)
{
	struct tcphdr *tcp = (struct tcphdr *)put(c, NULL, sizeof(*tcp));

	tcp->th_sport = htons(usual(f->sport, FRAME_PORT));
	tcp->th_dport = htons(usual(f->dport, FRAME_TCP_PORT));
	tcp->th_off = sizeof(*tcp) / 4;
	tcp->th_flags = f->tcp_flags ? f->tcp_flags : TH_ACK;
	tcp->th_sum = final(sum_of_message(ip, (uint8_t *)tcp, sizeof(*tcp), IPPROTO_TCP));
}

/* UDP or an echo message: eight bytes, then the payload. */
static void put_message(struct cursor *c, const struct frame *f, const uint8_t *ip)
{
	uint8_t proto = f->proto ? f->proto : IPPROTO_UDP, *at = put(c, NULL, sizeof(struct udphdr));
	struct icmp6_hdr *echo = (struct icmp6_hdr *)at; /* RFC 792 has the same layout */
	struct udphdr *udp = (struct udphdr *)at;
	uint16_t sum = 0;

	put_payload(c, f);
	if (is_icmp(f)) {
		echo->icmp6_type = f->icmp;
		echo->icmp6_id = htons(77);
	} else {
		udp->source = htons(usual(f->sport, FRAME_PORT));
		udp->dest = htons(usual(f->dport, DFB_ECHO_PORT));
		udp->len = htons((uint16_t)(sizeof(*udp) + payload_length(f) + f->udp_more));
	}
	if (f->checksum == 2)
		return;
	sum = final(sum_of_message(ip, at, (size_t)(c->at - at), proto));
	sum = f->checksum ? (uint16_t)(sum ^ htons(0x1234)) : usual(sum, 0xffff);
	if (is_icmp(f))
		echo->icmp6_cksum = sum;
	else
		udp->check = sum;
}

static void put_transport(struct cursor *c, const struct frame *f, const uint8_t *ip)
{
	if (f->proto == IPPROTO_TCP)
		put_segment(c, f, ip);
	else
		put_message(c, f, ip);
}

static void put_ip4(struct cursor *c, const struct frame *f)
{
	struct iphdr *ip = (struct iphdr *)put(c, NULL, sizeof(*ip));
	uint8_t *options = put(c, NULL, f->options);
	size_t header = sizeof(*ip) + f->options;

	memset(options, IPOPT_NOP, f->options);
	ip->version = f->version ? f->version : 4;
	ip->ihl = f->ihl ? f->ihl : (unsigned int)header / 4;
	ip->ttl = f->ttl ? f->ttl : FRAME_TTL;
	ip->frag_off = htons(f->fragment);
	ip->protocol = f->proto ? f->proto : IPPROTO_UDP;
	assert(inet_pton(AF_INET, f->source ? f->source : FRAME_SOURCE4, &ip->saddr) == 1);
	assert(inet_pton(AF_INET, f->destination ? f->destination : FRAME_DESTINATION4, &ip->daddr) == 1);
	put_transport(c, f, (uint8_t *)ip);
	ip->tot_len = htons((uint16_t)(c->at - (uint8_t *)ip + f->ip_more));
	ip->check = final(frame_sum((uint8_t *)ip, header, 0));
}

/* An extension header of eight bytes; the type of what follows is its first byte. */
static uint8_t *put_extension(struct cursor *c, uint8_t *next, uint8_t type, uint16_t content)
{
	uint8_t *at = put(c, NULL, 8);

	content = htons(content);
	memcpy(at + 2, &content, sizeof(content));
	*next = type;
	return at;
}

static void put_ip6(struct cursor *c, const struct frame *f)
{
	struct ip6_hdr *ip = (struct ip6_hdr *)put(c, NULL, sizeof(*ip));
	uint8_t *next = &ip->ip6_nxt;

	ip->ip6_vfc = (uint8_t)((f->version ? f->version : 6) << 4);
	ip->ip6_hlim = f->ttl ? f->ttl : FRAME_TTL;
	assert(inet_pton(AF_INET6, f->source ? f->source : FRAME_SOURCE6, &ip->ip6_src) == 1);
	assert(inet_pton(AF_INET6, f->destination ? f->destination : FRAME_DESTINATION6, &ip->ip6_dst) == 1);
	if (f->extension)
		next = put_extension(c, next, DESTINATION_OPTIONS, 0x0104 /* PadN */);
	if (f->fragment)
		next = put_extension(c, next, IPPROTO_FRAGMENT, f->fragment);
	*next = f->proto ? f->proto : IPPROTO_UDP;
	put_transport(c, f, (uint8_t *)ip);
	ip->ip6_plen = htons((uint16_t)(c->at - (uint8_t *)(ip + 1) + f->ip_more));
}

size_t frame_build(const struct frame *f, uint8_t *ret_packet)
{
	struct cursor c = {.start = ret_packet, .at = ret_packet};

	put_link(&c, f);
	if (f->ipv6)
		put_ip6(&c, f);
	else
		put_ip4(&c, f);
	memset(put(&c, NULL, f->padding), 0xee, f->padding);
	return (size_t)(c.at - ret_packet) - f->cut;
}

uint32_t frame_sum(const uint8_t *data, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

size_t frame_l3(const uint8_t *packet)
{
	size_t at = 2 * ETH_ALEN;
	uint16_t type = (uint16_t)(packet[at] << 8 | packet[at + 1]);

	while (type == ETH_P_8021Q || type == ETH_P_8021AD) {
		at += 4;
		type = (uint16_t)(packet[at] << 8 | packet[at + 1]);
	}
	return at + 2;
}

bool frame_is_sound(const uint8_t *packet, size_t size)
{
	const uint8_t *ip = packet + frame_l3(packet);
	bool ipv6 = ip[0] >> 4 == 6;
	const uint8_t *message = ip + (ipv6 ? sizeof(struct ip6_hdr) : ip[0] % 16 * 4u);
	const struct udphdr *udp = (const struct udphdr *)message;

	if (!ipv6 && frame_sum(ip, (size_t)(message - ip), 0) != 0xffff)
		return false;
	if (!udp->check)
		return !ipv6;
	if (message + ntohs(udp->len) > packet + size)
		return false;
	return sum_of_message(ip, message, ntohs(udp->len), IPPROTO_UDP) == 0xffff;
}

struct dfb_probe *frame_probe(uint8_t *packet)
{
	uint8_t *ip = packet + frame_l3(packet);

	ip += ip[0] >> 4 == 6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	return (struct dfb_probe *)(ip + sizeof(struct udphdr));
}

struct dfb_pktgen *frame_stream(uint8_t *packet)
{
	return (struct dfb_pktgen *)frame_probe(packet);
}
