// SPDX-License-Identifier: GPL-2.0-only
/* bpf/detect.h: probes, replies and judgements. */
#include "bench.h"

/* --- replies --------------------------------------------------------------------------------- */

static void only_the_one_reply_to_a_probe_matches(void **state)
{
	static const struct {
		const char *name;
		int32_t seq; /* from the last probe's */
		uint64_t nonce_xor;
		bool answered_before;
		enum detect_match expected;
	} rows[] = {
		{"the reply", 0, 0, false, DETECT_MATCH},
		{"again", 0, 0, true, DETECT_REPLAYED},
		{"again, with another nonce", 0, 4, true, DETECT_REPLAYED},
		{"another nonce", 0, 1ull << 63, false, DETECT_FORGED},
		{"no nonce", 0, NONCE(40), false, DETECT_FORGED},
		{"the probe before", -1, 0, false, DETECT_MATCH},
		{"the first in the window", -31, 0, false, DETECT_MATCH},
		{"the one before that", -32, 0, false, DETECT_OLD},
		{"the next one", 1, 0, false, DETECT_OLD},
		{"a window ahead", 32, 0, false, DETECT_OLD},
		{"far ahead", 1 << 30, 0, false, DETECT_OLD},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bench b = bench();
		uint32_t seq = 40 + (uint32_t)rows[i].seq;
		enum detect_match found;

		for (int n = 0; n < 40; n++)
			probe(&b);
		if (rows[i].answered_before)
			assert_int_equal(reply(&b, seq), DETECT_MATCH);
		found = detect_match(&b.d, seq, NONCE(seq) ^ rows[i].nonce_xor, b.now);
		if (found != rows[i].expected)
			fail_msg("%s: %d", rows[i].name, (int)found);
	}
}

static void what_never_left_has_no_reply(void **state)
{
	struct bench b = bench();
	uint32_t seq = attempt(&b);

	(void)state;
	assert_int_equal(detect_match(&b.d, seq, 0, b.now), DETECT_OLD);
	assert_int_equal(detect_match(&b.d, 0, 0, b.now), DETECT_OLD);
}

/* Two CPUs' clocks. */
static void a_reply_before_its_probe_took_next_to_no_time(void **state)
{
	struct bench b = bench();
	uint32_t seq = probe(&b);

	(void)state;
	assert_int_equal(detect_match(&b.d, seq, NONCE(seq), START), DETECT_MATCH);
	assert_int_equal(detect_slot(&b.d, seq)->rtt_ns, 1);
}

static void a_slot_is_taken_over_as_a_whole(void **state)
{
	struct bench b = bench();

	(void)state;
	live(&b);
	for (int i = 1; i < DFB_WINDOW; i++)
		live(&b);
	probe(&b);
	assert_int_equal(detect_slot(&b.d, 33)->seq, 33);
	assert_int_equal(detect_slot(&b.d, 33)->rtt_ns, 0);
	assert_int_equal(detect_slot(&b.d, 33)->nonce, NONCE(33));
	assert_int_equal(detect_left(detect_slot(&b.d, 33), 1), 0);
	assert_int_equal(detect_left(detect_slot(&b.d, 33), 33), b.now - 1000);
	assert_int_equal(b.d.sent, 33);
}

static void a_probe_stamped_twice_is_one(void **state)
{
	struct bench b = bench();
	uint32_t seq = probe(&b);

	(void)state;
	detect_stamp(&b.d, seq, NONCE(seq), b.now);
	assert_int_equal(b.d.sent, 1);
	assert_int_equal(detect_left(detect_slot(&b.d, seq), seq), b.now);
	assert_int_equal(detect_match(&b.d, seq, NONCE(seq), b.now), DETECT_MATCH);
	assert_int_equal(detect_match(&b.d, seq, NONCE(seq), b.now), DETECT_REPLAYED);
}

/* --- judging --------------------------------------------------------------------------------- */

static void a_probe_expires_when_its_timeout_is_over(void **state)
{
	struct bench b = bench();
	uint64_t left;

	(void)state;
	live(&b);
	judge(&b);
	probe(&b);
	left = b.now - 1000;
	judge_at(&b, left + 10 * MS - 1);
	assert_int_equal(b.d.judged, 1);
	assert_int_equal(b.step.due, left + 10 * MS);
	assert_int_equal(b.d.state, DFB_STATE_UP);
	judge_at(&b, left + 10 * MS);
	assert_int_equal(b.d.judged, 2);
	assert_int_equal(b.step.due, 0);
	assert_int_equal(b.d.state, DFB_STATE_SUSPECT);
	assert_int_equal(b.d.first_missed_ns, left);
}

static void judgements_are_in_order(void **state)
{
	struct bench b = bench();
	uint32_t first = probe(&b), second = probe(&b);

	(void)state;
	assert_int_equal(reply(&b, second), DETECT_MATCH);
	judge_at(&b, b.now);
	assert_int_equal(b.d.judged, 0); /* the second is in, the first may still come */
	assert_int_equal(b.step.due, START + 1 * MS - 1000 + 10 * MS);
	judge_at(&b, b.step.due);
	assert_int_equal(b.d.judged, second);
	assert_int_equal(b.d.expired, 1);
	assert_int_equal(b.d.answered, 1);
	assert_int_equal(b.d.state, DFB_STATE_UP);
	assert_int_equal(reply(&b, first), DETECT_MATCH); /* late now */
	assert_int_equal(b.d.late, 1);
	assert_true(b.d.worst_late_ns > 0);
}

static void a_reply_that_is_there_when_judged_counts(void **state)
{
	struct bench b = bench();
	uint32_t seq = probe(&b);

	(void)state;
	b.now += 15 * MS; /* longer than the timeout, but nobody had looked */
	assert_int_equal(reply(&b, seq), DETECT_MATCH);
	judge(&b);
	assert_int_equal(b.d.answered, 1);
	assert_int_equal(b.d.late, 0);
	assert_int_equal(b.d.state, DFB_STATE_UP);
	assert_int_equal(b.d.last_good_ns, START + 1 * MS - 1000);
}

static void losses_and_losses_after_a_loss_are_counted(void **state)
{
	struct bench b = bench();

	(void)state;
	for (int i = 0; i < 10; i++) {
		probe(&b);
		probe(&b);
		attempt(&b);
		live(&b);
		judge(&b);
	}
	assert_int_equal(b.d.expired, 30);
	assert_int_equal(b.d.expired_again, 20);
	assert_int_equal(b.d.rows, 10);
	assert_int_equal(b.d.unsent, 10);
	assert_int_equal(b.d.answered, 10);
	assert_int_equal(b.d.sent, 30);
}

/* A dead server says nothing about loss; a long row does not say more than sixteen. */
static void an_outage_is_no_loss(void **state)
{
	static const struct {
		uint32_t misses, rows, again;
	} rows[] = {{1, 1, 0}, {2, 1, 1}, {16, 1, 15}, {17, 1, 15}, {900, 1, 15}, {1100, 0, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bench b = bench();

		for (uint32_t n = 0; n < rows[i].misses; n++) {
			probe(&b);
			judge(&b);
		}
		assert_int_equal(b.d.expired_again, 0);
		live(&b);
		judge(&b);
		assert_int_equal(b.d.expired, rows[i].misses);
		if (b.d.rows != rows[i].rows || b.d.expired_again != rows[i].again)
			fail_msg("%u misses: %u rows, %u again", rows[i].misses, b.d.rows,
				 (unsigned int)b.d.expired_again);
	}
}

static void what_was_not_attempted_is_not_judged(void **state)
{
	struct bench b = bench();

	(void)state;
	live(&b);
	judge(&b);
	judge_at(&b, b.now + 1000 * S);
	assert_int_equal(b.d.judged, 1);
	assert_int_equal(b.d.state, DFB_STATE_UP);
	assert_int_equal(b.step.due, 0);
}

/* The stamp is seen before the prober's send call returns. */
static void a_probe_counts_from_its_stamp_on(void **state)
{
	struct bench b = bench();

	(void)state;
	detect_stamp(&b.d, 1, NONCE(1), START);
	judge_at(&b, START + 10 * MS - 1);
	assert_int_equal(b.d.judged, 0);
	assert_int_equal(b.step.due, START + 10 * MS);
	judge_at(&b, START + 10 * MS);
	assert_int_equal(b.d.judged, 1);
}

static void what_left_the_window_is_skipped(void **state)
{
	static const uint32_t probes[] = {DFB_WINDOW + 1, DFB_WINDOW + 8, 2 * DFB_WINDOW, 3 * DFB_WINDOW + 4};

	(void)state;
	for (size_t row = 0; row < ARRAY_SIZE(probes); row++) {
		struct bench b = bench();

		for (uint32_t i = 0; i < probes[row]; i++)
			probe(&b);
		judge(&b);
		assert_int_equal(b.d.judged, probes[row]);
		assert_int_equal(b.d.expired, DFB_WINDOW);
	}
}

static void a_whole_window_is_judged(void **state)
{
	struct bench b = bench();

	(void)state;
	for (int i = 0; i < DFB_WINDOW; i++)
		probe(&b);
	judge(&b);
	assert_int_equal(b.d.expired, DFB_WINDOW);
}

static void sequence_numbers_wrap(void **state)
{
	struct bench b = bench_from(UINT32_MAX - 5);

	(void)state;
	for (int i = 0; i < 10; i++)
		live(&b);
	judge(&b);
	assert_int_equal(b.d.judged, 4);
	assert_int_equal(b.d.answered, 10);
	b = bench_from(UINT32_MAX - 1);
	for (int i = 0; i < 3; i++)
		probe(&b);
	judge(&b);
	assert_int_equal(b.d.misses, 3);
	assert_int_equal(b.step.verdict, 1);
	assert_int_equal(reply(&b, UINT32_MAX), DETECT_MATCH);
	assert_int_equal(b.d.late, 1);
	b = bench_from(UINT32_MAX - 50);
	for (int i = 0; i < 100; i++)
		attempt(&b);
	judge(&b);
	assert_int_equal(b.d.judged, 49);
	assert_int_equal(b.d.unsent, DFB_WINDOW);
}

static void another_addresss_probes_are_not_judged(void **state)
{
	static const struct {
		uint32_t configured, attempted, detected, expired;
	} rows[] = {
		{4, 4, 4, 3}, {5, 4, 5, 0}, {5, 4, 4, 0}, {5, 5, 4, 0}, {5, 5, 5, 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bench b = bench();

		b.cfg.generation = rows[i].configured;
		b.a.generation = rows[i].attempted;
		b.d.generation = rows[i].detected;
		for (int n = 0; n < 3; n++)
			attempt(&b);
		judge(&b);
		assert_int_equal(b.d.judged, 3);
		assert_int_equal(b.d.expired, rows[i].expired);
	}
}

static void the_callback_looks_again_when_there_may_be_something(void **state)
{
	struct bench b = bench();
	uint64_t last;

	(void)state;
	live(&b);
	last = b.now;
	judge(&b); /* nothing is outstanding: when the next probe's reply must be there */
	assert_int_equal(detect_next(&b.cfg, &b.d, &b.a, &b.step), b.step.now + 1 * MS + 10 * MS);
	judge_at(&b, last + 5 * MS);
	assert_int_equal(detect_next(&b.cfg, &b.d, &b.a, &b.step), last - 1000 + 1 * MS + 10 * MS);
	probe(&b);
	judge_at(&b, b.now);
	assert_int_equal(detect_next(&b.cfg, &b.d, &b.a, &b.step), b.now - 1000 + 10 * MS);
}

static void a_late_callback_waits_for_the_replies(void **state)
{
	static const struct {
		uint64_t timeout, lateness;
		int expected;
	} rows[] = {
		{300000, 0, 0},	       {300000, 1 * MS, 0},	{300000, 1 * MS + 1, 1}, {4 * MS, 1 * MS, 0},
		{4 * MS, 1 * MS + 1, 1}, {40 * MS, 10 * MS, 0}, {40 * MS, 10 * MS + 1, 1},
	};
	struct dfb_detect d = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		d.late_run = 0;
		assert_int_equal(detect_late(&d, rows[i].lateness, rows[i].timeout), rows[i].expected);
	}
	d = (struct dfb_detect){};
	for (int i = 0; i < 3 * (DETECT_MAX_GRACES + 1); i++) { /* but not for ever */
		int last = i % (DETECT_MAX_GRACES + 1) == DETECT_MAX_GRACES;

		assert_int_equal(detect_late(&d, 1 * S, 1 * MS), !last);
	}
	assert_int_equal(d.graces, 3 * DETECT_MAX_GRACES);
	detect_late(&d, 1 * S, 1 * MS);
	detect_late(&d, 0, 1 * MS);
	assert_int_equal(d.late_run, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_one_reply_to_a_probe_matches),
		cmocka_unit_test(what_never_left_has_no_reply),
		cmocka_unit_test(a_reply_before_its_probe_took_next_to_no_time),
		cmocka_unit_test(a_slot_is_taken_over_as_a_whole),
		cmocka_unit_test(a_probe_stamped_twice_is_one),
		cmocka_unit_test(a_probe_expires_when_its_timeout_is_over),
		cmocka_unit_test(judgements_are_in_order),
		cmocka_unit_test(a_reply_that_is_there_when_judged_counts),
		cmocka_unit_test(losses_and_losses_after_a_loss_are_counted),
		cmocka_unit_test(an_outage_is_no_loss),
		cmocka_unit_test(what_was_not_attempted_is_not_judged),
		cmocka_unit_test(a_probe_counts_from_its_stamp_on),
		cmocka_unit_test(what_left_the_window_is_skipped),
		cmocka_unit_test(a_whole_window_is_judged),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(another_addresss_probes_are_not_judged),
		cmocka_unit_test(the_callback_looks_again_when_there_may_be_something),
		cmocka_unit_test(a_late_callback_waits_for_the_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
