/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: The rules of detection
 *
 * Freestanding: compiled into the kernel programs, which apply them, and into the core, the
 * simulator and the unit tests, which replay and check them. No call, no clock, no global.
 *
 * A probe is *sent* when the egress program stamped it, or, if it never left, when the prober's
 * send call for it returned. A sequence number is *judged* once, in order, by the target's timer
 * callback: answered, or expired because no reply came within the timeout of its sending. What the
 * prober never attempted is never judged: a starved prober delays detection and causes no verdict.
 * (Chen, Toueg, Aguilera, "On the quality of service of failure detectors", 2002: NFD-S with the
 * round trip as the delay, as both stamps are of one clock.)
 *
 *   UNKNOWN    -answered->                       UP
 *   UP         -expired->                        SUSPECT
 *   SUSPECT    -answered->                       UP
 *   SUSPECT, UNKNOWN -`misses` expired, witness-> DOWN
 *   SUSPECT    -`misses` expired, no witness->    UNKNOWN
 *   DOWN       -answered->                       RECOVERING
 *   RECOVERING -expired->                        DOWN
 *   RECOVERING -`replies` answered, hold time->   UP
 *
 * A *witness* is another server that answered, within its own timeout, a probe sent between the
 * first and the last but one of the target's missed probes, and did so a while ago. "Between"
 * proves that the path worked while the target was silent - if its reply came when the target's
 * usually would have been there, too, as a near witness answers sooner than a far target; "last but
 * one" proves that the target stayed silent after that; "a while ago" that replies queued together
 * had time to be handled. With a cut uplink, a stalled machine or replies held back on another CPU
 * there is no such witness, and in the moment when everything heals there is none yet.
 */
#ifndef DEFIB_DETECT_H
#define DEFIB_DETECT_H

#include <defib/abi.h>

#include "detect_measure.h"

#define DETECT_LATE_FLOOR_NS 1000000ull
#define DETECT_MAX_GRACES 8
#define DETECT_PATIENCE_NS 100000000ull
#define DETECT_SETTLED_NS 500000ull
#define DETECT_OUTAGE_NS 1000000000ull

enum detect_judgement {
	DETECT_WAIT,
	DETECT_ANSWERED,
	DETECT_EXPIRED,
};

/* --- probes and replies ---------------------------------------------------------------------- */

static inline struct dfb_slot *detect_slot(struct dfb_detect *d, __u32 seq)
{
	return &d->slots[seq & (DFB_WINDOW - 1)];
}

/* A store that no other store passes, and a load that no later load passes. */
static inline void detect_publish(__u64 *at, __u64 value)
{
	__sync_lock_test_and_set(at, value);
}

static inline __u64 detect_read(__u64 *at)
{
	return __sync_fetch_and_add(at, 0);
}

/**
 * detect_stamp() - a probe leaves now
 *
 * The judge may be reading the slot on another CPU: while it changes hands it has no stamp, so the
 * answer to its last probe is never taken for one to this.
 * A probe that passes a VLAN and the interface below it is stamped by both: the later stamp is the better
 * one, and it is one probe.
 */
static inline void detect_stamp(struct dfb_detect *d, __u32 seq, __u64 nonce, __u64 now)
{
	struct dfb_slot *slot = detect_slot(d, seq);

	detect_publish(&slot->nonce, 0);
	detect_publish(&slot->stamp_ns, 0);
	slot->rtt_ns = 0;
	slot->seq = seq;
	detect_publish(&slot->stamp_ns, now);
	detect_publish(&slot->nonce, nonce);
	d->sent += d->stamped != seq;
	d->stamped = seq;
}

/* When a probe left; 0: it did not. */
static inline __u64 detect_left(struct dfb_slot *slot, __u32 seq)
{
	if (*(volatile __u32 *)&slot->seq != seq)
		return 0;
	return detect_read(&slot->stamp_ns);
}

enum detect_match {
	DETECT_MATCH,
	DETECT_OLD,
	DETECT_REPLAYED,
	DETECT_FORGED,
};

/**
 * detect_match() - a reply arrived: is it the one answer to a probe of ours?
 *
 * The nonce is spent by the first match, so of copies that arrive on two CPUs one wins.
 */
static inline enum detect_match detect_match(struct dfb_detect *d, __u32 seq, __u64 nonce, __u64 now)
{
	struct dfb_slot *slot = detect_slot(d, seq);
	__u64 expected = detect_read(&slot->nonce), left = detect_left(slot, seq), rtt;

	if (!left)
		return DETECT_OLD;
	if (!expected)
		return DETECT_REPLAYED;
	if (expected != nonce)
		return DETECT_FORGED;
	if (__sync_val_compare_and_swap(&slot->nonce, nonce, 0) != nonce)
		return DETECT_REPLAYED;
	rtt = detect_reached(left, now) ? 1 : now - left;
	slot->rtt_ns = rtt;
	if (!detect_seq_after(seq, d->judged)) {
		d->late++;
		d->worst_late_ns = detect_max(d->worst_late_ns, rtt);
	}
	return DETECT_MATCH;
}

/* When a probe was sent, by its stamp or else by the prober's attempt; 0: neither. */
static inline __u64 detect_sent(struct dfb_detect *d, const struct dfb_attempts *a, __u32 seq)
{
	__u64 left = detect_left(detect_slot(d, seq), seq);

	if (left)
		return left;
	if (detect_seq_after(seq, a->seq))
		return 0;
	return a->at_ns[seq & (DFB_WINDOW - 1)];
}

/* --- judging --------------------------------------------------------------------------------- */

/**
 * struct detect_step - one run of the timer callback over one target
 * @now: CLOCK_MONOTONIC
 * @timeout: detect_timeout() at its start
 * @due: out: when the next outstanding probe expires; 0: none is outstanding
 * @verdict: out: `misses` probes expired, ask for a witness
 * @again: out: one more did, of a target that is down already
 */
struct detect_step {
	__u64 now;
	__u64 timeout;
	__u64 due;
	__u32 verdict;
	__u32 again;
};

/** detect_begin() - skip what left the window unjudged (the prober restarted, we were stopped). */
static inline void detect_begin(const struct dfb_target *cfg, struct dfb_detect *d,
				const struct dfb_attempts *a, struct detect_step *step)
{
	__u32 top = detect_seq_after(d->stamped, a->seq) ? d->stamped : a->seq;

	detect_learn_late(cfg, d);
	step->timeout = detect_timeout(cfg, d);
	step->due = 0;
	step->verdict = 0;
	step->again = 0;
	detect_damp(cfg, d, step->now);
	/* The prober, or we ourselves, still mean another address. */
	if (a->generation != cfg->generation || d->generation != cfg->generation)
		d->judged = top;
	else if (top - d->judged > DFB_WINDOW)
		d->judged = top - DFB_WINDOW;
}

/**
 * detect_late() - the callback itself came late: it was stalled, and so were the replies
 * Return: 1 if the receive path is to be given a grace period before anything is judged.
 */
static inline int detect_late(struct dfb_detect *d, __u64 lateness, __u64 timeout)
{
	if (lateness <= detect_max(timeout / 4, DETECT_LATE_FLOOR_NS) || d->late_run >= DETECT_MAX_GRACES) {
		d->late_run = 0;
		return 0;
	}
	d->late_run++;
	d->graces++;
	return 1;
}

/* The only writer of a target's state. */
static inline void detect_enter(struct dfb_detect *d, enum dfb_target_state state, enum dfb_reason reason,
				__u64 now)
{
	d->state = state;
	d->reason = reason;
	d->since_ns = now;
}

/* A row of misses that ends soon was loss. What lasted longer was an outage, and says nothing of loss;
 * nor does a row say more than the longest that makes a verdict. */
static inline void detect_row_ends(struct dfb_detect *d, __u64 answered_ns)
{
	if (!d->misses || detect_reached(answered_ns, d->first_missed_ns + DETECT_OUTAGE_NS))
		return;
	d->rows++;
	d->expired_again += detect_min(d->misses, DFB_WINDOW / 2) - 1;
}

static inline void detect_answered(const struct dfb_target *cfg, struct dfb_detect *d, __u32 seq,
				   struct detect_step *step)
{
	struct dfb_slot *slot = detect_slot(d, seq);

	step->verdict = 0;
	step->again = 0;
	d->answered++;
	detect_row_ends(d, slot->stamp_ns);
	d->misses = 0;
	d->stamped_misses = 0;
	d->last_good_ns = slot->stamp_ns;
	detect_measure(d, slot->rtt_ns);
	switch (d->state) {
	case DFB_STATE_UNKNOWN:
	case DFB_STATE_SUSPECT:
		detect_enter(d, DFB_STATE_UP, DFB_REASON_ANSWERED, step->now);
		break;
	case DFB_STATE_DOWN:
		d->replies = 1;
		d->recovering_ns = step->now;
		detect_enter(d, DFB_STATE_RECOVERING, DFB_REASON_ANSWERED, step->now);
		break;
	case DFB_STATE_RECOVERING:
		d->replies++;
		if (d->replies >= cfg->recover_replies &&
		    detect_reached(step->now, d->recovering_ns + cfg->recover_hold_ns))
			detect_enter(d, DFB_STATE_UP, DFB_REASON_ANSWERED, step->now);
		break;
	default:
		break;
	}
}

static inline void detect_count_miss(struct dfb_detect *d, __u64 sent, int stamped)
{
	d->expired++;
	if (!d->misses)
		d->first_missed_ns = sent;
	d->misses++;
	if (stamped) {
		d->stamped_misses++;
	} else {
		d->stamped_misses = 0;
		d->unsent++;
	}
}

/* While nobody answers, a neighbour table that is still being filled after healing must not look
 * like a dead server: then only probes that left count, or evidence of the link itself. */
static inline int detect_conclusive(const struct dfb_target *cfg, const struct dfb_detect *d)
{
	return d->state == DFB_STATE_SUSPECT || d->stamped_misses >= cfg->misses || cfg->cannot_leave;
}

static inline void detect_expired(const struct dfb_target *cfg, struct dfb_detect *d, __u64 sent,
				  int stamped, struct detect_step *step)
{
	enum dfb_reason reason = stamped ? DFB_REASON_EXPIRED : DFB_REASON_UNSENT;

	detect_count_miss(d, sent, stamped);
	switch (d->state) {
	case DFB_STATE_UP:
		detect_enter(d, DFB_STATE_SUSPECT, reason, step->now);
		break;
	case DFB_STATE_RECOVERING:
		detect_enter(d, DFB_STATE_DOWN, reason, step->now);
		return;
	case DFB_STATE_DOWN:
		step->again = d->misses >= cfg->misses;
		return;
	default:
		break;
	}
	if (d->misses >= cfg->misses && detect_conclusive(cfg, d))
		step->verdict = 1;
}

/**
 * detect_judge() - judge the next sequence number, if its time has come
 * Return: DETECT_WAIT if there is none, or not yet (then step->due is set).
 */
static inline enum detect_judgement detect_judge(const struct dfb_target *cfg, struct dfb_detect *d,
						 const struct dfb_attempts *a, struct detect_step *step)
{
	__u32 seq = d->judged + 1;
	struct dfb_slot *slot = detect_slot(d, seq);
	__u64 left = detect_left(slot, seq), sent = left ? left : detect_sent(d, a, seq);

	if (!sent)
		return DETECT_WAIT;
	if (left && slot->rtt_ns) {
		d->judged = seq;
		detect_answered(cfg, d, seq, step);
		return DETECT_ANSWERED;
	}
	if (!detect_reached(step->now, sent + step->timeout)) {
		step->due = sent + step->timeout;
		return DETECT_WAIT;
	}
	d->judged = seq;
	detect_expired(cfg, d, sent, left != 0, step);
	return DETECT_EXPIRED;
}

/* --- the witness ----------------------------------------------------------------------------- */

/**
 * struct detect_question - what a witness must have answered
 * @after: its probe was sent after the first of the last `misses` missed ones
 * @before: and before the last but one of them
 * @overdue: its reply was handled after that: by then the target's own used to be there
 * @handled: and before that
 */
struct detect_question {
	__u64 after;
	__u64 before;
	__u64 overdue;
	__u64 handled;
};

/* How long a reply usually takes at most. */
static inline __u64 detect_usual(const struct dfb_detect *d, __u64 timeout)
{
	return detect_min(d->srtt_ns + 4 * d->rttvar_ns, timeout);
}

/* A witness that is asked as often as the target may never be asked at the right moment: with a row
 * of that many more expired probes there is room for it. With confirm probes it is asked in time. */
static inline __u32 detect_room(const struct dfb_target *cfg, __u64 usual)
{
	return detect_min(usual / cfg->interval_ns, DFB_WINDOW / 4) + (cfg->misses > 1 ? 1 : 2);
}

/** detect_ask() - the question for a target with `misses` expired probes. */
static inline void detect_ask(const struct dfb_target *cfg, struct dfb_detect *d,
			      const struct dfb_attempts *a, const struct detect_step *step,
			      struct detect_question *q)
{
	__u64 usual = detect_usual(d, step->timeout);
	__u32 row = detect_min(d->misses, cfg->misses + detect_room(cfg, usual));

	q->after = detect_sent(d, a, d->judged - row + 1);
	q->overdue = q->after + usual;
	q->before = step->now;
	if (row > 1)
		q->before = detect_sent(d, a, cfg->misses > 2 ? d->judged - 1 : d->judged);
	q->handled = step->now - step->timeout / 4;
}

/** detect_is_witness() - does this probe of another server answer the question? */
static inline int detect_is_witness(const struct dfb_slot *slot, __u64 timeout,
				    const struct detect_question *q)
{
	if (!slot->rtt_ns || slot->rtt_ns > timeout)
		return 0;
	return (__s64)(slot->stamp_ns - q->after) > 0 && (__s64)(q->before - slot->stamp_ns) > 0 &&
	       detect_reached(slot->stamp_ns + slot->rtt_ns, q->overdue) &&
	       detect_reached(q->handled, slot->stamp_ns + slot->rtt_ns);
}

/* Has this CPU handled a packet of its own that was sent between then and then? */
static inline int detect_beats(const struct dfb_pulse *pulse, __u64 since, __u64 until)
{
	for (int i = 0; i < DFB_PULSES; i++) {
		if ((__s64)(pulse->at_ns[i] - since) > 0 && detect_reached(until, pulse->at_ns[i]))
			return 1;
	}
	return 0;
}

/**
 * detect_is_held_back() - do the target's replies wait on a CPU that stands still?
 * @mine: pulse of the CPU that judges
 * @theirs: pulse of the CPU that handled the target's last reply
 *
 * A witness on another CPU cannot tell. They do not, if that CPU has handled a packet of its own
 * that was sent when the reply to the last but one missed probe usually would have been there, and
 * did so a while ago (not long: only the last few pulses are remembered). Pulses are taken while
 * somebody is suspect; if even the CPU that judges has none, nobody takes them. Nor is a CPU waited
 * for without end.
 */
static inline int detect_is_held_back(const struct dfb_target *cfg, struct dfb_detect *d,
				      const struct dfb_pulse *mine, const struct dfb_pulse *theirs,
				      const struct detect_question *q, __u64 now)
{
	__u64 usual = q->overdue - q->after, last_but_one = cfg->misses > 2 ? q->before : q->after;

	if (mine == theirs || detect_reached(now, d->first_missed_ns + DETECT_PATIENCE_NS))
		return 0;
	if (!detect_beats(mine, q->after, now))
		return 0;
	if (detect_beats(theirs, last_but_one + usual, detect_max(q->handled, now - DETECT_SETTLED_NS)))
		return 0;
	d->graces++;
	return 1;
}

/** detect_verdict() - the answer is in. */
static inline void detect_verdict(const struct dfb_target *cfg, struct dfb_detect *d, int witness, __u64 now)
{
	if (!witness) {
		if (d->state != DFB_STATE_UNKNOWN)
			detect_enter(d, DFB_STATE_UNKNOWN, DFB_REASON_NO_WITNESS, now);
		return;
	}
	detect_enter(d, DFB_STATE_DOWN, d->stamped_misses ? DFB_REASON_EXPIRED : DFB_REASON_UNSENT, now);
	detect_punish(cfg, d, now);
}

/** detect_next() - when the callback must look again although nothing is outstanding. */
static inline __u64 detect_next(const struct dfb_target *cfg, struct dfb_detect *d,
				const struct dfb_attempts *a, const struct detect_step *step)
{
	__u64 next = detect_sent(d, a, a->seq) + cfg->interval_ns + step->timeout;

	if (step->due)
		return step->due;
	if (detect_reached(step->now, next)) /* the prober is late, or gone */
		return step->now + cfg->interval_ns + step->timeout;
	return next;
}

/* --- the choice of a candidate --------------------------------------------------------------- */

/* How good a server is as a pool's next one. */
enum detect_grade {
	DETECT_UNFIT,
	DETECT_LAST_RESORT, /* alive, but damped or still recovering */
	DETECT_FIT,
};

/** detect_grade() - of one target; a server is as good as its worst in the pool's families. */
static inline enum detect_grade detect_grade(const struct dfb_detect *d)
{
	if (d->state == DFB_STATE_UP)
		return d->damped ? DETECT_LAST_RESORT : DETECT_FIT;
	return d->state == DFB_STATE_RECOVERING ? DETECT_LAST_RESORT : DETECT_UNFIT;
}

/**
 * struct detect_choice - the best candidate so far; the earlier of equals wins (round robin)
 * @server: 0: none
 * @grade: its grade
 */
struct detect_choice {
	__u32 server;
	__u32 grade;
};

static inline void detect_offer(struct detect_choice *c, __u32 server, __u32 grade)
{
	if (grade > c->grade) {
		c->server = server;
		c->grade = grade;
	}
}

#endif
