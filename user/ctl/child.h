/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reply that is made and sent by a process of its own, a copy of the daemon as it is now: however large
 * it is and however slowly it is read, the daemon goes on, and none of the memory stays with it.
 */
#ifndef CTL_CHILD_H
#define CTL_CHILD_H

#include <jansson.h>

#include <base/loop.h>

struct child;

/** enum child_end - @CHILD_SENT: the whole line; @CHILD_NOTHING: there was nothing to send; @CHILD_BROKEN */
enum child_end { CHILD_SENT, CHILD_NOTHING, CHILD_BROKEN };

/** child_make - in the child: the document, a new reference; or NULL */
typedef json_t *child_make(void *arg);

/** child_done - in the daemon, from the loop: it has ended, and is to be forgotten */
typedef void child_done(void *arg, enum child_end end);

/**
 * child_start() - fork; the child sends what @make makes to @fd, as a line of at most @max bytes
 *
 * It runs at normal priority and ends when nobody reads @fd any more.
 * Return: 0 or -errno.
 */
int child_start(struct loop *loop, int fd, size_t max, child_make *make, child_done *done, void *arg,
		struct child **ret_child);

/** child_kill() - end it now; @done is not called. NULL is fine. */
void child_kill(struct child *child);

#endif
