/* SPDX-License-Identifier: GPL-2.0-only */
/* The words by which people and scripts know what the core does. */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <stddef.h>

#include "action.h"
#include "event.h"

struct core;

/** report_kind_names - an event's "kind" for operators, by enum report_kind */
extern const char *const report_kind_names[REPORT_KIND_MAX];

/**
 * trace_event() - one line of text, without a line end: time in ms since @start_ns, kind, what it says
 * @core: for names
 */
void trace_event(const struct core *core, const struct event *ev, uint64_t start_ns, char *text, size_t size);

/** trace_action() - likewise. */
void trace_action(const struct core *core, const struct action *a, char *text, size_t size);

#endif
