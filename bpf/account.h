/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: The account of a stream
 *
 * Freestanding, as detect.h is: compiled into the kernel program that keeps accounts, and into the tests
 * that compare it with a list of all numbers.
 *
 * A run is what a sender numbers without beginning again. Its numbers, from the first to the highest that
 * arrived, are expected; lost is what is expected and did not arrive. So lost needs no judgement: a late
 * packet takes itself back. For the last DFB_STREAM_WINDOW numbers a bit tells a late packet from a
 * duplicate; what is older is neither. All differences are modulo 2^32, all counts have 64 bits, so
 * numbers may wrap.
 *
 * A number that is not the next may be that of a sender that began again. Then it was made after the
 * highest of the run before, which no late or duplicate packet was. Without stamps only a number that is
 * far behind tells it. What still comes of an earlier run is stale.
 */
#ifndef DEFIB_ACCOUNT_H
#define DEFIB_ACCOUNT_H

#include <defib/loss.h>

#define ACCOUNT_CLOCK_STEP_NS 10000000000ll /* a way cannot differ by so much: a clock was set */

/** struct account_packet - one that arrived: its number, stamp, length from the link layer on, arrival */
struct account_packet {
	__u32 seq;
	__u32 bytes;
	__u64 stamp_us; /* 0: none */
	__u64 now_ns;
};

/* --- numbers --------------------------------------------------------------------------------- */

static __always_inline __u64 *account_word(struct dfb_account *a, __u32 seq)
{
	return &a->seen[(seq / 64) & (DFB_STREAM_WINDOW / 64 - 1)];
}

static __always_inline __u64 account_bit(__u32 seq)
{
	return 1ull << (seq & 63);
}

/* Numbers between the highest and the new one have not arrived; what they take the place of is too old. */
static __always_inline void account_skip(struct dfb_account *a, __u32 from, __u32 ahead)
{
	__u32 seq = from + 1, end = from + ahead;

	if (ahead > DFB_STREAM_WINDOW)
		seq = end - DFB_STREAM_WINDOW;
	for (__u32 i = 0; i < DFB_STREAM_WINDOW / 64 + 1 && (__s32)(end - seq) > 0; i++) {
		__u32 last = seq | 63;
		__u64 bits = ~0ull << (seq & 63);

		if ((__s32)(end - 1 - last) < 0)
			bits &= ~0ull >> (63 - ((end - 1) & 63));
		*account_word(a, seq) &= ~bits;
		seq = last + 1;
	}
}

static __always_inline void account_ahead(struct dfb_account *a, const struct account_packet *p, __u32 ahead)
{
	account_skip(a, a->top, ahead);
	*account_word(a, p->seq) |= account_bit(p->seq);
	a->top = p->seq;
	a->stamp_us = p->stamp_us;
	a->expected += ahead;
	a->arrived++;
}

/* One that is before all that was seen moves the run's begin. */
static __always_inline void account_behind(struct dfb_account *a, const struct account_packet *p,
					   __u32 behind)
{
	__u64 *word = account_word(a, p->seq), bit = account_bit(p->seq);

	if (behind >= DFB_STREAM_WINDOW) {
		a->stale++;
		return;
	}
	if (*word & bit) {
		a->duplicates++;
		return;
	}
	*word |= bit;
	a->late++;
	a->arrived++;
	if (behind >= a->expected)
		a->expected = (__u64)behind + 1;
}

/* A sender that was heard before begins at 1: what is missing up to its first packet is lost. One that was
 * not may have been at it for long. */
static __always_inline void account_begin(struct dfb_account *a, const struct account_packet *p, int again)
{
	a->lost_before = a->lost;
	a->ended_us = a->stamp_us;
	__builtin_memset(a->seen, 0, sizeof(a->seen));
	*account_word(a, p->seq) |= account_bit(p->seq);
	a->top = p->seq;
	a->stamp_us = p->stamp_us;
	a->expected = again && p->seq && p->seq <= DFB_STREAM_WINDOW ? p->seq : 1;
	a->arrived = 1;
	a->restarts += again;
}

/* Beyond half of the numbers a begin looks like a leap ahead. */
static __always_inline int account_leaps_to_begin(const struct account_packet *p, __u32 ahead)
{
	return p->seq <= DFB_STREAM_WINDOW && ahead > DFB_STREAM_WINDOW;
}

static __always_inline int account_is_restart(const struct dfb_account *a, const struct account_packet *p,
					      __u32 behind)
{
	if (!p->stamp_us || !a->stamp_us)
		return behind >= DFB_STREAM_WINDOW && p->seq <= DFB_STREAM_WINDOW;
	return p->stamp_us > a->stamp_us && (p->seq <= DFB_STREAM_WINDOW || behind >= DFB_STREAM_WINDOW);
}

/* Return: how far ahead of the highest so far it was, in the run it belongs to; 0: it was not. */
static __always_inline __u32 account_number(struct dfb_account *a, const struct account_packet *p)
{
	__u32 ahead = p->seq - a->top, in_order = 0;

	if (!a->received) {
		account_begin(a, p, 0);
	} else if (a->ended_us && p->stamp_us && p->stamp_us <= a->ended_us) {
		a->stale++;
	} else if ((__s32)ahead > 0 && account_leaps_to_begin(p, ahead)) {
		account_begin(a, p, 1);
	} else if ((__s32)ahead > 0) {
		account_ahead(a, p, ahead);
		in_order = ahead;
	} else if (account_is_restart(a, p, -ahead)) {
		account_begin(a, p, 1);
	} else {
		account_behind(a, p, -ahead);
	}
	a->lost = a->lost_before + a->expected - a->arrived;
	return in_order;
}

/* --- times ----------------------------------------------------------------------------------- */

/* Quick at first. The period of a stream that has been steady for long seldom changes. */
static __always_inline __u32 account_smoothing(const struct dfb_account *a)
{
	return a->received < 8 ? 1 : a->received < 64 ? 3 : 5;
}

/* A period is what a gap has per number, so it stays the same through a loss. */
static __always_inline void account_gap(struct dfb_account *a, __u64 now, __u32 ahead)
{
	__u64 gap = (__s64)(now - a->last_ns) > 0 ? now - a->last_ns : 0, period;

	a->gaps[dfb_gap_bucket(gap)]++;
	if (ahead) {
		period = ahead > 1 ? gap / ahead : gap;
		if (!a->period_ns)
			a->period_ns = period;
		else
			a->period_ns += (__u64)((__s64)(period - a->period_ns) >> account_smoothing(a));
	}
	if (gap > a->longest_gap_ns) {
		a->longest_gap_ns = gap;
		a->longest_gap_end_ns = now;
	}
}

/* How the way of this packet differs from that of the quickest. Both clocks may be set at any time. */
static __always_inline void account_transit(struct dfb_account *a, const struct account_packet *p,
					    __u64 stamp_before, int in_order)
{
	__s64 transit = (__s64)(p->now_ns - p->stamp_us * 1000);
	__s64 above = transit - a->transit_min_ns, change = above - (__s64)a->variation_ns;

	if (!stamp_before || above > ACCOUNT_CLOCK_STEP_NS || above < -ACCOUNT_CLOCK_STEP_NS) {
		a->transit_min_ns = transit;
		a->variation_ns = 0;
		return;
	}
	if (above < 0) {
		a->transit_min_ns = transit;
		a->variation_max_ns += (__u64)-above;
		above = 0;
	}
	a->variation_ns = (__u64)above;
	if ((__u64)above > a->variation_max_ns)
		a->variation_max_ns = (__u64)above;
	if (in_order)
		a->jitter_16_ns += (__u64)(change < 0 ? -change : change) - ((a->jitter_16_ns + 8) >> 4);
}

/** account_take() - a packet of the stream arrived. The account is the caller's alone meanwhile. */
static __always_inline void account_take(struct dfb_account *a, const struct account_packet *p)
{
	__u64 stamp_before = a->received ? a->stamp_us : 0;
	__u32 ahead = account_number(a, p);

	if (a->received)
		account_gap(a, p->now_ns, ahead);
	else
		a->first_ns = p->now_ns;
	if (p->stamp_us)
		account_transit(a, p, stamp_before, ahead != 0);
	a->last_ns = p->now_ns;
	a->bytes += p->bytes;
	a->received++;
}

#endif
