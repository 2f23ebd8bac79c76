/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that one process locks, for as long as it has them open: record locks (fcntl(2)), which children
 * do not inherit, and which tell who holds them.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <sys/types.h>

/** lock_take() - Return: a descriptor, -EALREADY: another process has it, or -errno; it never waits. */
int lock_take(const char *path);

/** lock_drop() - remove the file, too, and set @fd to -1; one of -1 is fine */
void lock_drop(int *fd, const char *path);

/** lock_holder() - Return: pid of the other process that has it, 0: none, or -errno. */
pid_t lock_holder(const char *path);

#endif
