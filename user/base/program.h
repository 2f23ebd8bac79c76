/* SPDX-License-Identifier: GPL-2.0-only */
/* Where our own programs are. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#define PROGRAM_PATH 4096

/**
 * program_find() - beside the running one in a build tree, in libexec when installed
 * Return: 0 or -errno.
 */
int program_find(const char *name, char path[PROGRAM_PATH]);

#endif
