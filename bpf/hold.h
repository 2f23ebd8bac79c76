/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A lock that costs two exchanges. bpf_spin_lock() turns interrupts off and on, which on some machines takes
 * longer than all that is done meanwhile; here only programs of softirqs take it, and these do not interrupt
 * each other on one processor. The other one's holder may have lost its (virtual) processor for a while, so
 * there is patience for tens of milliseconds, and not more.
 */
#ifndef DEFIB_HOLD_H
#define DEFIB_HOLD_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define HOLD_PATIENCE (1u << 23) /* the most that bpf_loop() takes */

static long hold_try(__u32 i, __u32 **held)
{
	return !__sync_lock_test_and_set(*held, 1); /* 1 ends the loop */
}

/** hold_take() - Return: is it ours? If not, somebody else has it for very long. */
static __always_inline int hold_take(__u32 *held)
{
	if (!__sync_lock_test_and_set(held, 1))
		return 1;
	return bpf_loop(HOLD_PATIENCE, hold_try, &held, 0) < HOLD_PATIENCE;
}

static __always_inline void hold_release(__u32 *held)
{
	__sync_lock_test_and_set(held, 0);
}

#endif
