/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: The rules of userland liveness
 *
 * Freestanding, as detect.h. A responder's kernel answers as long as it runs; in each reply it tells how long
 * an agent in its userland has not run. From that, and the stamp of the probe, we know when it ran at the
 * earliest, by our own clock. One reply is enough to prove that it hangs: what it tells is a duration.
 *
 *   UNKNOWN, GONE -it runs->                                   WELL
 *   any           -did not run for longer than `userland_ns`-> HUNG
 *   HUNG          -within half of that, for as many replies and as long as a target that recovers-> WELL
 *   WELL, HUNG    -a reply tells nothing->                     GONE
 *   any           -nobody cares (`userland_ns` is 0)->         UNKNOWN
 */
#ifndef DEFIB_USERLAND_RULES_H
#define DEFIB_USERLAND_RULES_H

#include <defib/abi.h>
#include <defib/wire.h>

/* The only writer of its state. Return: 1 if that changed. */
static inline int userland_enter(struct dfb_userland *u, enum dfb_userland_state next, __u64 stamp)
{
	if (u->state == next)
		return 0;
	u->state = next;
	u->since_ns = stamp;
	u->replies = 0;
	return 1;
}

static inline int userland_recovers(const struct dfb_target *cfg, struct dfb_userland *u, __u64 age,
				    __u64 stamp)
{
	if (age > cfg->userland_ns / 2) {
		u->replies = 0;
		return 0;
	}
	if (!u->replies++)
		u->well_ns = stamp;
	return u->replies >= cfg->recover_replies && stamp - u->well_ns >= cfg->recover_hold_ns;
}

/**
 * userland_hear() - a probe was answered
 * @said: dfb_probe.userland, host byte order; 0: nothing
 * @stamp: of the probe
 * Return: 1 if the state changed. An answer that was overtaken by one to a later probe tells nothing.
 */
static inline int userland_hear(const struct dfb_target *cfg, struct dfb_userland *u, __u32 said, __u64 stamp)
{
	__u64 age, alive;

	if ((__s64)(stamp - u->heard_ns) <= 0)
		return 0;
	u->heard_ns = stamp;
	if (!cfg->userland_ns)
		return userland_enter(u, DFB_USERLAND_UNKNOWN, stamp);
	if (!said)
		return u->state != DFB_USERLAND_UNKNOWN && userland_enter(u, DFB_USERLAND_GONE, stamp);
	age = (__u64)(said - 1) << DFB_USERLAND_SHIFT;
	alive = stamp - ((__u64)said << DFB_USERLAND_SHIFT);
	if (said < DFB_USERLAND_MAX || !u->alive_ns) /* so long, or longer: what was known is better */
		u->alive_ns = alive;
	if (age > cfg->userland_ns) {
		u->replies = 0;
		return userland_enter(u, DFB_USERLAND_HUNG, stamp);
	}
	if (u->state == DFB_USERLAND_HUNG && !userland_recovers(cfg, u, age, stamp))
		return 0;
	return userland_enter(u, DFB_USERLAND_WELL, stamp);
}

/**
 * userland_is_asked() - somebody's began to hang at @hung_ns: did this one run since, and is that news?
 */
static inline int userland_is_asked(const struct dfb_userland *u, __u64 hung_ns)
{
	return u->state == DFB_USERLAND_WELL && (__s64)(u->told_ns - hung_ns) <= 0 &&
	       (__s64)(u->alive_ns - hung_ns) > 0;
}

#endif
