// SPDX-License-Identifier: GPL-2.0-only
/* A program of the operator's ends with status 0. At its deadline its whole group is killed, see hook.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/text.h"
#include "check.h"

#define KILL_MS 100
#define CANNOT_RUN "exit status 127" /* of who could not be started, as of a shell */

/* Only the last line of what it said is of interest. */
static int finish(struct check *c, char text[CHECK_WHAT_LEN])
{
	char *output = c->hook.output;
	int err = hook_finish(&c->hook, CHECK_WHAT_LEN, text);

	free(output);
	return err;
}

static void on_end(void *arg, uint32_t events)
{
	struct check *c = arg;
	char text[CHECK_WHAT_LEN];
	int err;

	(void)events;
	loop_del(check_loop(c), c->hook.pidfd);
	err = finish(c, text);
	if (!err)
		check_end(c, CHECK_GOOD, "exit status 0");
	else if (!strncmp(text, CANNOT_RUN, strlen(CANNOT_RUN)))
		check_end(c, CHECK_NONE, "%s", text);
	else
		check_end(c, CHECK_BAD, "%s", text);
}

/* Whoever is killed from here is also waited for here: the number of the group must not be another's. */
static void stop(struct check *c)
{
	char text[CHECK_WHAT_LEN];

	loop_del(check_loop(c), c->hook.pidfd);
	hook_kill(&c->hook);
	poll(&(struct pollfd){.fd = c->hook.pidfd, .events = POLLIN}, 1, KILL_MS);
	finish(c, text);
}

static void start(struct check *c)
{
	struct hook_order order = {
		.argv = c->argv,
		.env = c->text + c->order->argc,
		.input = "",
		.deadline_ns = c->order->timeout_ns,
		.output = true, /* and not the log's, which it would fill */
	};
	int err = hook_start(&order, &c->hook);

	if (!err) {
		err = loop_add(check_loop(c), c->hook.pidfd, EPOLLIN, on_end, c);
		if (err)
			stop(c);
	}
	if (err)
		check_end(c, CHECK_NONE, "cannot be started: %s", strerror(-err));
}

const struct check_method check_script = {
	.start = start,
	.stop = stop,
	.patience_ns = HOOK_TERM_NS + HOOK_STUCK_NS,
};
