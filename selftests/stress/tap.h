/* SPDX-License-Identifier: GPL-2.0-only */
/* What the wire has seen of a probe: between tap.bpf.c, which notes it, and the oracle, which reads it. */
#ifndef STRESS_TAP_H
#define STRESS_TAP_H

#include <linux/types.h>

#define TAP_TARGETS 16	 /* target ids of a lab: up to seven servers */
#define TAP_WINDOW 16384 /* probes of a target that are remembered, a power of two */

/* Where on the cables of the lab's switch; times are CLOCK_MONOTONIC nanoseconds. */
enum tap_point {
	TAP_LEFT,    /* the probe came out of the gateway's cable */
	TAP_REACHED, /* it went into the server's */
	TAP_REPLIED, /* the reply came out of the server's */
	TAP_BACK,    /* it went into the gateway's */
	TAP_POINT_MAX,
};

/**
 * struct tap_slot - one probe on the wire (array `wire`, index: tap_index())
 * @nonce: of the probe; a frame with another one is not its reply
 * @at_ns: when it first passed a point; 0: it did not
 * @seq: whose slot this is
 */
struct tap_slot {
	__u64 nonce;
	__u64 at_ns[TAP_POINT_MAX];
	__u32 seq;
	__u32 pad;
};

static inline __u32 tap_index(__u32 target, __u32 seq)
{
	return (target & (TAP_TARGETS - 1)) * TAP_WINDOW + (seq & (TAP_WINDOW - 1));
}

#endif
