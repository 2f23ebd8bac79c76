/* SPDX-License-Identifier: GPL-2.0-only */
/* What a segment is told of an address: an ARP announcement, or an unsolicited neighbour advertisement. */
#ifndef ACT_ANNOUNCE_FRAME_H
#define ACT_ANNOUNCE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define ANNOUNCE_FRAME_LEN 86 /* the longer one, of IPv6 */

/**
 * struct announce_item - an address, and who has it
 * @ifindex: where it is said
 * @own: MAC address of that interface, the source of the frame: a switch learns from it where we are
 * @station: MAC address of the server that serves
 * @address: network byte order, IPv4 as ::ffff:a.b.c.d
 */
struct announce_item {
	int ifindex;
	uint8_t own[6];
	uint8_t station[6];
	uint8_t address[16];
};

/**
 * announce_frame() - to everybody: an ARP request with sender and target address alike (RFC 5227, 2.3), or an
 * advertisement to all nodes with the override flag, not solicited, from no router (RFC 4861, 7.2.6)
 * Return: its length, at most ANNOUNCE_FRAME_LEN.
 */
size_t announce_frame(const struct announce_item *item, uint8_t ret_frame[ANNOUNCE_FRAME_LEN]);

#endif
