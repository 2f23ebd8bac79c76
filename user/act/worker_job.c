// SPDX-License-Identifier: GPL-2.0-only
#include "worker_job.h"

#include <errno.h>
#include <stdlib.h>

#include "worker.h"

static const uint32_t pending_max[WORKER_JOB_KIND_MAX] = {
	[WORKER_JOB_STORE] = WORKER_MAX_REPORTS,
	[WORKER_JOB_HOOK] = WORKER_MAX_HOOKS,
	[WORKER_JOB_RUN] = WORKER_MAX_RUNS,
};

void worker_jobs_init(struct worker_jobs *jobs)
{
	*jobs = (struct worker_jobs){.tail = &jobs->head};
}

void worker_jobs_fini(struct worker_jobs *jobs)
{
	while (jobs->head)
		worker_job_free(worker_jobs_take(jobs, &jobs->head));
}

int worker_jobs_put(struct worker_jobs *jobs, struct worker_message *message, struct worker_job **ret_job)
{
	bool full = jobs->pending[message->kind] >= pending_max[message->kind];
	struct worker_job *job = full ? NULL : calloc(1, sizeof(*job));

	if (!job) {
		free(message);
		return full ? -ENOBUFS : -ENOMEM;
	}
	job->message = message;
	*jobs->tail = job;
	jobs->tail = &job->next;
	jobs->pending[message->kind]++;
	*ret_job = job;
	return 0;
}

struct worker_job *worker_jobs_take(struct worker_jobs *jobs, struct worker_job **at)
{
	struct worker_job *job = *at;

	*at = job->next;
	if (!*at)
		jobs->tail = at;
	jobs->pending[job->message->kind]--;
	return job;
}

struct worker_job *worker_jobs_find(struct worker_jobs *jobs, uint64_t seq)
{
	struct worker_job **at = &jobs->head;

	while (*at && (*at)->message->seq != seq)
		at = &(*at)->next;
	return *at ? worker_jobs_take(jobs, at) : NULL;
}

bool worker_jobs_are_sent(const struct worker_jobs *jobs)
{
	const struct worker_job *job = jobs->head;

	while (job && job->sent)
		job = job->next;
	return !job;
}

bool worker_jobs_are_few(const struct worker_jobs *jobs)
{
	for (int kind = 0; kind < WORKER_JOB_KIND_MAX; kind++) {
		if (jobs->pending[kind] > pending_max[kind] / 2)
			return false;
	}
	return true;
}

void worker_job_free(struct worker_job *job)
{
	free(job->message);
	free(job);
}
