// SPDX-License-Identifier: GPL-2.0-only
/* core/timing.h: how often loss alone makes a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clean.h"
#include "core/timing.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

/* Regular probes each millisecond only. */
static const struct timing_pace plain = {.interval_ns = MS, .timeout_ns = MS, .misses = 3};

static void assert_near(double got, double wanted, double share)
{
	if (!(got > wanted * (1 - share) && got < wanted * (1 + share)))
		fail_msg("%g, not %g", got, wanted);
}

static void probes_of_a_row_leave_as_the_prober_sends_them(void **state)
{
	static const struct {
		struct timing_pace pace;
		uint64_t offset_us[4];
	} rows[] = {
		{{MS, 300 * US, 3, 0, 0}, {1000, 2000, 3000, 4000}},
		{{MS, 300 * US, 3, 2, 200 * US}, {300, 500, 1000, 2000}},
		{{MS, 900 * US, 3, 2, 200 * US}, {900, 1000, 1100, 2000}},
		{{MS, 2500 * US, 3, 2, 100 * US}, {1000, 2000, 2500, 2600}},
		{{10 * MS, MS, 3, 2, MS}, {1000, 2000, 10000, 20000}},
		{{10 * MS, 50 * MS, 3, 2, MS}, {10000, 20000, 30000, 40000}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (uint32_t n = 1; n <= 4; n++)
			assert_int_equal(timing_row_offset(&rows[i].pace, n), rows[i].offset_us[n - 1] * US);
	}
}

/* The figures of Documentation/design/detector.rst, and what is lost is lost in every probe of a row. */
static void equal_gaps_are_the_formula_of_the_text_books(void **state)
{
	struct timing_pace pace = plain;

	(void)state;
	assert_near(timing_mistakes(&pace, 1e-3, 1e-3, MS) / S, 11.574 * 86400, 0.01);
	assert_near(timing_mistakes(&pace, 1e-3, 0.2, MS) / S, 25.0 / 0.8, 0.01);
	pace.misses = 1;
	assert_near(timing_mistakes(&pace, 1e-3, 0.2, MS) / S, 1.0 / 0.8, 0.01);
	pace = (struct timing_pace){.interval_ns = 10 * MS, .timeout_ns = 10 * MS, .misses = 5};
	assert_near(timing_mistakes(&pace, 1e-4, 0.2, 10 * MS) / S, 17.36 * 3600 / 0.8, 0.01);
	assert_true(timing_mistakes(&pace, 0, 0, MS) > 1e300);
}

/* Loss that lasts: what was seen 1 ms after a loss is more at 200 us, and next to nothing at 10 ms. */
static void confirm_probes_that_are_too_close_prove_little(void **state)
{
	struct timing_pace pace = {.interval_ns = 10 * MS, .timeout_ns = MS, .misses = 3};
	double regular = timing_mistakes(&pace, 1e-3, 0.5, MS), confirmed, hasty;

	(void)state;
	pace.confirm_probes = 2;
	pace.confirm_spacing_ns = MS;
	confirmed = timing_mistakes(&pace, 1e-3, 0.5, MS);
	pace.timeout_ns = pace.confirm_spacing_ns = 200 * US;
	hasty = timing_mistakes(&pace, 1e-3, 0.5, MS);
	assert_near(confirmed / S, 0.01 / (1e-3 * 0.5 * 0.5), 0.02);
	assert_near(hasty / S, 0.01 / (1e-3 * 0.8706 * 0.8706), 0.02); /* 0.5 ^ 0.2 */
	assert_true(regular > 1000 * confirmed);
}

/* From one interval to another: p is a share of time, r falls with the gap. */
static void a_forecast_for_its_own_pace_repeats_what_was_counted(void **state)
{
	struct timing_loss loss = {.probes = 1000000, .rows = 1000, .again = 250, .pace = plain};
	struct timing_forecast f;
	struct timing_pace slow = plain;

	(void)state;
	assert_near(timing_lost(&loss), 1250e-6, 1e-6);
	assert_near(timing_lost_again(&loss), 0.2, 1e-6);
	assert_true(timing_forecast(&loss, &plain, &f));
	assert_false(f.at_least);
	assert_near(f.mistakes_ns, (double)MS / (1e-3 * 0.2 * 0.2), 0.02);
	slow.interval_ns = slow.timeout_ns = 2 * MS;
	assert_true(timing_forecast(&loss, &slow, &f));
	assert_near(f.mistakes_ns, 2.0 * (double)MS / (1.25e-3 * (1 - 0.0412) * 0.0412 * 0.0412), 0.05);
}

static void little_is_said_from_few_probes(void **state)
{
	struct timing_loss loss = {.probes = TIMING_MIN_PROBES - 1, .pace = plain};
	struct timing_forecast f;

	(void)state;
	assert_false(timing_forecast(&loss, &plain, &f));
	loss.probes = 300000; /* none lost: one in 100,000 may be, and nobody knows for how long */
	assert_true(timing_forecast(&loss, &plain, &f));
	assert_true(f.at_least);
	assert_near(f.mistakes_ns / S, 100, 0.01);
	loss.rows = 30; /* none again: one in ten may be */
	assert_true(timing_forecast(&loss, &plain, &f));
	assert_true(f.at_least);
	assert_near(f.mistakes_ns / S, 10 / 0.01, 0.02);
	loss.again = 3;
	assert_true(timing_forecast(&loss, &plain, &f));
	assert_false(f.at_least);
	loss = (struct timing_loss){.pace = plain};
	assert_true(timing_lost(&loss) == 0 && timing_lost_again(&loss) == 0);
}

static void more_misses_are_proposed_until_mistakes_are_rare(void **state)
{
	struct timing_loss loss = {.probes = 1000000, .rows = 1000, .again = 250, .pace = plain};
	struct timing_forecast f;
	struct timing_pace pace = plain;

	(void)state;
	pace.misses = timing_enough_misses(&loss, &plain);
	assert_int_equal(pace.misses, 11); /* with 10: 1 ms / (1e-3 0.2^9) is 22.6 days */
	assert_true(timing_forecast(&loss, &pace, &f));
	assert_true(f.mistakes_ns >= (double)TIMING_MISTAKES_BOUND_NS);
	loss.again = 9000;
	assert_int_equal(timing_enough_misses(&loss, &plain), 0);
}

static void an_outage_is_not_counted(void **state)
{
	struct dfb_detect d = {.answered = 990, .expired = 500, .rows = 8, .expired_again = 2};
	struct dfb_target target = {
		.interval_ns = MS, .misses = 3, .confirm_probes = 2, .confirm_spacing_ns = US,
	};
	struct timing_loss loss;

	(void)state;
	timing_counted(&target, &d, 5 * US, &loss);
	assert_int_equal(loss.probes, 1000);
	assert_int_equal(loss.rows, 8);
	assert_int_equal(loss.again, 2);
	assert_int_equal(loss.pace.timeout_ns, 5 * US);
	assert_int_equal(loss.pace.confirm_spacing_ns, US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_of_a_row_leave_as_the_prober_sends_them),
		cmocka_unit_test(equal_gaps_are_the_formula_of_the_text_books),
		cmocka_unit_test(confirm_probes_that_are_too_close_prove_little),
		cmocka_unit_test(a_forecast_for_its_own_pace_repeats_what_was_counted),
		cmocka_unit_test(little_is_said_from_few_probes),
		cmocka_unit_test(more_misses_are_proposed_until_mistakes_are_rare),
		cmocka_unit_test(an_outage_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
