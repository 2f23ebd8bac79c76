/* SPDX-License-Identifier: GPL-2.0-only */
/* The words by which people and scripts know what the core does. */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include "action.h"

/** report_kind_names - an event's "kind" for operators, by enum report_kind */
extern const char *const report_kind_names[REPORT_KIND_MAX];

#endif
