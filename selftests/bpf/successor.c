// SPDX-License-Identifier: GPL-2.0-only
/* Who takes a pool over: order, fitness, rescue; and when nobody does. */
#include "groups.h"
#include "story.h"

static void come_up(uint32_t server)
{
	story_up(story_target(server));
}

static void the_second_and_the_third_death_are_no_different(void **state)
{
	uint32_t s[4], pool;

	(void)state;
	story_servers(s, 4);
	pool = rig_pool(s, 4);
	for (uint32_t i = 0; i < 3; i++) {
		story_die(s[i], s + i + 1, 3 - i);
		assert_int_equal(story_serving(pool), s[i + 1]);
		assert_int_equal(rig_pool_state(pool).epoch, i + 2);
		assert_int_equal(rig_pool_state(pool).last.from, s[i]);
	}
}

static void after_the_last_candidate_comes_the_first(void **state)
{
	uint32_t s[3], order[3], pool;

	(void)state;
	story_servers(s, 3);
	order[0] = s[2]; /* the pool's first server has the list's last place: p = 2, 0, 1 */
	order[1] = s[0];
	order[2] = s[1];
	pool = rig_pool(order, 3);
	story_die(s[2], s, 2);
	assert_int_equal(story_serving(pool), s[0]);
	come_up(s[2]);
	story_die(s[0], s + 1, 2);
	assert_int_equal(story_serving(pool), s[1]);
	come_up(s[0]);
	story_die(s[1], (uint32_t[]){s[0], s[2]}, 2);
	assert_int_equal(story_serving(pool), s[2]);
}

static void a_silent_candidate_is_passed_over(void **state)
{
	uint32_t s[3], pool;

	(void)state;
	story_servers(s, 3);
	pool = rig_pool(s, 3);
	story_die(s[0], s + 2, 1); /* s[1] is still up by its last answer, but did not answer lately */
	assert_int_equal(story_serving(pool), s[2]);
}

static void a_pool_served_by_another_stays(void **state)
{
	uint32_t s[3], pool, other;

	(void)state;
	story_servers(s, 3);
	pool = rig_pool(s, 3);
	other = rig_pool(s + 1, 2);
	story_die(s[2], s, 2);
	assert_int_equal(story_serving(pool), s[0]);
	assert_int_equal(rig_pool_state(pool).epoch, 1);
	assert_int_equal(story_serving(other), s[1]);
	assert_int_equal(rig_pool_state(other).epoch, 1);
}

static void all_pools_of_a_dead_server_move(void **state)
{
	uint32_t s[3], order[2], first, second, third;

	(void)state;
	story_servers(s, 3);
	order[0] = s[0];
	order[1] = s[2];
	first = rig_pool(s, 3);
	second = rig_pool(order, 2);
	third = rig_pool(s, 1);
	story_die(s[0], s + 1, 2);
	assert_int_equal(story_serving(first), s[1]);
	assert_int_equal(story_serving(second), s[2]);
	assert_int_equal(story_serving(third), s[0]);
	assert_int_equal(rig_pool_state(second).last.witness, s[2]);
	assert_int_equal(rig_pool_state(second).epoch, 2);
	assert_int_equal(rig_pool_state(third).epoch, 1);
}

static void who_is_flagged_is_passed_over(void **state)
{
	const uint32_t flags[] = {DFB_SERVER_MAINTENANCE, DFB_SERVER_FENCED, DFB_SERVER_UNROUTABLE};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		uint32_t s[3], pool;

		story_servers(s, 3);
		pool = rig_pool(s, 3);
		story_flag(s[1], flags[i]);
		story_die(s[0], s + 1, 2);
		assert_int_equal(story_serving(pool), s[2]);
	}
}

static void with_nobody_left_the_pool_stays(void **state)
{
	uint32_t s[2], pool;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	story_flag(s[1], DFB_SERVER_MAINTENANCE);
	story_die(s[0], s + 1, 1); /* in maintenance, but a witness */
	assert_int_equal(story_serving(pool), s[0]);
	assert_int_equal(rig_pool_state(pool).epoch, 1);
}

static bool was_told(uint32_t pool)
{
	for (uint32_t i = 0; i < rig.n_events; i++) {
		if (rig.events[i].kind == DFB_EVENT_SWITCH && rig.events[i].pool == pool)
			return true;
	}
	return false;
}

/* The pool is written before the event: whoever sees the one may have to wait for the other. */
static void check_rescue(uint32_t pool, uint32_t dead, uint32_t rescuer)
{
	struct dfb_detect d = rig_detect(story_target(dead));
	struct dfb_pool p = rig_pool_state(pool);

	assert_int_equal(p.epoch, 2);
	assert_int_equal(p.last.reason, DFB_REASON_RESCUE);
	assert_int_equal(p.last.from, dead);
	assert_int_equal(p.last.to, rescuer);
	assert_int_equal(p.last.witness, rescuer);
	assert_int_equal(p.last.last_good_ns, d.last_good_ns);
	assert_int_equal(p.last.first_missed_ns, d.first_missed_ns);
	assert_int_equal(p.last.verdict_ns, d.since_ns);
	assert_true(p.last.witness_ns > d.first_missed_ns);
	assert_true(p.last.misses >= 3);
	RIG_UNTIL(was_told(pool));
}

static void who_comes_up_rescues_the_pool(void **state)
{
	uint32_t s[3], pool;

	(void)state;
	story_servers(s, 3);
	story_die(s[1], s, 1);
	pool = rig_pool(s, 2);
	story_die(s[0], s + 2, 1); /* s[2] is no candidate */
	assert_int_equal(story_serving(pool), s[0]);
	come_up(s[1]);
	RIG_UNTIL(story_serving(pool) == s[1]);
	check_rescue(pool, s[0], s[1]);
}

/* It lost a probe in just that moment. */
static void who_was_suspect_at_the_verdict_rescues_the_pool(void **state)
{
	uint32_t s[3], pool;

	(void)state;
	story_servers(s, 3);
	pool = rig_pool(s, 2);
	story_patience(story_target(s[1]), false);
	rig_probe(story_target(s[1]));
	story_judged(story_target(s[1]));
	assert_int_equal(rig_detect(story_target(s[1])).state, DFB_STATE_SUSPECT);
	story_die(s[0], s + 2, 1);
	assert_int_equal(story_serving(pool), s[0]);
	come_up(s[1]);
	RIG_UNTIL(story_serving(pool) == s[1]);
	check_rescue(pool, s[0], s[1]);
}

/* It was up all the time, but had not been asked when the verdict fell. */
static void who_answers_later_takes_over_later(void **state)
{
	uint32_t s[3], pool;

	(void)state;
	story_servers(s, 3);
	pool = rig_pool(s, 2);
	story_die(s[0], s + 2, 1);
	assert_int_equal(story_serving(pool), s[0]);
	story_die(s[0], s + 1, 1);
	RIG_UNTIL(story_serving(pool) == s[1]);
	check_rescue(pool, s[0], s[1]);
}

static void who_is_flagged_rescues_nobody(void **state)
{
	uint32_t s[3], pool;

	(void)state;
	story_servers(s, 3);
	story_die(s[1], s, 1);
	pool = rig_pool(s, 2);
	story_die(s[0], s + 2, 1);
	story_flag(s[1], DFB_SERVER_MAINTENANCE);
	come_up(s[1]);
	assert_int_equal(story_serving(pool), s[0]);
	story_die(s[0], s + 1, 1); /* nor later */
	story_judged(story_target(s[0]));
	assert_int_equal(story_serving(pool), s[0]);
	story_flag(s[1], 0);
	story_die(s[0], s + 1, 1);
	RIG_UNTIL(story_serving(pool) == s[1]);
}

static void a_slow_pool_is_only_proposed(void **state)
{
	uint32_t s[2], pool, dead;
	const struct dfb_event *proposal;
	struct dfb_plan plan;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	dead = story_target(s[0]);
	rig_get(rig.beat->maps.plans, pool, &plan);
	plan.fast = 0;
	rig_put(rig.beat->maps.plans, pool, &plan);
	story_die(s[0], s + 1, 1);
	RIG_UNTIL(story_find(DFB_EVENT_TARGET, dead, 1));
	proposal = story_find(DFB_EVENT_PROPOSE, dead, 0);
	assert_non_null(proposal);
	assert_int_equal(proposal->pool, pool);
	assert_int_equal(proposal->epoch, 1);
	assert_int_equal(proposal->change.from, s[0]);
	assert_int_equal(proposal->change.to, s[1]);
	assert_int_equal(proposal->change.witness, s[1]);
	assert_int_equal(story_serving(pool), s[0]);
	assert_int_equal(rig_pool_state(pool).epoch, 1);
	story_die(s[0], s + 1, 1); /* once is enough */
	story_judged(story_target(s[0]));
	ring_buffer__consume(rig.ring);
	assert_null(story_find(DFB_EVENT_PROPOSE, dead, 1));
	assert_null(story_find(DFB_EVENT_SWITCH, dead, 0));
}

static void order_pause(uint32_t pool, bool paused)
{
	struct dfb_plan plan;

	rig_get(rig.beat->maps.plans, pool, &plan);
	plan.paused = paused;
	rig_put(rig.beat->maps.plans, pool, &plan);
}

/* Nor is it rescued; but the verdict on its server stands, with a witness. */
static void a_paused_pool_is_left_alone(void **state)
{
	uint32_t s[2], pool, dead;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	dead = story_target(s[0]);
	order_pause(pool, true);
	story_die(s[0], s + 1, 1);
	RIG_UNTIL(story_find(DFB_EVENT_TARGET, dead, 1));
	assert_int_equal(rig_detect(dead).state, DFB_STATE_DOWN);
	story_die(s[0], s + 1, 1);
	story_judged(dead);
	ring_buffer__consume(rig.ring);
	assert_null(story_find(DFB_EVENT_PROPOSE, dead, 0));
	assert_null(story_find(DFB_EVENT_SWITCH, dead, 0));
	assert_int_equal(rig_pool_state(pool).epoch, 1);
	order_pause(pool, false);
	story_die(s[0], s + 1, 1); /* as it is down, the next miss finds who can take over */
	RIG_UNTIL(story_serving(pool) == s[1]);
}

/* One death is enough to be damped here. */
static void damp(uint32_t server, const uint32_t *living)
{
	struct dfb_target cfg = rig_config(story_target(server));

	cfg.suppress = 900;
	rig_configure(story_target(server), &cfg);
	story_die(server, living, 1);
	come_up(server);
	assert_true(rig_detect(story_target(server)).damped);
}

static void who_is_damped_is_passed_over(void **state)
{
	uint32_t s[3], pool;

	(void)state;
	story_servers(s, 3);
	damp(s[1], s);
	pool = rig_pool(s, 3);
	story_die(s[0], s + 1, 2);
	assert_int_equal(story_serving(pool), s[2]);
}

static void who_is_damped_is_better_than_nobody(void **state)
{
	uint32_t s[3], pool;

	(void)state;
	story_servers(s, 3);
	damp(s[1], s);
	pool = rig_pool(s, 3);
	story_flag(s[2], DFB_SERVER_FENCED);
	story_die(s[0], s + 1, 2);
	assert_int_equal(story_serving(pool), s[1]);
}

static void who_is_recovering_is_better_than_nobody(void **state)
{
	uint32_t s[2], pool, recovering;
	struct dfb_target cfg;

	(void)state;
	story_servers(s, 2);
	recovering = story_target(s[1]);
	cfg = rig_config(recovering);
	cfg.recover_replies = 1000;
	rig_configure(recovering, &cfg);
	story_die(s[1], s, 1);
	story_live(recovering);
	story_judged(recovering);
	assert_int_equal(rig_detect(recovering).state, DFB_STATE_RECOVERING);
	story_patience(recovering, true);
	pool = rig_pool(s, 2);
	story_die(s[0], s + 1, 1);
	assert_int_equal(story_serving(pool), s[1]);
}

/* --- families -------------------------------------------------------------------------------- */

static void serve_families(uint32_t pool, uint8_t families)
{
	struct dfb_plan plan;

	rig_get(rig.beat->maps.plans, pool, &plan);
	plan.families = families;
	rig_put(rig.beat->maps.plans, pool, &plan);
}

static uint32_t second_address(uint32_t server)
{
	uint32_t target = rig_target(server, DFB_FAMILY_IPV6, DFB_PROBE_ECHO);

	story_up(target);
	return target;
}

static void a_dead_address_of_one_family_is_enough(void **state)
{
	uint32_t s[3], six[3], pool;

	(void)state;
	story_servers(s, 3);
	six[0] = second_address(s[0]);
	six[2] = second_address(s[2]);
	pool = rig_pool(s, 3);
	serve_families(pool, 3);
	story_silence(six[0], (uint32_t[]){six[2], story_target(s[1]), story_target(s[2])}, 3);
	RIG_UNTIL(rig_detect(six[0]).state == DFB_STATE_DOWN);
	assert_int_equal(rig_detect(story_target(s[0])).state, DFB_STATE_UP);
	assert_int_equal(story_serving(pool), s[2]); /* s[1] has no address in that family */
}

static void a_family_that_the_pool_does_not_serve_moves_nothing(void **state)
{
	uint32_t s[2], six[2], pool;

	(void)state;
	story_servers(s, 2);
	six[0] = second_address(s[0]);
	six[1] = second_address(s[1]);
	pool = rig_pool(s, 2);
	story_silence(six[0], (uint32_t[]){six[1], story_target(s[1])}, 2);
	RIG_UNTIL(rig_detect(six[0]).state == DFB_STATE_DOWN);
	assert_int_equal(story_serving(pool), s[0]);
}

static void a_candidate_must_be_well_in_all_families(void **state)
{
	uint32_t s[3], six[3], pool;

	(void)state;
	story_servers(s, 3);
	for (int i = 0; i < 3; i++)
		six[i] = second_address(s[i]);
	pool = rig_pool(s, 3);
	serve_families(pool, 3);
	story_silence(six[1], &six[2], 1);
	RIG_UNTIL(rig_detect(six[1]).state == DFB_STATE_DOWN);
	assert_int_equal(story_serving(pool), s[0]);
	story_silence(story_target(s[0]), (uint32_t[]){story_target(s[1]), story_target(s[2]), six[2]}, 3);
	RIG_UNTIL(rig_detect(story_target(s[0])).state == DFB_STATE_DOWN);
	assert_int_equal(story_serving(pool), s[2]);
}

int successor_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_second_and_the_third_death_are_no_different, rig_clear),
		cmocka_unit_test_teardown(after_the_last_candidate_comes_the_first, rig_clear),
		cmocka_unit_test_teardown(a_silent_candidate_is_passed_over, rig_clear),
		cmocka_unit_test_teardown(a_pool_served_by_another_stays, rig_clear),
		cmocka_unit_test_teardown(all_pools_of_a_dead_server_move, rig_clear),
		cmocka_unit_test_teardown(who_is_flagged_is_passed_over, rig_clear),
		cmocka_unit_test_teardown(with_nobody_left_the_pool_stays, rig_clear),
		cmocka_unit_test_teardown(who_comes_up_rescues_the_pool, rig_clear),
		cmocka_unit_test_teardown(who_was_suspect_at_the_verdict_rescues_the_pool, rig_clear),
		cmocka_unit_test_teardown(who_answers_later_takes_over_later, rig_clear),
		cmocka_unit_test_teardown(who_is_flagged_rescues_nobody, rig_clear),
		cmocka_unit_test_teardown(a_slow_pool_is_only_proposed, rig_clear),
		cmocka_unit_test_teardown(a_paused_pool_is_left_alone, rig_clear),
		cmocka_unit_test_teardown(who_is_damped_is_passed_over, rig_clear),
		cmocka_unit_test_teardown(who_is_damped_is_better_than_nobody, rig_clear),
		cmocka_unit_test_teardown(who_is_recovering_is_better_than_nobody, rig_clear),
		cmocka_unit_test_teardown(a_dead_address_of_one_family_is_enough, rig_clear),
		cmocka_unit_test_teardown(a_family_that_the_pool_does_not_serve_moves_nothing, rig_clear),
		cmocka_unit_test_teardown(a_candidate_must_be_well_in_all_families, rig_clear),
	};

	return cmocka_run_group_tests_name("successors", tests, rig_open, rig_close);
}
