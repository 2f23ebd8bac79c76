/* SPDX-License-Identifier: GPL-2.0-only */
/* Every bound that is derived from the configuration, in one place. Times in nanoseconds. */
#ifndef CORE_TIMING_H
#define CORE_TIMING_H

#include "policy.h"

/** timing_detection() - a dead server is declared within this, if timers are on time and a witness answers */
uint64_t timing_detection(const struct policy_heartbeat *h);

/** timing_fresh() - a target that is still up has answered a probe sent this long ago or later */
uint64_t timing_fresh(const struct policy_heartbeat *h);

/** timing_initial() - how long a pool without a server waits for the first of its candidates */
uint64_t timing_initial(const struct policy *policy, const struct policy_pool *pool);

/** timing_retry() - pause before the n-th retry of a failed action: doubles from 100 ms to 5 s */
uint64_t timing_retry(uint32_t n);

#endif
