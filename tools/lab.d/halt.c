// SPDX-License-Identifier: GPL-2.0-only
/*
 * halt PID STOP RUN - stop a process and let it run again, over and over, until SIGTERM
 *
 * Each stop lasts STOP, as long as it is given as one duration, or anything between the two of
 * "10ms-2s"; so does each time between two stops with RUN. However we end, it runs again.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/text.h"

struct span {
	uint64_t least_ns;
	uint64_t most_ns;
};

static int parse_span(const char *text, struct span *ret_span)
{
	const char *dash = strchr(text, '-');
	char least[32];
	int error;

	text_copy(least, sizeof(least), text);
	if (dash && (size_t)(dash - text) < sizeof(least))
		least[dash - text] = '\0';
	error = duration_parse(least, &ret_span->least_ns);
	if (!error)
		error = duration_parse(dash ? dash + 1 : text, &ret_span->most_ns);
	return error || ret_span->most_ns < ret_span->least_ns ? -EINVAL : 0;
}

/* Return: true when we are to end. */
static bool pass(int signals, const struct span *span)
{
	uint64_t range = span->most_ns - span->least_ns;
	uint64_t ns = span->least_ns + (range ? (uint64_t)random() * 1000 % range : 0);
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
	struct pollfd fd = {.fd = signals, .events = POLLIN};

	return ppoll(&fd, 1, &t, NULL) != 0;
}

int main(int argc, char **argv)
{
	pid_t pid = argc == 4 ? (pid_t)atoi(argv[1]) : 0;
	struct span stop, run;
	bool over = false;
	sigset_t set;
	int signals;

	if (pid < 2 || parse_span(argv[2], &stop) || parse_span(argv[3], &run)) {
		fprintf(stderr, "usage: halt PID STOP RUN, as in: halt 4711 50ms 100ms-300ms\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signals = signals_open(&set);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	srandom((unsigned int)clock_now_ns());
	while (!over && signals >= 0 && !kill(pid, SIGSTOP)) {
		over = pass(signals, &stop);
		kill(pid, SIGCONT);
		over = over || pass(signals, &run);
	}
	return over ? 0 : 1;
}
