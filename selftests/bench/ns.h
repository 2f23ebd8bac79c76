/* SPDX-License-Identifier: GPL-2.0-only */
/* Between ns.c and ns.bpf.c. */
#ifndef SELFTESTS_NS_H
#define SELFTESTS_NS_H

#include <linux/types.h>

#define NS_SHORT 74 /* a probe: Ethernet, IPv4, UDP and the payload */
#define NS_LONG 94  /* the same with IPv6 */

/**
 * struct ns_again - what each run is to find
 * @packet: a frame of NS_SHORT or NS_LONG bytes
 * @target: 0: there is no probe for it
 * @seq: of the probe, whose nonce is good again
 */
struct ns_again {
	__u8 packet[96];
	__u32 target;
	__u32 seq;
	__u64 nonce;
};

#endif
