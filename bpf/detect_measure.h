/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the detector learns from the past: how long a reply takes, and how often a server was down.
 * A part of detect.h, and as free of calls, clocks and globals.
 */
#ifndef DEFIB_DETECT_MEASURE_H
#define DEFIB_DETECT_MEASURE_H

#include <defib/abi.h>

#define DETECT_PENALTY 1000u /* per DOWN */

static inline __u64 detect_max(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

static inline __u64 detect_min(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/* Signed difference: two CPUs' clock readings may be slightly out of order. */
static inline int detect_reached(__u64 now, __u64 due)
{
	return (__s64)(now - due) >= 0;
}

static inline int detect_seq_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* --- the timeout ----------------------------------------------------------------------------- */

/**
 * detect_timeout() - how long to wait for a reply
 *
 * Fixed by configuration, or the larger of RFC 6298's SRTT + 4 RTTVAR and one and a half times the
 * 99.9th percentile, never below what late replies taught us, within the configured bounds.
 */
static inline __u64 detect_timeout(const struct dfb_target *cfg, const struct dfb_detect *d)
{
	__u64 rto;

	if (cfg->timeout_ns)
		return cfg->timeout_ns;
	if (!d->srtt_ns) /* nothing measured: wait an interval */
		return detect_min(detect_max(cfg->interval_ns, cfg->timeout_min_ns), cfg->timeout_max_ns);
	rto = detect_max(d->srtt_ns + 4 * d->rttvar_ns, d->quantile_ns + d->quantile_ns / 2);
	rto = detect_max(rto, detect_max(d->floor_ns, cfg->timeout_min_ns));
	return detect_min(rto, cfg->timeout_max_ns);
}

/**
 * detect_slack() - how much later than due a target's timer may be set
 *
 * An eighth of the timeout. While the target is up no more than a suspicion can follow: then also a 64th of
 * its interval.
 */
static inline __u64 detect_slack(const struct dfb_target *cfg, const struct dfb_detect *d, __u64 timeout)
{
	return d->state == DFB_STATE_UP ? detect_max(timeout >> 3, cfg->interval_ns >> 6) : timeout >> 3;
}

/**
 * detect_tick() - the next tick at or after a time: what timers are set to
 *
 * A tick is the largest power of two of nanoseconds that is at most the slack, so targets with about the
 * same slack share the ticks.
 */
static inline __u64 detect_tick(__u64 due, __u64 slack)
{
	__u64 mask = slack >> 1;

	for (__u32 shift = 1; shift < 64; shift *= 2)
		mask |= mask >> shift;
	return (due + mask) & ~mask;
}

/* One measured round trip: RFC 6298 section 2, and a quantile by stochastic approximation
 * (Robbins, Monro 1951): a step up of 1/16 for what is above balances a thousand steps down. */
static inline void detect_measure(struct dfb_detect *d, __u64 rtt)
{
	__u64 error;

	if (!d->srtt_ns) {
		d->srtt_ns = rtt;
		d->rttvar_ns = rtt / 2;
		d->quantile_ns = 2 * rtt;
		return;
	}
	error = rtt > d->srtt_ns ? rtt - d->srtt_ns : d->srtt_ns - rtt;
	d->rttvar_ns = d->rttvar_ns - d->rttvar_ns / 4 + error / 4;
	d->srtt_ns = d->srtt_ns - d->srtt_ns / 8 + rtt / 8;
	if (rtt > d->quantile_ns)
		d->quantile_ns += (d->quantile_ns >> 4) + 1;
	else
		d->quantile_ns -= d->quantile_ns >> 14;
	d->floor_ns -= d->floor_ns >> 14;
}

/* A reply came after its probe was judged missing: the timeout was too short. */
static inline void detect_learn_late(const struct dfb_target *cfg, struct dfb_detect *d)
{
	__u64 worst = d->worst_late_ns;

	if (!worst)
		return;
	d->worst_late_ns = 0;
	d->floor_ns = detect_min(detect_max(d->floor_ns, worst + worst / 4), cfg->timeout_max_ns);
}

/* --- damping --------------------------------------------------------------------------------- */

/* Half of the penalty is gone after each half-life, linearly in between. */
static inline __u64 detect_penalty(const struct dfb_target *cfg, const struct dfb_detect *d, __u64 now)
{
	__u64 age, lives, rest, left;

	if (!cfg->half_life_ns || !d->penalty)
		return 0;
	age = detect_reached(now, d->penalty_ns) ? now - d->penalty_ns : 0;
	lives = age / cfg->half_life_ns;
	if (lives >= 32)
		return 0;
	rest = (age - lives * cfg->half_life_ns) >> 10;
	left = d->penalty >> lives;
	return left - left * rest / (2 * (cfg->half_life_ns >> 10) + 1);
}

/** detect_damp() - follow the penalty down: damped from `suppress` until below `reuse`. */
static inline void detect_damp(const struct dfb_target *cfg, struct dfb_detect *d, __u64 now)
{
	__u64 penalty;

	if (!d->penalty)
		return;
	penalty = detect_penalty(cfg, d, now);
	if (!penalty) { /* gone, or damping was turned off */
		d->penalty = 0;
		d->damped = 0;
	} else if (penalty >= cfg->suppress) {
		d->damped = 1;
	} else if (penalty < cfg->reuse) {
		d->damped = 0;
	}
}

static inline void detect_punish(const struct dfb_target *cfg, struct dfb_detect *d, __u64 now)
{
	if (!cfg->half_life_ns)
		return;
	d->penalty = detect_penalty(cfg, d, now) + DETECT_PENALTY;
	d->penalty_ns = now;
	detect_damp(cfg, d, now);
}

#endif
