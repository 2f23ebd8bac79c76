// SPDX-License-Identifier: GPL-2.0-only
#include "pulse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/loop.h"

#define PULSE_WAIT_MS 100

/**
 * struct pulse_cpu - one thread
 * @wake: eventfd; its count is how many pulses were asked for since the last
 * @echo: a UDP socket connected to itself over loopback
 */
struct pulse_cpu {
	pthread_t thread;
	uint32_t cpu;
	int wake;
	int echo;
	const bool *stop;
	struct dfb_pulse *value;
};

struct pulse {
	bool stop;
	uint32_t n;
	struct pulse_cpu *cpus;
};

static int open_echo(void)
{
	struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CLEAN_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t length = sizeof(self);

	if (fd < 0 || bind(fd, (struct sockaddr *)&self, length) ||
	    getsockname(fd, (struct sockaddr *)&self, &length) ||
	    connect(fd, (struct sockaddr *)&self, length))
		return -errno;
	return TAKE_FD(fd);
}

/* The packet comes back when all that waited on this CPU before it has been handled. */
static bool beats(struct pulse_cpu *c)
{
	struct pollfd wait = {.fd = c->echo, .events = POLLIN};
	char byte = 0;

	while (recv(c->echo, &byte, 1, 0) > 0) /* one that came too late for its time */
		;
	if (send(c->echo, &byte, 1, 0) < 0)
		return false;
	return recv(c->echo, &byte, 1, 0) > 0 || poll(&wait, 1, PULSE_WAIT_MS) > 0;
}

static void *run(void *arg)
{
	struct pulse_cpu *c = arg;
	uint64_t count, sent;
	uint32_t turn = 0;

	while (read(c->wake, &count, sizeof(count)) == sizeof(count) &&
	       !__atomic_load_n(c->stop, __ATOMIC_ACQUIRE)) {
		sent = clock_now_ns();
		if (beats(c))
			__atomic_store_n(&c->value->at_ns[turn++ % DFB_PULSES], sent, __ATOMIC_RELEASE);
	}
	return NULL;
}

static int start(struct pulse_cpu *c)
{
	pthread_attr_t attr;
	cpu_set_t only;
	int err;

	c->wake = eventfd(0, EFD_CLOEXEC);
	c->echo = open_echo();
	if (c->wake < 0 || c->echo < 0)
		return c->echo < 0 ? c->echo : -errno;
	CPU_ZERO(&only);
	CPU_SET(c->cpu, &only);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(only), &only);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	err = pthread_create(&c->thread, &attr, run, c);
	pthread_attr_destroy(&attr);
	return -err;
}

static void stop(struct pulse_cpu *c)
{
	uint64_t one = 1;

	if (c->thread && write(c->wake, &one, sizeof(one)) == sizeof(one))
		pthread_join(c->thread, NULL);
	clean_close(&c->wake);
	clean_close(&c->echo);
}

void pulse_close(struct pulse *p)
{
	if (!p)
		return;
	__atomic_store_n(&p->stop, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < p->n; i++)
		stop(&p->cpus[i]);
	free(p->cpus);
	free(p);
}

/* A CPU that we may not run on, or that is offline, has no pulse. */
int pulse_open(struct dfb_pulse *table, uint32_t entries, struct pulse **ret_pulse)
{
	struct pulse *p = calloc(1, sizeof(*p));
	cpu_set_t allowed;
	int err = 0;

	if (p)
		p->cpus = calloc(entries, sizeof(*p->cpus));
	if (!p || !p->cpus || sched_getaffinity(0, sizeof(allowed), &allowed)) {
		free(p);
		return -ENOMEM;
	}
	for (uint32_t cpu = 0; !err && cpu < entries && cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		p->cpus[p->n] = (struct pulse_cpu){
			.cpu = cpu, .wake = -1, .echo = -1, .stop = &p->stop, .value = &table[cpu]};
		err = start(&p->cpus[p->n++]);
	}
	if (err)
		pulse_close(p);
	else
		*ret_pulse = p;
	return err;
}

void pulse_take(struct pulse *p)
{
	uint64_t one = 1;

	for (uint32_t i = 0; i < p->n; i++) {
		if (write(p->cpus[i].wake, &one, sizeof(one)) < 0)
			return;
	}
}
