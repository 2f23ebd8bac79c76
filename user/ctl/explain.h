/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a service did, or did not, fail over: the evidence, out of a status document alone. */
#ifndef CTL_EXPLAIN_H
#define CTL_EXPLAIN_H

#include <jansson.h>

/**
 * explain_json() - the evidence about one service
 * @status: of status_json(), borrowed
 * @service: its name
 * Return: a new reference; NULL: no such service. "findings" are sentences for people, each with a
 * "topic": state, failover, candidate, next, check, commit, timing. The rest are the numbers behind them.
 */
json_t *explain_json(const json_t *status, const char *service);

#endif
