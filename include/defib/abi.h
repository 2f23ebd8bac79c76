/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel <-> user: keys and values of the pinned maps, records of the rings.
 *
 * Every value has exactly one writer: "configuration" is written by the controller, "state" by the
 * programs, `attempts` and `prober` by the prober. Times are CLOCK_MONOTONIC nanoseconds.
 * Documentation/maps.rst explains each field for the reader of `bpftool map dump`.
 *
 * Identifiers: a server and a pool have an id, given by name and kept for as long as the maps are
 * pinned; 0 means none. A server has one target per address family, so a target needs no id of its
 * own: see dfb_target_id().
 */
#ifndef DEFIB_ABI_H
#define DEFIB_ABI_H

#include <linux/bpf.h>
#include <linux/types.h>

#include <defib/counters.h>
#include <defib/rtt.h>
#include <defib/userland.h>

/*
 * A successor reads the maps of another version by the names of structures and fields, from the BTF that
 * is pinned with them (Documentation/design/upgrade.rst): a name keeps its meaning, and dfb_control.abi
 * its place. A build that tests this has a version of its own, and fields that lie elsewhere.
 */
#ifndef DFB_ABI_VERSION
#define DFB_ABI_VERSION 2
#define DFB_ABI_SHIFT
#define DFB_ABI_SHIFT_SIZE 0
#endif

#define DFB_NAME_LEN 32		/* with the closing NUL */
#define DFB_WINDOW 32		/* probes of one target that can be under way, a power of two */
#define DFB_SLOTS 16		/* slots of a pool */
#define DFB_CANDIDATES 64	/* servers of a pool */
#define DFB_SERVER_POOLS 64	/* pools of a server */
#define DFB_MAX_SERVERS 16383	/* what 14 bits of a mark can name */
#define DFB_MAX_POOLS 255

#define DFB_FAMILY_IPV4 0
#define DFB_FAMILY_IPV6 1
#define DFB_FAMILIES 2

/** dfb_target_id() - the target of a server in a family (DFB_FAMILY_IPV4 or DFB_FAMILY_IPV6). */
static inline __u32 dfb_target_id(__u32 server, __u32 family)
{
	return server * DFB_FAMILIES + family;
}

static inline __u32 dfb_target_server(__u32 target)
{
	return target / DFB_FAMILIES;
}

static inline __u32 dfb_target_family(__u32 target)
{
	return target % DFB_FAMILIES;
}

enum dfb_probe_kind {
	DFB_PROBE_ECHO,
	DFB_PROBE_ICMP,
	DFB_PROBE_KIND_MAX,
};

enum dfb_target_state {
	DFB_STATE_UNKNOWN,    /* not probed yet, or silent together with everybody else */
	DFB_STATE_UP,
	DFB_STATE_SUSPECT,    /* a probe expired */
	DFB_STATE_DOWN,	      /* `misses` probes expired while a witness answered */
	DFB_STATE_RECOVERING, /* answers again; not trusted yet */
	DFB_STATE_MAX,
};

/* Why a target changed state, or a pool its server. */
enum dfb_reason {
	DFB_REASON_NONE,
	DFB_REASON_ANSWERED,	/* a reply in time */
	DFB_REASON_EXPIRED,	/* stamped probes expired, a witness answered */
	DFB_REASON_UNSENT,	/* attempted probes never left, a witness answered */
	DFB_REASON_NO_WITNESS,	/* probes expired, but nobody else answered either */
	DFB_REASON_RESCUE,	/* the pool's server was down, a candidate came up */
	DFB_REASON_INITIAL,	/* first server of a pool */
	DFB_REASON_OPERATOR,	/* `service failover` */
	DFB_REASON_MAINTENANCE, /* the server was taken out of service */
	DFB_REASON_VERDICT,	/* the controller switched after a verdict (`fast: false`) */
	DFB_REASON_REMOVED,	/* the server left the pool's configuration, or fewer are to serve */
	DFB_REASON_CHECK,	/* the server failed a check of a service */
	DFB_REASON_USERLAND,	/* the server's kernel answers, but its userland hangs */
	DFB_REASON_JOINED,	/* fewer served than should: one more does */
	DFB_REASON_MAX,
};

/* Why a server must not be chosen; written by the controller. */
#define DFB_SERVER_MAINTENANCE 0x1u
#define DFB_SERVER_FENCED 0x2u
#define DFB_SERVER_UNROUTABLE 0x4u /* not on-link, or its interface is gone */

/* --- configuration --------------------------------------------------------------------------- */

/**
 * struct dfb_target - `targets`: how to probe one address (array, key: target id, mmapable)
 * @address: network byte order; an IPv4 address as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2)
 * @server: its server's id; 0: no such target
 * @probe: what kind of echo is asked for
 * @port: UDP echo port, host byte order
 * @misses: expired probes in a row that make a verdict, 1 to DFB_WINDOW/2
 * @interval_ns: time between two probes
 * @idle_interval_ns: the same while it is up and no client sends anything to its pools; 0: no difference
 * @timeout_ns: fixed reply timeout; 0: follow the round trip between the two bounds
 * @timeout_min_ns: lower bound of the automatic timeout
 * @timeout_max_ns: upper bound of the automatic timeout, at most DFB_WINDOW/2 intervals
 * @confirm_probes: extra probes on suspicion
 * @confirm_spacing_ns: time between them
 * @recover_replies: good replies in a row before the target is up again
 * @recover_hold_ns: and the time it must have answered
 * @half_life_ns: of the damping penalty; 0: damping is off
 * @suppress: penalty from which the server is passed over (1000 per DOWN)
 * @reuse: penalty below which it is taken again
 * @cannot_leave: the controller knows that nothing can reach it: no carrier, or neighbour failed
 * @generation: differs whenever the id means another address or kind of probe
 * @userland_ns: a userland that did not run for longer hangs; 0: nobody cares
 */
struct dfb_target {
	DFB_ABI_SHIFT
	__u8 address[16];
	__u32 server;
	enum dfb_probe_kind probe;
	__u32 port;
	__u32 misses;
	__u64 interval_ns;
	__u64 idle_interval_ns;
	__u64 timeout_ns;
	__u64 timeout_min_ns;
	__u64 timeout_max_ns;
	__u64 confirm_spacing_ns;
	__u64 recover_hold_ns;
	__u64 half_life_ns;
	__u32 confirm_probes;
	__u32 recover_replies;
	__u32 suppress;
	__u32 reuse;
	__u32 cannot_leave;
	__u32 generation;
	__u64 userland_ns;
};

/**
 * struct dfb_server - `servers`: who it is and where it can serve (array, key: server id)
 * @name: empty: the id is free
 * @flags: DFB_SERVER_*
 * @n_pools: entries of @pools in use
 * @pools: ids of the pools that name it as a candidate
 * @drain_ns: until then its TCP connections stay with it, though its pools moved; 0: they do not
 */
struct dfb_server {
	DFB_ABI_SHIFT
	char name[DFB_NAME_LEN];
	__u32 flags;
	__u32 n_pools;
	__u16 pools[DFB_SERVER_POOLS];
	__u64 drain_ns;
};

/* Why a pool's packets are not marked. */
enum dfb_held {
	DFB_HELD_NOT,
	DFB_HELD_NOBODY,  /* nobody is left and `when-none` withdrew the pool */
	DFB_HELD_PASSIVE, /* the gateway only watches */
	DFB_HELD_MAX,
};

/* What of a packet chooses among several servers that serve at once. */
enum dfb_spread {
	DFB_SPREAD_CLIENT, /* the client's address: all that a client sends goes one way, fragments too */
	DFB_SPREAD_FLOW,   /* protocol and ports, too, but of fragments, and behind IPv6 options */
	DFB_SPREAD_MAX,
};

/**
 * struct dfb_plan - `plans`: whom a pool moves to, prepared before it is needed (array, key: pool id)
 * @name: empty: the id is free
 * @families: bit DFB_FAMILY_*: families in which its services have addresses
 * @fast: 1: the kernel switches; 0: it only reports, the controller switches
 * @held: enum dfb_held; but for DFB_HELD_NOT packets are not marked
 * @drains: 1: a candidate has a dfb_server.drain_ns: each TCP packet is looked up in `flows`
 * @paused: 1: an operator paused it: the kernel neither switches nor proposes to
 * @active: how many serve at once, 1 to DFB_SLOTS
 * @spread: what of a packet chooses among them
 * @n_candidates: entries of @candidates in use
 * @unfit: bit i: candidates[i] fails a check of a service: the last choice
 * @candidates: server ids in promotion order
 */
struct dfb_plan {
	DFB_ABI_SHIFT
	char name[DFB_NAME_LEN];
	__u8 families;
	__u8 fast;
	__u8 held;
	__u8 drains;
	__u8 paused;
	__u8 active;
	__u8 spread; /* enum dfb_spread */
	__u8 pad[5];
	__u32 n_candidates;
	__u64 unfit;
	__u16 candidates[DFB_CANDIDATES];
};

/** struct dfb_service_key - `services` (hash): an address that clients use; see dfb_target.address */
struct dfb_service_key {
	__u8 address[16];
};

/* How clients come to the server that serves. */
enum dfb_redirect {
	DFB_REDIRECT_ROUTE, /* the gateway routes the service's address to it */
	DFB_REDIRECT_NAT,   /* the gateway translates the service's address to its own */
	DFB_REDIRECT_DNS,   /* the service's names resolve to its addresses */
	DFB_REDIRECT_VIP,   /* on the clients' segment, the service's address resolves to its MAC address */
	DFB_REDIRECT_MAX,
};

/** struct dfb_service - `services`: which pool serves the address, and how; @name for the reader of a dump */
struct dfb_service {
	DFB_ABI_SHIFT
	__u32 pool;
	enum dfb_redirect redirect;
	char name[DFB_NAME_LEN];
};

/**
 * struct dfb_control - `control`: one element, controller to everybody (array, mmapable)
 * @abi: DFB_ABI_VERSION of who made the maps; in every version the first field
 * @generation: raised after each change of `targets`; tells the prober to look again
 * @mark_mask: the bits of skb->mark that are ours
 * @mark_shift: its lowest bit: a server is marked as id << shift
 * @stop: 1: the prober ends itself (teardown)
 * @table_base: a server's routing table is this + its id
 * @rule_priority: of the rules that lead there
 * @zone_base: translated packets to a server are tracked in this zone + its id
 * @netns: inode of the network namespace that the interfaces are in
 */
struct dfb_control {
	__u32 abi;
	DFB_ABI_SHIFT
	__u32 generation;
	__u32 mark_mask;
	__u32 mark_shift;
	__u32 stop;
	__u32 table_base;
	__u32 rule_priority;
	__u32 zone_base;
	__u64 netns;
};

/**
 * struct dfb_interface - `interfaces` (hash, key: ifindex): where programs of the instance are
 * @name: of the interface when they were attached
 * @client: 1: dfb_steer is on its ingress
 * @server: 1: dfb_stamp is on its egress and dfb_reply behind its XDP root
 * @clsact: 1: its clsact qdisc is ours to remove
 * @generic: 1: XDP runs in generic mode
 */
struct dfb_interface {
	DFB_ABI_SHIFT
	char name[16];
	__u8 client;
	__u8 server;
	__u8 clsact;
	__u8 generic;
};

/* --- written by the prober ------------------------------------------------------------------- */

/**
 * struct dfb_attempts - `attempts`: what the prober tried (array, key: target id, mmapable)
 * @seq: of the last attempt whose send call returned
 * @generation: the dfb_target.generation it was for
 * @interval_ns: to the next one, but for those on suspicion
 * @at_ns: when the call for a sequence number returned, by seq % DFB_WINDOW
 */
struct dfb_attempts {
	__u32 seq;
	__u32 generation;
	__u64 interval_ns;
	__u64 at_ns[DFB_WINDOW];
};

/**
 * struct dfb_prober - `prober`: one element, the prober about itself (array, mmapable)
 * @cookies: of its sockets (UDP/IPv4, UDP/IPv6, ICMP, ICMPv6): only their packets are probes
 * @pid: process id, in the pid namespace of the instance
 * @generation: the last dfb_control.generation it has acted upon
 * @started_ns: when it began to probe
 * @alive_ns: when it last passed its main loop
 * @sent: send calls that succeeded
 * @failed: send calls that failed
 * @late: probes sent more than a quarter interval after their time
 * @worst_late_ns: the worst of these since the prober started
 */
struct dfb_prober {
	__u64 cookies[4];
	__u32 pid;
	__u32 generation;
	__u64 started_ns;
	__u64 alive_ns;
	__u64 sent;
	__u64 failed;
	__u64 late;
	__u64 worst_late_ns;
};

#define DFB_PULSES 4

/** struct dfb_pulse - `pulses` (array, key: CPU, mmapable): when packets were sent that it has handled */
struct dfb_pulse {
	__u64 at_ns[DFB_PULSES];
};

/* --- state, written by the programs ---------------------------------------------------------- */

/**
 * struct dfb_slot - one probe under way
 * @nonce: what a reply must carry; 0 once it was used
 * @stamp_ns: when it left
 * @rtt_ns: 0: no reply yet; otherwise how long it took
 * @seq: whose slot this is
 */
struct dfb_slot {
	__u64 nonce;
	__u64 stamp_ns;
	__u64 rtt_ns;
	__u32 seq;
	__u32 pad;
};

/**
 * struct dfb_detect - the detector of one target; bpf/detect.h has the rules
 * @state: see detect.h
 * @reason: of the last change of state
 * @since_ns: when @state began
 * @generation: the dfb_target.generation it is about
 * @judged: last sequence number with a judgement
 * @stamped: last sequence number that left
 * @misses: expired probes in a row
 * @stamped_misses: of these, the last ones that had left
 * @replies: good replies in a row, while recovering
 * @late_run: late callbacks in a row
 * @recovering_ns: when it began to answer again
 * @last_good_ns: stamp of the last answered probe
 * @first_missed_ns: stamp (or attempt) of the first expired probe in the row
 * @srtt_ns: smoothed round trip (RFC 6298)
 * @rttvar_ns: its variation (RFC 6298)
 * @quantile_ns: running estimate of the 99.9th percentile of the round trip
 * @floor_ns: lower bound learnt from late replies, decays
 * @penalty: damping, as of @penalty_ns
 * @damped: 1: above `suppress` and not yet below `reuse`
 * @cpu: that handled its last reply
 * @rows: of expired probes that ended within a second; what lasts longer is an outage, and no loss
 * @sent: probes stamped
 * @answered: probes with a reply in time or before they were judged
 * @expired: probes judged missing
 * @expired_again: of these, directly after another one, in @rows (16 of a row at most)
 * @unsent: probes attempted that never left
 * @late: replies after their probe was judged missing
 * @worst_late_ns: worst round trip among these since the last look
 * @graces: callbacks that came late, and verdicts put off as the replies' CPU stood still
 */
struct dfb_detect {
	DFB_ABI_SHIFT
	enum dfb_target_state state;
	enum dfb_reason reason;
	__u64 since_ns;
	__u32 generation;
	__u32 judged;
	__u32 stamped;
	__u32 misses;
	__u32 stamped_misses;
	__u32 replies;
	__u32 late_run;
	__u32 damped;
	__u32 cpu;
	__u32 rows;
	__u64 recovering_ns;
	__u64 last_good_ns;
	__u64 first_missed_ns;
	__u64 srtt_ns;
	__u64 rttvar_ns;
	__u64 quantile_ns;
	__u64 floor_ns;
	__u64 penalty_ns;
	__u64 penalty;
	__u64 sent;
	__u64 answered;
	__u64 expired;
	__u64 expired_again;
	__u64 unsent;
	__u64 late;
	__u64 worst_late_ns;
	__u64 graces;
	struct dfb_slot slots[DFB_WINDOW];
};

/**
 * struct dfb_target_run - `state`: a target's detector and its timer (array, key: target id)
 * @timer: the deadline; any update from userspace would cancel it, so there is none
 * @armed_ns: when the timer is due; 0: being computed, or not running
 * @ready: the timer is initialised
 * @worst_lateness_ns: of its callback, ever
 */
struct dfb_target_run {
	struct bpf_timer timer;
	__u64 armed_ns;
	__u64 worst_lateness_ns;
	__u32 ready;
	__u32 pad;
	struct dfb_detect detect;
	struct dfb_userland userland;
};

/**
 * struct dfb_switch - the last change of a pool's server, with its evidence
 * @from: server id, 0: none
 * @to: server id; 0: those that serve already share what @from had
 * @reason: why
 * @misses: expired probes in a row at the verdict
 * @witness: server id that answered meanwhile
 * @lateness_ns: how late the callback was that gave the verdict
 * @last_good_ns: stamp of the last answered probe of @from
 * @first_missed_ns: stamp of its first expired one
 * @witness_ns: stamp of the witness's probe
 * @verdict_ns: when the verdict was given
 * @switched_ns: when the slots were rewritten
 */
struct dfb_switch {
	__u32 from;
	__u32 to;
	enum dfb_reason reason;
	__u32 misses;
	__u32 witness;
	__u32 lateness_ns;
	__u64 last_good_ns;
	__u64 first_missed_ns;
	__u64 witness_ns;
	__u64 verdict_ns;
	__u64 switched_ns;
};

/**
 * struct dfb_pool - `pools`: who serves (array, key: pool id)
 * @lock: held while the slots change
 * @lent: bit of a slot: whoever has it has it only until more servers serve; see bpf/slots.h
 * @slots: server ids; with one active server they are all equal
 * @epoch: +1 per change of who serves
 * @committed: the epoch that the routing tables of record show
 * @committed_ns: since when
 * @last: the last change
 */
struct dfb_pool {
	DFB_ABI_SHIFT
	struct bpf_spin_lock lock;
	__u32 lent;
	__u64 epoch;
	__u64 committed;
	__u64 committed_ns;
	__u32 slots[DFB_SLOTS];
	struct dfb_switch last;
};

/* --- rings ----------------------------------------------------------------------------------- */

enum dfb_event_kind {
	DFB_EVENT_TARGET,  /* a target changed state */
	DFB_EVENT_SWITCH,  /* the kernel moved a pool */
	DFB_EVENT_PROPOSE, /* the kernel would have moved a pool, but `fast: false` */
	DFB_EVENT_USERLAND,/* a server's userland hangs, runs again, or is proven to since somebody's hung */
	DFB_EVENT_KIND_MAX,
};

/**
 * struct dfb_event - ring `events`: an edge, for the controller; a hint, the maps are the truth
 * @time_ns: when
 * @kind: enum dfb_event_kind
 * @target: target id (all kinds)
 * @old_state: enum dfb_target_state (TARGET), enum dfb_userland_state (USERLAND)
 * @new_state: likewise
 * @pool: pool id (SWITCH, PROPOSE)
 * @damped: dfb_detect.damped (TARGET)
 * @epoch: of the pool, after the change (SWITCH), as found (PROPOSE)
 * @change: what was, or would be, done and why; for TARGET its evidence; for USERLAND @last_good_ns is
 *	dfb_userland.alive_ns, @first_missed_ns its since_ns, and @verdict_ns its heard_ns
 * @lent: dfb_pool.lent after the change (SWITCH)
 * @slots: dfb_pool.slots after the change (SWITCH)
 */
struct dfb_event {
	__u64 time_ns;
	__u32 kind;
	__u32 target;
	__u32 old_state;
	__u32 new_state;
	__u32 pool;
	__u32 damped;
	__u64 epoch;
	struct dfb_switch change;
	__u32 lent;
	__u32 pad;
	__u32 slots[DFB_SLOTS];
};

/** struct dfb_nudge - ring `nudges`: a target is suspect, for the prober */
struct dfb_nudge {
	__u32 target;
	__u32 pad;
};

/* --- orders: the controller changes state through a program run, never by a map update -------- */

enum dfb_order_kind {
	DFB_ORDER_SWITCH,    /* move a pool, if its epoch is still the expected one */
	DFB_ORDER_COMMITTED, /* note which epoch the tables of record show */
	DFB_ORDER_ARM,	     /* start or adopt a target's timer */
	DFB_ORDER_RESET,     /* forget a target's detector: its id means another address now */
	DFB_ORDER_FORGET_POOL,
	DFB_ORDER_KIND_MAX,
};

/**
 * struct dfb_order - input of a test run of `dfb_order`, after 14 bytes of nothing
 * @kind: enum dfb_order_kind
 * @id: pool id (SWITCH, COMMITTED, FORGET_POOL) or target id (ARM, RESET)
 * @from: server id that loses its slots, 0: none, for the record (SWITCH)
 * @to: server id that gets some, 0: those that serve, for the record (SWITCH)
 * @reason: enum dfb_reason (SWITCH)
 * @lent: dfb_pool.lent (SWITCH)
 * @epoch: the epoch that must be found (SWITCH), or was committed (COMMITTED)
 * @slots: dfb_pool.slots (SWITCH)
 *
 * The run's return value is 0, or an errno: ESTALE (another epoch), ENOENT (no such id),
 * EINVAL (unknown kind), ENOMEM (no timer could be had, ARM).
 */
struct dfb_order {
	__u32 kind;
	__u32 id;
	__u32 from;
	__u32 to;
	__u32 reason;
	__u32 lent;
	__u64 epoch;
	__u32 slots[DFB_SLOTS];
};

#define DFB_ORDER_OFFSET 14

/* Both compilers must see the same; a change of one of these is a change of DFB_ABI_VERSION. */
#define DFB_ABI_SIZE "a pinned layout changed: raise DFB_ABI_VERSION"
_Static_assert(sizeof(struct dfb_target) == 128 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_server) == 176 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_plan) == 184 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_service) == 40 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_control) == 40 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_interface) == 20 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_attempts) == 272, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_prober) == 88, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_slot) == 32, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_detect) == 1216 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_target_run) == 1304 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_switch) == 64, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_pool) == 160 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_event) == 176, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_order) == 96, DFB_ABI_SIZE);

#endif
