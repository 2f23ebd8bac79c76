// SPDX-License-Identifier: GPL-2.0-only
/* Verdicts of the real timers: who is down, who is only out of sight, and what is told about it. */
#include "groups.h"
#include "story.h"

#define COUNT(field) offsetof(struct dfb_beat_counters, field)

static uint64_t counted(size_t offset)
{
	return rig_count(rig.beat->maps.beat_counters, offset);
}

static void check_evidence(const struct dfb_switch *c, const struct dfb_detect *dead,
			   const struct dfb_detect *living)
{
	assert_int_equal(c->misses, 3);
	assert_int_equal(c->last_good_ns, dead->last_good_ns);
	assert_int_equal(c->first_missed_ns, dead->first_missed_ns);
	assert_int_equal(c->witness_ns, living->slots[living->stamped % DFB_WINDOW].stamp_ns);
	assert_true(c->last_good_ns < c->first_missed_ns);
	assert_true(c->first_missed_ns < c->witness_ns);
	assert_true(c->witness_ns < c->verdict_ns);
	assert_true(c->first_missed_ns + 20000000 <= c->verdict_ns);
	assert_true(c->verdict_ns <= c->switched_ns);
}

static void check_reports(uint32_t dead, uint32_t pool, const struct dfb_pool *p)
{
	const struct dfb_event *suspect, *change, *down;

	RIG_UNTIL(story_find(DFB_EVENT_TARGET, dead, 1));
	suspect = story_find(DFB_EVENT_TARGET, dead, 0);
	change = story_find(DFB_EVENT_SWITCH, dead, 0);
	down = story_find(DFB_EVENT_TARGET, dead, 1);
	assert_non_null(change);
	assert_true(suspect < change && change < down);
	assert_int_equal(suspect->old_state, DFB_STATE_UP);
	assert_int_equal(suspect->new_state, DFB_STATE_SUSPECT);
	assert_int_equal(suspect->change.reason, DFB_REASON_EXPIRED);
	assert_int_equal(down->old_state, DFB_STATE_SUSPECT);
	assert_int_equal(down->new_state, DFB_STATE_DOWN);
	assert_int_equal(down->change.reason, DFB_REASON_EXPIRED);
	assert_int_equal(down->change.witness, p->last.witness);
	assert_int_equal(down->time_ns, p->last.verdict_ns);
	assert_int_equal(change->pool, pool);
	assert_int_equal(change->epoch, p->epoch);
	assert_memory_equal(&change->change, &p->last, sizeof(p->last));
	RIG_UNTIL(rig.n_nudges);
	assert_int_equal(rig.n_nudges, 1);
	assert_int_equal(rig.nudges[0], dead);
}

static void a_dead_server_is_down_and_its_pool_moves(void **state)
{
	uint32_t s[2], pool, dead, living;
	struct dfb_detect d, w;
	struct dfb_pool p;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	dead = story_target(s[0]);
	living = story_target(s[1]);
	story_silence(dead, &living, 1);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_DOWN);
	p = rig_pool_state(pool);
	d = rig_detect(dead);
	w = rig_detect(living);
	for (int i = 0; i < DFB_SLOTS; i++)
		assert_int_equal(p.slots[i], s[1]);
	assert_int_equal(p.epoch, 2);
	assert_int_equal(p.last.from, s[0]);
	assert_int_equal(p.last.to, s[1]);
	assert_int_equal(p.last.witness, s[1]);
	assert_int_equal(p.last.reason, DFB_REASON_EXPIRED);
	check_evidence(&p.last, &d, &w);
	check_reports(dead, pool, &p);
	assert_int_equal(counted(COUNT(verdicts)), 1);
	assert_int_equal(counted(COUNT(switches)), 1);
	assert_int_equal(d.expired, 3);
	assert_int_equal(d.expired_again, 0); /* the row has not ended */
	assert_int_equal(d.penalty, 1000);
}

static void without_a_witness_nothing_moves(void **state)
{
	uint32_t s[2], pool, dead;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	dead = story_target(s[0]);
	story_live(story_target(s[1])); /* before the first missed probe: too early */
	story_silence(dead, NULL, 0);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_UNKNOWN);
	story_live(story_target(s[1])); /* after the last one: too late */
	assert_int_equal(rig_detect(dead).reason, DFB_REASON_NO_WITNESS);
	assert_int_equal(story_serving(pool), s[0]);
	assert_int_equal(rig_pool_state(pool).epoch, 1);
	RIG_UNTIL(story_find(DFB_EVENT_TARGET, dead, 1));
	assert_int_equal(story_find(DFB_EVENT_TARGET, dead, 1)->new_state, DFB_STATE_UNKNOWN);
	assert_null(story_find(DFB_EVENT_SWITCH, dead, 0));
	assert_int_equal(counted(COUNT(switches)), 0);
	assert_int_equal(rig_detect(dead).penalty, 0);
}

static void a_witness_that_comes_later_completes_the_verdict(void **state)
{
	uint32_t s[2], pool, dead, living;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	dead = story_target(s[0]);
	living = story_target(s[1]);
	story_silence(dead, NULL, 0);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_UNKNOWN);
	story_silence(dead, &living, 1);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_DOWN);
	assert_int_equal(story_serving(pool), s[1]);
}

static void a_servers_other_address_is_no_witness(void **state)
{
	uint32_t s[1], pool, dead, other;

	(void)state;
	story_servers(s, 1);
	pool = rig_pool(s, 1);
	dead = story_target(s[0]);
	other = rig_target(s[0], DFB_FAMILY_IPV6, DFB_PROBE_ECHO);
	story_up(other);
	story_silence(dead, &other, 1);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_UNKNOWN);
	assert_int_equal(story_serving(pool), s[0]);
}

static void a_witness_need_not_be_a_candidate(void **state)
{
	uint32_t s[2], pool, dead, living;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 1);
	dead = story_target(s[0]);
	living = story_target(s[1]);
	story_silence(dead, &living, 1);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_DOWN);
	assert_int_equal(story_serving(pool), s[0]);
	assert_int_equal(rig_pool_state(pool).epoch, 1);
	RIG_UNTIL(story_find(DFB_EVENT_TARGET, dead, 1));
	assert_int_equal(story_find(DFB_EVENT_TARGET, dead, 1)->change.witness, s[1]);
	assert_null(story_find(DFB_EVENT_SWITCH, dead, 0));
}

static void an_answer_in_between_starts_the_count_again(void **state)
{
	uint32_t s[2], pool, dead, living;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	dead = story_target(s[0]);
	living = story_target(s[1]);
	story_patience(dead, false);
	for (int i = 0; i < 3; i++) {
		rig_probe(dead);
		story_live(living);
		rig_probe(dead);
		story_judged(dead);
		assert_int_equal(rig_detect(dead).state, DFB_STATE_SUSPECT);
		story_up(dead);
		story_patience(dead, false);
	}
	assert_int_equal(rig_detect(dead).expired, 6);
	assert_int_equal(counted(COUNT(verdicts)), 0);
	assert_int_equal(story_serving(pool), s[0]);
}

static void probes_that_never_leave_are_misses(void **state)
{
	uint32_t s[2], pool, dead, living;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	dead = story_target(s[0]);
	living = story_target(s[1]);
	story_patience(dead, false);
	story_live(dead);
	story_judged(dead); /* its timer keeps the short timeout from here on */
	story_unsent(dead, &living, 1);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_DOWN);
	assert_int_equal(rig_detect(dead).reason, DFB_REASON_UNSENT);
	assert_int_equal(rig_detect(dead).unsent, 3);
	assert_int_equal(rig_pool_state(pool).last.reason, DFB_REASON_UNSENT);
	assert_int_equal(story_serving(pool), s[1]);
}

static void what_is_not_attempted_is_not_judged(void **state)
{
	uint32_t s[1], target;
	struct dfb_detect before, after;

	(void)state;
	story_servers(s, 1);
	target = story_target(s[0]);
	story_patience(target, false);
	story_live(target);
	story_judged(target);
	before = rig_detect(target);
	for (int i = 0; i < 3; i++) { /* three more callbacks, nothing to judge */
		struct dfb_target_run run;
		uint64_t armed;

		rig_get(rig.beat->maps.state, target, &run);
		armed = run.armed_ns;
		RIG_UNTIL((rig_get(rig.beat->maps.state, target, &run), run.armed_ns > armed));
	}
	after = rig_detect(target);
	assert_int_equal(after.state, DFB_STATE_UP);
	assert_int_equal(after.judged, before.judged);
	assert_int_equal(after.expired, before.expired);
}

static void an_unseen_target_is_not_condemned_for_what_never_left(void **state)
{
	uint32_t s[1], dead = story_target(rig_server()), living;
	struct dfb_target cfg;

	(void)state;
	story_servers(s, 1);
	living = story_target(s[0]);
	story_unsent(dead, &living, 1);
	story_judged(dead);
	assert_int_equal(rig_detect(dead).unsent, 3);
	assert_int_equal(rig_detect(dead).state, DFB_STATE_UNKNOWN);
	cfg = rig_config(dead);
	cfg.cannot_leave = 1; /* its carrier is gone */
	rig_configure(dead, &cfg);
	story_unsent(dead, &living, 1);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_DOWN);
}

static void an_unseen_target_that_is_silent_is_down(void **state)
{
	uint32_t s[1], dead = story_target(rig_server()), living;

	(void)state;
	story_servers(s, 1);
	living = story_target(s[0]);
	story_silence(dead, &living, 1);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_DOWN);
}

/* The controller changed the address and was stopped before it could say so. */
static void a_changed_address_is_not_judged_before_the_reset(void **state)
{
	uint32_t s[2], pool, changed, living;
	struct dfb_target cfg;

	(void)state;
	story_servers(s, 2);
	pool = rig_pool(s, 2);
	changed = story_target(s[0]);
	living = story_target(s[1]);
	story_patience(changed, false);
	story_live(changed);
	story_judged(changed);
	cfg = rig_config(changed);
	cfg.generation++;
	rig_configure(changed, &cfg);
	story_unsent(changed, &living, 1);
	story_judged(changed);
	assert_int_equal(rig_detect(changed).unsent, 0);
	assert_int_equal(rig_detect(changed).state, DFB_STATE_UP);
	assert_int_equal(story_serving(pool), s[0]);
}

static void a_dead_server_recovers_with_enough_replies(void **state)
{
	uint32_t s[2], dead, living;

	(void)state;
	story_servers(s, 2);
	dead = story_target(s[0]);
	living = story_target(s[1]);
	story_silence(dead, &living, 1);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_DOWN);
	story_live(dead);
	story_judged(dead);
	assert_int_equal(rig_detect(dead).state, DFB_STATE_RECOVERING);
	rig_probe(dead);
	story_judged(dead);
	assert_int_equal(rig_detect(dead).state, DFB_STATE_DOWN);
	story_live(dead);
	story_judged(dead);
	story_live(dead);
	RIG_UNTIL(rig_detect(dead).state == DFB_STATE_UP);
	assert_int_equal(rig_detect(dead).replies, 2);
}

static void a_late_reply_is_counted_and_raises_the_floor(void **state)
{
	uint32_t s[1], target;
	struct dfb_target cfg;
	struct dfb_detect d;

	(void)state;
	story_servers(s, 1);
	target = story_target(s[0]);
	cfg = rig_config(target);
	cfg.timeout_ns = 0;
	cfg.timeout_min_ns = 1000000;
	rig_configure(target, &cfg);
	rig_probe(target);
	story_judged(target);
	rig_answer(target);
	RIG_UNTIL(rig_detect(target).floor_ns > 0);
	d = rig_detect(target);
	assert_int_equal(d.late, 1);
	assert_int_equal(d.worst_late_ns, 0);
	assert_true(d.floor_ns > 1000000);
}

/* More unread reports than the ring holds: counted, and nothing else suffers. */
static void a_full_ring_is_counted(void **state)
{
	uint32_t target = story_target(rig_server());
	struct dfb_target cfg = rig_config(target);
	uint64_t limit = rig_now() + RIG_PATIENCE_NS;

	(void)state;
	rig_zero(rig.beat->maps.beat_counters);
	cfg.timeout_ns = cfg.interval_ns = 200000;
	rig_configure(target, &cfg);
	for (int n = 0; !counted(COUNT(ring_full)); n++) { /* up, suspect, up, ... */
		rig_probe(target);
		if (n % 2)
			rig_answer(target);
		while (rig_detect(target).judged != rig.attempts[target].seq)
			assert_true(rig_now() < limit);
	}
	assert_int_equal(rig_detect(target).judged, rig.attempts[target].seq);
}

int verdict_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_dead_server_is_down_and_its_pool_moves, rig_clear),
		cmocka_unit_test_teardown(without_a_witness_nothing_moves, rig_clear),
		cmocka_unit_test_teardown(a_witness_that_comes_later_completes_the_verdict, rig_clear),
		cmocka_unit_test_teardown(a_servers_other_address_is_no_witness, rig_clear),
		cmocka_unit_test_teardown(a_witness_need_not_be_a_candidate, rig_clear),
		cmocka_unit_test_teardown(an_answer_in_between_starts_the_count_again, rig_clear),
		cmocka_unit_test_teardown(probes_that_never_leave_are_misses, rig_clear),
		cmocka_unit_test_teardown(what_is_not_attempted_is_not_judged, rig_clear),
		cmocka_unit_test_teardown(an_unseen_target_is_not_condemned_for_what_never_left, rig_clear),
		cmocka_unit_test_teardown(an_unseen_target_that_is_silent_is_down, rig_clear),
		cmocka_unit_test_teardown(a_changed_address_is_not_judged_before_the_reset, rig_clear),
		cmocka_unit_test_teardown(a_dead_server_recovers_with_enough_replies, rig_clear),
		cmocka_unit_test_teardown(a_late_reply_is_counted_and_raises_the_floor, rig_clear),
		cmocka_unit_test_teardown(a_full_ring_is_counted, rig_clear),
	};

	return cmocka_run_group_tests_name("verdicts", tests, rig_open, rig_close);
}
