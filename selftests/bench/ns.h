/* SPDX-License-Identifier: GPL-2.0-only */
/* Between ns.c and ns.bpf.c. */
#ifndef SELFTESTS_NS_H
#define SELFTESTS_NS_H

#include <linux/types.h>

#define NS_IP 14    /* where the IP header begins */
#define NS_SHORT 74 /* a probe: Ethernet, IPv4, UDP and the payload */
#define NS_LONG 94  /* the same with IPv6 */
#define NS_SEQ 3    /* words from the UDP header to a stream's number */

enum ns_next {
	NS_SUBJECT,
	NS_NOTHING,
	NS_NEXT_MAX,
};

/**
 * struct ns_again - what each run is to find
 * @link: the Ethernet header of a frame of NS_SHORT or NS_LONG bytes
 * @rest: of the frame
 * @target: 0: there is no probe for it
 * @seq: of the probe, whose nonce is good again
 * @streams: the packet is the next one of so many streams in turn, by its source port; 0: it is not
 * @udp: where the UDP header is in @rest, in words
 * @n: how many of them there were, before each of enum ns_next
 */
struct ns_again {
	__u16 link[NS_IP / 2];
	__u16 pad;
	__u32 rest[(NS_LONG - NS_IP) / 4];
	__u32 target;
	__u32 seq;
	__u64 nonce;
	__u32 streams;
	__u32 udp;
	__u32 n[NS_NEXT_MAX];
};

#endif
