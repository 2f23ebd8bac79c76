// SPDX-License-Identifier: GPL-2.0-only
#include "check_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/program.h"

#define SILENT_NS (5 * CHECK_PULSE_NS) /* after which it is taken for hung */
#define PAUSE_MIN_NS 100000000ull
#define PAUSE_MAX_NS 5000000000ull
#define LIVED_NS 10000000000ull /* after such a life the next death is a new story */
#define LOOK_NS 1000000000ull

struct check_process {
	struct loop *loop;
	const struct check_process_ops *ops;
	void *arg;
	pid_t pid;
	int pidfd;
	int sock;
	int timer;
	uint64_t born_ns;
	uint64_t heard_ns;
	uint64_t pause_ns; /* before the next start, if this one dies soon */
	uint32_t starts;
};

/* --- birth ------------------------------------------------------------------------------------- */

/* Nothing of ours but standard error and the socket; signals as if it came from a shell; an own session. */
static int spawn(pid_t *ret_pid, const char *path, int sock)
{
	char *const argv[] = {(char *)"defib-check", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes,
				 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, sock, CHECK_SOCK_FD);
	posix_spawn_file_actions_addclosefrom_np(&files, CHECK_SOCK_FD + 1);
	err = posix_spawn(ret_pid, path, &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return -err;
}

static void on_socket(void *arg, uint32_t events);
static void on_exit_of(void *arg, uint32_t events);

static int watch(struct check_process *p)
{
	int err;

	p->pidfd = pidfd_open(p->pid, 0);
	err = p->pidfd < 0 ? -errno : loop_add(p->loop, p->pidfd, EPOLLIN, on_exit_of, p);
	if (!err)
		err = loop_add(p->loop, p->sock, EPOLLIN, on_socket, p);
	return err;
}

/* However far it came: there is no process, and nothing of it. Return: how it ended, as of waitpid(2). */
static int forget(struct check_process *p)
{
	int status = 0;

	if (p->pid)
		kill(p->pid, SIGKILL);
	if (p->sock >= 0)
		loop_del(p->loop, p->sock);
	if (p->pidfd >= 0)
		loop_del(p->loop, p->pidfd);
	clean_close(&p->sock);
	clean_close(&p->pidfd);
	if (p->pid)
		waitpid(p->pid, &status, 0);
	p->sock = p->pidfd = -1;
	p->pid = 0;
	return status;
}

static int start(struct check_process *p)
{
	CLEAN_CLOSE int theirs = -1;
	char path[PROGRAM_PATH];
	int pair[2], err = program_find("defib-check", path);

	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	p->sock = pair[0];
	theirs = pair[1];
	err = spawn(&p->pid, path, theirs);
	if (err)
		p->pid = 0;
	else
		err = watch(p);
	if (err) {
		forget(p);
		return err;
	}
	p->born_ns = p->heard_ns = clock_now_ns();
	p->starts++;
	return 0;
}

static void start_later(struct check_process *p)
{
	timer_set(p->timer, clock_now_ns() + p->pause_ns);
	p->pause_ns = 2 * p->pause_ns < PAUSE_MAX_NS ? 2 * p->pause_ns : PAUSE_MAX_NS;
}

static void start_now(struct check_process *p)
{
	int err = start(p);

	if (err) {
		log_warning("checks: defib-check cannot be started: %s", strerror(-err));
		start_later(p);
		return;
	}
	timer_set(p->timer, clock_now_ns() + LOOK_NS);
	p->ops->started(p->arg, p->pid);
	p->ops->ready(p->arg);
}

/* --- life -------------------------------------------------------------------------------------- */

/* Return: true while there may be more. */
static bool read_results(struct check_process *p)
{
	struct check_result results[CHECK_BATCH];
	ssize_t n = recv(p->sock, results, sizeof(results), MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR;
	if (n % (ssize_t)sizeof(*results))
		return true; /* not of our build: it will be taken for silent */
	if (!n && !p->pid)
		return false;
	p->heard_ns = clock_now_ns();
	for (size_t i = 0; i < (size_t)n / sizeof(*results); i++) {
		results[i].what[CHECK_WHAT_LEN - 1] = '\0';
		p->ops->result(p->arg, &results[i]);
	}
	return n > 0;
}

static void on_socket(void *arg, uint32_t events)
{
	struct check_process *p = arg;

	while (read_results(p))
		;
	if (events & (EPOLLHUP | EPOLLERR))
		loop_del(p->loop, p->sock); /* its end is told by the other descriptor */
	else if (events & EPOLLOUT && !loop_change(p->loop, p->sock, EPOLLIN))
		p->ops->ready(p->arg);
}

static void describe(int status, char *why, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(why, size, "it was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(why, size, "it ended with exit status %d", WEXITSTATUS(status));
}

/* @why: empty: as its exit status says */
static void die(struct check_process *p, const char *why)
{
	char text[96];
	int status = forget(p);

	describe(status, text, sizeof(text));
	if (clock_now_ns() - p->born_ns > LIVED_NS)
		p->pause_ns = PAUSE_MIN_NS;
	p->ops->ended(p->arg, why[0] ? why : text);
	start_later(p);
}

static void on_exit_of(void *arg, uint32_t events)
{
	(void)events;
	die(arg, "");
}

/* Its messages may have waited longer than we have. */
static void look(struct check_process *p)
{
	while (read_results(p))
		;
	if (clock_now_ns() - p->heard_ns > SILENT_NS)
		die(p, "it hung, and said nothing for 5 s");
	else
		timer_set(p->timer, clock_now_ns() + LOOK_NS);
}

static void on_timer(void *arg, uint32_t events)
{
	struct check_process *p = arg;

	(void)events;
	fd_drain(p->timer);
	if (p->pid)
		look(p);
	else
		start_now(p);
}

int check_process_send(struct check_process *p, const void *order, size_t size)
{
	if (p->sock < 0)
		return -ENOTCONN;
	if (send(p->sock, order, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
		return -ENOTCONN;
	loop_change(p->loop, p->sock, EPOLLIN | EPOLLOUT);
	return -EAGAIN;
}

void check_process_start(struct check_process *p)
{
	if (!p->pid)
		timer_set(p->timer, 1);
}

void check_process_stop(struct check_process *p)
{
	timer_set(p->timer, 0);
	forget(p);
}

int check_process_pid(const struct check_process *p)
{
	return p->pid;
}

uint32_t check_process_starts(const struct check_process *p)
{
	return p->starts;
}

struct check_process *check_process_new(struct loop *loop, const struct check_process_ops *ops, void *arg)
{
	struct check_process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct check_process){
		.loop = loop, .ops = ops, .arg = arg, .pidfd = -1, .sock = -1, .pause_ns = PAUSE_MIN_NS};
	p->timer = timer_open();
	if (p->timer < 0 || loop_add(loop, p->timer, EPOLLIN, on_timer, p)) {
		check_process_free(p);
		return NULL;
	}
	return p;
}

void check_process_free(struct check_process *p)
{
	if (!p)
		return;
	forget(p);
	if (p->timer >= 0)
		loop_del(p->loop, p->timer);
	clean_close(&p->timer);
	free(p);
}
