/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tools/inject tells the injector to do, and what the injector says it has done. The script writes
 * struct inject_conf as a row of 64-bit numbers, in this order, and reads both structures by their names.
 *
 * Chances are fractions of 2^32, times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef INJECT_H
#define INJECT_H

#include <linux/bpf.h>
#include <linux/types.h>

#define CERTAIN (1ull << 32)
#define MAX_CUTS 8
#define MAX_HELD 8	/* of one stream at a time */
#define MIN_BYTES 58	/* Ethernet, IPv4, UDP and a number */
#define MAX_BYTES 256	/* of a packet that is held, a multiple of 8 */
#define MAX_STREAMS 256 /* whose packets can be held */

/** enum inject_mode - what becomes of a packet that has no mark of ours */
enum inject_mode {
	MODE_OFF,    /* it goes on, uncounted */
	MODE_ON,
	MODE_ENDING, /* it goes on, uncounted; what was held may leave */
};

/** enum inject_draw - what is left to chance; each has its random numbers to itself */
enum inject_draw {
	DRAW_BURST,
	DRAW_DROP,
	DRAW_REORDER,
	DRAW_HOLD,
	DRAW_DUPLICATE,
	DRAW_MAX,
};

/**
 * struct inject_conf - `inject_conf`: one element
 * @mode: enum inject_mode
 * @ingress: 1: on the way in
 * @streams: 1: for packets in pktgen's format only
 * @token: what a mark of ours contains
 * @seed: of what is left to chance
 * @drop, @duplicate, @reorder: chances
 * @every: lose every so many'th; 0: none
 * @hold_min, @hold_max: how many later packets go ahead of one that is held
 * @bursts: 1: the following count
 * @enter: chance per step that a good way becomes bad
 * @leave: and bad good; together at most CERTAIN
 * @good: chance of loss while it is good
 * @bad: and while it is bad
 * @step_ns: 0: a step is a packet
 * @cuts: since the first packet; both 0: none
 */
struct inject_conf {
	__u64 mode;
	__u64 ingress;
	__u64 streams;
	__u64 token;
	__u64 seed;
	__u64 drop;
	__u64 duplicate;
	__u64 reorder;
	__u64 every;
	__u64 hold_min;
	__u64 hold_max;
	__u64 bursts;
	__u64 enter;
	__u64 leave;
	__u64 good;
	__u64 bad;
	__u64 step_ns;
	struct {
		__u64 from_ns;
		__u64 to_ns;
	} cuts[MAX_CUTS];
};

/** struct inject_cut - what a cut has taken */
struct inject_cut {
	__u64 first_ns;
	__u64 last_ns;
	__u64 packets;
};

/**
 * struct inject_state - `inject_state`: one element; all but @failed changes under @lock only
 * @packets: seen, each once: @passed, lost by any of the reasons, @held, or @failed
 * @passed: went on at once
 * @lost_again: came next after one that was lost
 * @duplicated: copies that went on besides
 * @released: of @held, those that have gone on
 * @late: of @released, those that a higher number of their stream had gone ahead of
 * @not_held: passed because there was no room to hold them, or they are too long for it
 * @failed: packets or copies that the kernel had no memory for, or no room in the queue of this processor
 * @is_bad: 1: the way is
 * @was_lost: 1: the last packet was
 * @counted: since the last one of every so many
 * @begin_ns: of the first packet
 * @step_ns: of the last step
 * @draws: how many there were of each
 */
struct inject_state {
	struct bpf_spin_lock lock;
	__u32 pad;
	__u64 packets;
	__u64 passed;
	__u64 lost_cut;
	__u64 lost_drop;
	__u64 lost_every;
	__u64 lost_burst;
	__u64 lost_again;
	__u64 duplicated;
	__u64 held;
	__u64 released;
	__u64 late;
	__u64 not_held;
	__u64 failed;
	__u64 is_bad;
	__u64 was_lost;
	__u64 counted;
	__u64 begin_ns;
	__u64 step_ns;
	__u64 draws[DRAW_MAX];
	struct inject_cut cuts[MAX_CUTS];
};

/** enum slot_state - under the lock but for SLOT_LEAVING to SLOT_FREE, which whoever sends it writes */
enum slot_state {
	SLOT_FREE,
	SLOT_HELD,
	SLOT_LEAVING,
};

/**
 * struct slot - a packet that is held
 * @wait: how many later ones are still to pass
 * @length: of the packet
 * @l3, @l4: where its headers begin
 * @vlan_tci: of the tag beside the packet; @vlan_proto: 0: it has none
 */
struct slot {
	__u32 state;
	__u32 wait;
	__u32 length;
	__u32 l3;
	__u32 l4;
	__u32 ipv6;
	__u32 vlan_tci;
	__u32 vlan_proto;
	__u64 bytes[MAX_BYTES / 8];
};

/**
 * struct current - `inject_current`: one element per processor; the packet at hand
 * @slot: as it would be held; the bytes serve for sums, too
 * @due: bit n: slot n of its stream leaves behind it
 */
struct current {
	struct slot slot;
	__u64 due;
};

/**
 * struct stream - `inject_streams`: a stream whose packets may be held (hash)
 * @begun: 1: @highest is known
 * @highest: number that has gone on
 */
struct stream {
	__u32 begun;
	__u32 highest;
	struct slot slots[MAX_HELD];
};

/** struct stream_key - @vlan: of the tag beside the packet, with the bit 0x10000; 0: none */
struct stream_key {
	__u32 source[4];
	__u32 destination[4];
	__u32 ports;
	__u32 vlan;
};

#endif
