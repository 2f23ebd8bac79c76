/* SPDX-License-Identifier: GPL-2.0-only */
/* The sockets of the prober: a probe out, nothing in (replies end in the XDP program). */
#ifndef SENSE_SHOUT_H
#define SENSE_SHOUT_H

#include <stdint.h>

#include <defib/abi.h>
#include <defib/wire.h>

#define SHOUT_SOCKETS 4 /* UDP and ICMP, each for IPv4 and IPv6; the order of dfb_prober.cookies */

struct shout {
	int fd[SHOUT_SOCKETS];
	uint16_t ident; /* network byte order */
};

/** shout_open() - Return: 0 or -errno. A family that the host lacks is left out. */
int shout_open(struct shout *shout, uint64_t ret_cookies[SHOUT_SOCKETS]);
void shout_close(struct shout *shout);

/** shout_send() - send one probe to a target. Return: 0 or -errno of the send call. */
int shout_send(struct shout *shout, const struct dfb_target *target, const struct dfb_probe *probe);

#endif
