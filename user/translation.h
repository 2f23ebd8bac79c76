/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Services that are translated, as the daemon keeps them: their table is there before the kernel marks
 * a packet, is put back when somebody changes it, and what a move left in connection tracking goes later.
 */
#ifndef DEFIB_TRANSLATION_H
#define DEFIB_TRANSLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/policy.h"

struct daemon;

/** struct translation - part of struct daemon; zeroed at first; @sweep_ns: when to clean up, 0: not due */
struct translation {
	struct nat *nat;
	struct ruleset *ruleset;
	struct conntrack *conntrack;
	uint64_t sweep_ns;
};

/**
 * translation_sync() - make the table what @policy says
 * @ret_changed: it was not
 * @why: one line, empty on success
 * Return: 0 or -errno.
 */
int translation_sync(struct daemon *d, const struct policy *policy, bool *ret_changed, char *why,
		     size_t size);

/** translation_moved() - a pool moved: clean up after it, soon. */
void translation_moved(struct daemon *d);

/** translation_tick() - clean up if that is due. */
void translation_tick(struct daemon *d);

void translation_close(struct daemon *d);

#endif
