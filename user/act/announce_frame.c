// SPDX-License-Identifier: GPL-2.0-only
#include "announce_frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <string.h>

struct advertisement {
	struct nd_neighbor_advert message;
	struct nd_opt_hdr option;
	uint8_t station[6];
};

_Static_assert(sizeof(struct ether_header) + sizeof(struct ip6_hdr) + sizeof(struct advertisement) ==
		       ANNOUNCE_FRAME_LEN, "the longer frame");

static size_t write_link(const struct announce_item *item, const char *to, uint16_t type, uint8_t *frame)
{
	struct ether_header link = {.ether_type = htons(type)};

	memcpy(link.ether_dhost, to, sizeof(link.ether_dhost));
	memcpy(link.ether_shost, item->own, sizeof(link.ether_shost));
	memcpy(frame, &link, sizeof(link));
	return sizeof(link);
}

static size_t write_arp(const struct announce_item *item, uint8_t *frame)
{
	size_t at = write_link(item, "\xff\xff\xff\xff\xff\xff", ETHERTYPE_ARP, frame);
	struct ether_arp arp = {
		.ea_hdr = {
			.ar_hrd = htons(ARPHRD_ETHER), .ar_pro = htons(ETHERTYPE_IP),
			.ar_hln = 6, .ar_pln = 4, .ar_op = htons(ARPOP_REQUEST),
		},
	};

	memcpy(arp.arp_sha, item->station, sizeof(arp.arp_sha));
	memcpy(arp.arp_spa, item->address + 12, sizeof(arp.arp_spa));
	memcpy(arp.arp_tpa, item->address + 12, sizeof(arp.arp_tpa));
	memcpy(frame + at, &arp, sizeof(arp));
	return at + sizeof(arp);
}

/* RFC 1071; of an even number of bytes. */
static uint32_t sum(const void *data, size_t size, uint32_t before)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i += 2)
		before += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return before;
}

static uint16_t checksum(const struct ip6_hdr *ip, const struct advertisement *na)
{
	uint32_t total = sum(&ip->ip6_src, sizeof(ip->ip6_src) + sizeof(ip->ip6_dst),
			     (uint32_t)sizeof(*na) + IPPROTO_ICMPV6);

	total = sum(na, sizeof(*na), total);
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

static size_t write_advertisement(const struct announce_item *item, uint8_t *frame)
{
	size_t at = write_link(item, "\x33\x33\x00\x00\x00\x01", ETHERTYPE_IPV6, frame);
	struct advertisement na = {
		.message = {.nd_na_type = ND_NEIGHBOR_ADVERT, .nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE},
		.option = {.nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1},
	};
	struct ip6_hdr ip = {
		.ip6_flow = htonl(0x60000000),
		.ip6_plen = htons(sizeof(na)),
		.ip6_nxt = IPPROTO_ICMPV6,
		.ip6_hlim = 255,
		.ip6_dst = {.s6_addr = {0xff, 0x02, [15] = 1}},
	};

	memcpy(&ip.ip6_src, item->address, sizeof(ip.ip6_src));
	memcpy(&na.message.nd_na_target, item->address, sizeof(na.message.nd_na_target));
	memcpy(na.station, item->station, sizeof(na.station));
	na.message.nd_na_cksum = checksum(&ip, &na);
	memcpy(frame + at, &ip, sizeof(ip));
	memcpy(frame + at + sizeof(ip), &na, sizeof(na));
	return at + sizeof(ip) + sizeof(na);
}

size_t announce_frame(const struct announce_item *item, uint8_t ret_frame[ANNOUNCE_FRAME_LEN])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (!memcmp(item->address, mapped, sizeof(mapped)))
		return write_arp(item, ret_frame);
	return write_advertisement(item, ret_frame);
}
