/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel <-> user: what is known of a server's userland; bpf/userland.h has the rules. */
#ifndef DEFIB_USERLAND_H
#define DEFIB_USERLAND_H

#include <linux/types.h>

enum dfb_userland_state {
	DFB_USERLAND_UNKNOWN, /* no reply ever told of it */
	DFB_USERLAND_WELL,
	DFB_USERLAND_HUNG, /* the kernel answers, processes do not run */
	DFB_USERLAND_GONE, /* replies told of it, and do so no more: the agent ended */
	DFB_USERLAND_STATE_MAX,
};

/**
 * struct dfb_userland - what a target's replies tell of its host's userland
 * @state: see bpf/userland.h
 * @replies: in a row that told of a userland that runs, while it hangs
 * @since_ns: stamp of the probe whose reply led to @state
 * @heard_ns: stamp of the last answered probe
 * @alive_ns: when the agent ran at the earliest, as the last reply that told had it
 * @well_ns: stamp of the first of @replies
 * @told_ns: @alive_ns when the controller was told last
 */
struct dfb_userland {
	enum dfb_userland_state state;
	__u32 replies;
	__u64 since_ns;
	__u64 heard_ns;
	__u64 alive_ns;
	__u64 well_ns;
	__u64 told_ns;
};

_Static_assert(sizeof(struct dfb_userland) == 48, "a pinned layout changed: raise DFB_ABI_VERSION");

#endif
