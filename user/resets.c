// SPDX-License-Identifier: GPL-2.0-only
#include "resets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clean.h"
#include "base/log.h"
#include "daemon.h"

#define RESETS_TURN_NS 500000ull  /* how long others wait for a turn to end */
#define RESETS_PAUSE_NS 500000ull /* from one turn to the next */
#define RESETS_AGAIN_NS 600000000ull

/* --- jobs ------------------------------------------------------------------------------------ */

static uint64_t next_due(const struct resets *r)
{
	uint64_t due = 0;

	for (uint32_t i = 0; i < r->n_jobs; i++) {
		if (!due || r->jobs[i].due_ns < due)
			due = r->jobs[i].due_ns;
	}
	return due;
}

static void emit_done(struct daemon *d, const struct resets_job *job)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_RESET,
			   .reset = {job->pool, job->server, job->connections, job->failed, ""}};

	if (job->error)
		snprintf(ev.reset.why, sizeof(ev.reset.why), "%s", strerror(-job->error));
	d->resets.results[job->pool] = (struct resets_result){job->server, job->connections, ev.time_ns};
	daemon_emit(d, &ev);
}

/* Once more, or that was all. */
static void end_jobs(struct daemon *d)
{
	struct resets *r = &d->resets;
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_jobs; i++) {
		struct resets_job *job = &r->jobs[i];
		bool over = job->walking && job->again;

		if (job->walking && !job->again) {
			emit_done(d, job);
			job->again = true;
			job->walking = false;
			job->due_ns = r->begun_ns + RESETS_AGAIN_NS;
		}
		if (!over)
			r->jobs[n++] = *job;
	}
	r->n_jobs = n;
	r->begun_ns = 0;
}

static void note_error(struct resets *r, int error)
{
	for (uint32_t i = 0; i < r->n_jobs; i++) {
		if (r->jobs[i].walking)
			r->jobs[i].error = error;
	}
	log_error("clients cannot be told that their connections are gone: %s", strerror(-error));
}

/* --- the walk -------------------------------------------------------------------------------- */

static struct resets_job *job_of(struct resets *r, const struct dfb_flow *flow)
{
	for (uint32_t i = 0; i < r->n_jobs; i++) {
		struct resets_job *job = &r->jobs[i];

		if (job->walking && job->server == flow->server && job->pool == flow->pool)
			return job;
	}
	return NULL;
}

static void look_at(struct resets *r, uint32_t index)
{
	const struct dfb_flow *flow = &r->walk->flow[index];
	struct resets_job *job = job_of(r, flow);
	int error;

	if (!job || flows_is_over(flow, r->begun_ns))
		return;
	error = poke_send(r->poke, &r->walk->key[index]);
	if (error) {
		job->failed++;
		job->error = error;
	} else {
		job->connections++;
	}
}

static void begin_walk(struct daemon *d, uint64_t now)
{
	struct resets *r = &d->resets;
	int error;

	r->begun_ns = now;
	r->at = 0;
	for (uint32_t i = 0; i < r->n_jobs; i++)
		r->jobs[i].walking = r->jobs[i].due_ns <= now;
	error = flows_open(r->walk, d->paths.maps_dir);
	if (error)
		note_error(r, error);
}

/* Until the turn is over. Return: false: the walk is. */
static bool walk_on(struct resets *r, uint64_t until)
{
	int error = 0;

	while (clock_now_ns() < until) {
		if (r->at < r->walk->n) {
			look_at(r, r->at++);
			continue;
		}
		error = flows_next(r->walk);
		if (error && error != -ENODATA)
			note_error(r, error);
		if (error)
			return false;
		r->at = 0;
	}
	return true;
}

static void turn(struct daemon *d)
{
	struct resets *r = &d->resets;
	uint64_t now = clock_now_ns();

	if (!r->n_jobs || (!r->begun_ns && next_due(r) > now))
		return;
	if (!r->begun_ns)
		begin_walk(d, now);
	if (walk_on(r, now + RESETS_TURN_NS)) {
		timer_set(r->timer, clock_now_ns() + RESETS_PAUSE_NS);
		return;
	}
	flows_close(r->walk);
	end_jobs(d);
	timer_set(r->timer, next_due(r));
}

static void on_timer(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	fd_drain(d->resets.timer);
	turn(d);
}

/* --- life ------------------------------------------------------------------------------------ */

int resets_open(struct daemon *d)
{
	struct resets *r = &d->resets;
	int err;

	r->timer = -1;
	err = poke_new(&r->poke);
	if (err)
		return err;
	r->walk = calloc(1, sizeof(*r->walk));
	if (!r->walk)
		return -ENOMEM;
	r->walk->fd = -1;
	r->timer = timer_open();
	return r->timer < 0 ? r->timer : loop_add(d->loop, r->timer, EPOLLIN, on_timer, d);
}

void resets_close(struct daemon *d)
{
	struct resets *r = &d->resets;

	if (!r->poke)
		return;
	if (r->walk)
		flows_close(r->walk);
	free(r->walk);
	poke_free(r->poke);
	clean_close(&r->timer);
}

void resets_begin(struct daemon *d, const struct action *a)
{
	struct resets *r = &d->resets;
	struct resets_job new = {.pool = a->reset.pool, .server = a->reset.server, .due_ns = clock_now_ns()};
	uint32_t i = 0;

	while (i < r->n_jobs && (r->jobs[i].pool != new.pool || r->jobs[i].server != new.server))
		i++;
	if (i == RESETS_JOBS) {
		log_error("too many servers are gone at once: some of their clients are not told");
		return;
	}
	r->jobs[i] = new;
	r->n_jobs += i == r->n_jobs;
	if (!r->begun_ns)
		timer_set(r->timer, new.due_ns);
}

uint32_t resets_result(const struct resets *r, uint32_t pool, uint32_t server, uint64_t since_ns)
{
	const struct resets_result *result = &r->results[pool];

	return result->server == server && result->at_ns >= since_ns ? result->connections : 0;
}
