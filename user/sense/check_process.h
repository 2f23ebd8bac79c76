/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of defib-check: started when it is needed, and again when it died or hung. */
#ifndef SENSE_CHECK_PROCESS_H
#define SENSE_CHECK_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include <defib/check.h>

struct check_process;
struct loop;

/**
 * struct check_process_ops - called from the loop only
 * @started: with which pid
 * @ready: it takes orders, or more of them after -EAGAIN
 * @result: of a check
 * @ended: it is gone, for this reason: what it said holds no longer; it will be started again
 */
struct check_process_ops {
	void (*started)(void *arg, int pid);
	void (*ready)(void *arg);
	void (*result)(void *arg, const struct check_result *result);
	void (*ended)(void *arg, const char *why);
};

/** check_process_new() - not started. Return: NULL without memory or descriptors. */
struct check_process *check_process_new(struct loop *loop, const struct check_process_ops *ops, void *arg);
void check_process_free(struct check_process *process);

/** check_process_start() - soon, unless it runs. */
void check_process_start(struct check_process *process);

/** check_process_stop() - it is not needed any more; @ended is not called. */
void check_process_stop(struct check_process *process);

/** check_process_send() - an order. Return: 0; -EAGAIN: wait for @ready; -ENOTCONN: it does not run. */
int check_process_send(struct check_process *process, const void *order, size_t size);

/** check_process_pid() - 0: it does not run. */
int check_process_pid(const struct check_process *process);

/** check_process_starts() - how often it was started. */
uint32_t check_process_starts(const struct check_process *process);

#endif
