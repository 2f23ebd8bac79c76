// SPDX-License-Identifier: GPL-2.0-only
/* bpf/account.h against a list of all numbers, and single cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <base/clean.h>

#include "account.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

/* --- a random source, the same each time ------------------------------------------------------ */

static uint64_t seed;

static uint64_t random_u64(void)
{
	seed += 0x9e3779b97f4a7c15ull;
	uint64_t z = seed;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
	return random_u64() % n;
}

/* --- what a network does with a sender's packets ----------------------------------------------- */

#define RUNS 4
#define NUMBERS 6000 /* of a run, at most */
#define PACKETS (RUNS * NUMBERS * 2)

/* @number: of its run, unwrapped, from 0; @place: where in the order of arrival */
struct packet {
	unsigned int run;
	uint64_t number;
	uint64_t stamp_us;
	uint64_t place;
};

struct traffic {
	uint32_t first[RUNS]; /* number that goes out as 0 of its run */
	size_t n;
	struct packet packet[PACKETS];
};

/* Of 1,000: lost, doubled, late; @reach: places that a late one may fall behind; @stamps: there are some */
struct weather {
	unsigned int lost, twice, late, reach;
	bool stamps;
};

static void put(struct traffic *t, const struct weather *w, struct packet p, uint64_t place)
{
	p.place = place + (p.number && below(1000) < w->late ? below(w->reach) : 0);
	t->packet[t->n++] = p;
}

static int by_place(const void *a, const void *b)
{
	const struct packet *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* A later run begins when all of the one before has arrived. Two things cannot be told, and do not happen: a
 * sender that wrapped while more than a window was lost, from one that began again; and one that began again,
 * from one that goes on, if its first packets are lost up to where it was before.
 */
static void send_run(struct traffic *t, const struct weather *w, unsigned int run, uint64_t *place,
		     uint64_t *stamp)
{
	uint64_t numbers = 1 + below(below(2) ? NUMBERS : 50);
	uint64_t lost_until = 0, longest = t->first[run] > (uint32_t)-NUMBERS ? 500 : 3000;

	for (uint64_t i = 0; i < numbers; i++) {
		struct packet p = {.run = run, .number = i};

		if (w->stamps)
			p.stamp_us = *stamp += 1 + below(3);
		if (below(1000) < w->lost)
			lost_until = i + 1 + (below(8) ? 0 : below(longest)); /* now and then for long */
		if (i && i < lost_until)
			continue;
		put(t, w, p, *place + i);
		if (below(1000) < w->twice)
			put(t, w, p, *place + i);
	}
	*place += numbers + w->reach;
}

static void make_traffic(struct traffic *t, const struct weather *w)
{
	uint64_t place = 0, stamp = 1 + below(1000000);
	unsigned int runs = 1 + (unsigned int)below(RUNS);

	t->n = 0;
	for (unsigned int run = 0; run < runs; run++) {
		t->first[run] = run ? 1 : (uint32_t)random_u64();
		if (runs == 1 && below(2))
			t->first[0] = (uint32_t)-below(3000); /* will wrap */
		send_run(t, w, run, &place, &stamp);
	}
	qsort(t->packet, t->n, sizeof(t->packet[0]), by_place);
}

/* --- the list ---------------------------------------------------------------------------------- */

struct list {
	bool seen[NUMBERS];
	bool any;
	uint64_t low, high;
	unsigned int run;
	uint64_t received, lost_before, late, duplicates, stale, restarts;
};

static uint64_t missing(const struct list *l)
{
	uint64_t n = 0;

	for (uint64_t i = l->low; l->any && i <= l->high; i++)
		n += !l->seen[i];
	return n;
}

static void list_take(struct list *l, const struct packet *p)
{
	if (l->any && p->run != l->run) {
		l->lost_before += missing(l);
		memset(l->seen, 0, sizeof(l->seen));
		l->restarts++;
		l->any = false;
	}
	if (!l->any) {
		l->run = p->run;
		l->low = p->run && p->number < DFB_STREAM_WINDOW ? 0 : p->number;
		l->high = p->number;
	}
	l->received++;
	if (l->any && p->number <= l->high) {
		if (l->high - p->number >= DFB_STREAM_WINDOW) {
			l->stale++;
			return;
		}
		if (l->seen[p->number]) {
			l->duplicates++;
			return;
		}
		l->late++;
	}
	l->any = true;
	l->seen[p->number] = true;
	l->low = p->number < l->low ? p->number : l->low;
	l->high = p->number > l->high ? p->number : l->high;
}

/* --- both -------------------------------------------------------------------------------------- */

static void take(struct dfb_account *a, const struct traffic *t, const struct packet *p, uint64_t now)
{
	const struct account_packet in = {
		.seq = t->first[p->run] + (uint32_t)p->number,
		.bytes = 60,
		.stamp_us = p->stamp_us,
		.now_ns = now,
	};

	account_take(a, &in);
}

/* Without stamps a run that begins within the window of the last cannot be told from late packets. */
static void compare(const struct weather *w, unsigned int rounds)
{
	struct traffic *t = malloc(sizeof(*t));

	for (unsigned int i = 0; i < rounds; i++) {
		struct dfb_account a = {};
		struct list l = {};

		make_traffic(t, w);
		for (size_t k = 0; k < t->n && (w->stamps || !t->packet[k].run); k++) {
			take(&a, t, &t->packet[k], (k + 1) * US);
			list_take(&l, &t->packet[k]);
			assert_int_equal(a.duplicates, l.duplicates);
			assert_int_equal(a.late, l.late);
			assert_int_equal(a.stale, l.stale);
		}
		assert_int_equal(a.received, l.received);
		assert_int_equal(a.restarts, l.restarts);
		assert_int_equal(a.lost, l.lost_before + missing(&l));
		assert_int_equal(a.bytes, 60 * l.received);
	}
	free(t);
}

static void counts_are_those_of_a_list(void **state)
{
	static const struct weather weathers[] = {
		{.reach = 1, .stamps = true},
		{.lost = 10, .reach = 1, .stamps = true},
		{.lost = 10, .twice = 20, .late = 50, .reach = 10, .stamps = true},
		{.lost = 100, .twice = 100, .late = 500, .reach = 1000, .stamps = true},
		{.lost = 300, .twice = 300, .late = 900, .reach = 1024, .stamps = true},
		{.lost = 10, .twice = 20, .late = 50, .reach = 4000, .stamps = true},
		{.lost = 10, .twice = 20, .late = 50, .reach = 1000},
		{.late = 1000, .reach = 1000},
		{.late = 1000, .reach = 3000, .stamps = true},
	};
	const char *rounds = getenv("DEFIB_ROUNDS");

	(void)state;
	seed = 1;
	for (size_t i = 0; i < ARRAY_SIZE(weathers); i++)
		compare(&weathers[i], rounds ? (unsigned int)atoi(rounds) : 100);
}

/* --- single cases ------------------------------------------------------------------------------ */

static void arrive(struct dfb_account *a, uint32_t seq, uint64_t stamp_us, uint64_t now_ns)
{
	const struct account_packet p = {.seq = seq, .bytes = 60, .stamp_us = stamp_us, .now_ns = now_ns};

	account_take(a, &p);
}

static void a_sender_that_begins_again_loses_nothing(void **state)
{
	struct dfb_account a = {};
	uint64_t stamp = 5;

	(void)state;
	for (int run = 0; run < 3; run++) {
		for (uint32_t seq = 1; seq <= 100; seq++, stamp++)
			arrive(&a, seq, stamp, stamp * US);
	}
	assert_int_equal(a.received, 300);
	assert_int_equal(a.restarts, 2);
	assert_int_equal(a.lost + a.late + a.duplicates + a.stale, 0);
}

static void without_stamps_only_one_far_behind_is_a_restart(void **state)
{
	struct dfb_account a = {};

	(void)state;
	for (uint32_t seq = 1; seq <= 2000; seq++)
		arrive(&a, seq, 0, seq * US);
	for (uint32_t seq = 1; seq <= 100; seq++)
		arrive(&a, seq, 0, (2000 + seq) * US);
	assert_int_equal(a.restarts, 1);
	arrive(&a, 50, 0, 3 * MS);
	assert_int_equal(a.duplicates, 1);
	assert_int_equal(a.lost, 0);
}

static void the_first_packets_of_a_second_run_can_be_lost(void **state)
{
	struct dfb_account a = {};

	(void)state;
	arrive(&a, 10, 100, MS); /* it may have been at it for long */
	assert_int_equal(a.lost, 0);
	arrive(&a, 4, 200, 2 * MS);
	assert_int_equal(a.restarts, 1);
	assert_int_equal(a.lost, 3);
	arrive(&a, 2, 150, 3 * MS); /* late */
	assert_int_equal(a.lost, 2);
	arrive(&a, 9, 90, 4 * MS); /* of the run before */
	assert_int_equal(a.stale, 1);
	assert_int_equal(a.lost, 2);
}

static void gaps_are_measured(void **state)
{
	struct dfb_account a = {};

	(void)state;
	for (uint32_t seq = 1; seq <= 50; seq++)
		arrive(&a, seq, seq, S + seq * MS);
	assert_int_equal(a.first_ns, S + MS);
	assert_int_equal(a.last_ns, S + 50 * MS);
	assert_int_equal(a.longest_gap_ns, MS);
	assert_in_range(a.period_ns, MS - 10, MS);
	assert_int_equal(a.gaps[dfb_gap_bucket(MS)], 49);
	arrive(&a, 51, 51, 2 * S);
	assert_int_equal(a.longest_gap_ns, S - 50 * MS);
	assert_int_equal(a.longest_gap_end_ns, 2 * S);
	arrive(&a, 52, 52, S); /* two processors' clocks: no time is negative */
	assert_int_equal(a.gaps[0], 1);
}

static void jitter_is_that_of_the_rfc(void **state)
{
	struct dfb_account a = {};
	double jitter = 0;
	int64_t before = 0;

	(void)state;
	seed = 7;
	for (uint32_t seq = 1; seq <= 2000; seq++) {
		int64_t way = 50000 + (int64_t)below(30000), sent = (int64_t)(S + seq * MS);

		arrive(&a, seq, (uint64_t)sent / US, (uint64_t)(sent + way));
		if (seq > 1)
			jitter += ((double)llabs(way - before) - jitter) / 16;
		before = way;
	}
	assert_in_range(a.jitter_16_ns / 16, (uint64_t)(jitter * 0.99), (uint64_t)(jitter * 1.01) + 2);
	assert_in_range(a.variation_max_ns, 29000, 30000);
	assert_in_range(a.transit_min_ns, 50000, 51000);
}

static void a_clock_that_is_set_is_no_delay(void **state)
{
	struct dfb_account a = {};

	(void)state;
	for (uint32_t seq = 1; seq <= 100; seq++)
		arrive(&a, seq, (S + seq * MS) / US + (seq > 50 ? 3600000000u : 0), S + seq * MS + 100 * US);
	assert_int_equal(a.variation_max_ns, 0);
	assert_int_equal(a.jitter_16_ns, 0);
	assert_int_equal(a.lost + a.restarts + a.stale, 0);
}

static void each_gap_is_below_the_bound_of_its_bucket(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint64_t gap = 0; gap < 10000 * S; gap += 1 + gap / 100) {
		uint32_t bucket = dfb_gap_bucket(gap);

		assert_true(bucket >= last && bucket < DFB_GAP_BUCKETS);
		if (bucket < DFB_GAP_BUCKETS - 1)
			assert_true(gap < dfb_gap_bound_ns(bucket));
		if (bucket)
			assert_true(gap >= dfb_gap_bound_ns(bucket - 1));
		last = bucket;
	}
	assert_int_equal(last, DFB_GAP_BUCKETS - 1);
	assert_int_equal(dfb_gap_bucket(UINT64_MAX), DFB_GAP_BUCKETS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_those_of_a_list),
		cmocka_unit_test(a_sender_that_begins_again_loses_nothing),
		cmocka_unit_test(without_stamps_only_one_far_behind_is_a_restart),
		cmocka_unit_test(the_first_packets_of_a_second_run_can_be_lost),
		cmocka_unit_test(gaps_are_measured),
		cmocka_unit_test(jitter_is_that_of_the_rfc),
		cmocka_unit_test(a_clock_that_is_set_is_no_delay),
		cmocka_unit_test(each_gap_is_below_the_bound_of_its_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
