/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between main and the worker: one message per job, one reply per job, over SOCK_SEQPACKET.
 * Both ends are the same program, forked: the host's own layout, and no versions.
 */
#ifndef ACT_WORKER_WIRE_H
#define ACT_WORKER_WIRE_H

#include <stdint.h>

#define WORKER_MESSAGE_MAX 32768u
#define WORKER_TEXT_LEN 160
#define WORKER_HOOKS_AT_ONCE 8 /* the others wait in the worker */
#define WORKER_RUNS_AT_ONCE 16
#define WORKER_OUTPUT_LEN 2048 /* of what a program says */

enum worker_job_kind {
	WORKER_JOB_STORE, /* body: JSON */
	WORKER_JOB_HOOK,  /* body: argc arguments, envc environment strings, JSON */
	WORKER_JOB_RUN,	  /* likewise, with any text in place of the JSON; the reply carries its output */
	WORKER_JOB_KIND_MAX,
};

/**
 * struct worker_message - a job
 * @kind: enum worker_job_kind
 * @length: of the body
 * @seq: names the job; rises, never given twice in a run of main
 * @deadline_ns: how long a hook or program may run
 * @body: texts, each closed by a NUL
 */
struct worker_message {
	uint32_t kind;
	uint32_t argc;
	uint32_t envc;
	uint32_t length;
	uint64_t seq;
	uint64_t deadline_ns;
	char body[];
};

/**
 * struct worker_reply - how a job ended; that of WORKER_JOB_RUN is followed by what it said, and a NUL
 * @seq: the job's; 0: news of the history database itself
 * @error: 0 or -errno
 * @text: why, for people
 */
struct worker_reply {
	uint64_t seq;
	int32_t error;
	uint32_t pad;
	char text[WORKER_TEXT_LEN];
};

/** struct worker_answer - a reply as it is on its way, with what a program said */
struct worker_answer {
	struct worker_reply reply;
	char output[WORKER_OUTPUT_LEN];
};

/**
 * struct worker_setup - what a worker is born with; borrowed
 * @run: first half of a history row's key
 * @history: path of the database, NULL: none is kept
 */
struct worker_setup {
	int64_t run;
	const char *history;
};

/** worker_child_run() - all the life of the worker process; call it in a child just forked. */
_Noreturn void worker_child_run(int sock, const struct worker_setup *setup);

#endif
