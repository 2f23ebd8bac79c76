/* SPDX-License-Identifier: GPL-2.0-only */
/* Network namespaces by their inode, which is what tells them apart (namespaces(7)). */
#ifndef BASE_NETNS_H
#define BASE_NETNS_H

#include <stdint.h>

/** netns_inode() - of the one that we are in; 0 on failure */
uint64_t netns_inode(void);

/**
 * netns_open() - find a network namespace that somebody uses or that has a name in /run/netns
 * Return: a descriptor for setns(2), or -ENOENT: it is gone, as far as we can see.
 */
int netns_open(uint64_t inode);

#endif
