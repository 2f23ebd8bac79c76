/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: Silence, and what the far end says
 *
 * Freestanding, as account.h is. A stream that was silent for longer than its threshold had a blackout, if
 * it then goes on with its numbers, and the sender was not silent itself. Its begin is noticed by the
 * stream's timer, its end by the next packet, which alone knows what was lost. Silence before a sender
 * begins again is a pause, and at the end of a stream it is just that. The threshold follows the period,
 * of which neither loss nor a blackout changes anything: see account_gap().
 */
#ifndef DEFIB_STREAM_H
#define DEFIB_STREAM_H

#include "account.h"

#define STREAM_LOOK_NS 8000000ull   /* a timer runs at most so often: shorter silence is told when it ends */
#define STREAM_TICK_NS (1ull << 20) /* and with others at the same time, which costs much less */
#define STREAM_SINGLE_NS 5000000000ull /* a stream of one packet is not kept for longer: so a flood ends */

/** struct stream_far - of struct dfb_far, host byte order; @received 0: there is none */
struct stream_far {
	__u32 received;
	__u32 lost;
	__u32 responder;
};

/**
 * struct stream_news - what is to be done after a packet, or after the timer
 * @kind: to tell the ring; 0: nothing
 * @unnoticed: the begin of the same silence is to be told before
 * @look_ns: the timer is to run so much later; 0: as it is set
 * @blackout: to tell
 */
struct stream_news {
	enum dfb_silence_kind kind;
	__u32 unnoticed;
	__u64 look_ns;
	struct dfb_blackout blackout;
};

/* Of the times of two processors the later one may be read first. */
static __always_inline __u64 stream_since(__u64 now, __u64 then)
{
	return (__s64)(now - then) > 0 ? now - then : 0;
}

static __always_inline __u64 stream_threshold(const struct dfb_stream *s, const struct dfb_loss_conf *conf)
{
	__u64 threshold = s->account.period_ns * 5 / 2;

	if (conf->threshold_ns)
		return conf->threshold_ns;
	return threshold > conf->floor_ns ? threshold : conf->floor_ns;
}

/* When the timer of a stream that is live has to run. */
static __always_inline __u64 stream_next_look(const struct dfb_stream *s, __u64 now, __u64 silence)
{
	__u64 left = s->threshold_ns > silence ? s->threshold_ns - silence : 0;

	if (left < STREAM_LOOK_NS)
		left = STREAM_LOOK_NS;
	return ((now + left + STREAM_TICK_NS - 1) & ~(STREAM_TICK_NS - 1)) - now;
}

/* --- the far end ----------------------------------------------------------------------------- */

/* What it lost in this run before our own account of the run began is not ours; nor is what one that takes
 * over, or is back, has not seen. */
static __always_inline void stream_far_begins(struct dfb_stream *s, const struct stream_far *far, int again)
{
	s->forward_before = s->forward_lost;
	s->forward_base = again ? 0 : far->lost;
	s->far_responder = far->responder;
}

/* A late answer may know less than one that was heard before. */
static __always_inline void stream_hear_far(struct dfb_stream *s, const struct stream_far *far, int in_order)
{
	if (in_order && far->responder != s->far_responder)
		stream_far_begins(s, far, 0);
	else if (far->responder != s->far_responder ||
		 (!in_order && (__s32)(far->received - s->far_received) <= 0))
		return;
	s->far = DFB_FAR_RESPONDER;
	s->far_received = far->received;
	s->forward_lost =
		s->forward_before + (far->lost > s->forward_base ? far->lost - s->forward_base : 0);
}

/* --- silence --------------------------------------------------------------------------------- */

static __always_inline void stream_hole_ends(struct dfb_stream *s, __u64 now, __u64 gap, __u64 lost)
{
	s->last_hole.began_ns = now - gap;
	s->last_hole.ended_ns = now;
	s->last_hole.length_ns = stream_since(gap, s->account.period_ns);
	s->last_hole.resolution_ns = s->account.period_ns;
	s->last_hole.lost = lost;
}

static __always_inline void stream_silence_ends(struct dfb_stream *s, struct stream_news *news)
{
	struct dfb_blackout b = s->last_hole;

	news->kind = DFB_SILENCE_ENDED;
	news->unnoticed = s->state != DFB_STREAM_SILENT;
	news->blackout = b;
	s->last_blackout = b;
	if (b.length_ns > s->longest_blackout.length_ns)
		s->longest_blackout = b;
	s->blackouts++;
	s->blackout_ns += b.length_ns;
	s->blackout_lost += b.lost;
}

/* Nothing was lost, and by its stamps the sender itself was silent for most of the time. */
static __always_inline int stream_sender_paused(const struct account_packet *p, __u64 stamp_us, __u64 gap)
{
	return stamp_us && p->stamp_us > stamp_us && (p->stamp_us - stamp_us) * 2000 > gap;
}

static __always_inline void stream_pause_ends(struct dfb_stream *s, enum dfb_silence_kind kind,
					      struct stream_news *news)
{
	if (s->state != DFB_STREAM_SILENT)
		return;
	news->kind = kind;
	news->blackout = s->last_blackout;
	s->last_blackout = s->longest_blackout;
}

static __always_inline void stream_gap_ends(struct dfb_stream *s, const struct account_packet *p, __u64 gap,
					    __u64 lost, __u64 stamp_us, struct stream_news *news)
{
	int is_long = s->state != DFB_STREAM_NEW && gap > s->threshold_ns;

	if (is_long && !lost && stream_sender_paused(p, stamp_us, gap)) {
		stream_pause_ends(s, DFB_SILENCE_PAUSED, news);
		return;
	}
	if (is_long || lost)
		stream_hole_ends(s, p->now_ns, gap, lost);
	if (is_long)
		stream_silence_ends(s, news);
}

/**
 * stream_take() - a packet of the stream arrived
 * @news: zeroed; filled in
 */
static __always_inline void stream_take(struct dfb_stream *s, const struct account_packet *p,
					const struct stream_far *far, const struct dfb_loss_conf *conf,
					struct stream_news *news)
{
	struct dfb_account *a = &s->account;
	__u64 gap = a->received ? stream_since(p->now_ns, a->last_ns) : 0;
	__u64 lost = a->lost, restarts = a->restarts, first = !a->received, stamp_us = a->stamp_us;
	__u32 top = a->top, again;

	account_take(a, p);
	again = a->restarts != restarts;
	if (far->received && (first || again))
		stream_far_begins(s, far, !first);
	if (far->received)
		stream_hear_far(s, far, first || a->top != top);
	if (again)
		stream_pause_ends(s, DFB_SILENCE_RESTARTED, news);
	else
		stream_gap_ends(s, p, gap, stream_since(a->lost, lost), stamp_us, news);
	s->threshold_ns = stream_threshold(s, conf);
	if (first)
		return;
	if (s->state != DFB_STREAM_LIVE)
		news->look_ns = stream_next_look(s, p->now_ns, 0);
	s->state = DFB_STREAM_LIVE;
}

/**
 * stream_look() - the stream's timer runs
 * @news: zeroed; filled in; with look_ns 0 the stream has expired
 */
static __always_inline void stream_look(struct dfb_stream *s, __u64 now, const struct dfb_loss_conf *conf,
					struct stream_news *news)
{
	__u64 silence = stream_since(now, s->account.last_ns), end = conf->expire_ns;

	if (s->state == DFB_STREAM_NEW && end > STREAM_SINGLE_NS)
		end = STREAM_SINGLE_NS;
	if (s->state == DFB_STREAM_LIVE && silence >= s->threshold_ns) {
		s->state = DFB_STREAM_SILENT;
		s->last_blackout = (struct dfb_blackout){
			.began_ns = s->account.last_ns,
			.resolution_ns = s->account.period_ns,
		};
		news->kind = DFB_SILENCE_BEGAN;
		news->blackout = s->last_blackout;
	}
	if (silence >= end) {
		news->kind = s->state == DFB_STREAM_SILENT ? DFB_SILENCE_EXPIRED : 0;
		return;
	}
	news->look_ns = s->state == DFB_STREAM_LIVE ? stream_next_look(s, now, silence) : end - silence;
}

#endif
