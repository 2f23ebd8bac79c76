// SPDX-License-Identifier: GPL-2.0-only
#include "tally.h"

static enum check_state state_after(const struct tally *t, uint32_t rise, uint32_t fall)
{
	if (t->good >= rise)
		return CHECK_PASS;
	if (t->bad >= fall)
		return CHECK_FAIL;
	return t->none >= fall ? CHECK_UNKNOWN : t->state;
}

/* An attempt that says nothing does not end a row either. */
bool tally_add(struct tally *t, uint32_t rise, uint32_t fall, enum check_outcome outcome,
	       uint64_t started_ns)
{
	enum check_state before = t->state;

	t->none = outcome == CHECK_NONE ? t->none + 1 : 0;
	if (outcome == CHECK_GOOD) {
		t->good++;
		t->bad = 0;
		t->bad_ns = 0;
	} else if (outcome == CHECK_BAD) {
		t->bad_ns = t->bad++ ? t->bad_ns : started_ns;
		t->good = 0;
	}
	if (t->none >= fall)
		t->good = t->bad = 0;
	t->state = state_after(t, rise, fall);
	return t->state != before;
}

bool tally_is_settled(const struct tally *t)
{
	if (t->none)
		return false;
	return (t->state == CHECK_PASS && !t->bad) || (t->state == CHECK_FAIL && !t->good);
}
