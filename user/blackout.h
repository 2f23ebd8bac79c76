/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a failover cost a service's clients, by the streams that it sent back to them. Pure: a picture of all
 * streams in, a judgement out. Documentation/design/loss.rst tells what it can and cannot know.
 */
#ifndef DEFIB_BLACKOUT_H
#define DEFIB_BLACKOUT_H

#include <stdbool.h>

#include "core/action.h"
#include "core/policy.h"
#include "sense/meter_view.h"

#define BLACKOUT_SETTLE_NS 1000000000ull /* a failover is judged so long after it */

/**
 * blackout_measure() - the blackout that the service's streams prove
 * @moved: report of the failover: when, and how long before that the last answer was
 * Return: did any of its streams run then?
 */
bool blackout_measure(const struct meter_view *view, const struct policy_service *service,
		      const struct report *moved, struct report_blackout *ret_blackout);

/** blackout_goes_on() - is one of them still silent? */
bool blackout_goes_on(const struct meter_view *view, const struct policy_service *service,
		      const struct report *moved);

#endif
