// SPDX-License-Identifier: GPL-2.0-only
#include "timing.h"

#define MS 1000000ull
#define INITIAL_MIN (200 * MS)
#define INITIAL_MAX (3000 * MS)
#define RETRY_FIRST (100 * MS)
#define RETRY_LAST (5000 * MS)

static uint64_t longest_timeout(const struct policy_heartbeat *h)
{
	return h->timeout_ns ? h->timeout_ns : h->timeout_max_ns;
}

/* NFD-S (Chen et al. 2002): the last of `misses` probes leaves at most that many intervals after
 * the death, and expires one timeout later. Confirm probes only make it earlier; without any a
 * witness may need some more, see detect_room(), and with `misses: 1` a second one in any case. */
uint64_t timing_detection(const struct policy_heartbeat *h)
{
	uint64_t intervals = h->misses + (h->misses == 1);

	if (!h->confirm_probes)
		intervals += 1 + longest_timeout(h) / h->interval_ns;
	return intervals * h->interval_ns + longest_timeout(h);
}

uint64_t timing_fresh(const struct policy_heartbeat *h)
{
	return 2 * h->interval_ns + 2 * longest_timeout(h);
}

uint64_t timing_initial(const struct policy *policy, const struct policy_pool *pool)
{
	uint64_t wait = INITIAL_MIN;

	for (uint32_t i = 0; i < pool->n_servers; i++) {
		uint64_t one = 2 * timing_detection(&policy->servers[pool->servers[i]].heartbeat);

		wait = one > wait ? one : wait;
	}
	return wait < INITIAL_MAX ? wait : INITIAL_MAX;
}

uint64_t timing_retry(uint32_t n)
{
	uint64_t pause = RETRY_FIRST;

	while (n-- && pause < RETRY_LAST)
		pause *= 2;
	return pause < RETRY_LAST ? pause : RETRY_LAST;
}
