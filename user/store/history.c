// SPDX-License-Identifier: GPL-2.0-only
#include "history.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clean.h"
#include "base/text.h"

/* Each row is for ever one (run, seq): a report that is sent again after a crash is not stored again. */
static const char schema[] = "BEGIN IMMEDIATE;"
			     "CREATE TABLE IF NOT EXISTS event ("
			     " id INTEGER PRIMARY KEY,"
			     " run INTEGER NOT NULL,"
			     " seq INTEGER NOT NULL,"
			     " time_us INTEGER NOT NULL,"
			     " kind TEXT NOT NULL,"
			     " json TEXT NOT NULL,"
			     " UNIQUE (run, seq));"
			     "CREATE INDEX IF NOT EXISTS event_time ON event (time_us);"
			     "PRAGMA user_version = 1;"
			     "COMMIT;";

_Static_assert(HISTORY_SCHEMA == 1, "the schema above says which one it is");

enum statement {
	APPEND,
	TRIM,
	LIST,
	STATEMENT_MAX,
};

static const char *const sql[STATEMENT_MAX] = {
	[APPEND] = "INSERT INTO event (run, seq, time_us, kind, json) VALUES (?1, ?2, ?3, ?4, ?5)"
		   " ON CONFLICT (run, seq) DO NOTHING",
	[TRIM] = "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?1",
	[LIST] = "SELECT id, time_us, kind, json FROM (SELECT * FROM event WHERE time_us >= ?1"
		 " ORDER BY id DESC LIMIT ?2) ORDER BY id",
};

struct history {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENT_MAX];
	char path[PATH_MAX];
	bool writable;
	uint32_t bound;
	uint32_t untrimmed; /* rows since the last trim */
	char why[HISTORY_WHY_LEN];
};

static int to_errno(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CANTOPEN:
		return db && sqlite3_system_errno(db) ? -sqlite3_system_errno(db) : -EIO;
	default:
		return -EIO;
	}
}

/* The one place where an error of SQLite becomes ours, with words. */
static int fail(struct history *h, const char *what, int rc)
{
	int error = to_errno(h->db, rc);

	if (error)
		snprintf(h->why, sizeof(h->why), "%.160s: %s: %s", h->path, what,
			 h->db && sqlite3_errcode(h->db) ? sqlite3_errmsg(h->db) : sqlite3_errstr(rc));
	return error;
}

static int execute(struct history *h, const char *what, const char *text)
{
	return fail(h, what, sqlite3_exec(h->db, text, NULL, NULL, NULL));
}

static int first_column(void *arg, int n, char **values, char **names)
{
	(void)names;
	if (n && values[0])
		text_copy(arg, 64, values[0]);
	return 0;
}

static int query(struct history *h, const char *what, const char *text, char ret_value[64])
{
	ret_value[0] = '\0';
	return fail(h, what, sqlite3_exec(h->db, text, first_column, ret_value, NULL));
}

static int check_schema(struct history *h)
{
	char version[64];
	int error = query(h, "cannot read", "PRAGMA user_version", version);
	long number = strtol(version, NULL, 10);

	if (error || number == HISTORY_SCHEMA)
		return error;
	if (number == 0 && h->writable)
		return execute(h, "cannot create the tables", schema);
	if (number == 0) {
		snprintf(h->why, sizeof(h->why), "%.160s: nothing is recorded yet", h->path);
		return -ENOENT;
	}
	snprintf(h->why, sizeof(h->why),
		 "%.160s: made by another version of defib (schema %ld, this one knows %d)", h->path, number,
		 HISTORY_SCHEMA);
	return -EPROTONOSUPPORT;
}

static int check_damage(struct history *h)
{
	char answer[64];
	int error = query(h, "damaged", "PRAGMA quick_check(1)", answer);

	if (error || !strcmp(answer, "ok"))
		return error;
	snprintf(h->why, sizeof(h->why), "%.160s: damaged: %s", h->path, answer);
	return -EBADMSG;
}

static int prepare(struct history *h)
{
	for (int i = h->writable ? APPEND : LIST; i < STATEMENT_MAX; i++) {
		int rc = sqlite3_prepare_v3(h->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &h->statement[i],
					    NULL);

		if (rc)
			return fail(h, "not a history of ours", rc);
	}
	return 0;
}

static void disconnect(struct history *h)
{
	for (int i = 0; i < STATEMENT_MAX; i++) {
		sqlite3_finalize(h->statement[i]);
		h->statement[i] = NULL;
	}
	sqlite3_close_v2(h->db);
	h->db = NULL;
}

static int open_writer(struct history *h)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int error = fail(h, "cannot open", sqlite3_open_v2(h->path, &h->db, flags, NULL));

	if (!error)
		error = execute(h, "cannot open",
				"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
				"PRAGMA journal_size_limit = 4194304");
	if (!error)
		error = check_damage(h);
	if (!error)
		error = check_schema(h);
	return error ? error : prepare(h);
}

static bool exists(const char *path, const char *suffix)
{
	char name[PATH_MAX + 8];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return !stat(name, &st);
}

/* An SQLite URI of the path; it may hold any character. */
static void format_uri(const char *path, bool immutable, char uri[3 * PATH_MAX + 64])
{
	char *to = uri + sprintf(uri, "file:");

	for (const char *c = path; *c; c++) {
		if (*c == '?' || *c == '#' || *c == '%')
			to += sprintf(to, "%%%02x", *c);
		else
			*to++ = *c;
	}
	sprintf(to, "%s", immutable ? "?immutable=1" : "");
}

static int open_reader_as(struct history *h, bool immutable)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
	char uri[3 * PATH_MAX + 64];
	int error;

	format_uri(h->path, immutable, uri);
	error = fail(h, "cannot open", sqlite3_open_v2(uri, &h->db, flags, NULL));
	if (error)
		return error;
	sqlite3_busy_timeout(h->db, 1000);
	error = check_schema(h);
	return error ? error : prepare(h);
}

/*
 * A reader without write permission cannot make PATH-shm. If there is no PATH-wal either, the last
 * writer closed the database and everything is in the one file: read it as it is.
 */
static int open_reader(struct history *h)
{
	int error;

	if (!exists(h->path, "")) {
		error = errno;
		snprintf(h->why, sizeof(h->why), "%.160s: %s", h->path,
			 error == ENOENT ? "nothing is recorded yet" : strerror(error));
		return -error;
	}
	error = open_reader_as(h, false);
	if (!error || error == -EBADMSG || error == -EPROTONOSUPPORT || exists(h->path, "-wal"))
		return error;
	disconnect(h);
	h->why[0] = '\0';
	return open_reader_as(h, true);
}

/* Whoever wants to rescue rows from the damaged one needs its log, too. */
static int move_aside(struct history *h)
{
	static const char *const suffixes[] = {"-wal", "-shm", ""};
	char damage[HISTORY_WHY_LEN], stamp[TIME_TEXT_LEN], from[PATH_MAX + 8], to[PATH_MAX + 64];
	struct timespec now;

	text_copy(damage, sizeof(damage), h->why);
	clock_gettime(CLOCK_MONOTONIC, &now);
	time_format((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, stamp);
	disconnect(h);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(from, sizeof(from), "%s%s", h->path, suffixes[i]);
		snprintf(to, sizeof(to), "%s.damaged-%s%s", h->path, stamp, suffixes[i]);
		if (rename(from, to) && errno != ENOENT) {
			int error = -errno;

			snprintf(h->why, sizeof(h->why), "%.220s; cannot move it aside: %s", damage,
				 strerror(-error));
			return error;
		}
	}
	snprintf(h->why, sizeof(h->why), "%.220s; moved aside as *.damaged-%s, a new one begun", damage,
		 stamp);
	return 0;
}

static int replace_damaged(struct history *h)
{
	char note[HISTORY_WHY_LEN];
	int error = move_aside(h);

	if (error)
		return error;
	text_copy(note, sizeof(note), h->why);
	error = open_writer(h);
	if (!error)
		text_copy(h->why, sizeof(h->why), note);
	return error;
}

/* mkdir -p of what is missing above the database. */
static void make_directories(const char *path)
{
	char directory[PATH_MAX];

	text_copy(directory, sizeof(directory), path);
	for (char *c = strchr(directory + 1, '/'); c; c = strchr(c + 1, '/')) {
		*c = '\0';
		mkdir(directory, 0750);
		*c = '/';
	}
}

static int open_any(struct history *h)
{
	int error;

	if (!h->writable)
		return open_reader(h);
	make_directories(h->path);
	error = open_writer(h);
	return error == -EBADMSG ? replace_damaged(h) : error;
}

int history_open(const char *path, bool writable, char ret_why[HISTORY_WHY_LEN], struct history **ret_history)
{
	struct history *h = calloc(1, sizeof(*h));
	int error;

	ret_why[0] = '\0';
	if (!h || strlen(path) >= sizeof(h->path)) {
		error = h ? -ENAMETOOLONG : -ENOMEM;
		snprintf(ret_why, HISTORY_WHY_LEN, "%.160s: %s", path, strerror(-error));
		free(h);
		return error;
	}
	text_copy(h->path, sizeof(h->path), path);
	h->writable = writable;
	h->bound = HISTORY_ROWS;
	error = open_any(h);
	text_copy(ret_why, HISTORY_WHY_LEN, h->why);
	if (error) {
		history_close(h);
		return error;
	}
	*ret_history = h;
	return 0;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	disconnect(history);
	free(history);
}

void history_set_bound(struct history *history, uint32_t rows)
{
	history->bound = rows ? rows : 1;
}

const char *history_why(const struct history *history)
{
	return history->why;
}

static int run_once(struct history *h, enum statement which, const char *what)
{
	sqlite3_stmt *s = h->statement[which];
	int error = fail(h, what, sqlite3_step(s) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(h->db));

	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return error;
}

/* Not after each row: the oldest go sixteen to a bound. It is the row that counts: an error waits. */
static void trim(struct history *h)
{
	if (++h->untrimmed < h->bound / 16 + 1)
		return;
	sqlite3_bind_int64(h->statement[TRIM], 1, h->bound);
	if (!run_once(h, TRIM, "cannot trim"))
		h->untrimmed = 0;
	h->why[0] = '\0';
}

struct row {
	int64_t run;
	uint64_t seq;
	int64_t time_us;
	const char *kind;
	const char *json;
};

static int insert(struct history *h, const struct row *row)
{
	sqlite3_stmt *s = h->statement[APPEND];

	sqlite3_bind_int64(s, 1, row->run);
	sqlite3_bind_int64(s, 2, (int64_t)row->seq);
	sqlite3_bind_int64(s, 3, row->time_us);
	sqlite3_bind_text(s, 4, row->kind, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 5, row->json, -1, SQLITE_STATIC);
	return run_once(h, APPEND, "cannot record");
}

static int append(struct history *h, const struct row *row)
{
	int error;

	if (!h->db) { /* the last try to replace a damaged database failed half way */
		error = open_any(h);
		if (error) {
			disconnect(h);
			return error;
		}
	}
	error = insert(h, row);
	if (error == -EBADMSG) {
		error = replace_damaged(h);
		if (error)
			disconnect(h);
		else
			error = insert(h, row);
	}
	return error;
}

int history_append(struct history *history, int64_t run, uint64_t seq, const char *json)
{
	json_t *object = json_loads(json, 0, NULL);
	const char *time = json_string_value(json_object_get(object, "time"));
	struct row row = {run, seq, 0, json_string_value(json_object_get(object, "kind")), json};
	int error;

	history->why[0] = '\0';
	if (!time || !row.kind || history_since(time, &row.time_us)) {
		json_decref(object);
		text_copy(history->why, sizeof(history->why), "no JSON object with time and kind");
		return -EINVAL;
	}
	error = append(history, &row);
	if (!error && !history->why[0])
		trim(history);
	json_decref(object);
	return error;
}

int history_list(struct history *history, int64_t since_us, uint32_t limit, history_fn *fn, void *arg)
{
	sqlite3_stmt *s = history->statement[LIST];
	int rc, error = 0;

	history->why[0] = '\0';
	sqlite3_bind_int64(s, 1, since_us);
	sqlite3_bind_int64(s, 2, limit ? (int64_t)limit : -1);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW && !error) {
		struct history_row row = {
			.id = sqlite3_column_int64(s, 0),
			.time_us = sqlite3_column_int64(s, 1),
			.kind = (const char *)sqlite3_column_text(s, 2),
			.json = (const char *)sqlite3_column_text(s, 3),
		};

		error = row.kind && row.json ? fn(arg, &row) : -ENOMEM;
	}
	if (!error)
		error = fail(history, "cannot read", rc);
	sqlite3_reset(s);
	return error;
}

/* What follows the seconds: a fraction and the zone. Return: the rest of the text, NULL if it is none. */
static const char *parse_fraction(const char *text, int64_t *ret_us)
{
	int64_t us = 0, unit = 100000;

	if (*text == '.') {
		if (text[1] < '0' || text[1] > '9')
			return NULL;
		for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
			us += (*text - '0') * unit;
	}
	*ret_us = us;
	return text;
}

static int parse_zone(const char *text, int64_t *ret_seconds)
{
	int hours, minutes, n = 0;

	*ret_seconds = 0;
	if (!strcmp(text, "Z") || !strcmp(text, "z"))
		return 0;
	if (*text != '+' && *text != '-')
		return -EINVAL;
	if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 || n != 5 || text[6] || hours < 0 ||
	    hours > 23 || minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret_seconds = (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return 0;
}

static int parse_ago(const char *text, int64_t *ret_us)
{
	struct timespec now;
	uint64_t ago_ns;

	if (duration_parse(text, &ago_ns))
		return -EINVAL;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret_us = now.tv_sec * 1000000ll + now.tv_nsec / 1000 - (int64_t)(ago_ns / 1000);
	return 0;
}

int history_since(const char *text, int64_t *ret_us)
{
	struct tm tm = {0};
	int64_t us = 0, zone = 0;
	const char *rest = strptime(text, "%Y-%m-%d", &tm);

	if (!rest)
		return parse_ago(text, ret_us);
	if (*rest) {
		rest = *rest == 'T' || *rest == ' ' ? strptime(rest + 1, "%H:%M:%S", &tm) : NULL;
		rest = rest ? parse_fraction(rest, &us) : NULL;
		if (!rest || parse_zone(rest, &zone))
			return -EINVAL;
	}
	*ret_us = (timegm(&tm) - zone) * 1000000ll + us;
	return 0;
}
