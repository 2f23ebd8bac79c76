/* SPDX-License-Identifier: GPL-2.0-only */
/* What main has handed to the worker and not yet seen answered, in order. */
#ifndef ACT_WORKER_JOB_H
#define ACT_WORKER_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "worker.h"
#include "worker_wire.h"

/**
 * struct worker_job - owned by its list
 * @sent: to the worker that lives now
 * @quiet: its failure is not told
 * @attempts: workers that died while they had it
 * @done, @arg: who waits for the end of a WORKER_JOB_RUN
 */
struct worker_job {
	struct worker_job *next;
	bool sent;
	bool quiet;
	unsigned int attempts;
	worker_run_fn *done;
	void *arg;
	struct worker_message *message;
};

/**
 * struct worker_jobs - begin with worker_jobs_init()
 * @pending: how many there are, by kind
 */
struct worker_jobs {
	struct worker_job *head;
	struct worker_job **tail;
	uint32_t pending[WORKER_JOB_KIND_MAX];
};

void worker_jobs_init(struct worker_jobs *jobs);

/** worker_jobs_fini() - free them all. */
void worker_jobs_fini(struct worker_jobs *jobs);

/**
 * worker_jobs_put() - append
 * @message: taken, and freed in case of an error
 * @ret_job: the list's
 * Return: 0; -ENOBUFS (too many of this kind: WORKER_MAX_REPORTS, _HOOKS, _RUNS) or -ENOMEM.
 */
int worker_jobs_put(struct worker_jobs *jobs, struct worker_message *message, struct worker_job **ret_job);

/** worker_jobs_take() - out of the list; @at: the link that points to it. Free with worker_job_free(). */
struct worker_job *worker_jobs_take(struct worker_jobs *jobs, struct worker_job **at);

/** worker_jobs_find() - by number, and take it. Return: NULL: no such job. */
struct worker_job *worker_jobs_find(struct worker_jobs *jobs, uint64_t seq);

/** worker_jobs_are_sent() - is nothing left to send? */
bool worker_jobs_are_sent(const struct worker_jobs *jobs);

/** worker_jobs_are_few() - is each kind at half its bound, or below? */
bool worker_jobs_are_few(const struct worker_jobs *jobs);

void worker_job_free(struct worker_job *job);

#endif
