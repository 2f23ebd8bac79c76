/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ACT_NAT_STALE_H
#define ACT_NAT_STALE_H

#include <stdbool.h>

#include "conntrack.h"
#include "core/core.h"

/**
 * nat_is_stale() - is an entry in a zone of ours of no more use? Pure.
 *
 * It is unless it leads from a translated service's address to the server that serves it, at the
 * address that this server has now. In other zones nothing is stale.
 */
bool nat_is_stale(const struct policy *policy, const struct core *core, const struct conntrack_entry *entry);

#endif
