// SPDX-License-Identifier: GPL-2.0-only
/* The pace of streams, and what the words of `defib loss send` ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <base/clean.h>
#include <base/text.h>

#include "../../tools/defib/stream.h"

static const uint32_t rates[] = {1, 3, 7, 10, 999, 1000, 10000, 10001, 30000, 99991, 100000, STREAM_MAX_RATE};

static void number_n_is_due_when_n_and_one_more_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		for (uint64_t n = 0; n <= UINT32_MAX; n = n * 3 + 1) {
			uint64_t due_ns = stream_due_ns(rates[i], n);

			assert_true(stream_due_count(rates[i], due_ns) == n + 1);
			if (n)
				assert_true(stream_due_count(rates[i], due_ns - 1) == n);
		}
	}
}

static void the_pace_does_not_drift(void **state)
{
	(void)state;
	assert_true(stream_due_ns(1000, 0) == 0);
	assert_true(stream_due_ns(1000, 1) == 1000000);
	assert_true(stream_due_ns(3, 3000) == 1000000000000);
	assert_true(stream_due_ns(99991, 99991ull * 3600) == 3600000000000);
	assert_true(stream_due_ns(1, UINT32_MAX) == UINT32_MAX * 1000000000ull);
}

static void fast_streams_wake_up_for_a_tick_slow_ones_for_a_packet(void **state)
{
	(void)state;
	assert_true(stream_wake_ns(1000, 5, 100) == 5000000);
	assert_true(stream_wake_ns(STREAM_TICKS_ABOVE, 5, 100) == 500000);
	assert_true(stream_wake_ns(100000, 100, 1000) == stream_due_ns(100000, 119));
	assert_true(stream_wake_ns(100000, 995, 1000) == stream_due_ns(100000, 999));
}

static void parse(const char *text, struct stream_want *ret_want)
{
	static char buffer[256];
	char *words[32] = {NULL};
	char *rest = buffer;

	text_copy(buffer, sizeof(buffer), text);
	for (size_t i = 0; i < ARRAY_SIZE(words) - 1 && (words[i] = strsep(&rest, " ")); i++)
		;
	assert_int_equal(stream_want_parse(words, ret_want), 0);
}

static void what_is_not_said_has_a_default(void **state)
{
	struct stream_want want;
	struct stream_run run;

	(void)state;
	parse("10.0.0.2", &want);
	assert_null(want.device);
	assert_int_equal(want.n_rates, 1);
	assert_int_equal(want.size, 128);
	assert_int_equal(want.port, 9);
	assert_int_equal(want.sender, STREAM_AUTO);
	stream_want_run(&want, 0, &run);
	assert_int_equal(run.rate, 1000);
	assert_int_equal(run.sport, 40000);
	assert_int_equal(run.count, 10000);
	assert_true(run.limit_ns > 10000000000);
}

static void each_rate_is_a_run_of_its_own(void **state)
{
	static const struct {
		uint32_t rate;
		uint16_t sport;
		uint64_t count;
	} expected[] = {{10, 5000, 15}, {100, 5001, 150}, {3, 5002, 5}};
	struct stream_want want;
	struct stream_run run;

	(void)state;
	parse("v0 fd00::1 --duration 1.5s --rate 10,100,3 --sport 5000", &want);
	assert_string_equal(want.device, "v0");
	assert_int_equal(want.n_rates, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		stream_want_run(&want, i, &run);
		assert_int_equal(run.rate, expected[i].rate);
		assert_int_equal(run.sport, expected[i].sport);
		assert_int_equal(run.count, expected[i].count);
	}
	parse("--count 7 10.0.0.2 --rate 5", &want);
	stream_want_run(&want, 0, &run);
	assert_int_equal(run.count, 7);
	assert_int_equal(run.limit_ns, 0);
}

static void below_98_per_cent_is_slow_but_a_moment_is_not(void **state)
{
	struct stream_run run = {.rate = 1000, .sent = 10001, .first_ns = 5, .last_ns = 10000000005};

	(void)state;
	assert_true(stream_kept_rate(&run) > 999.99 && stream_kept_rate(&run) < 1000.01);
	assert_false(stream_is_slow(&run));
	run.last_ns = 10300000005;
	assert_true(stream_is_slow(&run));
	run.refused = 500; /* the network's failure, not ours */
	assert_false(stream_is_slow(&run));
	run = (struct stream_run){.rate = 1000, .sent = 2, .last_ns = 3000000};
	assert_false(stream_is_slow(&run));
	run.sent = 1;
	assert_true(stream_kept_rate(&run) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_n_is_due_when_n_and_one_more_are),
		cmocka_unit_test(the_pace_does_not_drift),
		cmocka_unit_test(fast_streams_wake_up_for_a_tick_slow_ones_for_a_packet),
		cmocka_unit_test(what_is_not_said_has_a_default),
		cmocka_unit_test(each_rate_is_a_run_of_its_own),
		cmocka_unit_test(below_98_per_cent_is_slow_but_a_moment_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
