// SPDX-License-Identifier: GPL-2.0-only
/* user/core/tally.h: rows of answers, and what they come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/tally.h"

#define RISE 2
#define FALL 3

/* One answer per letter: g good, b bad, n none; asked at 1, 2, 3, ... */
static struct tally after(const char *answers)
{
	struct tally t = {0};

	static const enum check_outcome outcomes[] = {
		['g'] = CHECK_GOOD, ['b'] = CHECK_BAD, ['n'] = CHECK_NONE};

	for (uint64_t at = 1; *answers; answers++, at++)
		tally_add(&t, RISE, FALL, outcomes[(int)*answers], at);
	return t;
}

static void rows_make_a_state(void **state)
{
	static const struct {
		const char *answers;
		enum check_state state;
	} rows[] = {
		{"", CHECK_UNKNOWN},	    {"g", CHECK_UNKNOWN},    {"gg", CHECK_PASS},
		{"bb", CHECK_UNKNOWN},	    {"bbb", CHECK_FAIL},     {"gbgbgb", CHECK_UNKNOWN},
		{"ggbb", CHECK_PASS},	    {"ggbbb", CHECK_FAIL},   {"ggbbgbb", CHECK_PASS},
		{"bbbg", CHECK_FAIL},	    {"bbbgbg", CHECK_FAIL},  {"bbbgg", CHECK_PASS},
		{"ggnn", CHECK_PASS},	    {"ggnnn", CHECK_UNKNOWN}, {"bbbnnn", CHECK_UNKNOWN},
		{"ggnbnbnb", CHECK_FAIL},   {"ggnnng", CHECK_UNKNOWN}, {"ggnnngg", CHECK_PASS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(after(rows[i].answers).state, rows[i].state);
}

static void a_change_is_told_once(void **state)
{
	struct tally t = {0};

	(void)state;
	assert_false(tally_add(&t, 2, 1, CHECK_GOOD, 1));
	assert_true(tally_add(&t, 2, 1, CHECK_GOOD, 2));
	assert_false(tally_add(&t, 2, 1, CHECK_GOOD, 3));
	assert_true(tally_add(&t, 2, 1, CHECK_BAD, 4));
	assert_false(tally_add(&t, 2, 1, CHECK_BAD, 5));
}

/* Witnesses must have been asked after it. */
static void the_first_of_a_bad_row_is_remembered(void **state)
{
	(void)state;
	assert_int_equal(after("ggb").bad_ns, 3);
	assert_int_equal(after("ggbbb").bad_ns, 3);
	assert_int_equal(after("ggbnb").bad_ns, 3);
	assert_int_equal(after("ggbg").bad_ns, 0);
	assert_int_equal(after("ggbgb").bad_ns, 5);
}

static void who_wavers_is_asked_faster(void **state)
{
	(void)state;
	assert_false(tally_is_settled(&(struct tally){0}));
	assert_true(tally_is_settled(&(struct tally){.state = CHECK_PASS, .good = 2}));
	assert_false(tally_is_settled(&(struct tally){.state = CHECK_PASS, .bad = 1}));
	assert_true(tally_is_settled(&(struct tally){.state = CHECK_FAIL, .bad = 3}));
	assert_false(tally_is_settled(&(struct tally){.state = CHECK_FAIL, .good = 1}));
	assert_false(tally_is_settled(&(struct tally){.state = CHECK_PASS, .good = 2, .none = 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_make_a_state),
		cmocka_unit_test(a_change_is_told_once),
		cmocka_unit_test(the_first_of_a_bad_row_is_remembered),
		cmocka_unit_test(who_wavers_is_asked_faster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
