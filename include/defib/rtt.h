/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel <-> user, a part of abi.h: the histogram of a target's round trips. */
#ifndef DEFIB_RTT_H
#define DEFIB_RTT_H

#include <linux/types.h>

#define DFB_RTT_BUCKETS 64

/** struct dfb_rtt - `rtt`: round trips of a target (array, key: target id); see dfb_rtt_bucket() */
struct dfb_rtt {
	__u32 count[DFB_RTT_BUCKETS];
};

/**
 * dfb_rtt_bucket() - log-linear histogram: four buckets per octave from 1 us to 65 ms
 * @rtt_ns: round trip
 * Return: 0 for less than 1 us, at most DFB_RTT_BUCKETS - 1.
 */
static inline __u32 dfb_rtt_bucket(__u64 rtt_ns)
{
	__u64 us = rtt_ns >> 10;
	__u32 octave = 0;

	for (__u32 step = 8; step; step >>= 1) {
		if (us >> (octave + step))
			octave += step;
	}
	if (!us)
		return 0;
	if (us >> 16)
		return DFB_RTT_BUCKETS - 1;
	return (octave * 4 + (__u32)((rtt_ns >> (octave + 8)) & 3)) & (DFB_RTT_BUCKETS - 1);
}

/** dfb_rtt_bound_ns() - upper bound of a bucket in nanoseconds. */
static inline __u64 dfb_rtt_bound_ns(__u32 bucket)
{
	__u32 octave = bucket / 4;
	__u64 quarter = bucket % 4 + 5;

	return ((quarter << octave) << 10) / 4;
}

#endif
