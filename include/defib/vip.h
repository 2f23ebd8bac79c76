/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel <-> user: addresses of services on the clients' own segment (`redirect: vip`), for which dfb_vip
 * answers. Their maps are an instance's, and have its ABI version.
 */
#ifndef DEFIB_VIP_H
#define DEFIB_VIP_H

#include <defib/abi.h>

/**
 * struct dfb_station - `stations`: a server on the clients' own segment (array, key: target id)
 * @ifindex: of our interface there; 0: it is on no such segment, or not known yet
 * @address: its MAC address there
 * @own: that of our interface, the source of what we send
 */
struct dfb_station {
	DFB_ABI_SHIFT
	__u32 ifindex;
	__u8 address[6];
	__u8 own[6];
};

/** struct dfb_vip_counters - `vip_counters`: who has an address? ARP and neighbour discovery */
struct dfb_vip_counters {
	__u64 answered;	     /* with the MAC address of the server that serves */
	__u64 claims;	     /* somebody else said that an address was his: passed */
	__u64 muted;	     /* so soon after another one of the pool that the ring does not tell */
	__u64 ring_full;     /* the ring could not tell */
	__u64 confirmed;     /* the server that serves said so: true, but better left to us; passed */
	__u64 no_service;    /* about no address of ours; this and what follows is passed */
	__u64 no_server;     /* nobody serves it yet */
	__u64 held;	     /* withdrawn by `when-none` */
	__u64 no_station;    /* the server is not on this segment, or not known there yet */
	__u64 not_for_us;    /* sent to another station */
	__u64 own_request;   /* asked by the server that serves */
	__u64 truncated;
	__u64 not_ethernet;  /* ARP of other networks */
	__u64 bad_sender;    /* from a group address */
	__u64 bad_hop_limit; /* not 255, so from behind a router (RFC 4861, 7.1) */
	__u64 bad_message;   /* length, code or options are not as RFC 4861, 7.1, demands */
	__u64 bad_checksum;
	__u64 no_room;	     /* the frame could not be made as long as the answer */
};

/**
 * struct dfb_claim - `claims` (array, key: pool id): the last time somebody else said that a service's
 * address was his; and ring `claim_events`: each time
 * @time_ns: when
 * @address: of the service, as in struct dfb_service_key
 * @pool: that serves it
 * @ifindex: where it was heard
 * @station: MAC address that was claimed
 */
struct dfb_claim {
	__u64 time_ns;
	__u8 address[16];
	__u32 pool;
	__u32 ifindex;
	__u8 station[6];
	__u8 pad[2];
};

_Static_assert(sizeof(struct dfb_station) == 16 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_vip_counters) == 144, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_claim) == 40, DFB_ABI_SIZE);

#endif
