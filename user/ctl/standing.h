/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the status document about orders that stand: maintenance and pauses. */
#ifndef CTL_STANDING_H
#define CTL_STANDING_H

#include <jansson.h>

struct core;

/**
 * standing_add() - "maintenance" to each server, "paused" to each pool and its services
 *
 * {"since", "for_s", "until", "left_s", "forgotten", "reason"}; null for all others
 * @core: NULL: the daemon is down, and only that it is so is known
 */
void standing_add(json_t *status, const struct core *core);

#endif
