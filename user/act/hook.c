// SPDX-License-Identifier: GPL-2.0-only
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clean.h"
#include "base/loop.h"
#include "base/text.h"

#define LINE_LEN 128
#define WARDEN_FD 3 /* its end of the socket */

/* What the warden has to say, once, at the end. */
struct hook_end {
	int timed_out;
	int code; /* CLD_EXITED and so on */
	int status;
	char line[LINE_LEN];
	char output[HOOK_OUTPUT_LEN];
};

struct warden {
	int pidfd;
	int err;
	bool timed_out;
	uint64_t due_ns;
	size_t used;
	char now[LINE_LEN];  /* the line being written */
	char last[LINE_LEN]; /* the last one with anything in it */
	size_t said;
	char output[HOOK_OUTPUT_LEN];
};

/* --- the hook itself, up to exec --------------------------------------------------------------- */

static void default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_environment(char *const *env)
{
	static const char *const private[] = {"NOTIFY_SOCKET", "WATCHDOG_PID",	 "WATCHDOG_USEC",
					      "LISTEN_FDS",    "LISTEN_FDNAMES", "LISTEN_PID"};

	for (size_t i = 0; i < ARRAY_SIZE(private); i++)
		unsetenv(private[i]);
	for (; *env; env++)
		putenv(*env);
}

static _Noreturn void become(const struct hook_order *order, int err)
{
	if (!order->output)
		setpriority(PRIO_PROCESS, 0, 0);
	default_signals();
	set_environment(order->env);
	if (dup2(err, STDERR_FILENO) < 0 || (order->output && dup2(err, STDOUT_FILENO) < 0))
		_exit(127);
	execvp(order->argv[0], order->argv);
	dprintf(STDERR_FILENO, "cannot run it: %s\n", strerror(errno));
	_exit(127);
}

/* --- the warden -------------------------------------------------------------------------------- */

static void end_line(struct warden *w)
{
	w->now[w->used] = '\0';
	if (w->used)
		memcpy(w->last, w->now, w->used + 1);
	w->used = 0;
}

static bool is_printable(unsigned char c)
{
	return c >= ' ' && c != 0x7f;
}

static void take_text(struct warden *w, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (w->said < sizeof(w->output) - 1)
			w->output[w->said++] = is_printable(c) || c == '\n' || c == '\t' ? (char)c : ' ';
		if (c == '\n')
			end_line(w);
		else if (w->used < sizeof(w->now) - 1)
			w->now[w->used++] = is_printable(c) ? (char)c : ' ';
	}
}

static void read_stderr(struct warden *w)
{
	char text[1024];
	ssize_t n = read(w->err, text, sizeof(text));

	if (n > 0)
		take_text(w, text, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		w->err = -1; /* poll() skips it; the kernel closes it with us */
}

/* A bounded rest: whatever still runs in the group could go on writing for ever. */
static void read_rest(struct warden *w)
{
	struct pollfd ready = {.fd = w->err, .events = POLLIN};

	for (int i = 0; i < 64 && w->err >= 0 && poll(&ready, 1, 0) > 0; i++)
		read_stderr(w);
	end_line(w);
}

static void on_deadline(struct warden *w)
{
	if (clock_now_ns() < w->due_ns)
		return;
	if (w->timed_out) {
		pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
		w->due_ns += HOOK_STUCK_NS;
		return;
	}
	w->timed_out = true;
	w->due_ns = clock_now_ns() + HOOK_TERM_NS;
	kill(0, SIGTERM);
}

static int until(uint64_t due_ns)
{
	uint64_t now = clock_now_ns();
	uint64_t ms = due_ns > now ? (due_ns - now + 999999) / 1000000 : 0;

	return ms > 3600000 ? 3600000 : (int)ms;
}

/* Return: true when the hook ended, false when the worker did. */
static bool watch(struct warden *w)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = WARDEN_FD, .events = POLLIN},
			{.fd = w->err, .events = POLLIN},
			{.fd = w->pidfd, .events = POLLIN},
		};

		if (poll(fds, ARRAY_SIZE(fds), until(w->due_ns)) < 0 && errno != EINTR)
			return false;
		if (fds[0].revents)
			return false;
		if (fds[1].revents)
			read_stderr(w);
		if (fds[2].revents)
			return true;
		on_deadline(w);
	}
}

static void tell(struct warden *w)
{
	struct hook_end end = {.timed_out = w->timed_out};
	siginfo_t info = {0};

	read_rest(w);
	waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG);
	end.code = info.si_code;
	end.status = info.si_status;
	memcpy(end.line, w->last, sizeof(end.line));
	memcpy(end.output, w->output, sizeof(end.output));
	send(WARDEN_FD, &end, sizeof(end), MSG_NOSIGNAL);
}

/* Of all descriptors it keeps its socket, the input and the log. Others would hide that the worker died. */
static int keep_descriptors(int input, int sock)
{
	if (dup2(input, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return -errno;
	if (sock != WARDEN_FD && dup3(sock, WARDEN_FD, O_CLOEXEC) < 0)
		return -errno;
	return close_range(WARDEN_FD + 1, ~0u, 0) ? -errno : 0;
}

static int start_inner(const struct hook_order *order, struct warden *w)
{
	int err[2];
	pid_t pid;

	if (pipe2(err, O_CLOEXEC))
		return -errno;
	fcntl(err[0], F_SETFL, O_NONBLOCK); /* of our end only: the hook's may block */
	pid = fork();
	if (!pid)
		become(order, err[1]);
	close(err[1]);
	w->err = err[0];
	w->pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
	return w->pidfd < 0 ? -errno : 0;
}

/* It always ends by killing its group, and itself with it. */
static _Noreturn void run_warden(const struct hook_order *order, int input, int sock)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};
	struct warden w = {.due_ns = clock_now_ns() + order->deadline_ns};

	if (setpgid(0, 0))
		_exit(1); /* the group is not ours to kill */
	prctl(PR_SET_NAME, "defibd: hook");
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	if (!keep_descriptors(input, sock) && !start_inner(order, &w) && watch(&w))
		tell(&w);
	kill(0, SIGKILL);
	_exit(1);
}

/* --- the worker's side ------------------------------------------------------------------------- */

/* No pipe: a hook that does not read must not make anybody wait, however long the text. */
static int make_input(const char *text)
{
	CLEAN_CLOSE int fd = memfd_create("defib-event", MFD_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int adopt(pid_t pid, int sock, const struct hook_order *order, struct hook *ret_hook)
{
	int pidfd;

	setpgid(pid, pid); /* whoever of the two comes first */
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		int error = -errno;

		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return error;
	}
	*ret_hook = (struct hook){
		.pidfd = pidfd,
		.sock = sock,
		.pid = pid,
		.due_ns = clock_now_ns() + order->deadline_ns + HOOK_TERM_NS + HOOK_STUCK_NS,
		.output = order->output ? calloc(1, HOOK_OUTPUT_LEN) : NULL,
	};
	return 0;
}

int hook_start(const struct hook_order *order, struct hook *ret_hook)
{
	CLEAN_CLOSE int input = make_input(order->input);
	CLEAN_CLOSE int ours = -1;
	CLEAN_CLOSE int theirs = -1;
	int pair[2], error;
	pid_t pid;

	if (input < 0)
		return input;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		run_warden(order, input, theirs);
	error = adopt(pid, ours, order, ret_hook);
	if (!error)
		TAKE_FD(ours);
	return error;
}

void hook_kill(const struct hook *hook)
{
	kill(-hook->pid, SIGKILL);
}

static int describe(const struct hook_end *end, size_t size, char *text)
{
	const char *separator = *end->line ? ": " : "";

	text[0] = '\0';
	if (end->timed_out)
		snprintf(text, size, "killed at its deadline%s%s", separator, end->line);
	else if (end->code != CLD_EXITED)
		snprintf(text, size, "died of signal %d (%s)%s%s", end->status, strsignal(end->status),
			 separator, end->line);
	else if (end->status)
		snprintf(text, size, "exit status %d%s%s", end->status, separator, end->line);
	return end->timed_out ? -ETIMEDOUT : *text ? -ECANCELED : 0;
}

int hook_finish(struct hook *hook, size_t size, char *ret_text)
{
	struct hook_end end;
	int result;

	hook_kill(hook); /* the leader is not yet reaped: the number is still its group's */
	waitid(P_PIDFD, (id_t)hook->pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
	if (recv(hook->sock, &end, sizeof(end), MSG_DONTWAIT) == (ssize_t)sizeof(end)) {
		end.line[LINE_LEN - 1] = '\0';
		if (hook->output)
			memcpy(hook->output, end.output, sizeof(end.output) - 1);
		result = describe(&end, size, ret_text);
	} else if (clock_now_ns() >= hook->due_ns) {
		text_copy(ret_text, size, "killed after its deadline");
		result = -ETIMEDOUT;
	} else {
		text_copy(ret_text, size, "killed from outside");
		result = -ECANCELED;
	}
	close(hook->sock);
	close(hook->pidfd);
	return result;
}
