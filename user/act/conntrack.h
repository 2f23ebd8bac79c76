/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: entries of connection tracking that lead to a server which no longer serves them
 *
 * They harm nobody: the mark of the next packet picks another zone. But they fill the table, and would
 * be found again, with an address that may be another's by then. So they are looked for at leisure:
 * all entries are read, one datagram of the kernel (some 100 entries) per turn of the loop, and those of
 * no more use deleted. Only entries whose original direction alone has a zone are looked at; nobody
 * else is likely to make such.
 */
#ifndef ACT_CONNTRACK_H
#define ACT_CONNTRACK_H

#include <stdbool.h>
#include <stdint.h>

#include <defib/abi.h>

struct loop;
struct conntrack;

/**
 * struct conntrack_entry - one that has a zone in its original direction only
 * @zone: that zone
 * @destination: where the client sent to
 * @server: who answers
 */
struct conntrack_entry {
	uint16_t zone;
	uint8_t destination[16];
	uint8_t server[16];
};

/** conntrack_fn - Return: true: the entry is of no more use */
typedef bool conntrack_fn(void *arg, const struct conntrack_entry *entry);

/**
 * conntrack_new() - for conntrack_sweep()
 * @fn: asked about each entry, from the loop
 * Return: 0 or -errno; conntrack_free() it.
 */
int conntrack_new(struct loop *loop, conntrack_fn *fn, void *arg, struct conntrack **ret_conntrack);

/** conntrack_free() - a sweep under way is given up. NULL is fine. */
void conntrack_free(struct conntrack *conntrack);

/**
 * conntrack_sweep() - begin to look through all entries; once more, if that is under way
 * Return: 0 or -errno.
 */
int conntrack_sweep(struct conntrack *conntrack);

/**
 * conntrack_clear() - look through all entries now, however long that takes
 * @ret_deleted: how many were of no use
 * Return: 0 or -errno.
 */
int conntrack_clear(conntrack_fn *fn, void *arg, uint32_t *ret_deleted);

#endif
