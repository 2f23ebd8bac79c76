/* SPDX-License-Identifier: GPL-2.0-only */
/* What the loss that an instance has measured means for a configuration: how often it is mistaken. */
#ifndef DEFIB_ADVICE_H
#define DEFIB_ADVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/policy.h"
#include "core/timing.h"
#include "sense/snapshot.h"

#define ADVICE_TEXT 320

/**
 * struct advice - about one address of a server
 * @loss: as measured
 * @pace: as the configuration has it, with the timeout that was measured if that is automatic
 * @known: enough probes for a forecast
 * @enough: misses with which mistakes are rarer than once in TIMING_MISTAKES_BOUND_NS; 0: none
 * @enough_ns: time between mistakes then
 */
struct advice {
	const struct policy_server *server;
	uint32_t family;
	struct timing_loss loss;
	struct timing_pace pace;
	struct timing_forecast forecast;
	bool known;
	uint32_t enough;
	double enough_ns;
};

/** advice_next() - of the addresses that are both configured and probed, the next
 * @at: 0 at first, kept by the caller
 * Return: false: there is none.
 */
bool advice_next(const struct policy *policy, const struct snapshot *s, uint32_t *at,
		 struct advice *ret_advice);

/** advice_is_warning() - are mistakes known to be more frequent than TIMING_MISTAKES_BOUND_NS? */
bool advice_is_warning(const struct advice *a);

/** advice_text() - one line for a person. Return: @text. */
char *advice_text(const struct advice *a, char text[ADVICE_TEXT]);

/** advice_read() - what the maps of an instance have measured
 * @complain: why it cannot be read, but for an instance that there is not
 * Return: a snapshot, or NULL; snapshot_free() it.
 */
struct snapshot *advice_read(const char *instance, FILE *complain);

/** advice_print() - a line for each address: warnings, with place, to @complain, others to @out or NULL */
void advice_print(const struct policy *policy, const struct snapshot *s, const char *path, FILE *complain,
		  FILE *out);

#endif
