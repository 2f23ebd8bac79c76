/* SPDX-License-Identifier: GPL-2.0-only */
/* A listening unix socket that exactly one process has, and whose file may outlive its owner. */
#ifndef CTL_LISTENER_H
#define CTL_LISTENER_H

#include <base/paths.h>

/** struct listener - @fd: listening, non-blocking; -1: closed */
struct listener {
	char path[PATHS_LEN];
	int lock;
	int fd;
};

/**
 * listener_open() - listen at @path, mode 0660, group `defib` if there is one (else it warns)
 *
 * Its directory is made if missing. What a dead process left there is replaced. @path.lock is held
 * as long as it is open.
 * Return: 0, -EADDRINUSE (somebody has it), -EEXIST (something else is there), or -errno; then it is closed.
 */
int listener_open(struct listener *l, const char *path);

/** listener_close() - and remove the files; a closed one is fine. */
void listener_close(struct listener *l);

#endif
