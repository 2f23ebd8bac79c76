/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: announcements of addresses on the clients' own segment
 *
 * An announcement is sent at once, and again after 100 ms, 500 ms, 2 s and 5 s: one frame may be lost, and a
 * host may not heed two within a short time (Linux: net.ipv4.neigh.*.locktime). A new one of the same pool
 * takes the place of the one under way.
 */
#ifndef ACT_ANNOUNCE_H
#define ACT_ANNOUNCE_H

#include "announce_frame.h"
#include "base/loop.h"

struct announce;

/** announce_new() - in the network namespace the process is in. Return: 0 or -errno; announce_free() it. */
int announce_new(struct loop *loop, struct announce **ret_announce);

/** announce_free() - what is still to be sent is not. NULL is fine. */
void announce_free(struct announce *announce);

/**
 * announce_start() - send, and go on for five seconds
 * @pool: 1 to DFB_MAX_POOLS
 * @items: taken over, free()d here; none: end what is under way
 * Return: 0, or -errno of the first that could not be sent; it is tried again all the same.
 */
int announce_start(struct announce *announce, uint32_t pool, struct announce_item *items, size_t n);

#endif
