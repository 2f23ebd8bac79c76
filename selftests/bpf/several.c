// SPDX-License-Identifier: GPL-2.0-only
/* Pools that several servers serve at once: who gets what a dead one had, and that nobody else loses any. */
#include "groups.h"
#include "story.h"

/* The first so many serve, in turn. */
static uint32_t farm(const uint32_t *candidates, uint32_t n, uint32_t active)
{
	uint32_t pool = rig_pool(candidates, n);
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = pool, .to = candidates[0], .epoch = 1};
	struct dfb_plan plan;

	rig_get(rig.beat->maps.plans, pool, &plan);
	plan.active = (uint8_t)active;
	rig_put(rig.beat->maps.plans, pool, &plan);
	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		order.slots[i] = candidates[i % active];
	assert_int_equal(rig_order(order), 0);
	assert_int_equal(rig_pool_state(pool).epoch, active > 1 ? 2 : 1);
	return pool;
}

static uint32_t weight(const struct dfb_pool *pool, uint32_t server)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		n += pool->slots[i] == server;
	return n;
}

static uint32_t weight_now(uint32_t pool, uint32_t server)
{
	struct dfb_pool now = rig_pool_state(pool);

	return weight(&now, server);
}

/* Whoever had a slot and did not die has it. */
static void expect_moved(const struct dfb_pool *before, const struct dfb_pool *after, uint32_t dead)
{
	assert_int_equal(after->epoch, before->epoch + 1);
	assert_int_equal(weight(after, dead), 0);
	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		assert_int_not_equal(after->slots[i], 0);
		if (before->slots[i] != dead)
			assert_int_equal(after->slots[i], before->slots[i]);
	}
}

static void expect_told(uint32_t pool, const struct dfb_pool *is)
{
	const struct dfb_event *ev = NULL;

	ring_buffer__consume(rig.ring);
	for (uint32_t i = 0; i < rig.n_events; i++) {
		if (rig.events[i].kind == DFB_EVENT_SWITCH && rig.events[i].pool == pool)
			ev = &rig.events[i];
	}
	assert_non_null(ev);
	assert_int_equal(ev->epoch, is->epoch);
	assert_int_equal(ev->lent, is->lent);
	assert_int_equal(ev->change.from, is->last.from);
	assert_int_equal(ev->change.to, is->last.to);
	assert_memory_equal(ev->slots, is->slots, sizeof(is->slots));
}

static void a_spare_takes_what_the_dead_one_had(void **state)
{
	uint32_t s[4], pool;
	struct dfb_pool before, after;

	(void)state;
	story_servers(s, 4);
	pool = farm(s, 4, 3);
	before = rig_pool_state(pool);
	story_die(s[1], (uint32_t[]){s[0], s[2], s[3]}, 3);
	after = rig_pool_state(pool);
	expect_moved(&before, &after, s[1]);
	expect_told(pool, &after);
	assert_int_equal(weight(&after, s[3]), weight(&before, s[1]));
	assert_int_equal(after.lent, 0);
	assert_int_equal(after.last.from, s[1]);
	assert_int_equal(after.last.to, s[3]);
	assert_int_equal(after.last.witness, s[3]);
}

static void without_a_spare_those_who_serve_share(void **state)
{
	uint32_t s[3], pool, lent = 0;
	struct dfb_pool before, after;

	(void)state;
	story_servers(s, 3);
	pool = farm(s, 3, 3);
	before = rig_pool_state(pool);
	story_die(s[0], s + 1, 2);
	after = rig_pool_state(pool);
	expect_moved(&before, &after, s[0]);
	expect_told(pool, &after);
	assert_int_equal(weight(&after, s[1]), 8);
	assert_int_equal(weight(&after, s[2]), 8);
	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		lent |= (uint32_t)(before.slots[i] == s[0]) << i;
	assert_int_equal(after.lent, lent);
	assert_int_equal(after.last.to, 0);
	assert_true(after.last.witness == s[1] || after.last.witness == s[2]);
}

static void the_last_one_has_it_all(void **state)
{
	uint32_t s[4], pool;

	(void)state;
	story_servers(s, 4);
	pool = farm(s, 3, 2);
	story_die(s[0], s + 1, 2);
	assert_int_equal(weight_now(pool, s[2]), 8);
	story_die(s[1], s + 2, 1);
	assert_int_equal(weight_now(pool, s[2]), DFB_SLOTS);
	story_die(s[2], s + 3, 1); /* no candidate, but a witness */
	assert_int_equal(weight_now(pool, s[2]), DFB_SLOTS);
	assert_int_equal(rig_pool_state(pool).epoch, 4);
}

/* Of those who serve, one did not answer lately: it gets no more. */
static void who_is_silent_gets_no_share(void **state)
{
	uint32_t s[3], pool;
	struct dfb_pool before, after;

	(void)state;
	story_servers(s, 3);
	pool = farm(s, 3, 3);
	before = rig_pool_state(pool);
	story_die(s[0], s + 1, 1);
	after = rig_pool_state(pool);
	expect_moved(&before, &after, s[0]);
	assert_int_equal(weight(&after, s[1]), weight(&before, s[1]) + weight(&before, s[0]));
}

static void spares_are_taken_round_robin(void **state)
{
	uint32_t s[4], pool;

	(void)state;
	story_servers(s, 4);
	pool = farm(s, 4, 2);
	story_die(s[1], (uint32_t[]){s[0], s[2], s[3]}, 3);
	assert_int_equal(rig_pool_state(pool).last.to, s[2]);
	story_die(s[2], (uint32_t[]){s[0], s[3]}, 2);
	assert_int_equal(rig_pool_state(pool).last.to, s[3]);
	story_up(story_target(s[1]));
	story_die(s[3], s, 2); /* after the last in order comes the first that does not serve */
	assert_int_equal(rig_pool_state(pool).last.to, s[1]);
	assert_int_equal(weight_now(pool, s[0]), 8);
}

static void mark_unfit(uint32_t pool, uint64_t unfit)
{
	struct dfb_plan plan;

	rig_get(rig.beat->maps.plans, pool, &plan);
	plan.unfit = unfit;
	rig_put(rig.beat->maps.plans, pool, &plan);
}

static void a_spare_with_a_stain_comes_after_those_who_serve(void **state)
{
	uint32_t s[4], pool;
	struct dfb_pool before, after;

	(void)state;
	story_servers(s, 4);
	pool = farm(s, 4, 3);
	mark_unfit(pool, 1 << 3 | 1 << 1); /* the spare, and one who serves */
	before = rig_pool_state(pool);
	story_die(s[0], s + 1, 3);
	after = rig_pool_state(pool);
	expect_moved(&before, &after, s[0]);
	assert_int_equal(after.last.to, 0);
	assert_int_equal(weight(&after, s[2]), weight(&before, s[2]) + weight(&before, s[0]));
}

static void a_spare_in_maintenance_is_passed_over(void **state)
{
	uint32_t s[4], pool;

	(void)state;
	story_servers(s, 4);
	pool = farm(s, 4, 2);
	story_flag(s[2], DFB_SERVER_MAINTENANCE);
	story_die(s[0], s + 1, 3);
	assert_int_equal(rig_pool_state(pool).last.to, s[3]);
}

/* Two pools, one spare: either may have it, and both may. */
static void pools_share_a_spare(void **state)
{
	uint32_t s[5], one, other;
	struct dfb_pool before;

	(void)state;
	story_servers(s, 5);
	one = farm((uint32_t[]){s[0], s[1], s[4]}, 3, 2);
	other = farm((uint32_t[]){s[2], s[3], s[4]}, 3, 2);
	before = rig_pool_state(other);
	story_die(s[0], s + 1, 4);
	assert_int_equal(rig_pool_state(one).last.to, s[4]);
	assert_memory_equal(rig_pool_state(other).slots, before.slots, sizeof(before.slots));
	story_die(s[3], (uint32_t[]){s[1], s[2], s[4]}, 3);
	assert_int_equal(rig_pool_state(other).last.to, s[4]);
	assert_int_equal(rig_pool_state(one).epoch, 3);
	story_die(s[4], s + 1, 2); /* of both at once */
	assert_int_equal(weight_now(one, s[1]), DFB_SLOTS);
	assert_int_equal(weight_now(other, s[2]), DFB_SLOTS);
}

/* Everybody died; the first who comes back has what is there to have, of one dead server after another. */
static void who_comes_up_rescues_the_shares_of_the_dead(void **state)
{
	uint32_t s[3], pool;
	struct dfb_pool after;

	(void)state;
	story_servers(s, 3);
	pool = farm(s, 2, 2);
	story_die(s[0], s + 2, 1); /* s[1] is silent */
	story_die(s[1], s + 2, 1);
	assert_int_equal(rig_pool_state(pool).epoch, 2);
	story_up(story_target(s[1]));
	RIG_UNTIL(rig_pool_state(pool).epoch == 3);
	after = rig_pool_state(pool);
	assert_int_equal(weight(&after, s[1]), DFB_SLOTS);
	assert_int_not_equal(after.lent, 0);
	assert_int_equal(after.last.reason, DFB_REASON_RESCUE);
}

static void a_share_is_proposed_where_the_controller_switches(void **state)
{
	uint32_t s[2], pool;
	const struct dfb_event *ev;
	struct dfb_plan plan;

	(void)state;
	story_servers(s, 2);
	pool = farm(s, 2, 2);
	rig_get(rig.beat->maps.plans, pool, &plan);
	plan.fast = 0;
	rig_put(rig.beat->maps.plans, pool, &plan);
	story_die(s[0], s + 1, 1);
	RIG_UNTIL(story_find(DFB_EVENT_PROPOSE, story_target(s[0]), 0));
	ev = story_find(DFB_EVENT_PROPOSE, story_target(s[0]), 0);
	assert_int_equal(ev->change.from, s[0]);
	assert_int_equal(ev->change.to, 0);
	assert_int_equal(rig_pool_state(pool).epoch, 2);
}

int several_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_spare_takes_what_the_dead_one_had, rig_clear),
		cmocka_unit_test_teardown(without_a_spare_those_who_serve_share, rig_clear),
		cmocka_unit_test_teardown(the_last_one_has_it_all, rig_clear),
		cmocka_unit_test_teardown(who_is_silent_gets_no_share, rig_clear),
		cmocka_unit_test_teardown(spares_are_taken_round_robin, rig_clear),
		cmocka_unit_test_teardown(a_spare_with_a_stain_comes_after_those_who_serve, rig_clear),
		cmocka_unit_test_teardown(a_spare_in_maintenance_is_passed_over, rig_clear),
		cmocka_unit_test_teardown(pools_share_a_spare, rig_clear),
		cmocka_unit_test_teardown(who_comes_up_rescues_the_shares_of_the_dead, rig_clear),
		cmocka_unit_test_teardown(a_share_is_proposed_where_the_controller_switches, rig_clear),
	};

	return cmocka_run_group_tests_name("several servers at once", tests, rig_open, rig_close);
}
