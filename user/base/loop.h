/* SPDX-License-Identifier: GPL-2.0-only */
/* One thread, one epoll. Callbacks run one at a time and must not block. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <signal.h>
#include <stdint.h>

struct loop;

/** loop_fn - called when the descriptor is ready; @events as of epoll(7) */
typedef void loop_fn(void *arg, uint32_t events);

/** loop_new() - Return: NULL and errno on failure; the caller owns it. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/**
 * loop_add() - watch a descriptor, which stays the caller's
 * @events: EPOLLIN and so on
 * Return: 0 or -errno.
 */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *arg);

/** loop_change() - watch for other events. Return: 0 or -errno. */
int loop_change(struct loop *loop, int fd, uint32_t events);

/** loop_del() - stop watching; call it before close(). Safe from within any callback. */
void loop_del(struct loop *loop, int fd);

/** loop_after() - @fn is called before each wait, when the callbacks of all that was ready have been */
void loop_after(struct loop *loop, void (*fn)(void *arg), void *arg);

/** loop_run() - until loop_stop(). Return: 0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/** clock_now_ns() - CLOCK_MONOTONIC, the clock of the kernel programs. */
uint64_t clock_now_ns(void);

/** clock_tick_ns() - a jiffy of this kernel. */
uint64_t clock_tick_ns(void);

/** timer_open() - a timerfd(2) of CLOCK_MONOTONIC. Return: descriptor or -errno. */
int timer_open(void);

/** timer_set() - due at an absolute time, once; 0: never. Return: 0 or -errno. */
int timer_set(int fd, uint64_t due_ns);

/** fd_drain() - read and forget a timerfd's or eventfd's count. */
void fd_drain(int fd);

/** signals_open() - block a set of signals and return a signalfd(2) for them, or -errno. */
int signals_open(const sigset_t *set);

#endif
