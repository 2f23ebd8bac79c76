/* SPDX-License-Identifier: GPL-2.0-only */
/* The cables of a lab, cut and mended from another network namespace; for wire.c and outages.c. */
#ifndef LAB_CABLE_H
#define LAB_CABLE_H

#include <stdbool.h>

struct cables;

/**
 * cable_open() - the cables that end in a network namespace, which the caller need not be in
 * @namespace: its name in /run/netns
 * Return: 0 or -errno; close with cable_close().
 */
int cable_open(const char *namespace, struct cables **ret_cables);
void cable_close(struct cables *cables);

/** cable_knows() - is there such a verb: cut, mend, unplug, plug? */
bool cable_knows(const char *verb);

/**
 * cable_change() - what @verb says, to one port; it is done when this returns
 * Return: 0, -ENODEV (no such port), -EINVAL (no such verb), or -errno.
 */
int cable_change(struct cables *cables, const char *verb, const char *port);

#endif
