/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slots of a pool: which server a packet's hash leads to, and who has which slot when somebody dies.
 * Compiled into the programs and into the controller, so it needs nothing but the contract.
 *
 * A server serves if it has a slot. What was a dead server's goes to one that takes its place, or, if there
 * is none, to those that serve already: then it is only lent, and whoever completes the pool gets lent
 * slots first. So each change moves the flows of the slots that must move, and no others.
 */
#ifndef DEFIB_SLOTS_H
#define DEFIB_SLOTS_H

#include <defib/abi.h>

/* 1: it is the server's, or 0. No branch, and none for a compiler to find: over DFB_SLOTS slots a verifier
 * would have to follow 2^DFB_SLOTS ways. */
static inline __attribute__((always_inline)) __u32 slots_hit(__u32 slot, __u32 server)
{
	__u64 differs = slot ^ server;

	__asm__ volatile("" : "+r"(differs));
	return (__u32)((differs - 1) >> 63);
}

/** slots_has() - does the server serve? */
static inline __attribute__((always_inline)) int slots_has(const __u32 slots[DFB_SLOTS], __u32 server)
{
	__u32 has = 0;

	for (int i = 0; i < DFB_SLOTS; i++)
		has |= slots_hit(slots[i], server);
	return (int)has;
}

/**
 * slots_give() - what a server has goes to others, in turn
 * @lent: in and out
 * @heirs: the servers that get it; the caller has room for DFB_SLOTS
 * @n_heirs: how many, 1 to DFB_SLOTS
 * @lend: 1: they serve already, it is only lent to them; or 0
 * Return: whether any slot changed hands.
 */
static inline __attribute__((always_inline)) __u32 slots_give(__u32 slots[DFB_SLOTS], __u32 *lent, __u32 from,
							      const __u32 heirs[DFB_SLOTS], __u32 n_heirs,
							      __u32 lend)
{
	__u32 next = 0, any = 0;

	for (int i = 0; i < DFB_SLOTS; i++) {
		__u32 hit = slots_hit(slots[i], from);

		slots[i] ^= (slots[i] ^ heirs[next & (DFB_SLOTS - 1)]) & (0 - hit);
		*lent |= (hit & lend) << i;
		any |= hit;
		next += hit;
		next *= 1 - slots_hit(next, n_heirs);
	}
	return any;
}

/**
 * slots_hash() - from a packet to a slot
 * @address: the client's, IPv4 as ::ffff:a.b.c.d
 * @more: what else counts: 0 for the client alone
 *
 * Multiplication and shifts spread neighbouring addresses and ports over all slots (Knuth, The Art of
 * Computer Programming, 6.4; constants of the 32-bit finalizer "lowbias32" by Wellons).
 * Return: 0 to DFB_SLOTS - 1.
 */
static inline __u32 slots_hash(const __u32 address[4], __u32 more)
{
	__u32 x = more;

	for (int i = 0; i < 4; i++) {
		x = (x ^ address[i]) * 0x7feb352du;
		x ^= x >> 15;
	}
	x *= 0x846ca68bu;
	return (x ^ x >> 16) & (DFB_SLOTS - 1);
}

#endif
