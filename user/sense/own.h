/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which programs on interfaces are ours: each is pinned, before it is attached, by a name made of its
 * id. A pinned program's id is not given to another one. Looking a pin up needs no capability, asking the
 * kernel for a program by its id takes CAP_SYS_ADMIN, which the daemon does not have.
 */
#ifndef SENSE_OWN_H
#define SENSE_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** own_claim() - pin a program in @dir, for a kind of use that @prefix names; it is no error if it was pinned
 * already. Return: 0 or -errno. */
int own_claim(const char *dir, const char *prefix, int prog);

/** own_has() - was the program with this id claimed in @dir? */
bool own_has(const char *dir, const char *prefix, uint32_t id);

/** own_release_others() - unpin all that were claimed in @dir for that use, but @progs, @n descriptors */
void own_release_others(const char *dir, const char *prefix, const int *progs, size_t n);

#endif
