/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Make a client say something on a TCP connection, though it only listens: a bare ACK in the name of the
 * service, with any sequence number. Whoever has the connection open answers with an ACK of its own
 * (RFC 9293, 3.10.7.4), which goes to the server that serves now; that one knows no such connection, and its
 * reset bears the number of that ACK, so that the client takes it. Whoever has it no longer answers with a
 * reset of its own. A connection that is well takes no harm.
 */
#ifndef ACT_POKE_H
#define ACT_POKE_H

#include <stdint.h>

#include <defib/flow.h>

#define POKE_ROOM 60

struct poke;

/** poke_new() - Return: 0; -EPERM without CAP_NET_RAW; or another -errno. IPv6 may be missing. */
int poke_new(struct poke **ret_poke);
void poke_free(struct poke *poke);

/**
 * poke_send() - poke the client of a connection; never waits
 *
 * The packet takes the way that the main routing table and the firewall's output rules know.
 * Return: 0 or -errno; -EAFNOSUPPORT: no IPv6 here.
 */
int poke_send(struct poke *poke, const struct dfb_flow_key *flow);

/**
 * poke_build() - the packet: an IP header and a TCP header
 * @seq, @ack: its numbers
 * Return: bytes of @ret_packet; the kernel fills in the checksum of an IPv4 header.
 */
uint32_t poke_build(const struct dfb_flow_key *flow, uint32_t seq, uint32_t ack,
		    uint8_t ret_packet[POKE_ROOM]);

#endif
