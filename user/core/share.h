/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: who has which share of a pool
 *
 * A pool has DFB_SLOTS slots, a packet's hash leads to one of them, and a server serves if it has some. What
 * a dead one had goes to one that takes its place, or, if there is none, is lent to those that serve; whoever
 * completes the pool later gets lent slots first. So each change moves the clients of the slots that must
 * move, and nobody else's. The kernel has the same rules: bpf/slots.h.
 */
#ifndef CORE_SHARE_H
#define CORE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include <defib/abi.h>

/** struct share - see struct dfb_pool for both */
struct share {
	uint32_t slots[DFB_SLOTS];
	uint32_t lent;
};

/** share_has() - does the server serve? Nobody (0) does where nobody does. */
bool share_has(const struct share *share, uint32_t server);

/** share_list() - who serves, in the order of their first slots. Return: how many. */
uint32_t share_list(const struct share *share, uint32_t ret_servers[DFB_SLOTS]);

/** share_weight() - how many slots the server has. */
uint32_t share_weight(const struct share *share, uint32_t server);

/** share_lent() - how many of these are only lent to it. */
uint32_t share_lent(const struct share *share, uint32_t server);

/** share_owners() - how many serve with a slot that is not lent: these are the active ones. */
uint32_t share_owners(const struct share *share);

/** share_replace() - what @from has is @to's. */
void share_replace(struct share *share, uint32_t from, uint32_t to);

/** share_lend() - what @from has goes to others, in turn; @n is at least 1. */
void share_lend(struct share *share, uint32_t from, const uint32_t *heirs, uint32_t n);

/**
 * share_join() - one more serves
 * @active: how many are to serve
 *
 * The first gets all slots. Others get lent ones, and if these do not suffice, slots of whoever has most,
 * until it has as many as is fair.
 */
void share_join(struct share *share, uint32_t active, uint32_t to);

#endif
