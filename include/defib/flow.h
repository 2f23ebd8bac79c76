/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel <-> user: TCP connections of clients, in the pinned map `flows`. See abi.h for its conventions. */
#ifndef DEFIB_FLOW_H
#define DEFIB_FLOW_H

#include <defib/abi.h>

/**
 * struct dfb_flow_key - `flows` (LRU hash): a TCP connection of a client with a service
 * @client: its address; see dfb_target.address
 * @service: the service's
 * @client_port: host byte order
 * @service_port: host byte order
 */
struct dfb_flow_key {
	__u8 client[16];
	__u8 service[16];
	__u16 client_port;
	__u16 service_port;
};

/**
 * struct dfb_flow - `flows`: with which server; bpf/flow.h tells when it is written
 * @server: that served when the connection was first seen
 * @pool: of the service, then
 * @closing: 1: the client has sent its last byte (FIN)
 * @first_ns: when it was first seen
 * @seen_ns: when a packet of it was last looked at
 */
struct dfb_flow {
	DFB_ABI_SHIFT
	__u32 server;
	__u32 pool;
	__u32 closing;
	__u32 pad;
	__u64 first_ns;
	__u64 seen_ns;
};

#define DFB_FLOW_CLOSING_NS 10000000000ull /* a closing one not seen for so long is over */

_Static_assert(sizeof(struct dfb_flow_key) == 36, DFB_ABI_SIZE);
_Static_assert(sizeof(struct dfb_flow) == 32 + DFB_ABI_SHIFT_SIZE, DFB_ABI_SIZE);

#endif
