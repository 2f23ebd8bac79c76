// SPDX-License-Identifier: GPL-2.0-only
#include "judge.h"

#include <stddef.h>

const char *const judge_names[JUDGE_MAX] = {
	[JUDGE_TRUE] = "true",
	[JUDGE_FALSE] = "false",
	[JUDGE_BLIND] = "blind",
};

/* NULL: the probe was never on the wire, or so long ago that another one has its slot. */
static const struct tap_slot *slot_of(const struct tap_slot *wire, uint32_t seq)
{
	const struct tap_slot *slot = &wire[seq & (TAP_WINDOW - 1)];

	return slot->seq == seq && slot->at_ns[TAP_LEFT] ? slot : NULL;
}

bool judge_answered(const struct tap_slot *slot, uint64_t timeout_ns)
{
	uint64_t replied = slot->at_ns[TAP_REPLIED];

	return replied && slot->at_ns[TAP_BACK] && replied - slot->at_ns[TAP_LEFT] <= timeout_ns;
}

/* The last probe that left before the first missed one; *ret_seq is untouched if there is none. */
static bool find_before(const struct tap_slot *wire, const struct judge_claim *claim, uint32_t *ret_seq)
{
	for (uint32_t back = 0; back < TAP_WINDOW; back++) {
		const struct tap_slot *slot = slot_of(wire, claim->seq - back);

		if (slot && slot->at_ns[TAP_LEFT] < claim->first_missed_ns) {
			*ret_seq = claim->seq - back;
			return true;
		}
	}
	return false;
}

/* The stamp was taken before the cable, so the last probe's time on the wire is not quite over at the
 * verdict; half of it must be. */
enum judge_ruling judge_claim(const struct tap_slot *wire, const struct judge_claim *claim, uint32_t *ret_row)
{
	uint32_t seq, row = 0, longest = 0;

	if (!find_before(wire, claim, &seq))
		return JUDGE_BLIND;
	while (seq++ != claim->seq) {
		const struct tap_slot *slot = slot_of(wire, seq);

		if (slot && slot->at_ns[TAP_LEFT] + claim->timeout_ns / 2 > claim->verdict_ns)
			break;
		row = slot && judge_answered(slot, claim->timeout_ns) ? 0 : row + 1;
		longest = row > longest ? row : longest;
	}
	*ret_row = longest;
	return longest >= claim->misses ? JUDGE_TRUE : JUDGE_FALSE;
}

void judge_count(struct judge_tally *t, const struct tap_slot *wire, uint32_t misses, uint64_t timeout_ns)
{
	const struct tap_slot *slot = slot_of(wire, t->seq++);
	uint64_t took;

	t->probes++;
	if (slot && slot->at_ns[TAP_REPLIED]) {
		took = slot->at_ns[TAP_REPLIED] - slot->at_ns[TAP_LEFT];
		t->worst_ns = took > t->worst_ns ? took : t->worst_ns;
	}
	if (slot && judge_answered(slot, timeout_ns)) {
		t->row = 0;
		return;
	}
	t->unanswered++;
	t->row++;
	if (t->row == misses)
		t->faults++;
}
