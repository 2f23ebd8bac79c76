// SPDX-License-Identifier: GPL-2.0-only
/* Which streams, and which of their holes, tell what a failover cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blackout.h"

#define MS 1000000ull
#define MOVED (1000 * MS) /* the failover */
#define NOW (MOVED + BLACKOUT_SETTLE_NS)
#define STREAMS 3

static const struct policy_service service = {
	.name = "web",
	.n_addresses = 1,
	.address = {{10, 79}},
	.blackout_budget_ns = 50 * MS,
};
static const struct report moved = {.time_ns = MOVED, .detect_ns = 3 * MS};

static struct meter_view *view;

static int setup(void **state)
{
	(void)state;
	view = calloc(1, sizeof(*view) + STREAMS * sizeof(view->streams[0]));
	if (!view)
		return -1;
	view->now_ns = NOW;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(view);
	return 0;
}

/* A stream of the service that ran all the time, without a hole so far. */
static struct dfb_stream *add_stream(uint64_t period_ns)
{
	struct meter_stream *s = &view->streams[view->n++];

	memcpy(s->key.source, service.address[0], sizeof(s->key.source));
	s->stream.state = DFB_STREAM_LIVE;
	s->stream.account.first_ns = MS;
	s->stream.account.last_ns = NOW - 1;
	s->stream.account.period_ns = period_ns;
	return &s->stream;
}

static struct dfb_blackout hole(uint64_t began_ns, uint64_t ended_ns, uint64_t period_ns, uint64_t lost)
{
	return (struct dfb_blackout){
		.began_ns = began_ns,
		.ended_ns = ended_ns,
		.length_ns = ended_ns - began_ns - period_ns,
		.resolution_ns = period_ns,
		.lost = lost,
	};
}

static void without_a_stream_nobody_knows(void **state)
{
	struct report_blackout b;

	(void)state;
	assert_false(blackout_measure(view, &service, &moved, &b));
	assert_false(b.known);
	assert_false(blackout_goes_on(view, &service, &moved));
}

static void the_hole_around_the_failover_is_what_it_cost(void **state)
{
	struct dfb_stream *s = add_stream(MS);
	struct report_blackout b;

	(void)state;
	s->last_hole = hole(MOVED - 3 * MS, MOVED + 2 * MS, MS, 4);
	assert_true(blackout_measure(view, &service, &moved, &b));
	assert_int_equal(b.length_ns, 4 * MS);
	assert_int_equal(b.resolution_ns, MS);
	assert_int_equal(b.lost, 4);
	assert_int_equal(b.streams, 1);
	assert_int_equal(b.budget_ns, 50 * MS);
}

static void a_packet_lost_within_a_period_is_told(void **state)
{
	struct dfb_stream *s = add_stream(10 * MS);
	struct report_blackout b;

	(void)state;
	s->last_hole = hole(MOVED - 5 * MS, MOVED + 5 * MS, 10 * MS, 1);
	assert_true(blackout_measure(view, &service, &moved, &b));
	assert_int_equal(b.length_ns, 0);
	assert_int_equal(b.lost, 1);
}

static void holes_before_and_long_after_are_not_its_fault(void **state)
{
	struct dfb_stream *s = add_stream(MS);
	struct report_blackout b;

	(void)state;
	s->last_hole = hole(MOVED + BLACKOUT_SETTLE_NS, MOVED + BLACKOUT_SETTLE_NS + 9 * MS, MS, 8);
	s->longest_blackout = hole(MOVED - 100 * MS, MOVED - 10 * MS, MS, 89);
	assert_true(blackout_measure(view, &service, &moved, &b));
	assert_int_equal(b.length_ns, 0);
	assert_int_equal(b.lost, 0);
	assert_int_equal(b.resolution_ns, MS);
}

static void a_later_hole_does_not_hide_the_longest(void **state)
{
	struct dfb_stream *s = add_stream(MS);
	struct report_blackout b;

	(void)state;
	s->last_hole = hole(MOVED + 100 * MS, MOVED + 103 * MS, MS, 2);
	s->longest_blackout = hole(MOVED - 3 * MS, MOVED + 20 * MS, MS, 22);
	assert_true(blackout_measure(view, &service, &moved, &b));
	assert_int_equal(b.lost, 22);
}

static void the_stream_that_proves_most_tells(void **state)
{
	struct dfb_stream *fine = add_stream(MS), *coarse = add_stream(100 * MS);
	struct report_blackout b;

	(void)state;
	fine->last_hole = hole(MOVED - 3 * MS, MOVED + 28 * MS, MS, 30);
	coarse->last_hole = hole(MOVED - 90 * MS, MOVED + 110 * MS, 100 * MS, 1);
	assert_true(blackout_measure(view, &service, &moved, &b));
	assert_int_equal(b.length_ns, 30 * MS);
	assert_int_equal(b.resolution_ns, MS);
	assert_int_equal(b.streams, 2);
}

static void who_is_silent_since_goes_on(void **state)
{
	struct dfb_stream *s = add_stream(MS);
	struct report_blackout b;

	(void)state;
	s->state = DFB_STREAM_SILENT;
	s->account.last_ns = MOVED - 3 * MS;
	assert_true(blackout_goes_on(view, &service, &moved));
	assert_true(blackout_measure(view, &service, &moved, &b));
	assert_int_equal(b.length_ns, NOW - MOVED + 3 * MS);
	s->account.last_ns = MOVED + MS; /* it was there again, and ended */
	assert_false(blackout_goes_on(view, &service, &moved));
}

static void who_was_not_there_or_is_not_ours_does_not_count(void **state)
{
	struct dfb_stream *ended = add_stream(MS), *later = add_stream(MS), *other = add_stream(MS);
	struct report_blackout b;

	(void)state;
	ended->state = DFB_STREAM_SILENT;
	ended->account.last_ns = MOVED - 500 * MS;
	later->account.first_ns = MOVED + MS;
	view->streams[2].key.source[0] = 11;
	other->last_hole = hole(MOVED - 3 * MS, MOVED + 28 * MS, MS, 30);
	assert_false(blackout_measure(view, &service, &moved, &b));
	assert_false(blackout_goes_on(view, &service, &moved));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The other direction of a stream of add_stream(). */
static struct dfb_stream *add_question(uint16_t port)
{
	struct dfb_stream *s = add_stream(MS);
	struct dfb_stream_key *key = &view->streams[view->n - 1].key;

	memcpy(key->destination, service.address[0], sizeof(key->destination));
	memset(key->source, 7, sizeof(key->source));
	key->sport = port;
	key->dport = 9;
	return s;
}

static struct dfb_stream *add_answer(uint16_t port)
{
	struct dfb_stream *s = add_stream(MS);
	struct dfb_stream_key *key = &view->streams[view->n - 1].key;

	memset(key->destination, 7, sizeof(key->destination));
	key->sport = 9;
	key->dport = port;
	return s;
}

static void end_before(struct dfb_stream *s, uint64_t ns)
{
	s->state = DFB_STREAM_SILENT;
	s->account.last_ns = MOVED - ns;
}

static void a_client_that_ended_waits_for_nothing(void **state)
{
	struct dfb_stream *question = add_question(4100), *answer = add_answer(4100);
	struct report_blackout b;

	(void)state;
	end_before(answer, MS);
	assert_true(blackout_goes_on(view, &service, &moved)); /* it asks, and nobody answers */
	end_before(question, MS);
	assert_false(blackout_goes_on(view, &service, &moved));
	assert_false(blackout_measure(view, &service, &moved, &b));
	view->streams[0].key.sport++; /* another's */
	assert_true(blackout_goes_on(view, &service, &moved));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(without_a_stream_nobody_knows),
		CASE(the_hole_around_the_failover_is_what_it_cost),
		CASE(a_packet_lost_within_a_period_is_told),
		CASE(holes_before_and_long_after_are_not_its_fault),
		CASE(a_later_hole_does_not_hide_the_longest),
		CASE(the_stream_that_proves_most_tells),
		CASE(who_is_silent_since_goes_on),
		CASE(who_was_not_there_or_is_not_ours_does_not_count),
		CASE(a_client_that_ended_waits_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
