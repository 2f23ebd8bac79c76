// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the worker process
 *
 * It takes one message at a time from its socket. A report is stored at once, or waits in `backlog`
 * while another program holds the database's lock. A hook is started at once, or waits in its lane
 * while WORKER_HOOKS_AT_ONCE run; likewise a program that main waits for, in a lane of its own. Each
 * job gets one reply; replies that main does not take yet wait in `replies`. Main bounds what is
 * under way, so these queues need no bound of their own.
 *
 * When the socket closes, main is gone or stops: what was sent is stored, hooks have DRAIN_NS to
 * end, then their groups are killed, and so ends the worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/loop.h"
#include "base/privilege.h"
#include "base/text.h"
#include "hook.h"
#include "store/history.h"
#include "worker_wire.h"

#define TEXTS_MAX 64		/* arguments and environment of a hook */
#define RETRY_NS 20000000ull	/* a locked database, a full socket */
#define REOPEN_NS 2000000000ull /* a database that cannot be opened */
#define DRAIN_NS 2000000000ull	/* after the socket closed */
#define DEADLINE_MAX_NS 86400000000000ull
#define SOCK_FD 3
#define WORKER_NICE -10 /* names follow a failover on a busy machine, too; hooks go back to normal */

struct child;

struct task {
	struct task *next;
	struct child *child;
	struct hook hook;
	char *output; /* owned; NULL: the reply is all */
	struct worker_reply reply;
	struct worker_message message;
};

struct queue {
	struct task *head;
	struct task **tail;
};

/** struct lane - programs of a kind: @limit run at once, the others wait */
struct lane {
	struct queue waiting;
	unsigned int n_running;
	unsigned int limit;
};

struct child {
	struct loop *loop;
	int sock;
	int timer;
	struct worker_setup setup;
	struct history *history;
	uint64_t reopen_ns; /* when to try again */
	char why[HISTORY_WHY_LEN];
	struct queue backlog;
	struct lane hooks;
	struct lane runs;
	struct queue running;
	struct queue replies;
	uint64_t drain_ns; /* 0: the socket is open */
};

static void queue_init(struct queue *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

static void queue_put(struct queue *q, struct task *t)
{
	t->next = NULL;
	*q->tail = t;
	q->tail = &t->next;
}

static void queue_remove(struct queue *q, struct task *t)
{
	struct task **at = &q->head;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	if (!*at)
		q->tail = at;
}

static struct task *queue_take(struct queue *q)
{
	struct task *t = q->head;

	if (t)
		queue_remove(q, t);
	return t;
}

/* --- replies ----------------------------------------------------------------------------------- */

static ssize_t send_reply(struct child *c, const struct task *t)
{
	struct worker_answer answer = {.reply = t->reply};
	size_t size = sizeof(t->reply);

	if (t->output) {
		text_copy(answer.output, sizeof(answer.output), t->output);
		size += strlen(answer.output) + 1;
	}
	return send(c->sock, &answer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void free_task(struct task *t)
{
	free(t->output);
	free(t);
}

static void flush_replies(struct child *c)
{
	while (c->replies.head) {
		if (send_reply(c, c->replies.head) < 0 &&
		    (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
			break;
		free_task(queue_take(&c->replies)); /* sent, or nobody is there to read it */
	}
	if (!c->drain_ns)
		loop_change(c->loop, c->sock, EPOLLIN | (c->replies.head ? EPOLLOUT : 0));
}

static void finish(struct task *t, int error, const char *text)
{
	t->reply.seq = t->message.seq;
	t->reply.error = error;
	text_copy(t->reply.text, sizeof(t->reply.text), text);
	queue_put(&t->child->replies, t);
}

/* News that belong to no job. */
static void tell(struct child *c, int error, const char *text)
{
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return;
	t->child = c;
	finish(t, error, text);
}

/* --- reports into the history ------------------------------------------------------------------ */

static int open_history(struct child *c)
{
	uint64_t now = clock_now_ns();
	int error;

	if (now < c->reopen_ns)
		return -EIO;
	error = history_open(c->setup.history, true, c->why, &c->history);
	if (error && error != -EBUSY)
		c->reopen_ns = now + REOPEN_NS;
	if (!error && c->why[0])
		tell(c, 0, c->why);
	return error;
}

/* Return: 0 or -errno with c->why; -EBUSY: another program holds the lock. */
static int store(struct child *c, const struct task *t)
{
	int error;

	if (!c->setup.history)
		return 0;
	error = c->history ? 0 : open_history(c);
	if (error)
		return error;
	error = history_append(c->history, c->setup.run, t->message.seq, t->message.body);
	text_copy(c->why, sizeof(c->why), history_why(c->history));
	if (!error && c->why[0])
		tell(c, 0, c->why);
	return error;
}

static void store_backlog(struct child *c)
{
	for (struct task *t = c->backlog.head; t; t = c->backlog.head) {
		int error = store(c, t);

		if (error == -EBUSY)
			return;
		queue_remove(&c->backlog, t);
		finish(t, error, error ? c->why : "");
	}
}

/* --- hooks ------------------------------------------------------------------------------------- */

/* The body's texts. Return: 0, or -EBADMSG unless there are exactly @n of them. */
static int split(const struct worker_message *m, uint32_t n, char *texts[TEXTS_MAX + 3])
{
	char *at = (char *)m->body, *end = at + m->length;

	for (uint32_t i = 0; i < n; i++) {
		char *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul)
			return -EBADMSG;
		texts[i] = at;
		at = nul + 1;
	}
	return at == end ? 0 : -EBADMSG;
}

static void on_hook_end(void *arg, uint32_t events);

static int start_hook(struct child *c, struct task *t)
{
	const struct worker_message *m = &t->message;
	char *texts[TEXTS_MAX + 3], *argv[TEXTS_MAX + 1], *env[TEXTS_MAX + 1];
	struct hook_order order = {.argv = argv, .env = env, .deadline_ns = m->deadline_ns};
	int error;

	if (m->argc < 1 || m->argc > TEXTS_MAX || m->envc > TEXTS_MAX || m->argc + m->envc > TEXTS_MAX + 2 ||
	    split(m, m->argc + m->envc + 1, texts))
		return -EBADMSG;
	memcpy(argv, texts, m->argc * sizeof(*argv));
	argv[m->argc] = NULL;
	memcpy(env, texts + m->argc, m->envc * sizeof(*env));
	env[m->envc] = NULL;
	order.input = texts[m->argc + m->envc];
	order.output = m->kind == WORKER_JOB_RUN;
	if (order.deadline_ns > DEADLINE_MAX_NS)
		order.deadline_ns = DEADLINE_MAX_NS;
	error = hook_start(&order, &t->hook);
	if (error)
		return error;
	error = loop_add(c->loop, t->hook.pidfd, EPOLLIN, on_hook_end, t);
	if (error) {
		char text[WORKER_TEXT_LEN];

		hook_kill(&t->hook);
		hook_finish(&t->hook, sizeof(text), text);
		t->output = t->hook.output;
	}
	return error;
}

static struct lane *lane_of(struct child *c, const struct task *t)
{
	return t->message.kind == WORKER_JOB_RUN ? &c->runs : &c->hooks;
}

static void start_waiting(struct child *c, struct lane *lane)
{
	while (lane->waiting.head && lane->n_running < lane->limit) {
		struct task *t = queue_take(&lane->waiting);
		int error = start_hook(c, t);

		if (error) {
			finish(t, error, strerror(-error));
			continue;
		}
		queue_put(&c->running, t);
		lane->n_running++;
	}
}

static void settle(struct child *c);

static void on_hook_end(void *arg, uint32_t events)
{
	struct task *t = arg;
	struct child *c = t->child;
	char text[WORKER_TEXT_LEN];
	int error;

	(void)events;
	loop_del(c->loop, t->hook.pidfd);
	error = hook_finish(&t->hook, sizeof(text), text);
	t->output = t->hook.output;
	queue_remove(&c->running, t);
	lane_of(c, t)->n_running--;
	finish(t, error, text);
	settle(c);
}

/* Deadlines are the wardens' affair; this is for one that cannot, and for the end of the worker. */
static void kill_overdue(struct child *c, uint64_t now)
{
	bool all = c->drain_ns && now >= c->drain_ns;

	for (struct task *t = c->running.head; t; t = t->next) {
		if (all || now >= t->hook.due_ns)
			hook_kill(&t->hook);
	}
}

/* --- the loop ---------------------------------------------------------------------------------- */

static bool is_done(const struct child *c, uint64_t now)
{
	if (!c->drain_ns)
		return false;
	return now >= c->drain_ns || (!c->backlog.head && !c->hooks.waiting.head && !c->runs.waiting.head &&
				      !c->running.head && !c->replies.head);
}

static uint64_t next_due(const struct child *c, uint64_t now)
{
	uint64_t due = c->drain_ns;

	if (c->backlog.head || (c->drain_ns && c->replies.head))
		due = now + RETRY_NS;
	for (const struct task *t = c->running.head; t; t = t->next) {
		if (!due || t->hook.due_ns < due)
			due = t->hook.due_ns;
	}
	return due;
}

/* After whatever happened: what can go on does, and the timer stands for the rest. */
static void settle(struct child *c)
{
	uint64_t now = clock_now_ns();

	start_waiting(c, &c->runs);
	start_waiting(c, &c->hooks);
	flush_replies(c);
	kill_overdue(c, now);
	if (is_done(c, now))
		loop_stop(c->loop);
	timer_set(c->timer, next_due(c, now));
}

static void on_timer(void *arg, uint32_t events)
{
	struct child *c = arg;

	(void)events;
	fd_drain(c->timer);
	store_backlog(c);
	settle(c);
}

static void take_message(struct child *c, const char *bytes, size_t n)
{
	const struct worker_message *m = (const struct worker_message *)bytes;
	struct task *t;

	if (n < sizeof(*m) || m->length != n - sizeof(*m) || !m->length || bytes[n - 1])
		return;
	t = calloc(1, sizeof(*t) + m->length);
	if (!t)
		return; /* not answered, so main sends it again to our successor */
	t->child = c;
	memcpy(&t->message, bytes, n);
	if (m->kind == WORKER_JOB_STORE) {
		queue_put(&c->backlog, t);
		store_backlog(c);
	} else {
		queue_put(&lane_of(c, t)->waiting, t);
	}
}

static void on_socket(void *arg, uint32_t events)
{
	_Alignas(struct worker_message) static char bytes[sizeof(struct worker_message) + WORKER_MESSAGE_MAX];
	struct child *c = arg;
	ssize_t n;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		n = recv(c->sock, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0) {
			take_message(c, bytes, (size_t)n);
		} else if (n == 0) {
			loop_del(c->loop, c->sock);
			c->drain_ns = clock_now_ns() + DRAIN_NS;
		} /* an error (ECONNRESET) is said once; what was sent before and the end come after it */
	}
	settle(c);
}

/* --- birth ------------------------------------------------------------------------------------- */

/* Nothing of main's may stay open: its peers must see it die, and bpf maps are none of our business. */
static void keep_descriptors(int sock)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	if (sock != SOCK_FD)
		dup3(sock, SOCK_FD, O_CLOEXEC);
	close_range(SOCK_FD + 1, ~0u, 0);
}

/* A signal for the whole group (Ctrl-C, a service manager's stop) ends main, and main's end ends us. */
static void set_signals(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Overwrite the arguments, where glibc still knows them, so that ps(1) tells the two processes apart. */
static void set_title(const char *title)
{
	char text[4096];
	CLEAN_CLOSE int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	size_t length = strlen(program_invocation_name);

	prctl(PR_SET_NAME, title);
	if (n <= (ssize_t)length || memcmp(text, program_invocation_name, length + 1))
		return;
	memset(program_invocation_name, 0, (size_t)n);
	memcpy(program_invocation_name, title, strlen(title) < (size_t)n ? strlen(title) : (size_t)n - 1);
}

static int start(struct child *c)
{
	int error;

	queue_init(&c->backlog);
	c->hooks.limit = WORKER_HOOKS_AT_ONCE;
	c->runs.limit = WORKER_RUNS_AT_ONCE;
	queue_init(&c->hooks.waiting);
	queue_init(&c->runs.waiting);
	queue_init(&c->running);
	queue_init(&c->replies);
	c->loop = loop_new();
	if (!c->loop)
		return -ENOMEM;
	c->timer = timer_open();
	if (c->timer < 0)
		return c->timer;
	error = loop_add(c->loop, c->timer, EPOLLIN, on_timer, c);
	return error ? error : loop_add(c->loop, c->sock, EPOLLIN, on_socket, c);
}

/* What is wrong with the database is said now, not at the first failover. */
static void open_early(struct child *c)
{
	int error = c->setup.history ? open_history(c) : 0;

	if (error && error != -EBUSY)
		tell(c, error, c->why);
}

_Noreturn void worker_child_run(int sock, const struct worker_setup *setup)
{
	static struct child c;

	set_signals();
	setsid();
	keep_descriptors(sock);
	set_title("defibd: worker");
	setpriority(PRIO_PROCESS, 0, WORKER_NICE);
	if (privilege_drop())
		_exit(2); /* never run hooks with main's capabilities */
	c.sock = SOCK_FD;
	c.setup = *setup;
	if (start(&c))
		_exit(1);
	open_early(&c);
	settle(&c);
	loop_run(c.loop);
	kill_overdue(&c, UINT64_MAX);
	history_close(c.history);
	_exit(0);
}
