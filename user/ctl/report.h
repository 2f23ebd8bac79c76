/* SPDX-License-Identifier: GPL-2.0-only */
/* A report as others read it: JSON for the monitor, history and hooks, and one line for people. */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include <stddef.h>

#include <jansson.h>

#include "core/action.h"

#define REPORT_LINE_LEN 640 /* enough for every report */

/**
 * report_json() - schema 1: time (RFC 3339, us), mono_ns, kind, and what it concerns
 * @r: empty names, zero epoch and zero times are left out; times end in _us, rounded
 * Return: a new reference for the caller, NULL without memory. Bytes that are no UTF-8 become '?'.
 */
json_t *report_json(const struct report *r);

/**
 * report_line() - "failover: pool app: s1 -> s2, epoch 4: why (detected in 2.31 ms, ...)"
 * @text: always terminated when @size is not 0
 * Return: characters written, without the NUL.
 */
int report_line(const struct report *r, char *text, size_t size);

/** report_blackout_json() - Return: its fields as an object, new reference. */
json_t *report_blackout_json(const struct report_blackout *b);

/** report_budget() - "kept" or "broken" */
const char *report_budget(const struct report_blackout *b);

#endif
