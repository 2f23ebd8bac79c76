// SPDX-License-Identifier: GPL-2.0-only
/* bpf/detect.h: states, witnesses and candidates. */
#include "bench.h"

/* --- states ---------------------------------------------------------------------------------- */

enum happening {
	ANSWERED,
	EXPIRED,
	UNSENT,
};

static const char *const states[] = {"unknown", "up", "suspect", "down", "recovering"};

_Static_assert(ARRAY_SIZE(states) == DFB_STATE_MAX, "a name for each state");

/**
 * struct transition - a row of the diagram
 * @misses, @stamped: in a row, before
 * @replies: while recovering, before
 * @recovering_ms: for how long
 * @to: afterwards, with the verdict left open
 * @verdict, @again: what is asked for
 */
struct transition {
	enum dfb_target_state from;
	uint32_t misses, stamped, replies, recovering_ms;
	enum happening what;
	enum dfb_target_state to;
	uint32_t verdict, again;
};

static const struct transition transitions[] = {
	{DFB_STATE_UNKNOWN, 0, 0, 0, 0, ANSWERED, DFB_STATE_UP, 0, 0},
	{DFB_STATE_UNKNOWN, 9, 9, 0, 0, ANSWERED, DFB_STATE_UP, 0, 0},
	{DFB_STATE_UNKNOWN, 0, 0, 0, 0, EXPIRED, DFB_STATE_UNKNOWN, 0, 0},
	{DFB_STATE_UNKNOWN, 1, 1, 0, 0, EXPIRED, DFB_STATE_UNKNOWN, 0, 0},
	{DFB_STATE_UNKNOWN, 2, 2, 0, 0, EXPIRED, DFB_STATE_UNKNOWN, 1, 0},
	{DFB_STATE_UNKNOWN, 7, 2, 0, 0, EXPIRED, DFB_STATE_UNKNOWN, 1, 0},
	{DFB_STATE_UNKNOWN, 7, 1, 0, 0, EXPIRED, DFB_STATE_UNKNOWN, 0, 0},
	{DFB_STATE_UNKNOWN, 7, 7, 0, 0, UNSENT, DFB_STATE_UNKNOWN, 0, 0},
	{DFB_STATE_UP, 0, 0, 0, 0, ANSWERED, DFB_STATE_UP, 0, 0},
	{DFB_STATE_UP, 0, 0, 0, 0, EXPIRED, DFB_STATE_SUSPECT, 0, 0},
	{DFB_STATE_UP, 0, 0, 0, 0, UNSENT, DFB_STATE_SUSPECT, 0, 0},
	{DFB_STATE_SUSPECT, 1, 1, 0, 0, ANSWERED, DFB_STATE_UP, 0, 0},
	{DFB_STATE_SUSPECT, 1, 1, 0, 0, EXPIRED, DFB_STATE_SUSPECT, 0, 0},
	{DFB_STATE_SUSPECT, 2, 2, 0, 0, EXPIRED, DFB_STATE_SUSPECT, 1, 0},
	{DFB_STATE_SUSPECT, 2, 2, 0, 0, UNSENT, DFB_STATE_SUSPECT, 1, 0},
	{DFB_STATE_SUSPECT, 2, 0, 0, 0, UNSENT, DFB_STATE_SUSPECT, 1, 0},
	{DFB_STATE_DOWN, 5, 5, 0, 0, EXPIRED, DFB_STATE_DOWN, 0, 1},
	{DFB_STATE_DOWN, 5, 0, 0, 0, UNSENT, DFB_STATE_DOWN, 0, 1},
	{DFB_STATE_DOWN, 1, 1, 0, 0, EXPIRED, DFB_STATE_DOWN, 0, 0}, /* it had answered in between */
	{DFB_STATE_DOWN, 5, 5, 0, 0, ANSWERED, DFB_STATE_RECOVERING, 0, 0},
	{DFB_STATE_RECOVERING, 0, 0, 1, 100, ANSWERED, DFB_STATE_RECOVERING, 0, 0},
	{DFB_STATE_RECOVERING, 0, 0, 2, 1, ANSWERED, DFB_STATE_RECOVERING, 0, 0},
	{DFB_STATE_RECOVERING, 0, 0, 2, 5, ANSWERED, DFB_STATE_UP, 0, 0},
	{DFB_STATE_RECOVERING, 0, 0, 100, 4, ANSWERED, DFB_STATE_RECOVERING, 0, 0},
	{DFB_STATE_RECOVERING, 0, 0, 2, 100, EXPIRED, DFB_STATE_DOWN, 0, 0},
	{DFB_STATE_RECOVERING, 0, 0, 2, 100, UNSENT, DFB_STATE_DOWN, 0, 0},
};

static enum dfb_reason reason_of(enum happening what)
{
	static const enum dfb_reason reasons[] = {
		[ANSWERED] = DFB_REASON_ANSWERED,
		[EXPIRED] = DFB_REASON_EXPIRED,
		[UNSENT] = DFB_REASON_UNSENT,
	};

	return reasons[what];
}

static void run_transition(const struct transition *t)
{
	struct bench b = bench();

	b.d.state = t->from;
	b.d.reason = DFB_REASON_NONE;
	b.d.misses = t->misses;
	b.d.stamped_misses = t->stamped;
	b.d.replies = t->replies;
	if (t->what == ANSWERED)
		live(&b);
	else if (t->what == EXPIRED)
		probe(&b);
	else
		attempt(&b);
	b.d.recovering_ns = b.now + 20 * MS - t->recovering_ms * MS;
	judge(&b);
	if (b.d.state != t->to || b.step.verdict != t->verdict || b.step.again != t->again)
		fail_msg("%s, row %d: %s, verdict %u, again %u", states[t->from], (int)(t - transitions),
			 states[b.d.state], b.step.verdict, b.step.again);
	assert_int_equal(b.d.reason, t->from == t->to ? DFB_REASON_NONE : reason_of(t->what));
	assert_int_equal(b.d.since_ns, t->from == t->to ? 0 : b.step.now);
	assert_int_equal(b.d.misses, t->what == ANSWERED ? 0 : t->misses + 1);
}

static void the_diagram_is_followed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(transitions); i++)
		run_transition(&transitions[i]);
}

static void the_link_itself_makes_unsent_probes_conclusive(void **state)
{
	struct bench b = bench();

	(void)state;
	b.cfg.cannot_leave = 1;
	attempt(&b);
	attempt(&b);
	judge(&b);
	assert_int_equal(b.step.verdict, 0);
	attempt(&b);
	judge(&b);
	assert_int_equal(b.step.verdict, 1);
}

static void an_answer_in_the_same_run_takes_the_question_back(void **state)
{
	struct bench b = bench();

	(void)state;
	b.d.state = DFB_STATE_UP;
	for (int i = 0; i < 3; i++)
		probe(&b);
	live(&b);
	judge(&b);
	assert_int_equal(b.d.expired, 3);
	assert_int_equal(b.step.verdict, 0);
	assert_int_equal(b.d.state, DFB_STATE_UP);
}

static void a_verdict_needs_a_witness(void **state)
{
	static const struct {
		enum dfb_target_state from;
		int witness;
		uint32_t stamped;
		enum dfb_target_state to;
		enum dfb_reason reason;
	} rows[] = {
		{DFB_STATE_SUSPECT, 1, 3, DFB_STATE_DOWN, DFB_REASON_EXPIRED},
		{DFB_STATE_SUSPECT, 1, 0, DFB_STATE_DOWN, DFB_REASON_UNSENT},
		{DFB_STATE_SUSPECT, 0, 3, DFB_STATE_UNKNOWN, DFB_REASON_NO_WITNESS},
		{DFB_STATE_UNKNOWN, 1, 3, DFB_STATE_DOWN, DFB_REASON_EXPIRED},
		{DFB_STATE_UNKNOWN, 0, 3, DFB_STATE_UNKNOWN, DFB_REASON_NONE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bench b = bench();

		b.d.state = rows[i].from;
		b.d.stamped_misses = rows[i].stamped;
		detect_verdict(&b.cfg, &b.d, rows[i].witness, b.now);
		assert_int_equal(b.d.state, rows[i].to);
		assert_int_equal(b.d.reason, rows[i].reason);
		assert_int_equal(b.d.penalty, rows[i].witness ? DETECT_PENALTY : 0);
	}
}

/* --- witnesses ------------------------------------------------------------------------------- */

/* Of a row of missed probes, 1 ms apart: not before the first of them, nor after the first that counts. */
static void the_question_lies_between_the_missed_probes(void **state)
{
	static const struct {
		uint32_t misses, missed;
		int before; /* which probe, from the last; 1: now */
	} rows[] = {
		{1, 1, 1}, {1, 2, 0}, {1, 5, 0}, {2, 2, 0}, {2, 3, 0}, {2, 9, 0}, {3, 3, -1}, {3, 4, -1},
		{3, 9, -1}, {5, 5, -1}, {5, 6, -1}, {16, 16, -1},
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		uint32_t misses = rows[i / 2].misses, missed = rows[i / 2].missed;
		int64_t before = rows[i / 2].before;
		struct bench b = bench();
		struct detect_question q;
		uint64_t last;

		b.cfg.misses = misses;
		b.d.state = DFB_STATE_UP;
		for (uint32_t n = 0; n < missed; n++)
			i % 2 ? attempt(&b) : probe(&b);
		last = detect_sent(&b.d, &b.a, missed);
		judge(&b);
		assert_int_equal(b.step.verdict, 1);
		detect_ask(&b.cfg, &b.d, &b.a, &b.step, &q);
		assert_in_range(q.after, last - (missed - 1) * MS, last - (misses - 1) * MS);
		assert_int_equal(q.before, before == 1 ? b.step.now : last - (uint64_t)-before * MS);
		assert_true(q.after < q.before);
		assert_int_equal(q.handled, b.step.now - 10 * MS / 4);
	}
}

static void a_witness_meets_each_condition(void **state)
{
	const struct detect_question q = {
		.after = START,
		.before = START + 2 * MS,
		.overdue = START + 1 * MS,
		.handled = START + 5 * MS,
	};
	static const struct {
		const char *name;
		uint64_t stamp, rtt;
		int expected;
	} rows[] = {
		{"in the middle", START + 1 * MS, 1 * MS, 1},
		{"no answer", START + 1 * MS, 0, 0},
		{"the instant of the first missed probe", START, 1 * MS, 0},
		{"the instant after it", START + 1, 1 * MS, 1},
		{"the instant before the last but one", START + 2 * MS - 1, 1 * MS, 1},
		{"the instant of the last but one", START + 2 * MS, 1 * MS, 0},
		{"long before", START - 1 * S, 1 * MS, 0},
		{"long after", START + 1 * S, 1, 0},
		{"answered when the target used to", START + 1, 1 * MS - 1, 1},
		{"answered before the target used to", START + 1, 1 * MS - 2, 0},
		{"handled just in time", START + 2 * MS - 1, 3 * MS + 1, 1},
		{"handled too lately", START + 2 * MS - 1, 3 * MS + 2, 0},
		{"within its own timeout", START + 1, 4 * MS, 1},
		{"beyond its own timeout", START + 1, 4 * MS + 1, 0},
		{"never sent", 0, 1 * MS, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dfb_slot slot = {.stamp_ns = rows[i].stamp, .rtt_ns = rows[i].rtt};

		if (detect_is_witness(&slot, 4 * MS, &q) != rows[i].expected)
			fail_msg("%s", rows[i].name);
	}
}

/* The target's reply was not overdue yet when one of a nearer server came. */
/* --- the pulse ------------------------------------------------------------------------------- */

/* Rows: the latest pulse of the CPU that judges and of the one that took the last reply. */
static void a_verdict_waits_for_a_cpu_that_stands_still(void **state)
{
	static const struct {
		const char *name;
		uint64_t mine, theirs, now;
		int held;
	} rows[] = {
		{"both beat", 25 * MS, 25 * MS, 30 * MS, 0},
		{"theirs does not", 25 * MS, 5 * MS, 30 * MS, 1},
		{"theirs at the last but one missed probe is none", 25 * MS, 20 * MS, 30 * MS, 1},
		{"theirs right after it is one", 25 * MS, 20 * MS + 1, 30 * MS, 0},
		{"theirs a moment ago may be ahead of the reply", 25 * MS, 29 * MS + MS / 2 + 1, 30 * MS, 1},
		{"theirs long enough ago is one", 25 * MS, 29 * MS + MS / 2, 30 * MS, 0},
		{"nobody takes pulses", 5 * MS, 5 * MS, 30 * MS, 0},
		{"patience has an end", 25 * MS, 5 * MS, 10 * MS + DETECT_PATIENCE_NS, 0},
		{"and not before", 25 * MS, 5 * MS, 10 * MS + DETECT_PATIENCE_NS - 1, 1},
	};
	struct dfb_target cfg = {.misses = 3};
	struct detect_question q = {
		.after = 10 * MS, .before = 20 * MS, .overdue = 10 * MS, .handled = 28 * MS};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dfb_pulse mine = {.at_ns = {0, 0, rows[i].mine}}, theirs = {.at_ns = {rows[i].theirs}};
		struct dfb_detect d = {.first_missed_ns = 10 * MS};

		if (detect_is_held_back(&cfg, &d, &mine, &theirs, &q, rows[i].now) != rows[i].held)
			fail_msg("%s", rows[i].name);
		assert_int_equal(d.graces, rows[i].held);
		assert_int_equal(detect_is_held_back(&cfg, &d, &theirs, &theirs, &q, rows[i].now), 0);
	}
}

static void a_witness_is_not_asked_to_be_slower_than_it_can(void **state)
{
	static const struct {
		uint64_t srtt, rttvar, interval, timeout, least, most;
	} rows[] = {
		{100000, 20000, 10 * MS, 3 * MS, 180000, 180000},
		{100000, 20000, 170000, 3 * MS, 180000, 180000},
		{4 * MS, 1 * MS, 100 * MS, 3 * MS, 3 * MS, 3 * MS},
		{0, 0, 10 * MS, 3 * MS, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bench b = bench();
		struct detect_question q;

		b.cfg.interval_ns = rows[i].interval;
		b.cfg.timeout_ns = rows[i].timeout;
		b.d.srtt_ns = rows[i].srtt;
		b.d.rttvar_ns = rows[i].rttvar;
		for (int n = 0; n < 3; n++)
			probe(&b);
		judge(&b);
		detect_ask(&b.cfg, &b.d, &b.a, &b.step, &q);
		assert_in_range(q.overdue, q.after + rows[i].least, q.after + rows[i].most);
	}
}

/* --- candidates ------------------------------------------------------------------------------ */

static void a_candidate_is_as_good_as_its_state(void **state)
{
	static const enum detect_grade grades[DFB_STATE_MAX][2] = { /* damped: no, yes */
		[DFB_STATE_UNKNOWN] = {DETECT_UNFIT, DETECT_UNFIT},
		[DFB_STATE_UP] = {DETECT_FIT, DETECT_LAST_RESORT},
		[DFB_STATE_SUSPECT] = {DETECT_UNFIT, DETECT_UNFIT},
		[DFB_STATE_DOWN] = {DETECT_UNFIT, DETECT_UNFIT},
		[DFB_STATE_RECOVERING] = {DETECT_LAST_RESORT, DETECT_LAST_RESORT},
	};

	(void)state;
	for (uint32_t i = 0; i < DFB_STATE_MAX * 2; i++) {
		struct dfb_detect d = {.state = i / 2, .damped = i % 2};

		assert_int_equal(detect_grade(&d), grades[i / 2][i % 2]);
	}
}

static void the_first_of_the_best_is_chosen(void **state)
{
	static const struct {
		enum detect_grade offers[4]; /* of servers 1, 2, ... */
		uint32_t chosen;
	} rows[] = {
		{{DETECT_UNFIT, DETECT_UNFIT, DETECT_UNFIT, DETECT_UNFIT}, 0},
		{{DETECT_FIT, DETECT_FIT, DETECT_FIT, DETECT_FIT}, 1},
		{{DETECT_UNFIT, DETECT_FIT, DETECT_FIT, DETECT_FIT}, 2},
		{{DETECT_LAST_RESORT, DETECT_UNFIT, DETECT_FIT, DETECT_FIT}, 3},
		{{DETECT_UNFIT, DETECT_LAST_RESORT, DETECT_LAST_RESORT, DETECT_UNFIT}, 2},
		{{DETECT_LAST_RESORT, DETECT_LAST_RESORT, DETECT_LAST_RESORT, DETECT_FIT}, 4},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct detect_choice choice = {};

		for (uint32_t server = 1; server <= 4; server++)
			detect_offer(&choice, server, rows[i].offers[server - 1]);
		assert_int_equal(choice.server, rows[i].chosen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_diagram_is_followed),
		cmocka_unit_test(the_link_itself_makes_unsent_probes_conclusive),
		cmocka_unit_test(an_answer_in_the_same_run_takes_the_question_back),
		cmocka_unit_test(a_verdict_needs_a_witness),
		cmocka_unit_test(the_question_lies_between_the_missed_probes),
		cmocka_unit_test(a_witness_meets_each_condition),
		cmocka_unit_test(a_verdict_waits_for_a_cpu_that_stands_still),
		cmocka_unit_test(a_witness_is_not_asked_to_be_slower_than_it_can),
		cmocka_unit_test(a_candidate_is_as_good_as_its_state),
		cmocka_unit_test(the_first_of_the_best_is_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
