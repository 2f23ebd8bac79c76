/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs' counters by the names they have in include/defib/abi.h and vip.h. */
#ifndef CTL_COUNTERS_H
#define CTL_COUNTERS_H

#include <jansson.h>

#include <defib/abi.h>
#include <defib/vip.h>

/** counters_beat_json() - a new reference, NULL without memory; so the others. */
json_t *counters_beat_json(const struct dfb_beat_counters *counters);
json_t *counters_steer_json(const struct dfb_steer_counters *counters);
json_t *counters_vip_json(const struct dfb_vip_counters *counters);

#endif
