/* SPDX-License-Identifier: GPL-2.0-only */
/* From answers to a verdict: how often a check must pass, or fail, in a row. */
#ifndef CORE_TALLY_H
#define CORE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include <defib/check.h>

/**
 * struct tally - of one check; zeroed: nothing is known
 * @good, @bad, @none: outcomes in a row
 * @bad_ns: when the first of the bad ones in a row was asked for; 0: the last answer was not bad
 */
struct tally {
	enum check_state state;
	uint32_t good;
	uint32_t bad;
	uint32_t none;
	uint64_t bad_ns;
};

/**
 * tally_add() - one more attempt
 * @rise: good ones in a row after which it passes
 * @fall: bad ones in a row after which it fails; or attempts that say nothing, after which it is unknown
 * @started_ns: when it was asked
 * Return: did the state change?
 */
bool tally_add(struct tally *t, uint32_t rise, uint32_t fall, enum check_outcome outcome,
	       uint64_t started_ns);

/** tally_is_settled() - do the last answers agree with the state? If not, it is asked faster. */
bool tally_is_settled(const struct tally *t);

#endif
