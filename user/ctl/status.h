/* SPDX-License-Identifier: GPL-2.0-only */
/* The status document of CONTRACT.md, the same from the daemon and from the pinned maps alone. */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

#include <jansson.h>
#include <stdint.h>

#include <core/core.h>
#include <defib/ctl.h>
#include <sense/snapshot.h>

/**
 * struct status_extra - what only the running daemon knows
 * @gateway: its name
 * @started_ns: CLOCK_MONOTONIC, when it started
 * @policy: for the services' ports; pool ids must be assigned
 * @checks: of the service with this index, NULL: it has none; called with @arg
 * @core: for the orders that stand
 * @connections_reset: of this server of a pool that were reset since then; called with @arg, NULL: not known
 * @blackout: what a service's move to this epoch cost, NULL: not known; called with @arg
 */
struct status_extra {
	const char *gateway;
	uint64_t started_ns;
	const struct policy *policy;
	const struct core *core;
	const struct report_blackout *(*blackout)(void *arg, const char *service, uint64_t epoch);
	json_t *(*checks)(void *arg, uint32_t service);
	uint32_t (*connections_reset)(void *arg, uint32_t pool, uint32_t server, uint64_t since_ns);
	void *arg;
};

/**
 * status_json() - the document
 * @extra: NULL: the daemon is down, services come from the map
 * Return: a new reference, NULL without memory. What is not known is null: a round trip never
 * measured, the time of a phase that a switch did not have.
 */
json_t *status_json(const struct snapshot *s, const struct status_extra *extra);

/**
 * status_code() - the exit status that a document means
 * Return: CTL_UNREACHABLE if the daemon is down, CTL_DEGRADED if a service is not "serving", CTL_OK.
 */
enum ctl_code status_code(const json_t *doc);

/** status_rtt_ns() - upper bound of a percentile; @permille: 1 to 1000. Return: 0: nothing was measured. */
uint64_t status_rtt_ns(const struct dfb_rtt *rtt, uint32_t permille);

#endif
