// SPDX-License-Identifier: GPL-2.0-only
/* The worker process: reports into the history, its death, and what it holds. */
#include "worker_fixture.h"

/* --- reports ----------------------------------------------------------------------------------- */

static void report_600(struct test *t)
{
	for (int i = 0; i < 600; i++)
		assert_int_equal(report(t, REPORT_SERVER_STATE), 0);
}

static void hundreds_of_reports_are_stored_once_each(void **state)
{
	static const struct stage stages[] = {{report_600, idle}, {0}};
	struct test *t = *state;

	play(t, stages);
	assert_int_equal(stats(t).stored, 600);
	assert_int_equal(stats(t).dropped, 0);
	each_is_stored_once(t);
	assert_int_equal(t->n_results, 0);
}

static void what_was_reported_before_a_stop_is_stored(void **state)
{
	struct test *t = *state;

	report_600(t);
	stop(t);
	each_is_stored_once(t);
}

static void report_300_and_kill(struct test *t)
{
	for (int i = 0; i < 300; i++)
		assert_int_equal(report(t, REPORT_SERVER_STATE), 0);
	t->old_pid = worker_pid(t->worker);
	kill(t->old_pid, SIGKILL);
}

static bool some_are_stored(struct test *t)
{
	return died_and_came_back(t) && stats(t).stored >= 10;
}

static void a_worker_killed_again_and_again_loses_and_doubles_nothing(void **state)
{
	static const struct stage stages[] = {
		{report_300_and_kill, some_are_stored},
		{report_300_and_kill, died_and_came_back},
		{report_300_and_kill, died_and_came_back},
		{report_600, idle_and_told},
		{0},
	};
	struct test *t = *state;

	play(t, stages);
	assert_int_equal(stats(t).deaths, 3);
	assert_int_equal(count(t, WORKER_DIED), 3);
	assert_non_null(strstr(t->results[0].what, "signal 9"));
	each_is_stored_once(t);
}

static void stop_the_worker_and_overflow(struct test *t)
{
	uint64_t began = clock_now_ns();
	unsigned int dropped = 0;

	kill(worker_pid(t->worker), SIGSTOP);
	while (t->n_reports < WORKER_MAX_REPORTS + 952)
		dropped += report(t, REPORT_SERVER_STATE) == -ENOBUFS;
	assert_true(clock_now_ns() - began < 20000000000ull);
	assert_int_equal(dropped, 952);
	assert_int_equal(stats(t).dropped, dropped);
	assert_int_equal(t->n_results, 0); /* never from within worker_report() */
}

static void continue_the_worker(struct test *t)
{
	assert_int_equal(t->n_results, 1);
	assert_int_equal(t->results[0].news, WORKER_OVERFLOW);
	kill(worker_pid(t->worker), SIGCONT);
}

static void a_stopped_worker_never_blocks_main(void **state)
{
	static const struct stage stages[] = {
		{stop_the_worker_and_overflow, told},
		{continue_the_worker, idle},
		{NULL, idle},
		{0},
	};
	struct test *t = *state;

	play(t, stages);
	assert_int_equal(stored(t).n, WORKER_MAX_REPORTS);
	assert_int_equal(count(t, WORKER_OVERFLOW), 2);
	assert_non_null(strstr(t->results[1].what, "952 reports"));
}

/* --- history troubles -------------------------------------------------------------------------- */

static void a_damaged_history_is_moved_aside_and_told(void **state)
{
	static const struct stage stages[] = {{report_failover, idle_and_told}, {0}};
	struct test *t = *state;
	FILE *f = fopen(t->path, "w");

	for (int i = 0; i < 1000; i++)
		fputs("no database ", f);
	fclose(f);
	start(t);
	play(t, stages);
	assert_int_equal(t->n_results, 1);
	assert_int_equal(t->results[0].news, WORKER_HISTORY_NOTE);
	assert_non_null(strstr(t->results[0].what, "history"));
	each_is_stored_once(t);
}

static void a_history_that_cannot_be_opened_is_told_once_and_hooks_run(void **state)
{
	static const struct stage stages[] = {
		{report_failover, idle_and_told},
		{report_failover, idle},
		{report_failover, idle},
		{0},
	};
	struct test *t = *state;

	snprintf(t->path, sizeof(t->path), "/proc/defib/history.db");
	add_hook(t, "echo run >>$0/runs", 0);
	start(t);
	play(t, stages);
	assert_int_equal(t->n_results, 1);
	assert_int_equal(t->results[0].news, WORKER_HISTORY_FAILED);
	assert_non_null(strstr(t->results[0].what, "/proc/defib/history.db"));
	assert_int_equal(lines(t, "runs"), 3);
}

static void lock_and_report(struct test *t)
{
	assert_int_equal(sqlite3_open(t->path, &t->lock), SQLITE_OK);
	assert_int_equal(sqlite3_exec(t->lock, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	report_failover(t);
}

static bool the_hook_has_run(struct test *t)
{
	return stats(t).hooks == 2;
}

static void unlock(struct test *t)
{
	assert_int_equal(stats(t).pending, 1);
	sqlite3_exec(t->lock, "ROLLBACK", NULL, NULL, NULL);
}

static void a_locked_history_delays_no_hook(void **state)
{
	static const struct stage stages[] = {
		{report_failover, idle},
		{lock_and_report, the_hook_has_run},
		{unlock, idle},
		{0},
	};
	struct test *t = *state;

	add_hook(t, "echo run >>$0/runs", 0);
	play(t, stages);
	each_is_stored_once(t);
	assert_int_equal(t->n_results, 0);
}

/* --- what the processes are -------------------------------------------------------------------- */

static void hooks_hold_no_capability_and_no_descriptor_of_ours(void **state)
{
	static const struct stage stages[] = {{report_failover, idle}, {0}};
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	unsigned long long ignored;
	struct test *t = *state;
	char *text;

	add_hook(t, "cat /proc/self/status >$0/status; ls /proc/$$/fd >$0/fds", 0);
	play(t, stages);
	text = slurp(t, "status");
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]) && !geteuid(); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s:\t0000000000000000\n", sets[i]);
		assert_non_null(strstr(text, line));
	}
	assert_int_equal(sscanf(strstr(text, "SigIgn:"), "SigIgn: %llx", &ignored), 1);
	assert_int_equal(ignored & 0x7fffffff, 0); /* above are the C library's own */
	assert_non_null(strstr(text, "SigBlk:\t0000000000000000\n"));
	assert_null(strstr(slurp(t, "fds"), "3\n"));
}

static void the_worker_keeps_nothing_of_main_and_has_its_own_name(void **state)
{
	static const struct stage stages[] = {{report_failover, idle}, {0}};
	char path[64], ours[64], link[128], name[32] = "";
	struct test *t = *state;
	int pipe_of_main[2];
	FILE *f;

	assert_int_equal(pipe(pipe_of_main), 0);
	snprintf(ours, sizeof(ours), "/proc/self/fd/%d", pipe_of_main[1]);
	assert_true(readlink(ours, link, sizeof(link) - 1) > 0);
	start(t);
	play(t, stages);
	close(pipe_of_main[1]);
	assert_int_equal(read(pipe_of_main[0], link, 1), 0); /* the end: nobody else holds it */
	close(pipe_of_main[0]);
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)worker_pid(t->worker));
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(name, sizeof(name), f));
	fclose(f);
	assert_string_equal(name, "defibd: worker\n");
}

/* A main of its own: starts a worker with a hanging hook, says who they are, and waits to be killed. */
static _Noreturn void be_main(struct test *t, int to)
{
	pid_t pid;

	start(t);
	report_failover(t);
	pid = worker_pid(t->worker);
	if (write(to, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		_exit(1);
	for (;;)
		pause();
}

static void the_worker_and_its_hooks_end_when_main_is_killed(void **state)
{
	struct test *t = *state;
	uint64_t give_up = clock_now_ns() + BOUND_NS;
	pid_t main_pid, worker = 0;
	int fds[2];

	add_hook(t, "sleep 1000 & echo \"$!\n$$\" >$0/pids; wait", 50000);
	assert_int_equal(pipe(fds), 0);
	main_pid = fork();
	if (!main_pid)
		be_main(t, fds[1]);
	assert_int_equal(read(fds[0], &worker, sizeof(worker)), sizeof(worker));
	while (lines(t, "pids") < 2 && clock_now_ns() < give_up)
		poll(NULL, 0, 5);
	kill(main_pid, SIGKILL);
	waitpid(main_pid, NULL, 0);
	while (!(is_gone(worker) && all_gone(t, "pids")) && clock_now_ns() < give_up)
		poll(NULL, 0, 5);
	assert_true(is_gone(worker));
	assert_true(all_gone(t, "pids"));
	t->n_reports = 1;
	each_is_stored_once(t);
	close(fds[0]);
	close(fds[1]);
}

static void signals_for_the_whole_group_do_not_end_the_worker(void **state)
{
	static const struct stage stages[] = {{report_failover, idle}, {report_failover, idle}, {0}};
	struct test *t = *state;

	report_failover(t);
	kill(worker_pid(t->worker), SIGTERM);
	kill(worker_pid(t->worker), SIGHUP);
	play(t, stages);
	assert_int_equal(stats(t).deaths + (unsigned int)t->n_results, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hundreds_of_reports_are_stored_once_each),
		TEST(what_was_reported_before_a_stop_is_stored),
		TEST(a_worker_killed_again_and_again_loses_and_doubles_nothing),
		TEST(a_stopped_worker_never_blocks_main),
		IDLE_TEST(a_damaged_history_is_moved_aside_and_told),
		IDLE_TEST(a_history_that_cannot_be_opened_is_told_once_and_hooks_run),
		TEST(a_locked_history_delays_no_hook),
		TEST(hooks_hold_no_capability_and_no_descriptor_of_ours),
		IDLE_TEST(the_worker_keeps_nothing_of_main_and_has_its_own_name),
		IDLE_TEST(the_worker_and_its_hooks_end_when_main_is_killed),
		TEST(signals_for_the_whole_group_do_not_end_the_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
