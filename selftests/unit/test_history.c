// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/history.h"

#define NOBODY 65534

struct fixture {
	char directory[64];
	char path[160];
	char why[HISTORY_WHY_LEN];
	struct history *history;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/tmp/defib-test-history-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/history.db", f->directory);
	*state = f;
	return 0;
}

static unsigned int each_file(const struct fixture *f, const char *containing, int (*fn)(const char *path))
{
	DIR *d = opendir(f->directory);
	unsigned int n = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[PATH_MAX];

		if (e->d_name[0] == '.' || !strstr(e->d_name, containing))
			continue;
		snprintf(path, sizeof(path), "%s/%s", f->directory, e->d_name);
		n++;
		if (fn)
			fn(path);
	}
	closedir(d);
	return n;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	history_close(f->history);
	each_file(f, "", unlink);
	rmdir(f->directory);
	free(f);
	return 0;
}

static void open_writer(struct fixture *f)
{
	assert_int_equal(history_open(f->path, true, f->why, &f->history), 0);
}

static void close_writer(struct fixture *f)
{
	history_close(f->history);
	f->history = NULL;
}

static int append(struct fixture *f, int64_t run, uint64_t seq)
{
	char json[160];

	snprintf(json, sizeof(json),
		 "{\"schema\":1,\"time\":\"2026-01-01T00:00:%02u.%06uZ\",\"kind\":\"reload\",\"n\":%u}",
		 (unsigned int)(seq / 1000 % 60), (unsigned int)(seq % 1000), (unsigned int)seq);
	return history_append(f->history, run, seq, json);
}

struct rows {
	unsigned int n;
	unsigned int stop_after;
	int64_t first_us;
	int64_t last_us;
	char last[256];
};

static int note_row(void *arg, const struct history_row *row)
{
	struct rows *rows = arg;

	if (!rows->n++)
		rows->first_us = row->time_us;
	assert_true(row->time_us >= rows->last_us);
	rows->last_us = row->time_us;
	assert_string_equal(row->kind, "reload");
	snprintf(rows->last, sizeof(rows->last), "%s", row->json);
	return rows->stop_after && rows->n == rows->stop_after ? 77 : 0;
}

static struct rows read_all(struct fixture *f)
{
	struct history *reader;
	struct rows rows = {0};

	assert_int_equal(history_open(f->path, false, f->why, &reader), 0);
	assert_int_equal(history_list(reader, INT64_MIN, 0, note_row, &rows), 0);
	history_close(reader);
	return rows;
}

static void what_was_recorded_is_listed_in_order(void **state)
{
	struct fixture *f = *state;
	struct rows rows = {0};
	int64_t since;

	open_writer(f);
	assert_string_equal(f->why, "");
	for (uint64_t seq = 1; seq <= 5000; seq += 1000)
		assert_int_equal(append(f, 1, seq), 0);
	assert_int_equal(history_list(f->history, INT64_MIN, 0, note_row, &rows), 0);
	assert_int_equal(rows.n, 5);
	assert_string_equal(rows.last, "{\"schema\":1,\"time\":\"2026-01-01T00:00:04.000001Z\","
				       "\"kind\":\"reload\",\"n\":4001}");
	rows = (struct rows){0};
	assert_int_equal(history_list(f->history, INT64_MIN, 2, note_row, &rows), 0);
	assert_int_equal(rows.n, 2);
	assert_int_equal(rows.last_us - rows.first_us, 1000000);
	rows = (struct rows){0};
	assert_int_equal(history_since("2026-01-01T00:00:01.000001Z", &since), 0);
	assert_int_equal(history_list(f->history, since, 0, note_row, &rows), 0);
	assert_int_equal(rows.n, 4);
	rows = (struct rows){.stop_after = 3};
	assert_int_equal(history_list(f->history, INT64_MIN, 0, note_row, &rows), 77);
	assert_int_equal(rows.n, 3);
}

static void the_same_number_of_a_run_is_stored_once(void **state)
{
	struct fixture *f = *state;

	open_writer(f);
	assert_int_equal(append(f, 1, 1), 0);
	assert_int_equal(append(f, 1, 1), 0);
	assert_int_equal(append(f, 2, 1), 0);
	close_writer(f);
	open_writer(f);
	assert_int_equal(append(f, 1, 1), 0);
	assert_int_equal(read_all(f).n, 2);
}

static void json_without_time_or_kind_is_refused(void **state)
{
	static const char *const bad[] = {"", "[]", "{\"time\":\"2026-01-01T00:00:00Z\"}",
					  "{\"kind\":\"reload\"}",
					  "{\"time\":\"yesterday\",\"kind\":\"reload\"}"};
	struct fixture *f = *state;

	open_writer(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(history_append(f->history, 1, i, bad[i]), -EINVAL);
		assert_string_not_equal(history_why(f->history), "");
	}
	assert_int_equal(read_all(f).n, 0);
}

static void the_oldest_rows_are_trimmed_to_the_bound(void **state)
{
	struct fixture *f = *state;
	struct rows rows;

	open_writer(f);
	history_set_bound(f->history, 160);
	for (uint64_t seq = 1; seq <= 1000; seq++)
		assert_int_equal(append(f, 1, seq), 0);
	rows = read_all(f);
	assert_in_range(rows.n, 160, 170);
	assert_non_null(strstr(rows.last, "\"n\":1000}"));
}

static void readers_read_while_a_writer_writes(void **state)
{
	struct fixture *f = *state;
	struct history *reader;
	struct rows rows = {0};

	open_writer(f);
	assert_int_equal(append(f, 1, 1), 0);
	assert_int_equal(history_open(f->path, false, f->why, &reader), 0);
	assert_int_equal(append(f, 1, 2), 0);
	assert_int_equal(history_list(reader, INT64_MIN, 0, note_row, &rows), 0);
	assert_int_equal(rows.n, 2);
	history_close(reader);
	assert_int_equal(append(f, 1, 3), 0);
}

static void nothing_recorded_yet_is_said_so(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(history_open(f->path, false, f->why, &f->history), -ENOENT);
	assert_non_null(strstr(f->why, "nothing is recorded yet"));
	assert_null(f->history);
}

/* In a child that may only read: prints nothing, exits with the number of rows, 255 on failure. */
static unsigned int count_as_nobody(struct fixture *f)
{
	int status;
	pid_t pid;

	assert_int_equal(chmod(f->directory, 0755), 0);
	pid = fork();
	if (!pid) {
		struct rows rows = {0};
		struct history *reader;

		if (setgid(NOBODY) || setuid(NOBODY) || history_open(f->path, false, f->why, &reader) ||
		    history_list(reader, INT64_MIN, 0, note_row, &rows))
			_exit(255);
		_exit((int)rows.n);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (unsigned int)WEXITSTATUS(status);
}

static void who_may_only_read_can_read_after_a_clean_end_and_after_a_kill(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	open_writer(f);
	append(f, 1, 1);
	assert_int_equal(geteuid() ? 1 : count_as_nobody(f), 1);
	close_writer(f);
	assert_int_equal(geteuid() ? 1 : count_as_nobody(f), 1);
	pid = fork();
	if (!pid) { /* a writer that never says good-bye */
		if (history_open(f->path, true, f->why, &f->history) || append(f, 1, 2))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(geteuid() ? 2 : count_as_nobody(f), 2);
	assert_int_equal(read_all(f).n, 2);
}

static void overwrite(const struct fixture *f, off_t at, size_t length)
{
	int fd = open(f->path, O_RDWR | O_CREAT, 0644);
	char junk[256];

	assert_true(fd >= 0);
	memset(junk, 0xa5, sizeof(junk));
	while (length) {
		size_t n = length < sizeof(junk) ? length : sizeof(junk);

		assert_int_equal(pwrite(fd, junk, n, at), (ssize_t)n);
		at += (off_t)n;
		length -= n;
	}
	close(fd);
}

static void a_file_that_is_no_database_is_moved_aside(void **state)
{
	struct fixture *f = *state;

	overwrite(f, 0, 8192);
	assert_int_equal(history_open(f->path, false, f->why, &f->history), -EBADMSG);
	assert_int_equal(each_file(f, "damaged", NULL), 0);
	open_writer(f);
	assert_non_null(strstr(f->why, "moved aside"));
	assert_int_equal(each_file(f, ".damaged-", NULL), 1);
	assert_int_equal(append(f, 1, 1), 0);
	assert_int_equal(read_all(f).n, 1);
}

static void a_damaged_page_is_found_at_the_start(void **state)
{
	struct fixture *f = *state;

	open_writer(f);
	for (uint64_t seq = 1; seq <= 500; seq++)
		assert_int_equal(append(f, 1, seq), 0);
	close_writer(f);
	overwrite(f, 3 * 4096, 4096);
	open_writer(f);
	assert_non_null(strstr(f->why, "moved aside"));
	assert_int_equal(append(f, 1, 501), 0);
	assert_int_equal(read_all(f).n, 1);
}

/* Another writer's commit: what our connection holds in its cache no longer counts. */
static void touch(const struct fixture *f)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void damage_under_way_costs_no_new_report(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	open_writer(f);
	for (uint64_t n = 1; n <= 500; n++)
		assert_int_equal(append(f, 1, n), 0);
	close_writer(f);
	open_writer(f);
	assert_int_equal(stat(f->path, &st), 0);
	overwrite(f, 4096, (size_t)st.st_size - 4096);
	touch(f);
	assert_int_equal(append(f, 1, 501), 0);
	assert_non_null(strstr(history_why(f->history), "moved aside"));
	assert_int_equal(append(f, 1, 502), 0);
	assert_string_equal(history_why(f->history), "");
	assert_int_equal(read_all(f).n, 2);
}

static void a_newer_schema_is_left_alone(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 9; CREATE TABLE t (x)", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(history_open(f->path, true, f->why, &f->history), -EPROTONOSUPPORT);
	assert_non_null(strstr(f->why, "schema 9"));
	assert_int_equal(history_open(f->path, false, f->why, &f->history), -EPROTONOSUPPORT);
	assert_int_equal(each_file(f, "damaged", NULL), 0);
}

static void a_lock_held_by_somebody_is_busy_and_nothing_waits(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	open_writer(f);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(append(f, 1, 1), -EBUSY);
	assert_non_null(strstr(history_why(f->history), "locked"));
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(append(f, 1, 1), 0);
	assert_int_equal(read_all(f).n, 1);
}

static void an_impossible_path_is_a_clear_error(void **state)
{
	struct fixture *f = *state;

	assert_true(history_open("/proc/defib/history.db", true, f->why, &f->history) < 0);
	assert_non_null(strstr(f->why, "/proc/defib/history.db: cannot open"));
	assert_int_equal(history_open(f->directory, true, f->why, &f->history) < 0, 1);
	assert_null(f->history);
}

static void missing_directories_are_made(void **state)
{
	struct fixture *f = *state;
	char path[160], directory[128];

	snprintf(directory, sizeof(directory), "%s/a?b#c%%d", f->directory);
	snprintf(path, sizeof(path), "%s/history.db", directory);
	snprintf(f->path, sizeof(f->path), "%s", path);
	open_writer(f);
	assert_int_equal(append(f, 1, 1), 0);
	assert_int_equal(read_all(f).n, 1);
	close_writer(f);
	assert_int_equal(read_all(f).n, 1);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/history.db%s", directory,
			 (const char *[]){"", "-wal", "-shm"}[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(directory), 0);
}

static void since_when_is_understood(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {
		{"1970-01-01", 0},
		{"1970-01-02T00:00:00Z", 86400000000},
		{"1970-01-01 00:00:01.5Z", 1500000},
		{"1970-01-01T00:00:00.000001Z", 1},
		{"1970-01-01T00:00:00.1234567Z", 123456},
		{"1970-01-01T02:00:00+02:00", 0},
		{"1969-12-31T23:30:00-00:30", 0},
	};
	static const char *const bad[] = {"",
					  "now",
					  "10",
					  "2026",
					  "2026-01-01T",
					  "2026-01-01T10:00:00",
					  "10m ago",
					  "2026-01-01T10:00:00.Z",
					  "2026-01-01T10:00:00+1",
					  "2026-01-01T10:00:00Z ",
					  "2026-13-01"};
	int64_t us, now;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(history_since(good[i].text, &us), 0);
		assert_int_equal(us, good[i].us);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(history_since(bad[i], &us), -EINVAL);
	assert_int_equal(history_since("0s", &now), 0);
	assert_int_equal(history_since("10m", &us), 0);
	assert_in_range(now - us, 599000000, 600000000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_recorded_is_listed_in_order),
		TEST(the_same_number_of_a_run_is_stored_once),
		TEST(json_without_time_or_kind_is_refused),
		TEST(the_oldest_rows_are_trimmed_to_the_bound),
		TEST(readers_read_while_a_writer_writes),
		TEST(nothing_recorded_yet_is_said_so),
		TEST(who_may_only_read_can_read_after_a_clean_end_and_after_a_kill),
		TEST(a_file_that_is_no_database_is_moved_aside),
		TEST(a_damaged_page_is_found_at_the_start),
		TEST(damage_under_way_costs_no_new_report),
		TEST(a_newer_schema_is_left_alone),
		TEST(a_lock_held_by_somebody_is_busy_and_nothing_waits),
		TEST(an_impossible_path_is_a_clear_error),
		TEST(missing_directories_are_made),
		TEST(since_when_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
