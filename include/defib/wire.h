/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host to host: the heartbeat probe, and the packets of a stream whose loss is counted.
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
#define DFB_USERLAND_SHIFT 20 /* dfb_probe.userland counts in 2^20 ns: 1.05 ms */
#define DFB_USERLAND_MAX 65535 /* so long, or longer */
#define DFB_PROBE_MEASURED 16 /* of so many answers, a responder's processor measures the residence of one */
#define DFB_ECHO_PORT 7	      /* RFC 862 */
#define DFB_ECHO_MAX_PAYLOAD 512

/**
 * struct dfb_probe - what a probe carries
 * @magic: DFB_PROBE_MAGIC
 * @version: DFB_PROBE_VERSION
 * @flags: DFB_PROBE_REPLY
 * @userland: reserved; 0: the responder does not say; otherwise 1 + the time since an agent in its host's
 *	userland ran, in units of 2^DFB_USERLAND_SHIFT ns, at most DFB_USERLAND_MAX
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
	__be16 userland;
	__be32 target;
	__be32 seq;
	__be64 nonce;
	__be32 received;
	__be32 residence_ns;
};

/*
 * A stream is what one sender numbers: UDP datagrams in the format of the kernel's packet generator
 * (Documentation/networking/pktgen.rst of Linux), from 1 on. Our sender adds struct dfb_far; our responder
 * counts such a stream and says in each answer what it has counted, so that what was lost on the way there is
 * told from what was lost on the way back. Any other responder, and any other sender, leaves it alone.
 */

#define DFB_PKTGEN_MAGIC 0xbe9be955u
#define DFB_FAR_MAGIC 0x64666c31u /* "dfl1" */

/**
 * struct dfb_pktgen - what a datagram of pktgen begins with
 * @magic: DFB_PKTGEN_MAGIC
 * @seq: from 1 on, wraps
 * @sec, @usec: when it was made, by the sender's clock since 1970; 0 and 0: it does not say
 */
struct dfb_pktgen {
	__be32 magic;
	__be32 seq;
	__be32 sec;
	__be32 usec;
};

/**
 * struct dfb_far - what may follow it
 * @magic: DFB_FAR_MAGIC
 * @received: how many datagrams of the stream the responder has received, modulo 2^32; 0: nobody filled it in
 * @lost: how many numbers of the sender's present run, up to its highest, it has not
 * @responder: tells responders apart: the last four bytes of its link-layer address
 */
struct dfb_far {
	__be32 magic;
	__be32 received;
	__be32 lost;
	__be32 responder;
};

_Static_assert(sizeof(struct dfb_probe) == 32, "struct dfb_probe is a wire format");
_Static_assert(sizeof(struct dfb_pktgen) == 16, "struct dfb_pktgen is a wire format");
_Static_assert(sizeof(struct dfb_far) == 16, "struct dfb_far is a wire format");

#endif
