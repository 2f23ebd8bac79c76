/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the status document about orders that stand: maintenance, pauses, the gateway's mode. */
#ifndef CTL_STANDING_H
#define CTL_STANDING_H

#include <jansson.h>

struct core;

/**
 * standing_add() - what stands, into the status: "mode"
 *
 * To each server "maintenance" and "draining", to each pool and its services "paused". An order is
 * {"since", "for_s", "until", "left_s", "forgotten", "reason"}, a drain {"until", "left_s", "connections"};
 * each is null where there is none.
 * @core: NULL: the daemon is down; "mode" is null, and of an order only that there is one is known
 */
void standing_add(json_t *status, const struct core *core);

#endif
