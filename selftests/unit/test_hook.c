// SPDX-License-Identifier: GPL-2.0-only
/* Hooks as the worker runs them. */
#include "worker_fixture.h"

/* --- hooks ------------------------------------------------------------------------------------- */

static void a_hook_learns_the_event_from_environment_and_standard_input(void **state)
{
	static const struct stage stages[] = {{report_failover, idle}, {0}};
	struct test *t = *state;
	struct rows rows;

	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	add_hook(t, "env | grep -e ^DEFIB_ -e ^NOTIFY_ | sort >$0/env; cat >$0/stdin", 0);
	play(t, stages);
	unsetenv("NOTIFY_SOCKET");
	assert_string_equal(slurp(t, "env"), "DEFIB_EPOCH=7\nDEFIB_EVENT=failover\nDEFIB_FROM=s1\n"
					     "DEFIB_INSTANCE=test\nDEFIB_POOL=app\n"
					     "DEFIB_REASON=3 probes expired, s2 answered\nDEFIB_SERVER=s1\n"
					     "DEFIB_SERVICE=\nDEFIB_TO=s2\n");
	rows = stored(t);
	assert_memory_equal(slurp(t, "stdin"), rows.last, strlen(rows.last));
	assert_string_equal(slurp(t, "stdin") + strlen(rows.last), "\n");
	assert_int_equal(t->n_results, 0);
}

static void a_failing_hook_is_told_with_its_last_words(void **state)
{
	static const struct stage stages[] = {{report_failover, idle_and_told}, {0}};
	struct test *t = *state;

	add_hook(t, "echo first >&2; printf 'no\troute\\n\\n' >&2; exit 3", 0);
	play(t, stages);
	assert_int_equal(t->n_results, 1);
	assert_int_equal(t->results[0].news, WORKER_HOOK_FAILED);
	assert_int_equal(t->results[0].error, -ECANCELED);
	assert_string_equal(t->results[0].what, "/bin/sh: exit status 3: no route");
	assert_int_equal(stats(t).hooks_failed, 1);
}

static void a_hook_that_dies_of_a_signal_is_told(void **state)
{
	static const struct stage stages[] = {{report_failover, idle_and_told}, {0}};
	struct test *t = *state;

	add_hook(t, "kill -SEGV $$", 0);
	play(t, stages);
	assert_string_equal(t->results[0].what, "/bin/sh: died of signal 11 (Segmentation fault)");
}

static void a_hook_that_kills_its_group_is_told(void **state)
{
	static const struct stage stages[] = {{report_failover, idle_and_told}, {0}};
	struct test *t = *state;

	add_hook(t, "kill -KILL 0", 0);
	play(t, stages);
	assert_string_equal(t->results[0].what, "/bin/sh: killed from outside");
}

static void a_hook_that_does_not_exist_is_told(void **state)
{
	static const struct stage stages[] = {{report_failover, idle_and_told}, {0}};
	struct test *t = *state;

	t->policy.n_hooks = 1;
	t->policy.hooks[0].argv[0] = strdup("/nowhere/hook");
	play(t, stages);
	assert_string_equal(t->results[0].what,
			    "/nowhere/hook: exit status 127: cannot run it: No such file or directory");
}

static void a_hook_with_too_long_arguments_is_told(void **state)
{
	static const struct stage stages[] = {{NULL, idle_and_told}, {0}};
	struct test *t = *state;
	char *huge = malloc(100000);

	memset(huge, 'x', 99999);
	huge[99999] = '\0';
	t->policy.n_hooks = 1;
	t->policy.hooks[0].argv[0] = strdup("/bin/true");
	t->policy.hooks[0].argv[1] = huge;
	assert_int_equal(report(t, REPORT_FAILOVER), -E2BIG);
	play(t, stages);
	assert_string_equal(t->results[0].what, "/bin/true: not run: Argument list too long");
	each_is_stored_once(t);
}

static void a_hanging_hook_is_killed_with_its_grandchildren(void **state)
{
	static const struct stage stages[] = {{report_failover, hook_pids_are_gone}, {0}};
	struct test *t = *state;

	add_hook(t, "(sleep 1000 & echo $! >>$0/pids; wait) & echo $$ >>$0/pids; echo waiting >&2; wait",
		 300);
	play(t, stages);
	assert_int_equal(t->results[0].error, -ETIMEDOUT);
	assert_string_equal(t->results[0].what, "/bin/sh: killed at its deadline: waiting");
}

static void a_hook_that_ignores_sigterm_is_killed(void **state)
{
	static const struct stage stages[] = {{report_failover, hook_pids_are_gone}, {0}};
	struct test *t = *state;

	add_hook(t, "trap '' TERM; sleep 1000 & echo $! >>$0/pids; echo $$ >>$0/pids; while :; do wait; done",
		 300);
	play(t, stages);
	assert_int_equal(t->results[0].error, -ETIMEDOUT);
}

static void a_hook_that_stops_its_group_is_killed(void **state)
{
	static const struct stage stages[] = {{report_failover, hook_pids_are_gone}, {0}};
	struct test *t = *state;

	add_hook(t, "sleep 1000 & echo $! >>$0/pids; echo $$ >>$0/pids; kill -STOP 0", 300);
	play(t, stages);
	assert_int_equal(t->results[0].error, -ETIMEDOUT);
	assert_string_equal(t->results[0].what, "/bin/sh: killed after its deadline");
}

static bool idle_and_pids_gone(struct test *t)
{
	return idle(t) && lines(t, "pids") >= 2 && all_gone(t, "pids");
}

static void what_a_hook_leaves_behind_is_killed_when_it_ends(void **state)
{
	static const struct stage stages[] = {{report_failover, idle_and_pids_gone}, {0}};
	struct test *t = *state;

	add_hook(t, "sleep 1000 & echo $! >>$0/pids; echo $$ >>$0/pids", 0);
	play(t, stages);
	assert_int_equal(t->n_results, 0);
}

static void a_hook_that_floods_standard_error_hurts_nobody(void **state)
{
	static const struct stage stages[] = {{report_failover, idle_and_told}, {0}};
	struct test *t = *state;

	add_hook(t, "yes >&2", 300);
	play(t, stages);
	assert_int_equal(t->results[0].error, -ETIMEDOUT);
}

static void report_several_kinds(struct test *t)
{
	report(t, REPORT_FAILOVER);
	report(t, REPORT_RELOAD);
	report(t, REPORT_HOOK_FAILED);
}

static void hooks_run_for_the_kinds_they_name_and_cause_no_endless_failures(void **state)
{
	static const struct stage stages[] = {{report_several_kinds, idle}, {NULL, idle}, {0}};
	struct test *t = *state;

	add_hook(t, "echo $DEFIB_EVENT >>$0/every", 0);
	add_hook(t, "echo $DEFIB_EVENT >>$0/some", 0)->on = 1u << REPORT_RELOAD;
	add_hook(t, "echo $DEFIB_EVENT >>$0/failed; exit 1", 0)->on = 1u << REPORT_HOOK_FAILED;
	play(t, stages);
	assert_int_equal(lines(t, "every"), 2);
	assert_string_equal(slurp(t, "some"), "reload\n");
	assert_string_equal(slurp(t, "failed"), "hook-failed\n");
	assert_int_equal(stats(t).hooks_failed, 1);
	assert_int_equal(t->n_results, 0);
}

static void report_20(struct test *t)
{
	for (int i = 0; i < 20; i++)
		report_failover(t);
}

static bool eight_run(struct test *t)
{
	return lines(t, "began") >= 8 && stats(t).stored == 20;
}

static void let_them_end(struct test *t)
{
	char path[160];

	assert_int_equal(lines(t, "began"), 8);
	snprintf(path, sizeof(path), "%s/go", t->directory);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void hooks_run_side_by_side_up_to_a_bound(void **state)
{
	static const struct stage stages[] = {{report_20, eight_run}, {let_them_end, idle}, {0}};
	struct test *t = *state;

	add_hook(t, "echo >>$0/began; until [ -e $0/go ]; do sleep 0.02; done", 50000);
	play(t, stages);
	assert_int_equal(lines(t, "began"), 20);
	assert_int_equal(t->n_results, 0);
}

static bool first_run_hangs(struct test *t)
{
	return lines(t, "pids") == 2;
}

static void kill_worker(struct test *t)
{
	t->old_pid = worker_pid(t->worker);
	kill(t->old_pid, SIGKILL);
}

static void a_hook_whose_worker_was_killed_is_ended_and_run_again(void **state)
{
	static const struct stage stages[] = {
		{report_failover, first_run_hangs},
		{kill_worker, idle_and_pids_gone},
		{0},
	};
	struct test *t = *state;

	add_hook(t, "echo >>$0/runs; [ -e $0/pids ] && exit 0; sleep 1000 & echo \"$!\n$$\" >$0/pids; wait",
		 50000);
	play(t, stages);
	assert_int_equal(lines(t, "runs"), 2);
	assert_int_equal(stats(t).hooks, 1);
	assert_int_equal(count(t, WORKER_HOOK_FAILED), 0);
	each_is_stored_once(t);
}

static bool run_hangs_in_a_new_worker(struct test *t)
{
	return died_and_came_back(t) && lines(t, "runs") == t->rounds + 1;
}

static void kill_worker_again(struct test *t)
{
	t->rounds++;
	kill_worker(t);
}

static void a_hook_that_takes_worker_after_worker_along_is_given_up(void **state)
{
	static const struct stage stages[] = {
		{report_failover, run_hangs_in_a_new_worker},
		{kill_worker_again, run_hangs_in_a_new_worker},
		{kill_worker_again, run_hangs_in_a_new_worker},
		{kill_worker_again, idle_and_told},
		{NULL, idle},
		{0},
	};
	struct test *t = *state;

	add_hook(t, "echo >>$0/runs; sleep 1000", 50000);
	play(t, stages);
	assert_int_equal(lines(t, "runs"), 3);
	assert_int_equal(count(t, WORKER_HOOK_FAILED), 1);
	each_is_stored_once(t);
}

static void a_hook_under_way_may_end_when_main_stops(void **state)
{
	struct test *t = *state;

	add_hook(t, "sleep 0.2; echo >>$0/ended", 50000);
	report_failover(t);
	stop(t);
	assert_int_equal(lines(t, "ended"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hook_learns_the_event_from_environment_and_standard_input),
		TEST(a_failing_hook_is_told_with_its_last_words),
		TEST(a_hook_that_dies_of_a_signal_is_told),
		TEST(a_hook_that_kills_its_group_is_told),
		TEST(a_hook_that_does_not_exist_is_told),
		TEST(a_hook_with_too_long_arguments_is_told),
		TEST(a_hanging_hook_is_killed_with_its_grandchildren),
		TEST(a_hook_that_ignores_sigterm_is_killed),
		TEST(a_hook_that_stops_its_group_is_killed),
		TEST(what_a_hook_leaves_behind_is_killed_when_it_ends),
		TEST(a_hook_that_floods_standard_error_hurts_nobody),
		TEST(hooks_run_for_the_kinds_they_name_and_cause_no_endless_failures),
		TEST(hooks_run_side_by_side_up_to_a_bound),
		TEST(a_hook_whose_worker_was_killed_is_ended_and_run_again),
		TEST(a_hook_that_takes_worker_after_worker_along_is_given_up),
		TEST(a_hook_under_way_may_end_when_main_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
