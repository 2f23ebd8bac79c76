// SPDX-License-Identifier: GPL-2.0-only
/*
 * hog N [SECONDS]                 - keep N threads busy until the parent, or the asked-for time, ends
 * hog --fifo PRIORITY BUSY REST   - one real-time thread on each processor: busy, then at rest, for up
 *                                   to as long (40ms 20ms); nothing of a lower priority runs meanwhile
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/text.h"

struct burst {
	uint64_t busy_ns;
	uint64_t rest_ns;
	unsigned int seed;
};

static void *spin(void *arg)
{
	volatile unsigned long n = 0;

	(void)arg;
	for (;;)
		n++;
	return NULL;
}

/* Between half of it and all of it, so that the processors fall in and out of step. */
static uint64_t about(uint64_t ns, unsigned int *seed)
{
	return ns / 2 + (uint64_t)rand_r(seed) % (ns / 2 + 1);
}

static void *starve(void *arg)
{
	struct burst *b = arg;

	for (;;) {
		uint64_t rest = about(b->rest_ns, &b->seed);
		uint64_t end = clock_now_ns() + about(b->busy_ns, &b->seed);
		struct timespec t = {.tv_sec = (time_t)(rest / 1000000000u),
				     .tv_nsec = (long)(rest % 1000000000u)};

		while (clock_now_ns() < end)
			;
		nanosleep(&t, NULL);
	}
	return NULL;
}

static int start_starving(int cpu, int priority, const struct burst *how)
{
	struct sched_param param = {.sched_priority = priority};
	struct burst *b = malloc(sizeof(*b));
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t only;

	if (!b)
		return 1;
	*b = *how;
	b->seed = (unsigned int)cpu;
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(only), &only);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	return pthread_create(&thread, &attr, starve, b);
}

static int fifo(char **argv)
{
	int priority = atoi(argv[0]);
	struct burst how;
	cpu_set_t allowed;

	if (priority < 1 || duration_parse(argv[1], &how.busy_ns) || duration_parse(argv[2], &how.rest_ns) ||
	    sched_getaffinity(0, sizeof(allowed), &allowed))
		return 2;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &allowed) && start_starving(cpu, priority, &how)) {
			fprintf(stderr, "hog: no real-time priority here\n");
			return 1;
		}
	}
	pause();
	return 0;
}

static int hogs(int argc, char **argv)
{
	long n = strtol(argv[1], NULL, 10), seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	pthread_t thread;

	if (n < 1 || n > 1024 || seconds < 0)
		return 2;
	for (long i = 0; i < n; i++) {
		if (pthread_create(&thread, NULL, spin, NULL))
			return 1;
	}
	if (seconds)
		sleep((unsigned int)seconds);
	else
		pause();
	return 0;
}

int main(int argc, char **argv)
{
	pid_t parent = getppid();
	int status = 2;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before we asked */
		return 0;
	if (argc == 5 && !strcmp(argv[1], "--fifo"))
		status = fifo(argv + 2);
	else if (argc == 2 || argc == 3)
		status = hogs(argc, argv);
	if (status == 2)
		fprintf(stderr, "usage: hog THREADS [SECONDS] | hog --fifo PRIORITY BUSY REST\n");
	return status;
}
