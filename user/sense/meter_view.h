/* SPDX-License-Identifier: GPL-2.0-only */
/* What a meter's pinned maps say, as one picture; needs no program, and no daemon. */
#ifndef SENSE_METER_VIEW_H
#define SENSE_METER_VIEW_H

#include <stdint.h>

#include <defib/loss.h>

#include "meter.h"

struct meter_stream {
	struct dfb_stream_key key;
	struct dfb_stream stream;
};

/**
 * struct meter_view - all streams, sorted by their keys
 * @now_ns: when they were read, CLOCK_MONOTONIC
 * @total: streams whose timers have not run may be ahead of it
 */
struct meter_view {
	uint64_t now_ns;
	struct dfb_loss_conf conf;
	struct dfb_loss_total total;
	struct dfb_loss_counters counters;
	uint32_t n;
	struct meter_stream streams[];
};

/** meter_view_read() - Return: 0, the caller frees it; -ENOENT: there is no such meter; or another -errno. */
int meter_view_read(const struct meter_place *place, struct meter_view **ret_view);

/** meter_view_reset() - forget all streams and totals; the next packet begins anew. Return: 0 or -errno. */
int meter_view_reset(const struct meter_place *place);

#endif
