// SPDX-License-Identifier: GPL-2.0-only
/* hog N - keep N threads busy until the parent, or the asked-for time, ends */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *spin(void *arg)
{
	volatile unsigned long n = 0;

	(void)arg;
	for (;;)
		n++;
	return NULL;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	long seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	pid_t parent = getppid();
	pthread_t thread;

	if (n < 1 || n > 1024 || seconds < 0) {
		fprintf(stderr, "usage: hog THREADS [SECONDS]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before we asked */
		return 0;
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
