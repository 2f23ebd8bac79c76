// SPDX-License-Identifier: GPL-2.0-only
/*
 * warp - step CLOCK_REALTIME back and forth, until SIGTERM
 *
 * The clock is the whole machine's. So half of the steps are of a second and are taken back at once,
 * within microseconds: timers and waits that follow this clock see them. The others are of 20 ms, more
 * than any timeout in the lab, and last a while. What CLOCK_REALTIME is ahead of CLOCK_MONOTONIC is
 * noted at the beginning and is the same at the end, also when we are killed: a child sees to that.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/loop.h"

#define S 1000000000ll
#define FAR_NS S
#define NEAR_NS 20000000ll
#define STAY_MS 200	/* of a near step, at the most; also between two steps */
#define EXACT_NS 1000ll /* two clocks cannot be read at once */
#define LOCK "/run/defib-lab-warp" /* one at a time: else one's step is another's beginning */

/* The best of some: between the two readings others may run. */
static int64_t ahead_ns(void)
{
	int64_t best = 0, width = INT64_MAX;

	for (int i = 0; i < 16; i++) {
		struct timespec real;
		int64_t before = (int64_t)clock_now_ns(), after;

		clock_gettime(CLOCK_REALTIME, &real);
		after = (int64_t)clock_now_ns();
		if (after - before >= width)
			continue;
		width = after - before;
		best = real.tv_sec * S + real.tv_nsec - before - width / 2;
	}
	return best;
}

static int step(int64_t ns)
{
	struct timex t = {.modes = ADJ_SETOFFSET | ADJ_NANO};

	t.time.tv_sec = ns / S;
	t.time.tv_usec = ns % S; /* nanoseconds, with ADJ_NANO */
	if (t.time.tv_usec < 0) {
		t.time.tv_sec--;
		t.time.tv_usec += S;
	}
	return adjtimex(&t) < 0 ? -errno : 0;
}

static int restore(int64_t ahead)
{
	int64_t off = ahead_ns() - ahead;

	return llabs(off) > EXACT_NS ? step(-off) : 0;
}

/* Who ends a group, or all that has a test's mark in its environment, shall not find the guard. */
static void hide(void)
{
	setsid();
	for (char **variable = environ; *variable; variable++)
		memset(*variable, 0, strlen(*variable));
}

/* Ends when the pipe does, which is when all who could step the clock are gone. */
static int guard(int alive, int64_t ahead)
{
	sigset_t all;
	char byte;

	hide();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	while (read(alive, &byte, 1) < 0 && errno == EINTR)
		;
	return restore(ahead) ? 1 : 0;
}

static int warp(int signals, int64_t ahead)
{
	struct pollfd fd = {.fd = signals, .events = POLLIN};
	int error = 0;

	while (!error) {
		int64_t sign = random() % 2 ? 1 : -1;

		if (poll(&fd, 1, (int)(random() % STAY_MS)))
			break;
		if (random() % 2) {
			error = step(sign * FAR_NS);
			error = error ? error : step(-sign * FAR_NS);
			continue;
		}
		error = step(sign * NEAR_NS);
		poll(&fd, 1, (int)(random() % STAY_MS));
		error = error ? error : step(-sign * NEAR_NS);
	}
	restore(ahead);
	return error;
}

static int take_lock(void)
{
	CLEAN_CLOSE int fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 || flock(fd, LOCK_EX) ? -errno : TAKE_FD(fd);
}

int main(void)
{
	struct sched_param param = {.sched_priority = 1};
	int pipes[2], signals, lock, error;
	sigset_t set;
	int64_t ahead;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	lock = take_lock(); /* the guard has it, too, until it is done */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signals = signals_open(&set);
	if (lock < 0 || signals < 0 || pipe2(pipes, O_CLOEXEC))
		return 1;
	sched_setscheduler(0, SCHED_FIFO, &param);
	ahead = ahead_ns();
	switch (fork()) {
	case -1: return 1;
	case 0: close(pipes[1]); return guard(pipes[0], ahead);
	default: close(pipes[0]);
	}
	srandom((unsigned int)clock_now_ns());
	error = warp(signals, ahead);
	if (error)
		fprintf(stderr, "warp: the clock cannot be stepped: %s\n", strerror(-error));
	return error ? 1 : 0;
}
