/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two sides of the traffic meter (pace.c) say to each other, and what they share. */
#ifndef LAB_PACE_H
#define LAB_PACE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/text.h"

#define PACE_MAGIC 0x70616365u /* "pace" */
#define PACE_NAME_LEN 32

/**
 * struct pace_packet - request and reply, host byte order: both ends are on one machine
 * @stream: random, so that replies to an earlier run on the same port are not counted
 * @sent_ns: CLOCK_MONOTONIC
 * @name: who answered; empty in a request
 */
struct pace_packet {
	uint32_t magic;
	uint32_t stream;
	uint64_t seq;
	uint64_t sent_ns;
	char name[PACE_NAME_LEN];
};

/* The lowest real-time priority: ahead of CPU hogs, behind the prober that is measured. */
static inline void pace_prefer(void)
{
	struct sched_param param = {.sched_priority = 1};

	sched_setscheduler(0, SCHED_FIFO, &param); /* not permitted: then without */
	mlockall(MCL_CURRENT);
}

/** pace_address() - a socket address of either family. Return: 0 or -EINVAL. */
static inline int pace_address(const char *text, uint16_t port, struct sockaddr_storage *ret_sa,
			       socklen_t *ret_len)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_sa;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret_sa;
	uint8_t address[16];

	if (address_parse(text, address))
		return -EINVAL;
	memset(ret_sa, 0, sizeof(*ret_sa));
	if (address_is_ipv4(address)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, address + 12, 4);
		*ret_len = sizeof(*v4);
		return 0;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, address, 16);
	*ret_len = sizeof(*v6);
	return 0;
}

/** pace_serve() - `pace serve` and `pace echo`; returns an exit status. */
int pace_serve(int argc, char **argv);

#endif
