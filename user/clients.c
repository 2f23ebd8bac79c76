// SPDX-License-Identifier: GPL-2.0-only
#include "clients.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clean.h"
#include "base/log.h"
#include "daemon.h"

#define CLIENTS_TURN_NS 500000ull  /* how long others wait for a turn to end */
#define CLIENTS_PAUSE_NS 500000ull /* from one turn to the next */
#define CLIENTS_AGAIN_NS 600000000ull

/* --- jobs ------------------------------------------------------------------------------------ */

static uint64_t next_due(const struct clients *r)
{
	uint64_t due = 0;

	for (uint32_t i = 0; i < r->n_jobs; i++) {
		if (!due || r->jobs[i].due_ns < due)
			due = r->jobs[i].due_ns;
	}
	return due;
}

static void emit_reset(struct daemon *d, const struct clients_job *job)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_RESET,
			   .reset = {job->pool, job->server, job->connections, job->failed, ""}};

	if (job->error)
		snprintf(ev.reset.why, sizeof(ev.reset.why), "%s", strerror(-job->error));
	d->clients.results[job->pool] = (struct clients_result){job->server, job->connections, ev.time_ns};
	daemon_emit(d, &ev);
}

static void emit_counted(struct daemon *d, const struct clients_job *job)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_COUNTED,
			   .counted = {job->server, job->connections, job->error}};

	daemon_emit(d, &ev);
}

/* Once more, or that was all. */
static void end_jobs(struct daemon *d)
{
	struct clients *r = &d->clients;
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_jobs; i++) {
		struct clients_job *job = &r->jobs[i];
		bool over = job->walking && (job->again || job->counts);

		if (job->walking && job->counts) {
			emit_counted(d, job);
		} else if (job->walking && !job->again) {
			emit_reset(d, job);
			job->again = true;
			job->walking = false;
			job->due_ns = r->begun_ns + CLIENTS_AGAIN_NS;
		}
		if (!over)
			r->jobs[n++] = *job;
	}
	r->n_jobs = n;
	r->begun_ns = 0;
}

static void note_error(struct clients *r, int error)
{
	for (uint32_t i = 0; i < r->n_jobs; i++) {
		if (r->jobs[i].walking)
			r->jobs[i].error = error;
	}
	log_error("clients cannot be told that their connections are gone: %s", strerror(-error));
}

/* --- the walk -------------------------------------------------------------------------------- */

static bool concerns(const struct clients_job *job, const struct dfb_flow *flow)
{
	return job->walking && job->server == flow->server && (job->counts || job->pool == flow->pool);
}

static void poke(struct clients *r, struct clients_job *job, uint32_t index)
{
	int error = poke_send(r->poke, &r->walk->key[index]);

	if (error) {
		job->failed++;
		job->error = error;
	} else {
		job->connections++;
	}
}

static void look_at(struct clients *r, uint32_t index)
{
	const struct dfb_flow *flow = &r->walk->flow[index];

	if (flows_is_over(flow, r->begun_ns))
		return;
	for (uint32_t i = 0; i < r->n_jobs; i++) {
		struct clients_job *job = &r->jobs[i];

		if (!concerns(job, flow))
			continue;
		if (job->counts)
			job->connections++;
		else
			poke(r, job, index);
	}
}

static void begin_walk(struct daemon *d, uint64_t now)
{
	struct clients *r = &d->clients;
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
static bool walk_on(struct clients *r, uint64_t until)
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
	struct clients *r = &d->clients;
	uint64_t now = clock_now_ns();

	if (!r->n_jobs || (!r->begun_ns && next_due(r) > now))
		return;
	if (!r->begun_ns)
		begin_walk(d, now);
	if (walk_on(r, now + CLIENTS_TURN_NS)) {
		timer_set(r->timer, clock_now_ns() + CLIENTS_PAUSE_NS);
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
	fd_drain(d->clients.timer);
	turn(d);
}

/* --- life ------------------------------------------------------------------------------------ */

int clients_open(struct daemon *d)
{
	struct clients *r = &d->clients;
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

void clients_close(struct daemon *d)
{
	struct clients *r = &d->clients;

	if (!r->poke)
		return;
	if (r->walk)
		flows_close(r->walk);
	free(r->walk);
	poke_free(r->poke);
	clean_close(&r->timer);
}

static void add_job(struct daemon *d, const struct clients_job *new)
{
	struct clients *r = &d->clients;
	uint32_t i = 0;

	while (i < r->n_jobs && (r->jobs[i].pool != new->pool || r->jobs[i].server != new->server))
		i++;
	if (i == CLIENTS_JOBS) {
		log_error("too many servers are gone at once: some of their clients are not told");
		return;
	}
	r->jobs[i] = *new;
	r->n_jobs += i == r->n_jobs;
	if (!r->begun_ns)
		timer_set(r->timer, new->due_ns);
}

void clients_reset(struct daemon *d, const struct action *a)
{
	struct clients_job new = {.pool = a->reset.pool, .server = a->reset.server, .due_ns = clock_now_ns()};

	add_job(d, &new);
}

void clients_count(struct daemon *d, const struct action *a)
{
	struct clients_job new = {.server = a->count.server, .counts = true, .due_ns = clock_now_ns()};

	add_job(d, &new);
}

uint32_t clients_result(const struct clients *r, uint32_t pool, uint32_t server, uint64_t since_ns)
{
	const struct clients_result *result = &r->results[pool];

	return result->server == server && result->at_ns >= since_ns ? result->connections : 0;
}
