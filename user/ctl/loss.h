/* SPDX-License-Identifier: GPL-2.0-only */
/* The loss on the way to a server, as the status document has it. */
#ifndef CTL_LOSS_H
#define CTL_LOSS_H

#include <jansson.h>

#include <core/timing.h>

/** loss_add() - what one detector has counted to what others have; the pace is left alone */
void loss_add(struct timing_loss *loss, const struct dfb_detect *d);

/** loss_json() - Return: an object with "loss_ratio" and "loss_again_ratio", null where nothing is known. */
json_t *loss_json(const struct timing_loss *loss);

#endif
