// SPDX-License-Identifier: GPL-2.0-only
/* Who has which share of a pool: every slot has somebody, and only what must move does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/share.h"
#include "slots.h"

#define SERVERS 16

/* The first so many serve, as after a start. */
static struct share serving(uint32_t active)
{
	struct share share = {0};

	for (uint32_t server = 1; server <= active; server++)
		share_join(&share, active, server);
	return share;
}

static uint32_t moved(const struct share *a, const struct share *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		n += a->slots[i] != b->slots[i];
	return n;
}

static void expect_sound(const struct share *share)
{
	uint32_t servers[DFB_SLOTS], n = share_list(share, servers), sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		assert_int_not_equal(servers[i], 0);
		assert_true(share_has(share, servers[i]));
		sum += share_weight(share, servers[i]);
	}
	assert_int_equal(sum, DFB_SLOTS);
	assert_true(share_owners(share) <= n);
	assert_int_equal(share->lent >> DFB_SLOTS, 0);
}

/* 16 slots cannot be even for every number. */
static void expect_even(const struct share *share, uint32_t active)
{
	uint32_t servers[DFB_SLOTS], n = share_list(share, servers);

	expect_sound(share);
	assert_int_equal(n, active);
	assert_int_equal(share_owners(share), active);
	assert_int_equal(share->lent, 0);
	for (uint32_t i = 0; i < n; i++)
		assert_in_range(share_weight(share, servers[i]), DFB_SLOTS / active,
				(DFB_SLOTS + active - 1) / active);
}

static void nobody_serves_an_empty_share(void **state)
{
	struct share share = {0};
	uint32_t servers[DFB_SLOTS];

	(void)state;
	assert_int_equal(share_list(&share, servers), 0);
	assert_int_equal(share_owners(&share), 0);
	assert_false(share_has(&share, 0));
	assert_false(share_has(&share, 1));
}

static void shares_are_even_for_any_number(void **state)
{
	(void)state;
	for (uint32_t active = 1; active <= SERVERS; active++) {
		struct share share = serving(active);

		expect_even(&share, active);
	}
}

static void until_all_serve_some_is_lent(void **state)
{
	struct share share = {0};

	(void)state;
	share_join(&share, 4, 1);
	expect_sound(&share);
	assert_int_equal(share_weight(&share, 1), DFB_SLOTS);
	assert_int_equal(share_owners(&share), 1);
	assert_int_equal(__builtin_popcount(share.lent), 12);
	share_join(&share, 4, 2);
	expect_sound(&share);
	assert_int_equal(share_weight(&share, 2), 4);
	assert_int_not_equal(share.lent, 0);
}

static void who_replaces_has_what_the_other_had(void **state)
{
	(void)state;
	for (uint32_t active = 1; active <= SERVERS; active++) {
		struct share before = serving(active), after = before;

		share_replace(&after, 1, 99);
		expect_even(&after, active);
		assert_int_equal(moved(&before, &after), share_weight(&before, 1));
		assert_int_equal(share_weight(&after, 99), share_weight(&before, 1));
		share_replace(&after, 99, 1);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

/* Somebody dies and comes back: whoever lives keeps what is his, and what moved away comes home. */
static void what_was_lent_comes_back(void **state)
{
	(void)state;
	for (uint32_t active = 2; active <= SERVERS; active++) {
		struct share before = serving(active), away = before, back;
		uint32_t heirs[SERVERS];

		for (uint32_t i = 0; i + 1 < active; i++)
			heirs[i] = i + 2;
		share_lend(&away, 1, heirs, active - 1);
		expect_sound(&away);
		assert_int_equal(moved(&before, &away), share_weight(&before, 1));
		assert_int_equal(__builtin_popcount(away.lent), share_weight(&before, 1));
		assert_int_equal(share_owners(&away), active - 1);
		back = away;
		share_join(&back, active, 1);
		expect_even(&back, active);
		for (uint32_t i = 0; i < DFB_SLOTS; i++)
			assert_true(back.slots[i] == away.slots[i] || away.lent & 1u << i);
	}
}

static void all_but_one_die_and_come_back(void **state)
{
	(void)state;
	for (uint32_t active = 2; active <= SERVERS; active++) {
		struct share share = serving(active);

		for (uint32_t dead = 2; dead <= active; dead++) {
			share_lend(&share, dead, (uint32_t[]){1}, 1);
			expect_sound(&share);
		}
		assert_int_equal(share_weight(&share, 1), DFB_SLOTS);
		assert_int_equal(share_owners(&share), 1);
		for (uint32_t back = active; back >= 2; back--) {
			share_join(&share, active, back);
			expect_sound(&share);
		}
		expect_even(&share, active);
	}
}

/* A number is raised: whoever has most gives, and nobody gets from who has least. */
static void one_more_takes_from_who_has_most(void **state)
{
	(void)state;
	for (uint32_t active = 1; active < SERVERS; active++) {
		struct share before = serving(active), after = before;

		share_join(&after, active + 1, 99);
		expect_sound(&after);
		assert_int_equal(share_weight(&after, 99), moved(&before, &after));
		assert_in_range(moved(&before, &after), 1, DFB_SLOTS / (active + 1));
		assert_int_equal(share_owners(&after), active + 1);
	}
}

static void neighbouring_addresses_fall_into_all_slots(void **state)
{
	uint32_t seen[DFB_SLOTS] = {0};

	(void)state;
	for (uint32_t i = 0; i < 256; i++)
		seen[slots_hash((uint32_t[4]){0, 0, 0xffff0000, 0x0a000000 | i << 24}, 0)]++;
	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		assert_in_range(seen[i], 4, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_serves_an_empty_share),
		cmocka_unit_test(shares_are_even_for_any_number),
		cmocka_unit_test(until_all_serve_some_is_lent),
		cmocka_unit_test(who_replaces_has_what_the_other_had),
		cmocka_unit_test(what_was_lent_comes_back),
		cmocka_unit_test(all_but_one_die_and_come_back),
		cmocka_unit_test(one_more_takes_from_who_has_most),
		cmocka_unit_test(neighbouring_addresses_fall_into_all_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
