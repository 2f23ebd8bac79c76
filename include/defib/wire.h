/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host to host: the heartbeat probe.
 *
 * A probe is the payload of a UDP datagram to the echo port (RFC 862) or of an ICMP/ICMPv6 echo
 * request (RFC 792, RFC 4443), so that any host can be a target. A host with our responder sends
 * it back with DFB_PROBE_REPLY set and the reserved area filled; any other host sends it back
 * byte for byte. All fields are in network byte order.
 */
#ifndef DEFIB_WIRE_H
#define DEFIB_WIRE_H

#include <linux/types.h>

#define DFB_PROBE_MAGIC 0x64666231u /* "dfb1" */
#define DFB_PROBE_VERSION 1
#define DFB_PROBE_REPLY 0x01u /* set by the responder, never by the prober */
#define DFB_PROBE_MEASURED 16 /* of so many answers, a responder's processor measures the residence of one */
#define DFB_ECHO_PORT 7	      /* RFC 862 */
#define DFB_ECHO_MAX_PAYLOAD 512

/**
 * struct dfb_probe - what a probe carries
 * @magic: DFB_PROBE_MAGIC
 * @version: DFB_PROBE_VERSION
 * @flags: DFB_PROBE_REPLY
 * @pad: zero
 * @target: which target the gateway means; meaningless to the responder
 * @seq: counts attempts per target, wraps
 * @nonce: random; only a reply that carries it is believed
 * @received: reserved; the responder's count of probes from this source address, this one included
 * @residence_ns: reserved; time between arrival and answer on the responder; 0: not measured
 */
struct dfb_probe {
	__be32 magic;
	__u8 version;
	__u8 flags;
	__be16 pad;
	__be32 target;
	__be32 seq;
	__be64 nonce;
	__be32 received;
	__be32 residence_ns;
};

_Static_assert(sizeof(struct dfb_probe) == 32, "struct dfb_probe is a wire format");

#endif
