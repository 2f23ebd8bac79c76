/* SPDX-License-Identifier: GPL-2.0-only */
/* Who changes our nftables table? EVENT_TAMPERED says so; see act/nat.h for the table. */
#ifndef SENSE_RULESET_H
#define SENSE_RULESET_H

#include "base/loop.h"
#include "link.h"

struct ruleset;

/**
 * ruleset_new() - listen to changes in the network namespace the process is in
 * @table: name of ours, of family inet; copied
 * @emit: called from the loop
 * Return: 0; -errno: -EPROTONOSUPPORT: a kernel without nftables; ruleset_free() it.
 */
int ruleset_new(struct loop *loop, const char *table, link_emit *emit, void *arg,
		struct ruleset **ret_ruleset);

/** ruleset_free() - NULL is fine. */
void ruleset_free(struct ruleset *ruleset);

/** ruleset_forget() - what is waiting to be heard was our own doing. NULL is fine. */
void ruleset_forget(struct ruleset *ruleset);

#endif
