/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: What may the core want?
 *
 * Told the same events as the core, the oracle keeps what follows from them, in the plainest way, and holds
 * against it each action that the core asks for: is it allowed, is it the right one, is one missing? It looks
 * only at what the core was told. Whether that was true is for truth.c. The simulator asks it in its random
 * worlds, the fuzzer (selftests/fuzz/fuzz_core.c) for any stream of events.
 */
#ifndef MODEL_ORACLE_H
#define MODEL_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"

#define ORACLE_SERVERS 25 /* ids, 0 included */
#define ORACLE_POOLS 9

struct world;

/**
 * struct oracle_server - a server, as the core was told
 * @policy: NULL: there is none
 * @target: the latest news of each target
 * @flags: DFB_SERVER_*; @flagged: as the core last had them written
 * @until_ns: when maintenance ends by itself; 0: never
 * @drain_ns: how long connections stay with it, as the core last had written; 0: not
 * @cannot_leave: by the link; @cannot_leave_told: as the core last had it written
 * @userland: the latest news of it
 * @state: last reported
 */
struct oracle_server {
	const struct policy_server *policy;
	struct event_target target[DFB_FAMILIES];
	uint32_t flags;
	uint32_t flagged;
	uint64_t until_ns;
	uint64_t drain_ns;
	bool cannot_leave[DFB_FAMILIES];
	bool cannot_leave_told[DFB_FAMILIES];
	struct event_userland userland;
	char state[DFB_NAME_LEN];
};

/**
 * struct oracle_pool - a pool, as the core was told
 * @policy: NULL: there is none
 * @id: of the pool
 * @server: who has the first of its slots: of several that serve, see oracle_seen_from()
 * @proposed, @proposed_for, @proposed_ns: by the kernel, instead of whom, and the verdict that it follows
 * @request: of the operator who waits for the result of @steering
 * @paused, @until_ns: by an operator, until then
 * @hold_told, @held: what the core last had written
 * @steering, @committing: under way
 * @steer_ns, @commit_ns: not before, as it failed
 * @checks: of its servers, by id: the latest news; @unfit: by id: that what was sure last was bad;
 *	@fit_told: by id: what the core had written: 0: nothing, 1: fit, 2: unfit
 * @state: of its services, last reported; @state_now: in this step
 */
struct oracle_pool {
	const struct policy_pool *policy;
	uint32_t id;
	bool known, paused, hold_told, held, steering, committing;
	uint64_t until_ns;
	uint32_t server;
	struct share share;
	uint32_t proposed, proposed_for;
	uint32_t steer_retries, commit_retries;
	uint64_t epoch, committed;
	uint64_t proposed_ns;
	uint64_t request;
	uint64_t steer_ns, commit_ns;
	struct event_check checks[ORACLE_SERVERS];
	bool unfit[ORACLE_SERVERS];
	uint8_t fit_told[ORACLE_SERVERS];
	char state[DFB_NAME_LEN], state_now[DFB_NAME_LEN];
};

/**
 * struct oracle - what the core was told since it began
 * @now: the latest time it heard of
 * @passive: the gateway only watches
 * @syncing: ACTION_SYNC is under way
 * @sync_again: something changed meanwhile, or somebody changed it
 * @sync_due: it must be asked for in this step
 * @sync_ns: when at the latest, as it failed; 0: it did not
 * @request: of the operator who asks in this step; 0: nobody, or it was answered
 * @moved: pool that the news of this step has moved, to be reported; 0: none
 */
struct oracle {
	const struct policy *policy;
	uint64_t now;
	bool passive, syncing, sync_again, sync_due;
	uint32_t sync_retries;
	uint64_t sync_ns;
	uint64_t request;
	uint32_t moved;
	struct oracle_server servers[ORACLE_SERVERS];
	struct oracle_pool pools[ORACLE_POOLS];
};

/** oracle_begin() - a core begins: it was told nothing. */
void oracle_begin(struct world *w);

/** oracle_hear() - before core_step(): this is what it will be told. */
void oracle_hear(struct world *w, const struct event *ev);

/** oracle_judge() - after core_step(): may it want that, and is it all? */
void oracle_judge(struct world *w, const struct event *ev, const struct actions *actions);

/** oracle_owes() - does an operator still wait for an answer? */
bool oracle_owes(const struct world *w);

#endif
