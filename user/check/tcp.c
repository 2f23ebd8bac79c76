// SPDX-License-Identifier: GPL-2.0-only
/* A connection is accepted. It ends with a reset, which leaves nothing behind on either side. */
#include <sys/epoll.h>
#include <sys/socket.h>

#include "check.h"

static void on_ready(void *arg, uint32_t events)
{
	struct check *c = arg;
	int err = check_connected(c);

	(void)events;
	check_close(c);
	if (err)
		check_fail(c, -err);
	else
		check_end(c, CHECK_GOOD, "connected");
}

static void start(struct check *c)
{
	int err;

	c->phase = "no connection";
	err = check_connect(c, SOCK_STREAM, EPOLLOUT, on_ready);
	if (err)
		check_fail(c, -err);
}

const struct check_method check_tcp = {.start = start, .stop = check_close};
