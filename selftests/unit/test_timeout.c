// SPDX-License-Identifier: GPL-2.0-only
/* bpf/detect.h: the reply timeout and the damping, against references in floating point. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clean.h"
#include "detect.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

static uint64_t seed = 1;

/* xorshift64* (Vigna 2014); (0, 1) */
static double uniform(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return ((double)((seed * 0x2545f4914f6cdd1dull) >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(void)
{
	return -log(uniform());
}

static double log_normal(void)
{
	return exp(0.5 * sqrt(2 * exponential()) * cos(2 * M_PI * uniform()));
}

/* One in two hundred takes ten times as long. */
static double two_humps(void)
{
	return (uniform() < 0.005 ? 10 : 1) * (1 + 0.1 * uniform());
}

static struct dfb_target automatic(void)
{
	return (struct dfb_target){
		.interval_ns = 10 * MS,
		.timeout_min_ns = 300 * US,
		.timeout_max_ns = 50 * MS,
	};
}

/* --- the timeout ----------------------------------------------------------------------------- */

static void the_timeout_is_the_largest_within_its_bounds(void **state)
{
	static const struct {
		const char *name;
		uint64_t fixed, interval, srtt, rttvar, quantile, floor, expected;
	} rows[] = {
		{"fixed", 2 * MS, 10 * MS, 40 * US, 9 * MS, 9 * MS, 9 * MS, 2 * MS},
		{"fixed, nothing measured", 2 * MS, 10 * MS, 0, 0, 0, 0, 2 * MS},
		{"nothing measured: an interval", 0, 10 * MS, 0, 0, 0, 0, 10 * MS},
		{"nothing measured, a short interval", 0, 100 * US, 0, 0, 0, 0, 300 * US},
		{"nothing measured, a long interval", 0, 1 * S, 0, 0, 0, 0, 50 * MS},
		{"SRTT + 4 RTTVAR", 0, 10 * MS, 1 * MS, 500 * US, 1 * MS, 0, 3 * MS},
		{"one and a half quantiles", 0, 10 * MS, 1 * MS, 500 * US, 4 * MS, 0, 6 * MS},
		{"the floor", 0, 10 * MS, 1 * MS, 500 * US, 4 * MS, 7 * MS, 7 * MS},
		{"the lower bound", 0, 10 * MS, 40 * US, 1 * US, 50 * US, 0, 300 * US},
		{"the upper bound", 0, 10 * MS, 40 * MS, 9 * MS, 90 * MS, 60 * MS, 50 * MS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dfb_target cfg = automatic();
		struct dfb_detect d = {
			.srtt_ns = rows[i].srtt,
			.rttvar_ns = rows[i].rttvar,
			.quantile_ns = rows[i].quantile,
			.floor_ns = rows[i].floor,
		};

		cfg.timeout_ns = rows[i].fixed;
		cfg.interval_ns = rows[i].interval;
		if (detect_timeout(&cfg, &d) != rows[i].expected)
			fail_msg("%s: %llu", rows[i].name, detect_timeout(&cfg, &d));
	}
}

/* RFC 6298, section 2; integer division loses less than a nanosecond a term. */
static void the_smoothed_round_trip_is_that_of_the_rfc(void **state)
{
	double srtt = 0, rttvar = 0;
	struct dfb_detect d = {};

	(void)state;
	for (int i = 0; i < 100000; i++) {
		double scale = i % 1000 < 500 ? 100e3 : 2e6, r = floor(scale * (0.5 + exponential()));

		detect_measure(&d, (uint64_t)r);
		rttvar = i ? 0.75 * rttvar + 0.25 * fabs(srtt - r) : r / 2;
		srtt = i ? 0.875 * srtt + 0.125 * r : r;
		assert_true(fabs((double)d.srtt_ns - srtt) <= 20);
		assert_true(fabs((double)d.rttvar_ns - rttvar) <= 20);
	}
}

static void a_steady_round_trip_is_its_own_average(void **state)
{
	struct dfb_detect d = {};

	(void)state;
	for (int i = 0; i < 1000; i++)
		detect_measure(&d, 80 * US);
	assert_in_range(d.srtt_ns, 80 * US - 8, 80 * US + 8);
	assert_true(d.rttvar_ns < 16);
}

#define SAMPLES 1000000
#define UNIT 200e3 /* 200 us */

/**
 * struct course - a million round trips
 * @above: share of the second half above the quantile as it was
 * @mean: of the quantile in the second half
 */
struct course {
	double above;
	double mean;
};

static struct course run_course(double (*draw)(void))
{
	struct dfb_detect d = {};
	struct course c = {};

	seed = 42;
	for (int i = 0; i < SAMPLES; i++) {
		uint64_t r = (uint64_t)(UNIT * draw());

		if (i >= SAMPLES / 2) {
			c.above += (r > d.quantile_ns) / (SAMPLES / 2.0);
			c.mean += (double)d.quantile_ns / (SAMPLES / 2.0);
		}
		detect_measure(&d, r);
	}
	return c;
}

/* Tolerance: one in a thousand to within a tenth; a smooth distribution's quantile to within a tenth. */
static void the_quantile_finds_the_slowest_in_a_thousand(void **state)
{
	static const struct {
		double (*draw)(void);
		double quantile; /* 99.9 %, in units; 0: the density is too low there to tell it */
	} rows[] = {
		{uniform, 0.999},
		{exponential, 6.9078},
		{log_normal, 4.6885}, /* exp(0.5 * 3.0902) */
		{two_humps, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct course c = run_course(rows[i].draw);

		if (fabs(c.above / 0.001 - 1) > 0.1)
			fail_msg("row %zu: %f of all are above", i, c.above);
		if (rows[i].quantile > 0 && fabs(c.mean / UNIT / rows[i].quantile - 1) > 0.1)
			fail_msg("row %zu: %f, not %f", i, c.mean / UNIT, rows[i].quantile);
	}
}

static void a_late_reply_raises_the_floor(void **state)
{
	struct dfb_target cfg = automatic();
	struct dfb_detect d = {.srtt_ns = 50 * US, .worst_late_ns = 33 * MS};

	(void)state;
	detect_learn_late(&cfg, &d);
	assert_int_equal(d.floor_ns, 41250 * US);
	assert_int_equal(d.worst_late_ns, 0);
	assert_int_equal(detect_timeout(&cfg, &d), 41250 * US);
	d.worst_late_ns = 2 * MS; /* a lesser one does not lower it */
	detect_learn_late(&cfg, &d);
	assert_int_equal(d.floor_ns, 41250 * US);
	d.worst_late_ns = 49 * MS; /* and a worse one not above the bound */
	detect_learn_late(&cfg, &d);
	assert_int_equal(d.floor_ns, 50 * MS);
	detect_learn_late(&cfg, &d);
	assert_int_equal(d.floor_ns, 50 * MS);
}

/* By half in 11,357 round trips. */
static void the_floor_wears_off(void **state)
{
	struct dfb_detect d = {.srtt_ns = 50 * US, .floor_ns = 40 * MS};

	(void)state;
	for (int i = 1; i <= 40000; i++) {
		double expected = 40e6 * exp(-i / 16384.0);

		detect_measure(&d, 50 * US);
		assert_true(fabs((double)d.floor_ns / expected - 1) < 0.01);
	}
}

/* --- damping --------------------------------------------------------------------------------- */

static struct dfb_target damping(void)
{
	return (struct dfb_target){.half_life_ns = 15 * S, .suppress = 2000, .reuse = 750};
}

/* Linear between the half-lives: at most 6.2 % above the exponential. */
static void the_penalty_halves_with_each_half_life(void **state)
{
	struct dfb_target cfg = damping();
	struct dfb_detect d = {.penalty = 100000, .penalty_ns = 7 * S};
	uint64_t before = d.penalty;

	(void)state;
	for (uint64_t age = 0; age < 150 * S; age += 37 * MS) {
		uint64_t penalty = detect_penalty(&cfg, &d, 7 * S + age);
		double reference = 100000 * exp2(-(double)age / 15e9);

		assert_true(penalty <= before);
		assert_true((double)penalty >= reference - 2);
		assert_true((double)penalty <= reference * 1.062 + 2);
		before = penalty;
	}
	for (unsigned int lives = 0; lives < 16; lives++)
		assert_int_equal(detect_penalty(&cfg, &d, 7 * S + lives * 15 * S), 100000 >> lives);
	assert_int_equal(detect_penalty(&cfg, &d, 7 * S + 32 * 15 * S), 0);
	assert_int_equal(detect_penalty(&cfg, &d, 7 * S - 1), 100000); /* another CPU's clock */
}

static void damping_begins_at_suppress_and_ends_below_reuse(void **state)
{
	struct dfb_target cfg = damping();
	struct dfb_detect d = {};
	uint64_t now = 100 * S;

	(void)state;
	detect_punish(&cfg, &d, now);
	assert_int_equal(d.penalty, DETECT_PENALTY);
	assert_int_equal(d.damped, 0);
	detect_punish(&cfg, &d, now);
	assert_int_equal(d.penalty, 2 * DETECT_PENALTY);
	assert_int_equal(d.damped, 1);
	detect_damp(&cfg, &d, now + 15 * S); /* 1000: between the two it stays as it was */
	assert_int_equal(d.damped, 1);
	detect_damp(&cfg, &d, now + 22500 * MS); /* 750, but for what division loses: not below */
	assert_in_range(detect_penalty(&cfg, &d, now + 22500 * MS), 750, 751);
	assert_int_equal(d.damped, 1);
	detect_damp(&cfg, &d, now + 22600 * MS);
	assert_true(detect_penalty(&cfg, &d, now + 22600 * MS) < 750);
	assert_int_equal(d.damped, 0);
	now += 22600 * MS;
	detect_punish(&cfg, &d, now); /* some 1750: below suppress */
	assert_int_equal(d.damped, 0);
	detect_punish(&cfg, &d, now);
	assert_int_equal(d.damped, 1);
	detect_damp(&cfg, &d, now + 1000 * S);
	assert_int_equal(d.damped, 0);
	assert_int_equal(d.penalty, 0);
}

static void damping_that_is_off_damps_nobody(void **state)
{
	struct dfb_target cfg = {.half_life_ns = 0};
	struct dfb_detect d = {};

	(void)state;
	for (int i = 0; i < 100; i++)
		detect_punish(&cfg, &d, 1 * S);
	assert_int_equal(d.penalty, 0);
	assert_int_equal(d.damped, 0);
	d = (struct dfb_detect){.penalty = 5000, .penalty_ns = 1 * S, .damped = 1}; /* turned off meanwhile */
	detect_damp(&cfg, &d, 2 * S);
	assert_int_equal(d.penalty, 0);
	assert_int_equal(d.damped, 0);
}

static void who_is_never_reused_is_so_when_the_penalty_is_gone(void **state)
{
	struct dfb_target cfg = damping();
	struct dfb_detect d = {.penalty = 5000, .penalty_ns = 1 * S, .damped = 1};

	(void)state;
	cfg.reuse = 0;
	detect_damp(&cfg, &d, 100 * S);
	assert_int_equal(d.damped, 1);
	detect_damp(&cfg, &d, 1000 * S);
	assert_int_equal(d.damped, 0);
}

/* --- the histogram --------------------------------------------------------------------------- */

static void each_round_trip_is_below_the_bound_of_its_bucket(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint64_t rtt = 0; rtt < 200 * MS; rtt += 1 + rtt / 100) {
		uint32_t bucket = dfb_rtt_bucket(rtt);

		assert_true(bucket >= last && bucket < DFB_RTT_BUCKETS);
		if (bucket < DFB_RTT_BUCKETS - 1)
			assert_true(rtt < dfb_rtt_bound_ns(bucket));
		if (bucket)
			assert_true(rtt >= dfb_rtt_bound_ns(bucket - 1));
		last = bucket;
	}
	assert_int_equal(last, DFB_RTT_BUCKETS - 1);
	assert_int_equal(dfb_rtt_bucket(UINT64_MAX), DFB_RTT_BUCKETS - 1);
}

static void a_tick_is_less_than_the_slack_away(void **state)
{
	(void)state;
	for (uint64_t slack = 12; slack < S; slack += slack / 3) {
		uint64_t due = (uint64_t)(uniform() * (double)S), tick = detect_tick(due, slack), next;

		next = detect_tick(tick + 1, slack);
		assert_true(tick >= due && tick - due < next - tick);
		assert_int_equal((next - tick) & (next - tick - 1), 0);
		assert_true(next - tick <= slack && 2 * (next - tick) > slack);
		assert_int_equal(detect_tick(tick, slack), tick);
	}
}

static void who_is_suspect_has_less_slack(void **state)
{
	struct dfb_target cfg = {.interval_ns = 64 * MS};
	struct dfb_detect d = {.state = DFB_STATE_UP};

	(void)state;
	assert_int_equal(detect_slack(&cfg, &d, MS), MS);
	assert_int_equal(detect_slack(&cfg, &d, 80 * MS), 10 * MS);
	d.state = DFB_STATE_SUSPECT;
	assert_int_equal(detect_slack(&cfg, &d, MS), MS / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_timeout_is_the_largest_within_its_bounds),
		cmocka_unit_test(the_smoothed_round_trip_is_that_of_the_rfc),
		cmocka_unit_test(a_steady_round_trip_is_its_own_average),
		cmocka_unit_test(the_quantile_finds_the_slowest_in_a_thousand),
		cmocka_unit_test(a_late_reply_raises_the_floor),
		cmocka_unit_test(the_floor_wears_off),
		cmocka_unit_test(the_penalty_halves_with_each_half_life),
		cmocka_unit_test(damping_begins_at_suppress_and_ends_below_reuse),
		cmocka_unit_test(damping_that_is_off_damps_nobody),
		cmocka_unit_test(who_is_never_reused_is_so_when_the_penalty_is_gone),
		cmocka_unit_test(each_round_trip_is_below_the_bound_of_its_bucket),
		cmocka_unit_test(a_tick_is_less_than_the_slack_away),
		cmocka_unit_test(who_is_suspect_has_less_slack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
