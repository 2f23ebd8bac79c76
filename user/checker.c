// SPDX-License-Identifier: GPL-2.0-only
/* defib-check: composition root of the process that checks services; see check/check.h. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/privilege.h"
#include "check/check.h"

/* A signal for the whole group (Ctrl-C) ends the daemon, and its end ends us. */
static void ignore_signals(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

/* A socket for each check that is under way. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool is_started_by_defibd(void)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return !getsockopt(CHECK_SOCK_FD, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_SEQPACKET;
}

static int serve(struct loop *loop)
{
	struct post *post = NULL;
	struct run *run;
	int err = post_open(loop, CHECK_SOCK_FD, &post);

	run = err ? NULL : run_new(loop, post);
	if (run) {
		post_attach(post, run);
		err = loop_run(loop);
		run_free(run);
	}
	post_close(post);
	return run && !err ? 0 : 1;
}

int main(void)
{
	struct loop *loop;
	int status = 1;

	if (!is_started_by_defibd()) {
		fprintf(stderr, "usage: none: defibd starts defib-check; there is no need to.\n");
		return 2;
	}
	ignore_signals();
	raise_limit();
	if (privilege_drop()) {
		log_error("checks: cannot drop capabilities");
		return 1;
	}
	loop = loop_new();
	if (loop)
		status = serve(loop);
	loop_free(loop);
	return status;
}
