/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel <-> user: the accounts of streams (include/defib/wire.h), kept by dfb_loss.
 *
 * `loss` has one account per stream; `loss_counters` what each processor did; `loss_total` the sum of all
 * streams, those that expired included; `loss_conf` is written by user space. Times are CLOCK_MONOTONIC
 * nanoseconds. Documentation/dashboards shows how to read them with bpftool.
 */
#ifndef DEFIB_LOSS_H
#define DEFIB_LOSS_H

#include <linux/bpf.h>
#include <linux/types.h>

#define DFB_LOSS_ABI 1 /* maps of another one are not adopted: their counts end */
#define DFB_STREAM_WINDOW 1024 /* numbers within which a packet may come late; a power of two */
#define DFB_STREAMS 4096
#define DFB_GAP_BUCKETS 128
#define DFB_LOSS_INTERFACES 128
#define DFB_LOSS_EVENTS (1u << 18) /* bytes of the ring */

/**
 * struct dfb_account - what is known of a stream; written for each of its packets
 * @received: all that arrived, late and duplicate ones too
 * @lost: numbers between a run's first and highest that did not arrive, of all runs
 * @late: arrived after a higher number, and were counted as lost until then
 * @duplicates: arrived again
 * @stale: so late that nobody knows any more whether they are duplicates; @lost still counts them
 * @restarts: how often the sender began again
 * @bytes: of all that arrived, from the link-layer header on
 * @first_ns, @last_ns: first and latest arrival
 * @longest_gap_ns: longest time between two arrivals; @longest_gap_end_ns: when it ended
 * @period_ns: smoothed time per number (a half, later a 32nd of the latest one)
 * @jitter_16_ns: jitter of RFC 3550 section 6.4.1, times 16; between stamps and arrivals in order
 * @transit_min_ns: least arrival minus stamp, so the least way plus the difference of two clocks
 * @variation_ns: what the way of the latest packet was longer than that; @variation_max_ns: of any
 * @stamp_us: of @top; 0: the sender does not stamp
 * @ended_us: of the highest number of the run before; 0: there was none
 * @expected: numbers of this run, from its first to its highest
 * @arrived: how many of them did
 * @lost_before: in earlier runs
 * @top: highest number of this run
 * @seen: bit n: did the number that is n modulo DFB_STREAM_WINDOW, and at most so far behind @top, arrive?
 * @gaps: time between two arrivals, see dfb_gap_bucket()
 */
struct dfb_account {
	__u64 received; /* what each packet changes is together */
	__u64 lost;
	__u64 bytes;
	__u64 last_ns;
	__u64 longest_gap_ns;
	__u64 period_ns;
	__u64 jitter_16_ns;
	__s64 transit_min_ns;
	__u64 variation_ns;
	__u64 variation_max_ns;
	__u64 stamp_us;
	__u64 ended_us;
	__u64 expected;
	__u64 arrived;
	__u64 lost_before;
	__u32 top;
	__u32 pad;
	__u64 late; /* and what few of them do */
	__u64 duplicates;
	__u64 stale;
	__u64 restarts;
	__u64 first_ns;
	__u64 longest_gap_end_ns;
	__u64 seen[DFB_STREAM_WINDOW / 64];
	__u32 gaps[DFB_GAP_BUCKETS];
};

/**
 * struct dfb_blackout - a gap in which packets were lost, or that was longer than the threshold
 * @began_ns: latest arrival before it
 * @ended_ns: first arrival after it; 0: it goes on
 * @length_ns: the time between them less one period, so how long packets were lost, or held, on the way
 * @resolution_ns: the true length is within so much of @length_ns: one period of the stream
 * @lost: packets that were lost meanwhile, as known when it ended; 0: none was, so they were held
 */
struct dfb_blackout {
	__u64 began_ns;
	__u64 ended_ns;
	__u64 length_ns;
	__u64 resolution_ns;
	__u64 lost;
};

/** enum dfb_stream_state - of a stream */
enum dfb_stream_state {
	DFB_STREAM_NEW,	   /* one packet came: nobody knows its period */
	DFB_STREAM_LIVE,
	DFB_STREAM_SILENT, /* for longer than the threshold */
};

/** enum dfb_far_kind - who tells what was lost on the way to the far end */
enum dfb_far_kind {
	DFB_FAR_NOBODY,	   /* so @lost is the sum of both ways */
	DFB_FAR_RESPONDER, /* our responder; @forward_lost is a part of @lost */
};

/**
 * struct dfb_stream_key - key of `loss`
 * @source, @destination: network byte order; an IPv4 address as ::ffff:a.b.c.d
 * @sport, @dport: host byte order
 * @interface: index of the one it arrived on
 * @vlan, @inner_vlan: VLAN identifiers that the packet carried; 0: none
 */
struct dfb_stream_key {
	__u8 source[16];
	__u8 destination[16];
	__u16 sport;
	__u16 dport;
	__u32 interface;
	__u16 vlan;
	__u16 inner_vlan;
};

/**
 * struct dfb_stream - `loss`: one stream (hash)
 * @version: odd while a program changes it: what was read between two equal, even ones is whole
 * @held: by a program
 * @interface: name of the one it arrives on
 * @account: the numbers
 * @blackouts: how many have ended; @blackout_ns: their lengths, added up; @blackout_lost: lost in them
 * @last_hole: the latest gap in which numbers are missing, however short
 * @last_blackout: the latest one longer than the threshold, which may go on; @longest_blackout: of those over
 * @threshold_ns: of the silence that is a blackout, at present
 * @far: who tells of the way to the far end
 * @far_received: what the far end had received when it said so last, modulo 2^32; @far_responder: who it was
 * @forward_lost: lost on the way to it
 * @forward_before: in earlier runs; @forward_base: what it had lost before we heard of this run
 * @told: what `loss_total` knows of this stream already
 */
struct dfb_stream {
	__u32 version;
	__u32 held;
	__u64 threshold_ns;
	struct dfb_account account;
	struct bpf_timer timer;
	__u64 blackouts;
	__u64 blackout_ns;
	__u64 blackout_lost;
	struct dfb_blackout last_hole;
	struct dfb_blackout last_blackout;
	struct dfb_blackout longest_blackout;
	enum dfb_stream_state state;
	enum dfb_far_kind far;
	__u64 forward_lost;
	__u64 forward_before;
	__u64 forward_base;
	__u32 far_received;
	__u32 far_responder;
	struct {
		__u64 received;
		__u64 lost;
		__u64 late;
		__u64 duplicates;
		__u64 stale;
		__u64 restarts;
		__u64 bytes;
		__u64 blackouts;
		__u64 blackout_ns;
	} told;
	char interface[16];
};

/**
 * struct dfb_loss_total - `loss_total`: one element; the sum over all streams that ever were
 * @streams: how many there are
 * @expired: how many there were, and fell silent for too long
 * @table_full: packets of further streams, of which there is no account
 * Streams are added to it as their timers run, so at the latest when they fall silent.
 */
struct dfb_loss_total {
	__u64 received;
	__u64 lost;
	__u64 late;
	__u64 duplicates;
	__u64 stale;
	__u64 restarts;
	__u64 bytes;
	__u64 blackouts;
	__u64 blackout_ns;
	__u64 streams;
	__u64 expired;
	__u64 table_full;
};

/** struct dfb_loss_counters - `loss_counters`: one element per processor; which packets it handled */
struct dfb_loss_counters {
	__u64 received;	  /* of a stream that has an account */
	__u64 fragment;	  /* part of a fragmented packet: not counted */
	__u64 table_full; /* of one more stream than there is room for */
	__u64 held;	  /* of a stream that another processor did not let go: not counted */
	__u64 no_timer;	  /* of a stream whose timer could not be set: its silence goes unnoticed */
	__u64 ring_full;  /* blackouts that the ring could not tell; the stream has them */
};

/** struct dfb_loss_name - `loss_interfaces`: the interfaces whose streams are counted (hash, key: index) */
struct dfb_loss_name {
	char name[16];
};

/**
 * struct dfb_loss_conf - `loss_conf`: one element
 * @abi: DFB_LOSS_ABI of who made the maps
 * @threshold_ns: silence that is a blackout; 0: two and a half periods
 * @floor_ns: and at least so much
 * @expire_ns: a stream is forgotten after so long a silence
 */
struct dfb_loss_conf {
	__u64 abi;
	__u64 threshold_ns;
	__u64 floor_ns;
	__u64 expire_ns;
};

#define DFB_LOSS_FLOOR_NS 1000000ull
#define DFB_LOSS_EXPIRE_NS 300000000000ull

enum dfb_silence_kind {
	DFB_SILENCE_BEGAN = 1,
	DFB_SILENCE_ENDED,     /* the stream goes on: it was a blackout */
	DFB_SILENCE_RESTARTED, /* the sender began again: it was a pause */
	DFB_SILENCE_PAUSED,    /* it did not, but by its stamps it was silent itself */
	DFB_SILENCE_EXPIRED,   /* the stream is forgotten: it was its end */
};

/** struct dfb_silence - record of the ring `loss_events` */
struct dfb_silence {
	enum dfb_silence_kind kind;
	struct dfb_stream_key key;
	struct dfb_blackout blackout;
};

/**
 * dfb_gap_bucket() - log-linear histogram: four buckets per octave from 1 us to 4,398 s
 * Return: 0 for less than 1.024 us, at most DFB_GAP_BUCKETS - 1.
 */
static inline __u32 dfb_gap_bucket(__u64 gap_ns)
{
	__u64 unit = gap_ns >> 10;
	__u32 octave = 0;

	if (!unit)
		return 0;
	if (unit >> 32)
		return DFB_GAP_BUCKETS - 1;
	for (__u32 step = 16; step; step >>= 1) {
		if (unit >> (octave + step))
			octave += step;
	}
	return (octave * 4 + (__u32)((gap_ns >> (octave + 8)) & 3)) & (DFB_GAP_BUCKETS - 1);
}

/** dfb_gap_bound_ns() - upper bound of a bucket in nanoseconds; nothing in it is as long */
static inline __u64 dfb_gap_bound_ns(__u32 bucket)
{
	return (((__u64)bucket % 4 + 5) << (bucket / 4)) << 8;
}

_Static_assert(sizeof(struct dfb_stream_key) == 44, "struct dfb_stream_key is a map's key");

#endif
