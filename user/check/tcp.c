// SPDX-License-Identifier: GPL-2.0-only
/* A connection is accepted. It ends with a reset, which leaves nothing behind on either side. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clean.h"
#include "check.h"

static void stop(struct check *c)
{
	if (c->fd < 0)
		return;
	loop_del(check_loop(c), c->fd);
	close(TAKE_FD(c->fd));
}

static void on_ready(void *arg, uint32_t events)
{
	struct check *c = arg;
	socklen_t size = sizeof(int);
	int err = 0;

	(void)events;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size))
		err = errno;
	stop(c);
	if (err)
		check_fail(c, err);
	else
		check_end(c, CHECK_GOOD, "connected");
}

static void start(struct check *c)
{
	const struct linger reset = {.l_onoff = 1};
	struct sockaddr_storage to;
	socklen_t size = check_address(c, &to);
	int err = 0;

	c->phase = "no connection";
	c->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		check_fail(c, errno);
		return;
	}
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(c->fd, (struct sockaddr *)&to, size) && errno != EINPROGRESS)
		err = errno;
	if (!err)
		err = -loop_add(check_loop(c), c->fd, EPOLLOUT, on_ready, c);
	if (err) {
		close(TAKE_FD(c->fd));
		check_fail(c, err);
	}
}

const struct check_method check_tcp = {.start = start, .stop = stop};
