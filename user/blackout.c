// SPDX-License-Identifier: GPL-2.0-only
#include "blackout.h"

#include <string.h>

#include "base/clean.h"

#define BLACKOUT_BEFORE_NS 10000000ull /* how long a packet is under way, at most */

static bool is_from(const struct meter_stream *s, const struct policy_service *service)
{
	for (uint32_t i = 0; i < service->n_addresses; i++) {
		if (!memcmp(s->key.source, service->address[i], 16))
			return true;
	}
	return false;
}

/* What has to do with it is not older than the last answer of who failed, or two periods of the stream. */
static uint64_t earliest(const struct dfb_stream *s, const struct report *moved)
{
	return moved->time_ns - moved->detect_ns - 2 * s->account.period_ns - BLACKOUT_BEFORE_NS;
}

/* Was it there when it happened? */
static bool is_concerned(const struct dfb_stream *s, const struct report *moved)
{
	return s->state != DFB_STREAM_NEW && s->account.first_ns < moved->time_ns &&
	       s->account.last_ns > earliest(s, moved);
}

static bool is_silent_since(const struct dfb_stream *s, const struct report *moved)
{
	return s->state == DFB_STREAM_SILENT && s->account.last_ns <= moved->time_ns;
}

static bool is_answered_by(const struct dfb_stream_key *question, const struct dfb_stream_key *answer)
{
	return question->sport == answer->dport && question->dport == answer->sport &&
	       !memcmp(question->source, answer->destination, sizeof(question->source)) &&
	       !memcmp(question->destination, answer->source, sizeof(question->destination));
}

/* The client sends no more itself, so it waits for nothing. */
static bool has_no_client(const struct meter_view *view, const struct meter_stream *answer,
			  const struct report *moved)
{
	for (uint32_t i = 0; i < view->n; i++) {
		const struct meter_stream *question = &view->streams[i];

		if (is_answered_by(&question->key, &answer->key) && is_silent_since(&question->stream, moved))
			return true;
	}
	return false;
}

/* It is the service's, was there when it happened, and did not end by itself. */
static bool tells(const struct meter_view *view, const struct meter_stream *s,
		  const struct policy_service *service, const struct report *moved)
{
	if (!is_from(s, service) || !is_concerned(&s->stream, moved))
		return false;
	return !is_silent_since(&s->stream, moved) || !has_no_client(view, s, moved);
}

static bool is_around(const struct dfb_blackout *b, const struct dfb_stream *s, const struct report *moved)
{
	return b->ended_ns > moved->time_ns && b->began_ns > earliest(s, moved) &&
	       b->began_ns < moved->time_ns + BLACKOUT_SETTLE_NS;
}

/* The length and the resolution of one stream's holes; without one it took less than a period. */
static void measure(const struct dfb_stream *s, const struct report *moved, uint64_t now,
		    struct dfb_blackout *ret)
{
	const struct dfb_blackout *holes[] = {&s->last_hole, &s->longest_blackout};

	*ret = (struct dfb_blackout){.resolution_ns = s->account.period_ns};
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		if (is_around(holes[i], s, moved) && holes[i]->length_ns >= ret->length_ns)
			*ret = *holes[i];
	}
	if (is_silent_since(s, moved)) /* until now */
		ret->length_ns = now - s->account.last_ns;
}

static int64_t at_least(uint64_t length_ns, uint64_t resolution_ns)
{
	return (int64_t)(length_ns - resolution_ns);
}

/* The stream that proves most tells; a coarse one proves little, however long its hole. */
static void look_at(const struct dfb_stream *s, const struct report *moved, uint64_t now,
		    struct report_blackout *worst)
{
	int64_t proven = at_least(worst->length_ns, worst->resolution_ns);
	struct dfb_blackout b;

	measure(s, moved, now, &b);
	if (!worst->known || at_least(b.length_ns, b.resolution_ns) > proven) {
		worst->length_ns = b.length_ns;
		worst->resolution_ns = b.resolution_ns;
		worst->lost = b.lost;
	}
	worst->known = true;
	worst->streams++;
}

bool blackout_measure(const struct meter_view *view, const struct policy_service *service,
		      const struct report *moved, struct report_blackout *ret_blackout)
{
	struct report_blackout worst = {.budget_ns = service->blackout_budget_ns};

	for (uint32_t i = 0; i < view->n; i++) {
		const struct meter_stream *s = &view->streams[i];

		if (tells(view, s, service, moved))
			look_at(&s->stream, moved, view->now_ns, &worst);
	}
	*ret_blackout = worst;
	return worst.known;
}

bool blackout_goes_on(const struct meter_view *view, const struct policy_service *service,
		      const struct report *moved)
{
	for (uint32_t i = 0; i < view->n; i++) {
		const struct meter_stream *s = &view->streams[i];

		if (tells(view, s, service, moved) && is_silent_since(&s->stream, moved))
			return true;
	}
	return false;
}
