/* SPDX-License-Identifier: GPL-2.0-only */
/* The cables of the lab's switch: watched, and cut. The caller is moved into the switch's namespace. */
#ifndef STRESS_CABLE_H
#define STRESS_CABLE_H

#include <stdint.h>

#include "tap.h"

struct cable;

/** cable_open() - put the tap on all cables of a lab. Return: 0 or -errno; the caller owns *ret_cable. */
int cable_open(const char *lab, struct cable **ret_cable);

/**
 * cable_close() - the tap stays until another takes its place, or the lab goes: making and removing
 * clsact stops a device for some milliseconds
 */
void cable_close(struct cable *c);

/** cable_wire() - Return: TAP_WINDOW slots of a target, which go on changing. */
const struct tap_slot *cable_wire(const struct cable *c, uint32_t target);

/** cable_deafen() - from now on a target's replies are lost behind the tap. Return: 0 or -errno. */
int cable_deafen(struct cable *c, uint32_t target);

/**
 * cable_cut(), cable_mend() - a server's cable, its carrier stays
 * @server: its name in the lab: s1, s2, ...
 * @ret_ns: CLOCK_MONOTONIC
 * Return: 0 or -errno.
 */
int cable_cut(struct cable *c, const char *server, uint64_t *ret_ns);
int cable_mend(struct cable *c, const char *server, uint64_t *ret_ns);

#endif
