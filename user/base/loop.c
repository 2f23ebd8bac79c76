// SPDX-License-Identifier: GPL-2.0-only
#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "clean.h"

#define LOOP_BATCH 64

struct watch {
	int fd;
	loop_fn *fn;
	void *arg;
	struct watch *next;
};

/* A deleted watch is kept until the batch is done: the batch may still name it. */
struct loop {
	int epoll;
	bool stopped;
	struct watch *watches;
	struct watch *graveyard;
	void (*after)(void *arg);
	void *after_arg;
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

static void free_list(struct watch **list)
{
	while (*list) {
		struct watch *w = *list;

		*list = w->next;
		free(w);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	free_list(&loop->watches);
	free_list(&loop->graveyard);
	close(loop->epoll);
	free(loop);
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (!w)
		return -ENOMEM;
	*w = (struct watch){.fd = fd, .fn = fn, .arg = arg, .next = loop->watches};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		free(w);
		return -errno;
	}
	loop->watches = w;
	return 0;
}

static struct watch **find(struct loop *loop, int fd)
{
	struct watch **w = &loop->watches;

	while (*w && (*w)->fd != fd)
		w = &(*w)->next;
	return w;
}

int loop_change(struct loop *loop, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = *find(loop, fd)};

	if (!ev.data.ptr)
		return -ENOENT;
	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
}

void loop_del(struct loop *loop, int fd)
{
	struct watch **at = find(loop, fd);
	struct watch *w = *at;

	if (!w)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	*at = w->next;
	w->fd = -1;
	w->next = loop->graveyard;
	loop->graveyard = w;
}

void loop_after(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	loop->after = fn;
	loop->after_arg = arg;
}

int loop_run(struct loop *loop)
{
	struct epoll_event ready[LOOP_BATCH];

	while (!loop->stopped) {
		int n = epoll_wait(loop->epoll, ready, LOOP_BATCH, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !loop->stopped; i++) {
			struct watch *w = ready[i].data.ptr;

			if (w->fd >= 0)
				w->fn(w->arg, ready[i].events);
		}
		free_list(&loop->graveyard);
		if (loop->after)
			loop->after(loop->after_arg);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

uint64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_tick_ns(void)
{
	struct timespec ts;

	clock_getres(CLOCK_MONOTONIC_COARSE, &ts); /* is moved on by each of them */
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int timer_open(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int timer_set(int fd, uint64_t due_ns)
{
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(due_ns / 1000000000u),
			     .tv_nsec = (long)(due_ns % 1000000000u)},
	};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) ? -errno : 0;
}

void fd_drain(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) > 0)
		;
}

int signals_open(const sigset_t *set)
{
	int fd;

	if (sigprocmask(SIG_BLOCK, set, NULL))
		return -errno;
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}
