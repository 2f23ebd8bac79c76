// SPDX-License-Identifier: GPL-2.0-only
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/loop.h"
#include "base/text.h"
#include "ctl/report.h"
#include "worker_job.h"
#include "worker_message.h"
#include "worker_wire.h"

#define BACKOFF_MIN_NS 100000000ull
#define BACKOFF_MAX_NS 5000000000ull
#define LIVED_NS 10000000000ull /* after such a life the next death is a new story */
#define NOTES_MAX 64
#define SEND_AGAIN_NS 20000000ull /* the kernel had no memory for the socket */

struct worker {
	struct loop *loop;
	worker_fn *fn;
	void *arg;
	char instance[64];
	char *history;
	int64_t run;
	uint64_t seq;

	pid_t pid;
	int pidfd;
	int sock;
	int timer;
	uint64_t born_ns;
	uint64_t backoff_ns;
	uint64_t respawn_ns; /* 0: it lives */
	uint64_t resend_ns;

	struct worker_jobs jobs;
	bool history_failed;
	bool overflow;
	uint64_t overflow_dropped;
	struct worker_stats stats;

	struct worker_result notes[NOTES_MAX]; /* to be told from the loop */
	unsigned int n_notes;
};

/* --- news -------------------------------------------------------------------------------------- */

static void set_timer(struct worker *w)
{
	uint64_t due = w->n_notes ? 1 : w->respawn_ns;

	if (w->resend_ns && (!due || w->resend_ns < due))
		due = w->resend_ns;
	timer_set(w->timer, due);
}

/* Our caller is in the middle of something: tell it later, from the loop. */
static void __attribute__((format(printf, 4, 5)))
note(struct worker *w, enum worker_news news, int error, const char *format, ...)
{
	struct worker_result *result = &w->notes[w->n_notes];
	va_list args;

	if (w->n_notes == NOTES_MAX)
		return;
	w->n_notes++;
	result->news = news;
	result->error = error;
	va_start(args, format);
	vsnprintf(result->what, sizeof(result->what), format, args);
	va_end(args);
	set_timer(w);
}

static void tell_notes(struct worker *w)
{
	struct worker_result notes[NOTES_MAX];
	unsigned int n = w->n_notes;

	memcpy(notes, w->notes, n * sizeof(notes[0]));
	w->n_notes = 0;
	for (unsigned int i = 0; i < n; i++)
		w->fn(w->arg, &notes[i]);
}

/* --- jobs -------------------------------------------------------------------------------------- */

static void count_drop(struct worker *w, enum worker_job_kind kind)
{
	w->stats.dropped++;
	w->overflow_dropped++;
	if (!w->overflow)
		note(w, WORKER_OVERFLOW, -ENOBUFS, "the worker does not keep up: %s are being dropped",
		     kind == WORKER_JOB_STORE ? "reports for the history" : "hooks");
	w->overflow = true;
}

static void end_overflow(struct worker *w)
{
	if (!w->overflow || !worker_jobs_are_few(&w->jobs))
		return;
	w->overflow = false;
	note(w, WORKER_OVERFLOW, 0, "the worker keeps up again: %llu reports or hooks were dropped",
	     (unsigned long long)w->overflow_dropped);
	w->overflow_dropped = 0;
}

/* Takes the message, in any case. */
static int put_job(struct worker *w, struct worker_message *message, struct worker_job **ret_job)
{
	enum worker_job_kind kind = (enum worker_job_kind)message->kind;
	int error;

	message->seq = ++w->seq;
	error = worker_jobs_put(&w->jobs, message, ret_job);
	if (error == -ENOBUFS && kind != WORKER_JOB_RUN)
		count_drop(w, kind);
	return error;
}

/* Send what the socket takes; the rest when it takes more. */
static void pump(struct worker *w)
{
	bool full = false;

	w->resend_ns = 0;
	for (struct worker_job *job = w->jobs.head; job && !full && w->sock >= 0; job = job->next) {
		size_t size = sizeof(*job->message) + job->message->length;

		if (job->sent)
			continue;
		if (send(w->sock, job->message, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			job->sent = true;
		else
			full = true;
		if (full && errno != EAGAIN) /* dying (then it makes no difference), or no memory */
			w->resend_ns = clock_now_ns() + SEND_AGAIN_NS;
	}
	if (w->sock >= 0)
		loop_change(w->loop, w->sock, EPOLLIN | (full && !w->resend_ns ? EPOLLOUT : 0));
	set_timer(w);
}

/* --- replies ----------------------------------------------------------------------------------- */

static void on_stored(struct worker *w, const struct worker_reply *reply)
{
	if (!reply->error)
		w->stats.stored++;
	else
		w->stats.dropped++;
	if (reply->error && !w->history_failed)
		note(w, WORKER_HISTORY_FAILED, reply->error, "history: %s", reply->text);
	if (!reply->error && w->history_failed)
		note(w, WORKER_HISTORY_NOTE, 0, "history: reports are stored again");
	w->history_failed = reply->error;
}

static void on_hook_end(struct worker *w, const struct worker_job *job, const struct worker_reply *reply)
{
	w->stats.hooks++;
	if (!reply->error)
		return;
	w->stats.hooks_failed++;
	if (!job->quiet)
		note(w, WORKER_HOOK_FAILED, reply->error, "%.60s: %s", job->message->body, reply->text);
}

static void on_news(struct worker *w, const struct worker_reply *reply)
{
	if (reply->error && w->history_failed)
		return;
	w->history_failed = reply->error;
	note(w, reply->error ? WORKER_HISTORY_FAILED : WORKER_HISTORY_NOTE, reply->error, "history: %s",
	     reply->text);
}

static void on_run_end(const struct worker_job *job, const struct worker_reply *reply, const char *output)
{
	job->done(job->arg, reply->error, reply->text, output);
}

static void on_reply(struct worker *w, const struct worker_reply *reply, const char *output)
{
	struct worker_job *job;

	if (!reply->seq) {
		on_news(w, reply);
		return;
	}
	job = worker_jobs_find(&w->jobs, reply->seq);
	if (!job)
		return;
	if (job->message->kind == WORKER_JOB_STORE)
		on_stored(w, reply);
	else if (job->message->kind == WORKER_JOB_RUN)
		on_run_end(job, reply, output);
	else
		on_hook_end(w, job, reply);
	worker_job_free(job);
}

/* Return: true while there may be more. */
static bool read_reply(struct worker *w)
{
	struct worker_answer answer = {};
	ssize_t n = recv(w->sock, &answer, sizeof(answer) - 1, MSG_DONTWAIT);

	if (n >= (ssize_t)sizeof(answer.reply)) {
		answer.reply.text[sizeof(answer.reply.text) - 1] = '\0';
		on_reply(w, &answer.reply, answer.output);
	}
	return n > 0 || (n < 0 && errno == ECONNRESET);
}

/* --- life and death of the process ------------------------------------------------------------- */

static void on_socket(void *arg, uint32_t events);
static void on_exit_of_worker(void *arg, uint32_t events);

static void forget(struct worker *w)
{
	loop_del(w->loop, w->sock);
	loop_del(w->loop, w->pidfd);
	close(w->sock);
	close(w->pidfd);
	w->sock = -1;
	w->pidfd = -1;
	w->pid = 0;
}

static int adopt(struct worker *w, pid_t pid, int sock)
{
	int error;

	w->pid = pid;
	w->sock = sock;
	w->pidfd = pidfd_open(pid, 0);
	error = w->pidfd < 0 ? -errno : loop_add(w->loop, w->pidfd, EPOLLIN, on_exit_of_worker, w);
	if (!error)
		error = loop_add(w->loop, w->sock, EPOLLIN, on_socket, w);
	if (error) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		forget(w);
		return error;
	}
	w->born_ns = clock_now_ns();
	w->respawn_ns = 0;
	return 0;
}

static int spawn(struct worker *w)
{
	struct worker_setup setup = {.run = w->run, .history = w->history};
	sigset_t all, before;
	int pair[2], error;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before); /* until the child has its own dispositions */
	pid = fork();
	if (!pid)
		worker_child_run(pair[1], &setup);
	error = pid < 0 ? -errno : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(pair[1]);
	if (error) {
		close(pair[0]);
		return error;
	}
	return adopt(w, pid, pair[0]);
}

static void schedule_respawn(struct worker *w, uint64_t lived_ns)
{
	if (!w->backoff_ns || lived_ns > LIVED_NS)
		w->backoff_ns = BACKOFF_MIN_NS;
	w->respawn_ns = clock_now_ns() + w->backoff_ns;
	w->backoff_ns = w->backoff_ns * 2 < BACKOFF_MAX_NS ? w->backoff_ns * 2 : BACKOFF_MAX_NS;
	set_timer(w);
}

static void respawn(struct worker *w)
{
	int error = spawn(w);

	if (error) {
		note(w, WORKER_DIED, error, "the worker cannot be started: %s", strerror(-error));
		schedule_respawn(w, 0);
		return;
	}
	pump(w);
}

static void give_up(struct worker *w, struct worker_job *job)
{
	w->stats.dropped++;
	if (job->message->kind == WORKER_JOB_STORE)
		note(w, WORKER_HISTORY_FAILED, -ECANCELED,
		     "a report was given up: the worker died of it %d times", WORKER_REPORT_ATTEMPTS);
	else if (job->message->kind == WORKER_JOB_RUN)
		job->done(job->arg, -ECANCELED, "the worker died meanwhile", "");
	else if (!job->quiet)
		note(w, WORKER_HOOK_FAILED, -ECANCELED, "%.60s: given up: the worker died %d times meanwhile",
		     job->message->body, WORKER_HOOK_ATTEMPTS);
	worker_job_free(job);
}

/*
 * What was sent and not answered goes to the next one, unless it seems to be what kills them. Those
 * that it can have had in hand are the first ones; the others only waited.
 */
static void take_back(struct worker *w)
{
	static const unsigned int limits[] = {
		[WORKER_JOB_STORE] = WORKER_REPORT_ATTEMPTS,
		[WORKER_JOB_HOOK] = WORKER_HOOK_ATTEMPTS,
		[WORKER_JOB_RUN] = 1,
	};
	unsigned int in_hand[] = {[WORKER_JOB_STORE] = 1,
				  [WORKER_JOB_HOOK] = WORKER_HOOKS_AT_ONCE,
				  [WORKER_JOB_RUN] = WORKER_MAX_RUNS};
	struct worker_job **at = &w->jobs.head;

	while (*at) {
		struct worker_job *job = *at;
		uint32_t kind = job->message->kind;

		if (job->sent && in_hand[kind]) {
			in_hand[kind]--;
			job->attempts++;
		}
		job->sent = false;
		if (job->attempts < limits[kind])
			at = &job->next;
		else
			give_up(w, worker_jobs_take(&w->jobs, at));
	}
}

static void on_exit_of_worker(void *arg, uint32_t events)
{
	struct worker *w = arg;
	siginfo_t info = {0};

	(void)events;
	while (read_reply(w))
		;
	waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG);
	forget(w);
	w->stats.deaths++;
	take_back(w);
	note(w, WORKER_DIED, -ECHILD, "the worker died (%s %d) and is started again",
	     info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
	schedule_respawn(w, clock_now_ns() - w->born_ns);
}

/* A closed socket without a dead process would be a worker that serves nobody. */
static void on_socket(void *arg, uint32_t events)
{
	struct worker *w = arg;

	while (read_reply(w))
		;
	if (events & (EPOLLHUP | EPOLLERR)) {
		loop_del(w->loop, w->sock);
		kill(w->pid, SIGKILL);
		return;
	}
	end_overflow(w);
	pump(w);
}

static void on_timer(void *arg, uint32_t events)
{
	struct worker *w = arg;

	(void)events;
	fd_drain(w->timer);
	if (w->respawn_ns && clock_now_ns() >= w->respawn_ns)
		respawn(w);
	else if (w->resend_ns)
		pump(w);
	tell_notes(w);
	set_timer(w);
}

static void free_worker(struct worker *w)
{
	worker_jobs_fini(&w->jobs);
	if (w->timer >= 0) {
		loop_del(w->loop, w->timer);
		close(w->timer);
	}
	free(w->history);
	free(w);
}

static int make_run(int64_t *ret_run)
{
	int64_t run;

	if (getrandom(&run, sizeof(run), 0) != (ssize_t)sizeof(run))
		return -EIO;
	*ret_run = run & INT64_MAX;
	return 0;
}

static int init(struct worker *w, const struct worker_options *options)
{
	int error = make_run(&w->run);

	text_copy(w->instance, sizeof(w->instance), options->instance ? options->instance : "");
	if (options->history) {
		w->history = strdup(options->history);
		if (!w->history)
			return -ENOMEM;
	}
	w->timer = timer_open();
	if (error || w->timer < 0)
		return error ? error : w->timer;
	error = loop_add(w->loop, w->timer, EPOLLIN, on_timer, w);
	return error ? error : spawn(w);
}

int worker_start(struct loop *loop, const struct worker_options *options, worker_fn *fn, void *arg,
		 struct worker **ret_worker)
{
	struct worker *w = calloc(1, sizeof(*w));
	int error;

	if (!w)
		return -ENOMEM;
	w->loop = loop;
	w->fn = fn;
	w->arg = arg;
	w->sock = w->pidfd = w->timer = -1;
	worker_jobs_init(&w->jobs);
	error = init(w, options);
	if (error) {
		free_worker(w);
		return error;
	}
	*ret_worker = w;
	return 0;
}

/* --- reports ----------------------------------------------------------------------------------- */

static int put_hook(struct worker *w, const struct policy_hook *hook, const struct report *r,
		    const char *json)
{
	struct worker_message *message = NULL;
	struct worker_job *job = NULL;
	int error = worker_message_hook(hook, w->instance, r, json, &message);

	if (!error) {
		error = put_job(w, message, &job);
		if (!error)
			job->quiet = r->kind == REPORT_HOOK_FAILED;
		return error;
	}
	w->stats.dropped++;
	note(w, WORKER_HOOK_FAILED, error, "%.60s: not run: %s", hook->argv[0], strerror(-error));
	return error;
}

static bool wants(const struct policy_hook *hook, enum report_kind kind)
{
	if (!hook->argv[0])
		return false;
	return hook->on ? hook->on & (1u << kind) : kind != REPORT_HOOK_FAILED;
}

static int put_report(struct worker *w, const struct policy *policy, const struct report *r, const char *json)
{
	struct worker_message *store = NULL;
	struct worker_job *job;
	int result = worker_message_store(json, &store);

	if (!result)
		result = put_job(w, store, &job);
	for (uint32_t i = 0; policy && i < policy->n_hooks; i++) {
		int error = wants(&policy->hooks[i], r->kind) ? put_hook(w, &policy->hooks[i], r, json) : 0;

		result = result ? result : error;
	}
	return result;
}

int worker_report(struct worker *worker, const struct policy *policy, const struct report *report)
{
	json_t *object = report_json(report);
	CLEAN_FREE char *json = object ? json_dumps(object, JSON_COMPACT) : NULL;
	int error = json ? put_report(worker, policy, report, json) : -ENOMEM;

	json_decref(object);
	pump(worker);
	return error;
}

int worker_run(struct worker *worker, const struct worker_program *program, worker_run_fn *fn, void *arg)
{
	struct worker_message *message = NULL;
	struct worker_job *job = NULL;
	int error = worker_message_run(program, &message);

	if (!error)
		error = put_job(worker, message, &job);
	if (error)
		return error;
	job->done = fn;
	job->arg = arg;
	pump(worker);
	return 0;
}

/* --- the end ----------------------------------------------------------------------------------- */

/* Return: false when the process ended or the time is over. */
static bool wait_more(struct worker *w, uint64_t until_ns, bool to_send)
{
	struct pollfd fds[] = {
		{.fd = w->pidfd, .events = POLLIN},
		{.fd = w->sock, .events = (short)(POLLIN | (to_send ? POLLOUT : 0))},
	};
	uint64_t now = clock_now_ns();

	if (now >= until_ns)
		return false;
	poll(fds, ARRAY_SIZE(fds), (int)((until_ns - now) / 1000000 + 1));
	while (read_reply(w))
		;
	if (fds[1].revents & (POLLHUP | POLLERR))
		usleep(1000); /* it closed its socket and is about to be gone */
	return !fds[0].revents;
}

void worker_stop(struct worker *worker)
{
	uint64_t until_ns = clock_now_ns() + WORKER_STOP_NS;

	if (!worker)
		return;
	if (!worker->pid && worker->jobs.head)
		spawn(worker);
	if (worker->pid) {
		bool alive = true;

		for (pump(worker); alive && !worker_jobs_are_sent(&worker->jobs); pump(worker))
			alive = wait_more(worker, until_ns, true);
		shutdown(worker->sock, SHUT_WR);
		while (alive)
			alive = wait_more(worker, until_ns, false);
		kill(worker->pid, SIGKILL);
		waitpid(worker->pid, NULL, 0);
		forget(worker);
	}
	free_worker(worker);
}

pid_t worker_pid(const struct worker *worker)
{
	return worker->pid;
}

void worker_stats(const struct worker *worker, struct worker_stats *ret_stats)
{
	*ret_stats = worker->stats;
	ret_stats->pending = 0;
	for (int kind = 0; kind < WORKER_JOB_KIND_MAX; kind++)
		ret_stats->pending += worker->jobs.pending[kind];
}
