/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker: a process for whatever may block. Main hands it jobs and never waits for it.
 *
 * Jobs now: a report into the history; an event hook; a program whose output is wanted. The process
 * is forked from main, keeps nothing of main's but its socket, and holds no capability, nor does a
 * hook (no_new_privs is not set as a rule: a hook may use setgid programs, such as a mailer's). What
 * main has handed over and not seen answered is kept, and sent again if the worker dies: a report is
 * stored exactly once, a hook that was running then is ended and run once more; a program is ended,
 * and that it was is its result. A job that was in hand when the worker died is given up after so
 * many times: WORKER_REPORT_ATTEMPTS, WORKER_HOOK_ATTEMPTS.
 *
 * Call worker_start() early, while there is little memory to copy; main must have one thread only.
 */
#ifndef ACT_WORKER_H
#define ACT_WORKER_H

#include <stdint.h>
#include <sys/types.h>

#include "core/action.h"
#include "core/policy.h"

struct loop;
struct worker;

#define WORKER_MAX_REPORTS 16384 /* not yet stored: each server of a large gateway may come up at once */
#define WORKER_MAX_HOOKS 256	/* not yet ended */
#define WORKER_MAX_RUNS 512	/* likewise */
#define WORKER_REPORT_ATTEMPTS 10
#define WORKER_HOOK_ATTEMPTS 3
#define WORKER_STOP_NS 3000000000ull	       /* the longest that worker_stop() takes */
#define WORKER_HOOK_DEADLINE_NS 10000000000ull /* where the policy names none */

enum worker_news {
	WORKER_HOOK_FAILED,    /* failed, or killed at its deadline */
	WORKER_HISTORY_FAILED, /* reports are not stored; said once, until it works again */
	WORKER_HISTORY_NOTE,   /* works again, or a damaged database was moved aside */
	WORKER_DIED,	       /* and is started again */
	WORKER_OVERFLOW,       /* reports or hooks were dropped; said when it begins and when it is over */
	WORKER_NEWS_MAX,
};

/**
 * struct worker_result - what main should know
 * @error: 0 or -errno; -ETIMEDOUT: a hook's deadline
 * @what: one line for people; for a hook "ARGV0: why"
 */
struct worker_result {
	enum worker_news news;
	int error;
	char what[128];
};

/** worker_fn - called from the loop, never from within a worker_ function; must not call worker_stop() */
typedef void worker_fn(void *arg, const struct worker_result *result);

/**
 * struct worker_options - copied
 * @instance: DEFIB_INSTANCE of hooks
 * @history: path of the database; NULL: none is kept
 */
struct worker_options {
	const char *instance;
	const char *history;
};

/**
 * struct worker_stats - since the start
 * @pending: jobs handed over and not answered
 * @stored: reports stored
 * @hooks: hooks ended, of which @hooks_failed failed
 * @dropped: reports and hooks that found the queue full, or were given up
 * @deaths: of the process
 */
struct worker_stats {
	uint32_t pending;
	uint64_t stored;
	uint64_t hooks;
	uint64_t hooks_failed;
	uint64_t dropped;
	uint64_t deaths;
};

/**
 * worker_start() - fork the worker
 * @loop: borrowed; must outlive the worker
 * @ret_worker: worker_stop() ends it
 * Return: 0 or -errno.
 */
int worker_start(struct loop *loop, const struct worker_options *options, worker_fn *fn, void *arg,
		 struct worker **ret_worker);

/**
 * worker_report() - store a report, and run the policy's hooks that match its kind
 * @policy: borrowed for the call; NULL: no hooks
 *
 * A hook finds the report as one line of JSON on standard input, and DEFIB_EVENT, _SERVER, _POOL,
 * _SERVICE, _FROM, _TO, _EPOCH, _REASON and _INSTANCE in its environment, all set, if empty.
 * A hook without `on` runs for every kind but hook-failed. The failure of a hook that was run for
 * hook-failed is counted and not told, or one report would cause the next for ever.
 * Return: 0; -ENOBUFS (something was dropped), -E2BIG (a hook's arguments): also told through the
 *	callback; -ENOMEM.
 */
int worker_report(struct worker *worker, const struct policy *policy, const struct report *report);

/**
 * struct worker_program - a program to run; all borrowed for the call
 * @argv: as in struct hook_order
 * @input: becomes standard input
 * @deadline_ns: how long it may run
 */
struct worker_program {
	char *const *argv;
	const char *input;
	uint64_t deadline_ns;
};

/**
 * worker_run_fn - a program ended, or was not run; called from the loop
 * @error: 0 (exit status 0), -ETIMEDOUT, -ECANCELED (anything else, the death of the worker too)
 * @why: one line for people, when @error
 * @output: the beginning of what it said on standard output and standard error
 */
typedef void worker_run_fn(void *arg, int error, const char *why, const char *output);

/**
 * worker_run() - run a program without capabilities, and hear how it ended
 *
 * It is run once at the most. Hooks do not delay it. @fn is called once, unless worker_stop() is before.
 * Return: 0; -ENOBUFS (too many run), -E2BIG or -ENOMEM: then @fn is not called.
 */
int worker_run(struct worker *worker, const struct worker_program *program, worker_run_fn *fn, void *arg);

/**
 * worker_stop() - end it: what was reported is stored, hooks get two seconds to end
 * May block for WORKER_STOP_NS; the callback is not called any more. NULL is fine.
 */
void worker_stop(struct worker *worker);

/** worker_pid() - of the process; 0 while it is dead. */
pid_t worker_pid(const struct worker *worker);

void worker_stats(const struct worker *worker, struct worker_stats *ret_stats);

#endif
