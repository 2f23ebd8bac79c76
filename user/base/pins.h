/* SPDX-License-Identifier: GPL-2.0-only */
/* The bpf file system, which all instances and responders of a machine share. */
#ifndef BASE_PINS_H
#define BASE_PINS_H

/** pins_mount() - mount it if it is not mounted. Return: 0 or -errno. */
int pins_mount(void);

/**
 * pins_lock() - nobody else makes or removes shared folders, or sweeps, until this is closed
 *
 * Waits. To be held for moments only.
 *
 * Return: a descriptor to close, or -errno; without bpffs, or where it may not be read, there is
 * nothing to guard either.
 */
int pins_lock(void);

/** pins_remove() - a folder and all pins in it; with a folder in it, it stays */
void pins_remove(const char *dir);

#endif
