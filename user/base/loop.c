// SPDX-License-Identifier: GPL-2.0-only
#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "clean.h"

#define LOOP_BATCH 64
#define ROOM_AT_FIRST 64

/** struct watch - of a descriptor; @next: in the graveyard */
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
	int room;
	struct watch **watches; /* by descriptor */
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

static void bury(struct loop *loop)
{
	while (loop->graveyard) {
		struct watch *w = loop->graveyard;

		loop->graveyard = w->next;
		free(w);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (int fd = 0; fd < loop->room; fd++)
		free(loop->watches[fd]);
	free(loop->watches);
	bury(loop);
	close(loop->epoll);
	free(loop);
}

static int make_room(struct loop *loop, int fd)
{
	int room = fd < 2 * loop->room ? 2 * loop->room : fd + ROOM_AT_FIRST;
	struct watch **watches;

	if (fd < loop->room)
		return 0;
	watches = realloc(loop->watches, (size_t)room * sizeof(struct watch *));
	if (!watches)
		return -ENOMEM;
	memset(watches + loop->room, 0, (size_t)(room - loop->room) * sizeof(struct watch *));
	loop->watches = watches;
	loop->room = room;
	return 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (!w || make_room(loop, fd)) {
		free(w);
		return -ENOMEM;
	}
	loop_del(loop, fd); /* of whoever closed it without a word */
	*w = (struct watch){.fd = fd, .fn = fn, .arg = arg};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		free(w);
		return -errno;
	}
	loop->watches[fd] = w;
	return 0;
}

static struct watch *find(const struct loop *loop, int fd)
{
	return fd >= 0 && fd < loop->room ? loop->watches[fd] : NULL;
}

int loop_change(struct loop *loop, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = find(loop, fd)};

	if (!ev.data.ptr)
		return -ENOENT;
	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
}

void loop_del(struct loop *loop, int fd)
{
	struct watch *w = find(loop, fd);

	if (!w)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	loop->watches[fd] = NULL;
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
		bury(loop);
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
