/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Real workers, hooks and databases. A test is a list of stages: do something, then let the loop
 * run until a condition holds. Hooks are shell one-liners; $0 is the test's directory.
 */
#ifndef SELFTESTS_WORKER_FIXTURE_H
#define SELFTESTS_WORKER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act/worker.h"
#include "base/loop.h"
#include "store/history.h"

#define BOUND_NS 60000000000ull /* no test takes so long; a slow machine may */
#define TICK_NS 2000000ull
#define RESULTS_MAX 64

struct test {
	char directory[64];
	char path[128];
	struct loop *loop;
	struct worker *worker;
	struct policy policy;
	struct worker_result results[RESULTS_MAX];
	unsigned int n_results;
	unsigned int n_reports;
	unsigned int rounds;
	pid_t old_pid;
	sqlite3 *lock;

	int tick;
	uint64_t give_up_ns;
	bool gave_up;
	const struct stage *stage;
};

struct stage {
	void (*act)(struct test *t);
	bool (*until)(struct test *t);
};

/* --- the stage machine ------------------------------------------------------------------------- */

static inline void on_tick(void *arg, uint32_t events)
{
	struct test *t = arg;

	(void)events;
	fd_drain(t->tick);
	t->gave_up = clock_now_ns() > t->give_up_ns;
	if (t->stage->until(t)) {
		t->stage++;
		if (t->stage->act)
			t->stage->act(t);
	}
	if (t->gave_up || !t->stage->until)
		loop_stop(t->loop);
	timer_set(t->tick, clock_now_ns() + TICK_NS);
}

/* Once per test. */
static inline void play(struct test *t, const struct stage *stages)
{
	t->stage = stages;
	t->tick = timer_open();
	t->give_up_ns = clock_now_ns() + BOUND_NS;
	assert_int_equal(loop_add(t->loop, t->tick, EPOLLIN, on_tick, t), 0);
	if (stages->act)
		stages->act(t);
	timer_set(t->tick, 1);
	assert_int_equal(loop_run(t->loop), 0);
	assert_false(t->gave_up);
}

static inline void on_result(void *arg, const struct worker_result *result)
{
	struct test *t = arg;

	if (t->n_results < RESULTS_MAX)
		t->results[t->n_results++] = *result;
}

/* --- fixture ----------------------------------------------------------------------------------- */

static inline void start(struct test *t)
{
	struct worker_options options = {.instance = "test", .history = t->path};

	assert_int_equal(worker_start(t->loop, &options, on_result, t, &t->worker), 0);
}

static inline int set_up_idle(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	snprintf(t->directory, sizeof(t->directory), "/tmp/defib-test-worker-XXXXXX");
	if (!mkdtemp(t->directory))
		return -1;
	snprintf(t->path, sizeof(t->path), "%s/history.db", t->directory);
	t->loop = loop_new();
	t->tick = -1;
	*state = t;
	return t->loop ? 0 : -1;
}

static inline int set_up(void **state)
{
	if (set_up_idle(state))
		return -1;
	start(*state);
	return 0;
}

static inline void remove_files(const char *directory)
{
	DIR *d = opendir(directory);

	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
	}
	closedir(d);
	rmdir(directory);
}

static inline void stop(struct test *t)
{
	worker_stop(t->worker);
	t->worker = NULL;
}

static inline int tear_down(void **state)
{
	struct test *t = *state;

	stop(t);
	for (uint32_t i = 0; i < t->policy.n_hooks; i++) {
		for (char **arg = t->policy.hooks[i].argv; *arg; arg++)
			free(*arg);
	}
	sqlite3_close(t->lock);
	if (t->tick >= 0)
		close(t->tick);
	loop_free(t->loop);
	remove_files(t->directory);
	free(t);
	return 0;
}

static inline struct policy_hook *add_hook(struct test *t, const char *script, uint64_t deadline_ms)
{
	struct policy_hook *hook = &t->policy.hooks[t->policy.n_hooks++];

	hook->argv[0] = strdup("/bin/sh");
	hook->argv[1] = strdup("-c");
	hook->argv[2] = strdup(script);
	hook->argv[3] = strdup(t->directory);
	hook->deadline_ns = deadline_ms * 1000000;
	return hook;
}

static inline int report(struct test *t, enum report_kind kind)
{
	struct report r = {
		.kind = kind,
		.time_ns = 1000000000u + t->n_reports++, /* mono_ns: unique */
		.server = "s1",
		.pool = "app",
		.from = "s1",
		.to = "s2",
		.epoch = 7,
		.reason = "3 probes expired, s2 answered",
	};

	return worker_report(t->worker, &t->policy, &r);
}

static inline void report_failover(struct test *t)
{
	assert_int_equal(report(t, REPORT_FAILOVER), 0);
}

/* --- conditions and looks ---------------------------------------------------------------------- */

static inline struct worker_stats stats(const struct test *t)
{
	struct worker_stats s;

	worker_stats(t->worker, &s);
	return s;
}

static inline bool idle(struct test *t)
{
	return !stats(t).pending;
}

static inline bool told(struct test *t)
{
	return t->n_results > 0;
}

static inline bool died_and_came_back(struct test *t)
{
	return worker_pid(t->worker) && worker_pid(t->worker) != t->old_pid;
}

static inline bool idle_and_told(struct test *t)
{
	return idle(t) && told(t);
}

static inline unsigned int count(const struct test *t, enum worker_news news)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->n_results; i++)
		n += t->results[i].news == news;
	return n;
}

static inline char *slurp(const struct test *t, const char *name)
{
	static char text[32768];
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", t->directory, name);
	f = fopen(path, "r");
	text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
	return text;
}

static inline unsigned int lines(const struct test *t, const char *name)
{
	unsigned int n = 0;

	for (const char *c = slurp(t, name); *c; c++)
		n += *c == '\n';
	return n;
}

struct rows {
	unsigned int n;
	unsigned char seen[32768]; /* by mono_ns */
	char last[2048];
};

static inline int note_row(void *arg, const struct history_row *row)
{
	struct rows *rows = arg;
	json_t *o = json_loads(row->json, 0, NULL);
	json_int_t n = json_integer_value(json_object_get(o, "mono_ns")) - 1000000000;

	assert_in_range(n, 0, sizeof(rows->seen) - 1);
	rows->seen[n]++;
	rows->n++;
	snprintf(rows->last, sizeof(rows->last), "%s", row->json);
	json_decref(o);
	return 0;
}

static inline struct rows stored(const struct test *t)
{
	char why[HISTORY_WHY_LEN];
	struct rows rows = {0};
	struct history *h;

	assert_int_equal(history_open(t->path, false, why, &h), 0);
	assert_int_equal(history_list(h, INT64_MIN, 0, note_row, &rows), 0);
	history_close(h);
	return rows;
}

static inline void each_is_stored_once(const struct test *t)
{
	struct rows rows = stored(t);

	assert_int_equal(rows.n, t->n_reports);
	for (unsigned int i = 0; i < t->n_reports; i++)
		assert_int_equal(rows.seen[i], 1);
}

/* An orphan that nobody has reaped is gone, too. */
static inline bool is_gone(pid_t pid)
{
	char path[64], text[512], state;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return true;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return !n || sscanf(strrchr(text, ')') + 1, " %c", &state) != 1 || state == 'Z' || state == 'X';
}

static inline bool all_gone(const struct test *t, const char *name)
{
	char *text = slurp(t, name);

	for (char *c = strtok(text, " \n"); c; c = strtok(NULL, " \n")) {
		if (!is_gone((pid_t)atoi(c)))
			return false;
	}
	return true;
}

static inline bool hook_pids_are_gone(struct test *t)
{
	return told(t) && lines(t, "pids") >= 2 && all_gone(t, "pids");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define IDLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_idle, tear_down) /* no worker yet */

#endif
