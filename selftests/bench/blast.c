// SPDX-License-Identifier: GPL-2.0-only
/*
 * blast ADDRESS PORT COUNT - send UDP datagrams as fast as one CPU can; prints nanoseconds per packet
 * blast sink PORT          - a socket that takes nothing out; until SIGTERM
 * On veth the whole way to the other end is walked within the send call, so this is the path's cost.
 */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <signal.h>

#define BATCH 64

static int sink(const char *port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), small = 0;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)))
		return 1;
	pause();
	return 0;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct mmsghdr batch[BATCH] = {};
	char payload[32] = {};
	struct iovec iov = {payload, sizeof(payload)};
	cpu_set_t one;
	long count;
	double start;
	int fd;

	if (argc == 3 && !strcmp(argv[1], "sink"))
		return sink(argv[2]);
	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	count = atol(argv[3]);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return 1;
	for (int i = 0; i < BATCH; i++)
		batch[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	start = cpu_ns();
	for (long sent = 0; sent < count; sent += BATCH) {
		if (sendmmsg(fd, batch, BATCH, 0) < 0)
			sched_yield();
	}
	printf("%.0f\n", (cpu_ns() - start) / (double)count);
	return 0;
}
