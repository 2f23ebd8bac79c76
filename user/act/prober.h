/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps a prober running: adopts the one that holds the instance's lock, or starts one that is no
 * child of ours, and starts another when it dies. It goes on without us. One that was started from
 * another file, that of an older build, is ended and replaced.
 */
#ifndef ACT_PROBER_H
#define ACT_PROBER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/loop.h"

struct prober;

/** prober_fn - it runs (adopted or started), or it is gone and will be started again */
typedef void prober_fn(void *arg, bool running, pid_t pid);

/**
 * prober_open() - have one running, now and later
 * @lock: path of its lock file
 * @instance: its --instance
 * Return: 0 or -errno.
 */
int prober_open(struct loop *loop, const char *lock, const char *instance, prober_fn *fn, void *arg,
		struct prober **ret_prober);

/** prober_close() - stop watching; the process runs on. NULL is fine. */
void prober_close(struct prober *prober);

/**
 * prober_end() - end the process that holds the lock, if there is one, and wait for that
 *
 * It is asked to; one that does not hear is killed. Takes a second at most, usually a few milliseconds.
 * Return: 0, or -EBUSY: it is still there.
 */
int prober_end(const char *lock);

#endif
