// SPDX-License-Identifier: GPL-2.0-only
/* The oracle's judge: planted verdicts, true and false, on wires that are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../stress/judge.h"

#define MS 1000000ull
#define START (100000 * MS)
#define TIMEOUT (1 * MS)
#define MISSES 3
#define SEQ 1000u /* a probe each millisecond from this one on */

static struct tap_slot wire[TAP_WINDOW];

static uint64_t left(uint32_t seq)
{
	return START + (seq - SEQ) * MS;
}

static struct tap_slot *slot_of(uint32_t seq)
{
	return &wire[seq & (TAP_WINDOW - 1)];
}

/* Answered 100 us after it left. */
static void answer(uint32_t seq)
{
	struct tap_slot *slot = slot_of(seq);

	slot->seq = seq;
	for (int i = 0; i < TAP_POINT_MAX; i++)
		slot->at_ns[i] = left(seq) + (uint64_t)i * MS / 20;
}

static void lose(uint32_t seq)
{
	answer(seq);
	slot_of(seq)->at_ns[TAP_REPLIED] = 0;
	slot_of(seq)->at_ns[TAP_BACK] = 0;
}

/* Probes up to SEQ + 100, all answered; the claim: that SEQ + 50 and the next two were not. */
static struct judge_claim planted(void)
{
	memset(wire, 0, sizeof(wire));
	for (uint32_t seq = SEQ; seq <= SEQ + 100; seq++)
		answer(seq);
	return (struct judge_claim){.seq = SEQ + 53,
				    .misses = MISSES,
				    .timeout_ns = TIMEOUT,
				    .first_missed_ns = left(SEQ + 50) - 1000,
				    .verdict_ns = left(SEQ + 52) + TIMEOUT + 1000};
}

static void expect(const struct judge_claim *claim, enum judge_ruling ruling, uint32_t row)
{
	uint32_t found = 99;

	assert_int_equal(judge_claim(wire, claim, &found), ruling);
	if (ruling != JUDGE_BLIND)
		assert_int_equal(found, row);
}

static void a_verdict_on_a_server_that_answered_is_false(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	expect(&claim, JUDGE_FALSE, 0);
}

static void a_verdict_on_a_server_that_did_not_is_true(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	for (uint32_t seq = SEQ + 50; seq < SEQ + 53; seq++)
		lose(seq);
	expect(&claim, JUDGE_TRUE, 3);
}

static void one_answer_in_between_makes_it_false(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	lose(SEQ + 50);
	lose(SEQ + 52);
	expect(&claim, JUDGE_FALSE, 1);
}

static void a_reply_that_left_too_late_is_none(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	lose(SEQ + 50);
	lose(SEQ + 51);
	slot_of(SEQ + 52)->at_ns[TAP_REPLIED] = left(SEQ + 52) + TIMEOUT + 1;
	expect(&claim, JUDGE_TRUE, 3);
	slot_of(SEQ + 52)->at_ns[TAP_REPLIED] = left(SEQ + 52) + TIMEOUT;
	expect(&claim, JUDGE_FALSE, 2);
}

/* The gateway's processor stood still: that is not the server's fault. */
static void a_reply_that_came_back_late_left_in_time(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	for (uint32_t seq = SEQ + 50; seq < SEQ + 53; seq++)
		slot_of(seq)->at_ns[TAP_BACK] = left(seq) + 30 * MS;
	expect(&claim, JUDGE_FALSE, 0);
}

static void a_reply_that_was_lost_on_its_way_back_is_none(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	for (uint32_t seq = SEQ + 50; seq < SEQ + 53; seq++)
		slot_of(seq)->at_ns[TAP_BACK] = 0;
	expect(&claim, JUDGE_TRUE, 3);
}

static void a_probe_that_was_lost_before_the_wire_counts(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	lose(SEQ + 50);
	slot_of(SEQ + 51)->seq = 0;
	lose(SEQ + 52);
	expect(&claim, JUDGE_TRUE, 3);
}

static void what_was_lost_before_or_after_does_not_count(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	for (uint32_t seq = SEQ + 40; seq < SEQ + 49; seq++)
		lose(seq);
	lose(SEQ + 52);
	lose(SEQ + 53);
	lose(SEQ + 54);
	claim.verdict_ns = left(SEQ + 53) + TIMEOUT / 2 - 1; /* the time of SEQ + 53 was not over */
	expect(&claim, JUDGE_FALSE, 1);
}

/* A probe passes the tap a little after its stamp, from which the detector counts. */
static void a_verdict_a_moment_too_early_for_the_wire_is_true(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	for (uint32_t seq = SEQ + 50; seq < SEQ + 53; seq++)
		lose(seq);
	claim.verdict_ns = left(SEQ + 52) + TIMEOUT - 7000;
	expect(&claim, JUDGE_TRUE, 3);
}

static void what_is_forgotten_cannot_be_judged(void **state)
{
	struct judge_claim claim = planted();

	(void)state;
	claim.first_missed_ns = left(SEQ) - 5 * MS;
	expect(&claim, JUDGE_BLIND, 0);
}

static void rows_are_counted_once(void **state)
{
	struct judge_tally t = {.seq = SEQ};

	(void)state;
	planted();
	for (uint32_t seq = SEQ + 10; seq < SEQ + 20; seq++)
		lose(seq);
	lose(SEQ + 30);
	lose(SEQ + 31);
	slot_of(SEQ + 40)->at_ns[TAP_REPLIED] = left(SEQ + 40) + 7 * MS;
	while (t.seq <= SEQ + 100)
		judge_count(&t, wire, MISSES, TIMEOUT);
	assert_int_equal(t.probes, 101);
	assert_int_equal(t.unanswered, 13);
	assert_int_equal(t.faults, 1);
	assert_int_equal(t.worst_ns, 7 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_verdict_on_a_server_that_answered_is_false),
		cmocka_unit_test(a_verdict_on_a_server_that_did_not_is_true),
		cmocka_unit_test(one_answer_in_between_makes_it_false),
		cmocka_unit_test(a_reply_that_left_too_late_is_none),
		cmocka_unit_test(a_reply_that_came_back_late_left_in_time),
		cmocka_unit_test(a_reply_that_was_lost_on_its_way_back_is_none),
		cmocka_unit_test(a_probe_that_was_lost_before_the_wire_counts),
		cmocka_unit_test(what_was_lost_before_or_after_does_not_count),
		cmocka_unit_test(a_verdict_a_moment_too_early_for_the_wire_is_true),
		cmocka_unit_test(what_is_forgotten_cannot_be_judged),
		cmocka_unit_test(rows_are_counted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
