/* SPDX-License-Identifier: GPL-2.0-only */
/* Orders that stand: what the core knows of them is kept in a file, and told to the next daemon's core. */
#ifndef DEFIB_STANDING_H
#define DEFIB_STANDING_H

struct daemon;

/** standing_keep() - write down what the core has; a failure is logged. */
void standing_keep(const struct daemon *d);

/**
 * standing_restore() - tell the core what was written, and the policy where it has its place
 *
 * Where nothing was ever written the maps know who is in maintenance. Otherwise the file is right, and
 * the kernel is told where it does not agree.
 */
void standing_restore(struct daemon *d);

#endif
