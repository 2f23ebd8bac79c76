// SPDX-License-Identifier: GPL-2.0-only
/* bpf/stream.h: what is a blackout, what a pause, when the timer looks, what the far end says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/clean.h>

#include "stream.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

static const struct dfb_loss_conf automatic = {.floor_ns = MS, .expire_ns = 300 * S};

static struct stream_news take(struct dfb_stream *s, uint32_t seq, uint64_t stamp_ns, uint64_t now_ns)
{
	const struct account_packet p = {
		.seq = seq, .bytes = 60, .stamp_us = stamp_ns / US, .now_ns = now_ns};
	const struct stream_far nobody = {0};
	struct stream_news news = {0};

	stream_take(s, &p, &nobody, &automatic, &news);
	return news;
}

static struct stream_news look(struct dfb_stream *s, uint64_t now_ns)
{
	struct stream_news news = {0};

	stream_look(s, now_ns, &automatic, &news);
	return news;
}

/* Numbers 1 to @n, a millisecond apart, from 10 s on. Return: the latest arrival. */
static uint64_t run(struct dfb_stream *s, uint32_t n)
{
	for (uint32_t seq = 1; seq <= n; seq++)
		take(s, seq, S + seq * MS, 10 * S + seq * MS);
	return 10 * S + n * MS;
}

static void a_cut_is_a_blackout_of_its_length(void **state)
{
	static const uint64_t cuts[] = {3, 20, 200, 5000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		struct dfb_stream s = {0};
		uint64_t last = run(&s, 100), next = last + (cuts[i] + 1) * MS;
		struct stream_news news = take(&s, 101 + (uint32_t)cuts[i], S + (101 + cuts[i]) * MS, next);

		assert_int_equal(news.kind, DFB_SILENCE_ENDED);
		assert_int_equal(news.unnoticed, 1);
		assert_int_equal(news.blackout.lost, cuts[i]);
		assert_in_range(news.blackout.length_ns, cuts[i] * MS - 50 * US, cuts[i] * MS + 50 * US);
		assert_in_range(news.blackout.resolution_ns, MS - 50 * US, MS + 50 * US);
		assert_int_equal(s.blackouts, 1);
		assert_int_equal(s.blackout_lost, cuts[i]);
		assert_in_range(s.threshold_ns, 2400 * US, 2600 * US); /* the cut has not changed it */
	}
}

static void a_single_loss_is_a_hole_and_no_blackout(void **state)
{
	struct dfb_stream s = {0};
	uint64_t last = run(&s, 100);
	struct stream_news news = take(&s, 102, S + 102 * MS, last + 2 * MS);

	(void)state;
	assert_int_equal(news.kind, 0);
	assert_int_equal(s.blackouts, 0);
	assert_int_equal(s.last_hole.lost, 1);
	assert_int_equal(s.last_hole.began_ns, last);
	assert_int_equal(s.last_hole.ended_ns, last + 2 * MS);
	assert_in_range(s.last_hole.length_ns, 900 * US, 1100 * US);
}

static void held_packets_are_a_blackout_and_a_senders_pause_is_none(void **state)
{
	struct dfb_stream held = {0}, paused = {0}, unstamped = {0};
	uint64_t last = run(&held, 100);
	struct stream_news news;

	(void)state;
	run(&paused, 100);
	news = take(&held, 101, S + 101 * MS, last + 50 * MS);
	assert_int_equal(news.kind, DFB_SILENCE_ENDED);
	assert_int_equal(news.blackout.lost, 0);
	news = take(&paused, 101, S + 149 * MS, last + 50 * MS);
	assert_int_equal(news.kind, 0); /* nobody had noticed */
	assert_int_equal(paused.blackouts, 0);
	for (uint32_t seq = 1; seq <= 100; seq++)
		take(&unstamped, seq, 0, seq * MS);
	news = take(&unstamped, 101, 0, 150 * MS);
	assert_int_equal(news.kind, DFB_SILENCE_ENDED); /* nobody can tell */
}

static void a_pause_that_was_noticed_is_taken_back(void **state)
{
	struct dfb_stream s = {0};
	uint64_t last = run(&s, 100);
	struct stream_news news = look(&s, last + 20 * MS);

	(void)state;
	assert_int_equal(news.kind, DFB_SILENCE_BEGAN);
	assert_int_equal(news.blackout.began_ns, last);
	news = take(&s, 101, S + 150 * MS, last + 51 * MS);
	assert_int_equal(news.kind, DFB_SILENCE_PAUSED);
	assert_int_equal(s.state, DFB_STREAM_LIVE);
	assert_true(news.look_ns > 0);
	assert_int_equal(s.blackouts, 0);
	assert_int_equal(s.last_blackout.began_ns, 0);
}

static void the_timer_looks_not_too_often_and_in_time(void **state)
{
	struct dfb_stream s = {0};
	uint64_t last = run(&s, 100), now = last + MS;
	struct stream_news news = look(&s, now);

	(void)state;
	assert_int_equal(news.kind, 0);
	assert_in_range(news.look_ns, STREAM_LOOK_NS, STREAM_LOOK_NS + STREAM_TICK_NS);
	assert_int_equal((now + news.look_ns) % STREAM_TICK_NS, 0);
	news = look(&s, now + news.look_ns);
	assert_int_equal(news.kind, DFB_SILENCE_BEGAN);
	assert_in_range(news.look_ns, 299 * S, 300 * S);
	news = look(&s, last + 300 * S);
	assert_int_equal(news.kind, DFB_SILENCE_EXPIRED);
	assert_int_equal(news.look_ns, 0);
}

static void a_single_packet_is_not_kept_for_long(void **state)
{
	struct dfb_stream s = {0};
	struct stream_news news = take(&s, 1, S, 10 * S);

	(void)state;
	assert_int_equal(news.look_ns, 0); /* the timer is set already */
	news = look(&s, 10 * S + STREAM_SINGLE_NS);
	assert_int_equal(news.kind, 0);
	assert_int_equal(news.look_ns, 0);
}

static void a_new_rate_is_learned_in_a_few_packets(void **state)
{
	struct dfb_stream s = {0};
	uint64_t now = run(&s, 1000);

	(void)state;
	for (uint32_t seq = 1001; seq <= 1200; seq++) { /* a hundred times slower, and without stamps */
		now += 100 * MS;
		take(&s, seq, 0, now);
	}
	assert_in_range(s.blackouts, 1, 40);
	assert_in_range(s.account.period_ns, 90 * MS, 101 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_is_a_blackout_of_its_length),
		cmocka_unit_test(a_single_loss_is_a_hole_and_no_blackout),
		cmocka_unit_test(held_packets_are_a_blackout_and_a_senders_pause_is_none),
		cmocka_unit_test(a_pause_that_was_noticed_is_taken_back),
		cmocka_unit_test(the_timer_looks_not_too_often_and_in_time),
		cmocka_unit_test(a_single_packet_is_not_kept_for_long),
		cmocka_unit_test(a_new_rate_is_learned_in_a_few_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
