/* SPDX-License-Identifier: GPL-2.0-only */
/* ARP for IPv4 over Ethernet (RFC 826) and neighbour discovery (RFC 4861): formats, validity, answers. */
#ifndef DEFIB_NEIGHBOUR_H
#define DEFIB_NEIGHBOUR_H

#include "parse.h"

#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define ND_HOP_LIMIT 255
#define ND_SOURCE_OPTION 1
#define ND_TARGET_OPTION 2
#define ND_OPTIONS 8 /* units of 8 bytes; a solicitation has one or two */
#define ND_OVERRIDE 0x20000000u
#define ND_SOLICITED 0x40000000u

struct station { /* a MAC address */
	__be16 part[ETH_ALEN / 2];
};

/* It is behind the tags, so at an even address, and no better. */
struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_size;
	__u8 protocol_size;
	__be16 op;
	struct station sender;
	__be16 sender_ip[2];
	struct station target;
	__be16 target_ip[2];
};

struct nd_option { /* with a MAC address */
	__u8 type;
	__u8 units; /* of 8 bytes */
	struct station station;
};

struct nd {
	__u8 type;
	__u8 code;
	__be16 check;
	__be32 flags;
	__u8 target[16];
	struct nd_option options[];
};

_Static_assert(sizeof(struct arp) == 28, "RFC 826");
_Static_assert(sizeof(struct nd) == 24, "RFC 4861, 4.3 and 4.4");

static __always_inline int station_is_same(const struct station *a, const struct station *b)
{
	return a->part[0] == b->part[0] && a->part[1] == b->part[1] && a->part[2] == b->part[2];
}

static __always_inline int station_is_group(const struct station *s)
{
	return *(const __u8 *)s & 1;
}

static __always_inline int is_unspecified(const __u32 address[4])
{
	return !(address[0] | address[1] | address[2] | address[3]);
}

/* --- messages -------------------------------------------------------------------------------- */

static __always_inline int arp_is_ethernet(const struct arp *arp)
{
	return arp->hardware == bpf_htons(ARP_ETHERNET) && arp->protocol == bpf_htons(ETH_P_IP) &&
	       arp->hardware_size == ETH_ALEN && arp->protocol_size == sizeof(arp->sender_ip);
}

/* As maps have them. */
static __always_inline void arp_address(const __be16 ip[2], __u32 ret_mapped[4])
{
	__be32 address;

	__builtin_memcpy(&address, ip, sizeof(address));
	parse_map_ip4(address, ret_mapped);
}

/* Sum of 16-bit words (RFC 1071) up to a length; -1: the frame ends before. */
static __always_inline __s64 nd_sum(const void *at, __u32 length, const void *end)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < (sizeof(struct nd) + ND_OPTIONS * 8) / 2; i++) {
		const __u16 *word = (const __u16 *)at + i;

		if (2 * i >= length)
			break;
		if ((const void *)(word + 1) > end)
			return -1;
		sum += *word;
	}
	return (__s64)sum;
}

static __always_inline __u16 nd_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* Of a message with its pseudo header (RFC 8200, 8.1): 0xffff, where the checksum is in it and right;
 * -1: the frame ends before. */
static __always_inline __s32 nd_checksum(struct ipv6hdr *ip, const struct nd *nd, __u32 length,
					 const void *end)
{
	const __u16 *address = (const __u16 *)&ip->saddr;
	__s64 sum = nd_sum(nd, length, end);

	if (sum < 0)
		return -1;
#pragma unroll
	for (int i = 0; i < 16; i++)
		sum += address[i];
	return nd_fold((__u64)sum + bpf_htons((__u16)length) + bpf_htons(IPPROTO_ICMPV6));
}

/**
 * nd_read_options() - are they as RFC 4861, 7.1, demands?
 * @length: of the message
 * @type: of the one that is looked for
 * @ret_station: what it says; left alone if there is none
 * Return: 1: valid, with such an option; 0: valid, without; -1: not valid.
 */
static __always_inline int nd_read_options(const struct nd *nd, __u32 length, __u8 type, const void *end,
					   struct station *ret_station)
{
	const struct nd_option *option = nd->options;
	__u32 units = (length - sizeof(*nd)) / 8;
	int found = 0;

	for (int i = 0; i < ND_OPTIONS && units; i++) {
		if ((const void *)(option + 1) > end || !option->units || option->units > units)
			return -1;
		if (option->type == type) {
			*ret_station = option->station;
			found = 1;
		}
		units -= option->units;
		option += option->units;
	}
	return units ? -1 : found;
}

static __always_inline int nd_has_length(__u32 length)
{
	return length >= sizeof(struct nd) && length <= sizeof(struct nd) + ND_OPTIONS * 8 && !(length % 8);
}

#endif
