/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel <-> user: the XDP root of an interface, and the responder behind it. Pinned per interface,
 * apart from an instance's maps.
 */
#ifndef DEFIB_ECHO_H
#define DEFIB_ECHO_H

#include <defib/abi.h>
#include <defib/loss.h>

/* An interface has one XDP program, `dfb_root`; it hands packets to these through `xdp_slots`. */
enum dfb_xdp_slot {
	DFB_XDP_BEAT, /* replies to our probes */
	DFB_XDP_ECHO, /* requests to the responder */
	DFB_XDP_LOSS, /* streams */
	DFB_XDP_VIP,  /* who has an address? ARP, neighbour solicitations and advertisements */
	DFB_XDP_SLOT_MAX,
};

/** struct dfb_xdp_conf - `xdp_conf`: one element; @echo_port in host byte order, 0: no responder */
struct dfb_xdp_conf {
	__u32 echo_port;
	__u32 pad;
};

/** struct dfb_echo_conf - `echo_conf`: one element, how a responder was attached; for `echo show` */
struct dfb_echo_conf {
	char interface[16];
	__u32 port;
	__u32 generic;
	__u64 rate_per_s;
};

/** struct dfb_prefix - key of `echo_allow` (LPM trie); @length in bits, IPv4 counts from ::ffff:0:0/96 */
struct dfb_prefix {
	__u32 length;
	__u8 address[16];
};

/**
 * struct dfb_agent - `echo_userland`: one element, written by the agent of a host (array, mmapable)
 * @alive_ns: when it ran last; 0: there is none
 * @started_ns: since when it runs
 * @period_ns: how often it does
 * @pid: process id, in its own pid namespace
 */
struct dfb_agent {
	__u64 alive_ns;
	__u64 started_ns;
	__u64 period_ns;
	__u32 pid;
	__u32 pad;
};

#define DFB_ECHO_STREAMS 256

/**
 * struct dfb_echo_stream - `echo_streams`: a stream that is echoed (array, by a hash of its source)
 * @source: as in struct dfb_service_key; @sport in host byte order
 * @account: gaps are not counted
 */
struct dfb_echo_stream {
	struct bpf_spin_lock lock;
	__u32 sport;
	__u32 source[4];
	struct dfb_account account;
};

/** struct dfb_echo_counters - `echo_counters`: the responder; refusals with their fate */
struct dfb_echo_counters {
	__u64 answered;		/* with our magic */
	__u64 echoed;		/* without: byte for byte, but for struct dfb_far in a stream's packet */
	__u64 fragment;		/* pass */
	__u64 options;		/* IPv4 options: pass */
	__u64 truncated;	/* pass */
	__u64 not_unicast;	/* multicast, broadcast or unspecified address: pass */
	__u64 not_for_us;	/* another station's link-layer address: pass */
	__u64 not_allowed;	/* source outside the allow list: pass */
	__u64 own_source;	/* source is the destination, or this interface's station: drop */
	__u64 low_port;		/* source port below 1024: drop */
	__u64 reflector_port;	/* source port of another reflector, or our own: drop */
	__u64 too_long;		/* payload above DFB_ECHO_MAX_PAYLOAD: drop */
	__u64 reply_bit;	/* it is an answer already: drop */
	__u64 rate_limited;	/* drop */
};

_Static_assert(sizeof(struct dfb_echo_counters) == 112, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_echo_conf) == 32, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_agent) == 32, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_prefix) == 20, DFB_ABI_SIZE);

#endif
