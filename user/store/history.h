/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The record of what happened: one row per report, in an SQLite database in WAL mode.
 *
 * One process writes (the worker), any number read, also while it writes and after it is gone.
 * A commit survives the death of every process at once, and a power cut at the latest from the next
 * checkpoint on (synchronous=NORMAL). No handle may be carried over fork(2).
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_SCHEMA 1
#define HISTORY_ROWS 100000 /* kept; the oldest go first */
#define HISTORY_WHY_LEN 320

struct history;

/**
 * struct history_row - as handed to a history_fn; valid during the call
 * @id: rises with each row, never given twice while a younger row exists
 * @time_us: wall clock, microseconds since 1970, as in the JSON text
 * @kind: name of the report's kind
 * @json: the report, see report_json()
 */
struct history_row {
	int64_t id;
	int64_t time_us;
	const char *kind;
	const char *json;
};

/** history_fn - Return: 0 to go on; anything else ends history_list(), which returns it. */
typedef int history_fn(void *arg, const struct history_row *row);

/**
 * history_open() - open, and if @writable make the directory, the database or a new one
 * @path: of the database; beside it live PATH-wal and PATH-shm
 * @writable: for the one writer; a damaged database is moved aside as PATH.damaged-TIME and a new
 *	one begun. A reader changes nothing, and needs no more than read permission.
 * @ret_why: one line for people: the error, or that and where a damaged one was moved; else empty
 * @ret_history: the caller's; history_close()
 * Return: 0; -ENOENT (nothing recorded yet), -EBADMSG (damaged, and only reading),
 *	-EPROTONOSUPPORT (made by a newer version), -EACCES, -ENOSPC, -EBUSY, -EIO and so on.
 */
int history_open(const char *path, bool writable, char ret_why[HISTORY_WHY_LEN],
		 struct history **ret_history);

/** history_close() - NULL is fine. */
void history_close(struct history *history);

/** history_set_bound() - keep about @rows rows, at most 1/16 more; default HISTORY_ROWS, at least 1. */
void history_set_bound(struct history *history, uint32_t rows);

/**
 * history_append() - record a report, once: the same @run and @seq again change nothing
 * @run: names the daemon's run
 * @seq: counts in this run
 * @json: an object with "time" and "kind"
 * Return: 0; -EINVAL (no such JSON); -EBUSY (another program holds the lock: try again, it never waits),
 *	-ENOSPC, -EIO and so on, with history_why(). Damage is handled as by history_open().
 */
int history_append(struct history *history, int64_t run, uint64_t seq, const char *json);

/** history_why() - about the last call: the error, or where a damaged database went; else empty. */
const char *history_why(const struct history *history);

/**
 * history_list() - the youngest rows, oldest of them first
 * @since_us: only rows of this time or later
 * @limit: at most so many; 0: all
 * Return: 0, what @fn returned, or -errno with history_why().
 */
int history_list(struct history *history, int64_t since_us, uint32_t limit, history_fn *fn, void *arg);

/**
 * history_since() - what people write as "since when"
 * @text: RFC 3339 ("2026-01-01T10:00:00.5Z", "...+02:00"), a UTC date ("2026-01-01"), or how long ago
 *	("10m", see duration_parse())
 * @ret_us: microseconds since 1970
 * Return: 0 or -EINVAL.
 */
int history_since(const char *text, int64_t *ret_us);

#endif
