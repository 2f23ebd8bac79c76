/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames for the packet tables, built field by field; a field left 0 takes the usual value. */
#ifndef SELFTESTS_FRAME_H
#define SELFTESTS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/wire.h>

#define FRAME_ROOM 2048
#define FRAME_PORT 40000
#define FRAME_TCP_PORT 80
#define FRAME_TTL 17
#define FRAME_SOURCE4 "10.78.0.1"
#define FRAME_SOURCE6 "fd78::1"
#define FRAME_DESTINATION4 "10.78.0.11"
#define FRAME_DESTINATION6 "fd78::11"
#define FRAME_STATION "\x02\xdf\x1b\x00\x00\x11" /* where frames go */
#define FRAME_PEER "\x02\xdf\x1b\x00\x00\x01"	 /* where they come from */

enum frame_payload {
	FRAME_PROBE,  /* struct frame.probe, then filling */
	FRAME_TEXT,   /* filling only */
	FRAME_STREAM, /* struct frame.stream and .far, then filling */
};

/**
 * struct frame - what to build
 * @ipv6: instead of IPv4
 * @tags: VLAN tags, the outer ones 802.1ad
 * @ethertype: instead of IP's, host byte order
 * @to, @from: link-layer addresses, as a string of 6 bytes
 * @source, @destination: as inet_pton(3) reads them
 * @version: of IP, instead of the right one
 * @ihl: IPv4 header length field, instead of the right one
 * @options: bytes of IPv4 options, a multiple of 4
 * @fragment: IPv4: flags and offset as in the header; IPv6: a fragment header with it
 * @extension: IPv6: a destination options header in between
 * @proto: of the transport header, 0: UDP; IPPROTO_ICMP and IPPROTO_ICMPV6 make an echo message,
 *	IPPROTO_TCP a segment without data
 * @icmp: type of that message
 * @tcp_flags: of TCP, 0: ACK
 * @sport, @dport: host byte order
 * @length: payload; 0: as long as the probe, or nothing
 * @payload: enum frame_payload
 * @probe: fields that are 0 are left so, but for magic and version
 * @stream: likewise, but for magic
 * @far: likewise; as far as there is room
 * @ip_more, @udp_more: added to the length fields
 * @padding: bytes behind the packet
 * @cut: bytes missing at the end
 * @checksum: of UDP or ICMP: 0: right, 1: wrong, 2: none
 */
struct frame {
	bool ipv6;
	uint8_t tags;
	uint16_t ethertype;
	const char *to, *from;
	const char *source, *destination;
	uint8_t version;
	uint8_t ihl;
	uint8_t ttl;
	uint8_t options;
	uint16_t fragment;
	bool extension;
	uint8_t proto;
	uint8_t icmp;
	uint8_t tcp_flags;
	uint16_t sport, dport;
	uint16_t length;
	enum frame_payload payload;
	struct dfb_probe probe;
	struct dfb_pktgen stream;
	struct dfb_far far;
	int ip_more, udp_more;
	uint16_t padding;
	uint16_t cut;
	uint8_t checksum;
};

/** frame_build() - Return: how many bytes of @ret_packet (FRAME_ROOM) it takes. */
size_t frame_build(const struct frame *f, uint8_t *ret_packet);

/** frame_sum() - RFC 1071 the slow way, byte by byte; @sum: of what came before. */
uint32_t frame_sum(const uint8_t *data, size_t size, uint32_t sum);

/** frame_is_sound() - are the checksums of an untruncated frame right? (UDP over IPv4 may have none.) */
bool frame_is_sound(const uint8_t *packet, size_t size);

/** frame_l3() - offset of the IP header. */
size_t frame_l3(const uint8_t *packet);

/** frame_probe() - the probe within a frame without options and extensions. */
struct dfb_probe *frame_probe(uint8_t *packet);

/** frame_stream() - the same of a stream's packet. */
struct dfb_pktgen *frame_stream(uint8_t *packet);

#endif
