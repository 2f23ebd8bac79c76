/* SPDX-License-Identifier: GPL-2.0-only */
/* Was a verdict true? From what was on the wire alone; no clock, no global. */
#ifndef STRESS_JUDGE_H
#define STRESS_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "tap.h"

/**
 * struct judge_claim - what the detector says about a target that it declared down
 * @seq: of the latest probe that it knows; probes after it are none of the verdict's business
 * @misses: expired probes in a row that the verdict needs
 * @timeout_ns: that applied
 * @first_missed_ns: when the first of them left
 * @verdict_ns: when it was declared down
 */
struct judge_claim {
	uint32_t seq;
	uint32_t misses;
	uint64_t timeout_ns;
	uint64_t first_missed_ns;
	uint64_t verdict_ns;
};

enum judge_ruling {
	JUDGE_TRUE,  /* that many probes in a row had no reply on the wire in time */
	JUDGE_FALSE, /* the replies left the server in time: whatever happened, it was not the server */
	JUDGE_BLIND, /* the capture does not reach back so far */
	JUDGE_MAX,
};

extern const char *const judge_names[JUDGE_MAX];

/**
 * judge_answered() - was a probe answered on the wire?
 *
 * The reply left the server within the timeout of the probe's leaving the gateway, and was not lost on
 * the way back. When the gateway got round to handling it does not matter: that is the gateway's fault.
 */
bool judge_answered(const struct tap_slot *slot, uint64_t timeout_ns);

/**
 * judge_claim() - of one target
 * @wire: its TAP_WINDOW slots, by sequence number
 * @ret_row: longest row of unanswered probes between the first missed one and the verdict
 */
enum judge_ruling judge_claim(const struct tap_slot *wire, const struct judge_claim *claim,
			      uint32_t *ret_row);

/**
 * struct judge_tally - what a target's wire showed, probe by probe
 * @seq: the next to look at
 * @row: unanswered ones in a row by now
 * @probes: that were seen or ought to have been
 * @unanswered: without a reply in time
 * @faults: rows of as many unanswered ones as a verdict needs
 * @worst_ns: slowest reply to leave its server
 */
struct judge_tally {
	uint32_t seq;
	uint32_t row;
	uint64_t probes;
	uint64_t unanswered;
	uint64_t faults;
	uint64_t worst_ns;
};

/** judge_count() - add the probe t->seq to the tally; one that is not there was lost before the wire. */
void judge_count(struct judge_tally *t, const struct tap_slot *wire, uint32_t misses, uint64_t timeout_ns);

#endif
