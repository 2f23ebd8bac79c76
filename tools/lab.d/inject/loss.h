/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which packets are lost: in cuts, by chance, every so many'th, and in bursts.
 *
 * Bursts are the model of Gilbert ("Capacity of a burst-noise channel", 1960) and Elliott ("Estimates of
 * error rates for codes on burst-noise channels", 1963). The way is good or bad, and has a chance of loss in
 * each. It changes with a chance per step; a step is a packet (as in netem), or a time. After n steps of
 * time the chance to be bad follows at once:
 *
 *   share + (now - share) (1 - enter - leave)^n        share = enter / (enter + leave)
 *
 * A kind of loss does not see what one before it took. All of it runs under the lock.
 */
#ifndef INJECT_LOSS_H
#define INJECT_LOSS_H

#include "inject.h"

#define DOUBLINGS 32 /* n is below 2^32 steps */

/* splitmix64 (Steele, Lea, Flood 2014) */
static __always_inline __u64 draw(const struct inject_conf *c, struct inject_state *s, enum inject_draw what)
{
	__u64 z = (c->seed ^ (__u64)what << 60) + ++s->draws[what] * 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return z >> 32;
}

/* Does what has this chance happen? */
#define happens(c, s, what, chance) (draw(c, s, what) < (chance))

/* Of fractions of 2^31: so nothing overflows, and nothing has to be asked. */
static __always_inline __u64 times(__u64 a, __u64 b)
{
	return a * b >> 31;
}

/* How many steps have passed since the last packet? Another processor may have a later clock. */
static __always_inline __u64 steps(const struct inject_conf *c, struct inject_state *s, __u64 now)
{
	__u64 n;

	if (!c->step_ns)
		return 1;
	if (!s->step_ns || now < s->step_ns) {
		s->step_ns = s->step_ns ?: now;
		return 0;
	}
	n = (now - s->step_ns) / c->step_ns;
	s->step_ns += n * c->step_ns;
	return n;
}

/* Without a branch in its loop, which a verifier would follow into each of 2^32. */
static __always_inline void walk(const struct inject_conf *c, struct inject_state *s, __u64 n)
{
	__u64 change = c->enter + c->leave, kept = CERTAIN / 2, square = (CERTAIN - change) / 2, share;

	if (!change || change > CERTAIN || !n)
		return;
	for (int i = 0; i < DOUBLINGS; i++) {
		__u64 odd = -(n & 1);

		kept = (times(kept, square) & odd) | (kept & ~odd);
		square = times(square, square);
		n >>= 1;
	}
	share = times((c->enter << 31) / change, CERTAIN / 2 - kept);
	s->is_bad = happens(c, s, DRAW_BURST, (share + kept * s->is_bad) * 2);
}

static __always_inline int cut(const struct inject_conf *c, struct inject_state *s, __u64 now)
{
	__u64 since = now > s->begin_ns ? now - s->begin_ns : 0;

	for (int i = 0; i < MAX_CUTS; i++) {
		struct inject_cut *done = &s->cuts[i];

		if (since < c->cuts[i].from_ns || since >= c->cuts[i].to_ns)
			continue;
		if (!done->packets || now < done->first_ns)
			done->first_ns = now;
		if (now > done->last_ns)
			done->last_ns = now;
		done->packets++;
		s->lost_cut++;
		return 1;
	}
	return 0;
}

static __always_inline int every(const struct inject_conf *c, struct inject_state *s)
{
	if (!c->every || ++s->counted < c->every)
		return 0;
	s->counted = 0;
	s->lost_every++;
	return 1;
}

static __always_inline int burst(const struct inject_conf *c, struct inject_state *s, __u64 now)
{
	if (!c->bursts)
		return 0;
	walk(c, s, steps(c, s, now));
	if (!happens(c, s, DRAW_BURST, s->is_bad ? c->bad : c->good))
		return 0;
	s->lost_burst++;
	return 1;
}

static __always_inline int dropped(const struct inject_conf *c, struct inject_state *s)
{
	if (!c->drop || !happens(c, s, DRAW_DROP, c->drop))
		return 0;
	s->lost_drop++;
	return 1;
}

static __always_inline int lost(const struct inject_conf *c, struct inject_state *s, __u64 now)
{
	if (!cut(c, s, now) && !dropped(c, s) && !every(c, s) && !burst(c, s, now)) {
		s->was_lost = 0;
		return 0;
	}
	s->lost_again += s->was_lost;
	s->was_lost = 1;
	return 1;
}

#endif
