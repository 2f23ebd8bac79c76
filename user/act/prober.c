// SPDX-License-Identifier: GPL-2.0-only
#include "prober.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/lock.h"
#include "base/program.h"
#include "base/text.h"

#define PROBER_PAUSE_NS 200000000ull /* between starts of one that dies at once */
#define PROBER_PATIENCE_MS 500 /* twice at most */

struct prober {
	struct loop *loop;
	char lock[128];
	char instance[64];
	prober_fn *fn;
	void *arg;
	pid_t pid;
	int process; /* pidfd */
	int timer;
	uint64_t started_ns;
};

int prober_end(const char *lock)
{
	pid_t pid = lock_holder(lock);
	CLEAN_CLOSE int process = pid > 0 ? pidfd_open(pid, 0) : -1;
	struct pollfd wait = {.fd = process, .events = POLLIN};

	if (process < 0 || lock_holder(lock) != pid)
		return 0;
	pidfd_send_signal(process, SIGTERM, NULL, 0);
	if (poll(&wait, 1, PROBER_PATIENCE_MS) > 0)
		return 0;
	pidfd_send_signal(process, SIGKILL, NULL, 0);
	return poll(&wait, 1, PROBER_PATIENCE_MS) > 0 ? 0 : -EBUSY;
}

/* A file that was replaced has another inode, and the old one is not used again while it runs. */
static bool is_of_another_build(pid_t pid, const char *path)
{
	struct stat theirs, ours;
	char exe[64];

	snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	return !stat(exe, &theirs) && !stat(path, &ours) &&
	       (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino);
}

/* In the grandchild: nothing of ours but standard error, no signal blocked, an own session. */
static void become_prober(const char *path, const char *instance)
{
	char *const argv[] = {(char *)"defib-probe", (char *)"--instance", (char *)instance, NULL};
	sigset_t none;
	int null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close_range(STDERR_FILENO + 1, ~0u, 0);
	execv(path, argv);
	_exit(127);
}

/* Two forks: the prober belongs to init, not to us. Its pid comes back through a pipe. */
static pid_t spawn(const char *path, const char *instance)
{
	pid_t child, pid = 0;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	child = fork();
	if (!child) {
		setsid();
		pid = fork();
		if (!pid)
			become_prober(path, instance);
		_exit(write(fds[1], &pid, sizeof(pid)) != sizeof(pid));
	}
	close(fds[1]);
	if (child < 0 || read(fds[0], &pid, sizeof(pid)) != sizeof(pid))
		pid = -EAGAIN;
	close(fds[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return pid ? pid : -EAGAIN;
}

static void on_exit_of(void *arg, uint32_t events);

static int watch(struct prober *p, pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	if (fd < 0)
		return -errno;
	p->process = fd;
	p->pid = pid;
	return loop_add(p->loop, fd, EPOLLIN, on_exit_of, p);
}

static int start(struct prober *p)
{
	char path[PROGRAM_PATH];
	pid_t pid = lock_holder(p->lock);
	int err = program_find("defib-probe", path);

	if (!err && pid > 0 && is_of_another_build(pid, path) && !prober_end(p->lock))
		pid = 0;
	if (pid <= 0) {
		pid = err ? err : spawn(path, p->instance);
		p->started_ns = clock_now_ns();
	}
	if (pid < 0)
		return pid;
	err = watch(p, pid);
	if (!err)
		p->fn(p->arg, true, pid);
	return err;
}

static void on_timer(void *arg, uint32_t events)
{
	struct prober *p = arg;

	(void)events;
	fd_drain(p->timer);
	if (p->process < 0 && start(p))
		timer_set(p->timer, clock_now_ns() + PROBER_PAUSE_NS);
}

static void on_exit_of(void *arg, uint32_t events)
{
	struct prober *p = arg;

	(void)events;
	loop_del(p->loop, p->process);
	close(TAKE_FD(p->process));
	p->fn(p->arg, false, p->pid);
	if (clock_now_ns() - p->started_ns < PROBER_PAUSE_NS || start(p))
		timer_set(p->timer, clock_now_ns() + PROBER_PAUSE_NS);
}

int prober_open(struct loop *loop, const char *lock, const char *instance, prober_fn *fn, void *arg,
		struct prober **ret_prober)
{
	struct prober *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	*p = (struct prober){.loop = loop, .fn = fn, .arg = arg, .process = -1};
	text_copy(p->lock, sizeof(p->lock), lock);
	text_copy(p->instance, sizeof(p->instance), instance);
	p->timer = timer_open();
	err = p->timer < 0 ? p->timer : loop_add(loop, p->timer, EPOLLIN, on_timer, p);
	if (!err)
		err = start(p);
	if (err)
		prober_close(p);
	else
		*ret_prober = p;
	return err;
}

void prober_close(struct prober *p)
{
	if (!p)
		return;
	if (p->process >= 0)
		loop_del(p->loop, p->process);
	if (p->timer >= 0)
		loop_del(p->loop, p->timer);
	clean_close(&p->process);
	clean_close(&p->timer);
	free(p);
}
