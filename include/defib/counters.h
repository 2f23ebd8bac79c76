/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel <-> user: what the programs count, in maps of one element for each CPU; abi.h includes it. */
#ifndef DEFIB_COUNTERS_H
#define DEFIB_COUNTERS_H

#include <linux/types.h>

/** struct dfb_beat_counters - `beat_counters`: probes and replies on the gateway */
struct dfb_beat_counters {
	__u64 stamped;
	__u64 stamp_not_prober;	 /* looks like a probe, but not from the prober's socket: passed */
	__u64 stamp_bad_target;	 /* no such target, or another address: passed */
	__u64 replies;		 /* matched: dropped, they have served */
	__u64 reply_truncated;	 /* passed */
	__u64 reply_bad_target;	 /* no such target: passed */
	__u64 reply_bad_source;	 /* not from the target's address or port: passed */
	__u64 reply_old;	 /* outside the sequence window: dropped */
	__u64 reply_replayed;	 /* its slot was used already: dropped */
	__u64 reply_forged;	 /* wrong nonce: dropped */
	__u64 ring_full;	 /* an edge could not be reported; the maps have it */
	__u64 verdicts;
	__u64 switches;
};

/** struct dfb_steer_counters - `steer_counters`: clients' packets on the gateway */
struct dfb_steer_counters {
	__u64 marked;
	__u64 no_service;    /* not for a service of ours */
	__u64 not_ip;
	__u64 truncated;
	__u64 no_server;     /* a service, but nobody serves it yet */
	__u64 held;	     /* a service, withdrawn by `when-none` */
	__u64 flows_new;     /* TCP connections written down; a full map forgets the oldest ones */
	__u64 flows_failed;  /* could not be */
};

_Static_assert(sizeof(struct dfb_beat_counters) == 104, "a pinned layout changed: raise DFB_ABI_VERSION");
_Static_assert(sizeof(struct dfb_steer_counters) == 64, "a pinned layout changed: raise DFB_ABI_VERSION");

#endif
