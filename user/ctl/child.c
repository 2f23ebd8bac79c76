// SPDX-License-Identifier: GPL-2.0-only
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/clean.h>

#include "server.h"

struct child {
	struct loop *loop;
	child_done *done;
	void *arg;
	pid_t pid;
	int process; /* pidfd */
};

/* --- in the child ---------------------------------------------------------------------------- */

/* It has the daemon's sockets open, and must not seem to be the daemon after its end. */
static void live_with(pid_t daemon)
{
	prctl(PR_SET_NAME, "defibd: reply");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != daemon)
		_exit(CHILD_BROKEN);
}

/* Return: 0, or -errno: nobody reads there any more. */
static int send_all(int fd, const char *text, size_t n)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};

	while (n) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (sent < 0) {
			poll(&ready, 1, -1);
			continue;
		}
		text += sent;
		n -= (size_t)sent;
	}
	return 0;
}

static enum child_end work(int fd, size_t max, child_make *make, void *arg)
{
	json_t *doc = make(arg);
	char *line;
	size_t n;

	if (!doc)
		return CHILD_NOTHING;
	line = json_dumps(doc, CTL_JSON);
	n = line ? strlen(line) : 0;
	if (!n || n > max)
		return CHILD_BROKEN;
	line[n++] = '\n'; /* in the place of the NUL */
	return send_all(fd, line, n) ? CHILD_BROKEN : CHILD_SENT;
}

/* --- in the daemon --------------------------------------------------------------------------- */

/* Return: its exit status; killed: CHILD_BROKEN. */
static enum child_end bury(struct child *c)
{
	siginfo_t info = {};

	loop_del(c->loop, c->process);
	waitid(P_PIDFD, (id_t)c->process, &info, WEXITED);
	close(c->process);
	free(c);
	return info.si_code == CLD_EXITED ? (enum child_end)info.si_status : CHILD_BROKEN;
}

static void on_exit_of(void *arg, uint32_t events)
{
	struct child *c = arg;
	child_done *done = c->done;
	void *done_arg = c->arg;

	(void)events;
	done(done_arg, bury(c));
}

void child_kill(struct child *c)
{
	if (!c)
		return;
	pidfd_send_signal(c->process, SIGKILL, NULL, 0);
	bury(c);
}

static int watch(struct child *c)
{
	int err;

	c->process = pidfd_open(c->pid, 0);
	err = c->process < 0 ? -errno : loop_add(c->loop, c->process, EPOLLIN, on_exit_of, c);
	if (!err)
		return 0;
	clean_close(&c->process);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	return err;
}

int child_start(struct loop *loop, int fd, size_t max, child_make *make, child_done *done, void *arg,
		struct child **ret_child)
{
	CLEAN_FREE struct child *c = calloc(1, sizeof(*c));
	pid_t daemon = getpid();
	int err;

	if (!c)
		return -ENOMEM;
	*c = (struct child){.loop = loop, .done = done, .arg = arg, .pid = fork()};
	if (!c->pid) {
		live_with(daemon);
		_exit(work(fd, max, make, arg));
	}
	err = c->pid < 0 ? -errno : watch(c);
	if (!err)
		*ret_child = TAKE_PTR(c);
	return err;
}
