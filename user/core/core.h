/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: The core
 *
 * Events in, actions out, and nothing else: no system call, no clock, no allocation, no log, no
 * global. core_step() is the only entry; the daemon, the simulator and the stories share it.
 *
 *   server.c    what we know of a server, from its targets, its routes and its operator
 *   check.c     health above the echo: what the checks of services, and userlands, say of servers
 *   userland.c  what replies tell of a server's userland
 *   choice.c    who could serve, and who is next
 *   pool.c      who serves, who should, and whether the routing tables of record show it
 *   vip.c       addresses on the clients' own segment
 *   publish.c   what a service's names resolve to
 *   reset.c     clients of servers that are gone
 *   share.c     which part of a pool's clients each of those who serve has
 *   drain.c     clients of servers in maintenance, which may stay for a while
 *   operator.c  commands
 *   mode.c      whether anything is steered at all
 *   order.c     those that last: maintenance and pauses, their limits and reminders
 *   tell.c      reports to the world
 *   timing.c    derived bounds
 *   trace.c     one line of text per event and action
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "action.h"
#include "event.h"
#include "policy.h"
#include "share.h"

/* As operators see it: the worst of a server's targets that are in use. */
enum server_state {
	SERVER_UP,
	SERVER_RECOVERING,
	SERVER_SUSPECT,
	SERVER_UNKNOWN,
	SERVER_DOWN,
	SERVER_MAINTENANCE,
	SERVER_STATE_MAX,
};

enum service_state {
	SERVICE_SERVING,
	SERVICE_DEGRADED, /* serves, but an active one is missing, or nobody could take over */
	SERVICE_DOWN,
	SERVICE_PAUSED, /* serves; an operator ordered that it must not switch by itself */
	SERVICE_STATE_MAX,
};

extern const char *const server_state_names[SERVER_STATE_MAX];
extern const char *const service_state_names[SERVICE_STATE_MAX];
extern const char *const redirect_names[DFB_REDIRECT_MAX + 1]; /* with a closing NULL */
extern const char *const mode_names[POLICY_MODE_MAX + 1];     /* with a closing NULL */
extern const char *const reason_names[DFB_REASON_MAX];
extern const char *const check_state_names[CHECK_STATE_MAX];
extern const char *const userland_state_names[DFB_USERLAND_STATE_MAX];
extern const char *const needs_names[POLICY_NEEDS_MAX + 1]; /* with a closing NULL */
extern const char *const check_kind_names[CHECK_KIND_MAX + 1]; /* with a closing NULL */

/**
 * struct core_order - what an operator ordered and is not over
 * @on: there is one
 * @since_ns: when it began; negative: before this machine was started
 * @until_ns: when it ends by itself; 0: never
 * @remind_ns: when to ask whether it was forgotten
 * @reason: the operator's; may be empty
 */
struct core_order {
	bool on;
	int64_t since_ns;
	uint64_t until_ns;
	uint64_t remind_ns;
	char reason[EVENT_REASON_LEN];
};

/**
 * struct core_drain - connections that stay with a server though it must not be chosen
 * @until_ns: when those that are left are cut; 0: none stays
 * @count_ns: when to count them again; 0: that is under way
 * @counted: @connections were counted
 * @connections: that were left
 */
struct core_drain {
	uint64_t until_ns;
	uint64_t count_ns;
	bool counted;
	uint32_t connections;
};

/**
 * struct core_server - a server
 * @policy: its configuration; NULL: no such id
 * @target: last news of its targets
 * @station: where it is on the clients' segment
 * @flags: DFB_SERVER_*
 * @maintenance: on as long as DFB_SERVER_MAINTENANCE is in @flags
 * @userland: last news of it, from whichever target had them
 * @told: last state reported
 * @was_told: there was one
 */
struct core_server {
	const struct policy_server *policy;
	struct event_target target[DFB_FAMILIES];
	struct dfb_station station[DFB_FAMILIES];
	bool cannot_leave[DFB_FAMILIES];
	uint32_t flags;
	uint64_t flagged_ns; /* when they last changed */
	struct core_order maintenance;
	struct core_drain drain;
	struct event_userland userland;
	uint8_t families; /* bit DFB_FAMILY_*: in which its pools use it */
	enum server_state told;
	bool was_told;
};

/**
 * struct core_answer - what was said of a server
 * @good_ns: it was well then or later; 0: never
 * @bad_ns: since when it is not; 0: it is
 */
struct core_answer {
	enum check_state state;
	uint64_t good_ns;
	uint64_t bad_ns;
};

/**
 * struct core_check - how a server of a pool is by the layers above the echo that its services need
 * @server: its id; 0: nothing was said yet
 * @checks: what the checks of services say, all together: one that fails is enough
 * @checks_told, @checks_failed: the world was told, and what
 * @state, @good_ns, @bad_ns: checks and userland together, likewise
 * @told: the kernel knows @unfit
 * @unfit: it failed when last known: the kernel takes it for the last choice
 * @since_ns: when @state began
 */
struct core_check {
	uint32_t server;
	struct core_answer checks;
	bool checks_told;
	bool checks_failed;
	enum check_state state;
	bool told;
	bool unfit;
	uint64_t since_ns;
	uint64_t good_ns;
	uint64_t bad_ns;
};

/**
 * struct core_pool - a pool
 * @policy: its configuration; NULL: no such id
 * @known: the kernel's view has been adopted
 * @share: who serves
 * @epoch: +1 per change of @share
 * @committed: the epoch that the routing tables show
 * @committing: ACTION_COMMIT is under way
 * @steering: ACTION_STEER is under way
 * @held: withdrawn by `when-none`
 * @held_known: the kernel was told so, and of the gateway's mode, or the opposite, by this core
 * @proposed: whom the kernel proposed to move to, 0: nobody
 * @proposed_for: instead of whom
 * @proposed_ns: the verdict that this follows from
 * @retries: of the commit that fails
 * @steer_retries: of the steering that fails
 * @retry_ns: when to try again, 0: no retry is due
 * @patience_ns: until when the first of the candidates is waited for
 * @settle_ns: when to decide: all that waits has been heard, a candidate is fresh enough; 0: not waiting
 * @steer_ns: not before, as steering failed; 0: at any time
 * @request: operator's request that waits for ACTION_STEER, 0: none
 * @pause: no automatic switch
 * @last: the last change
 * @announced_ns: when a claim was last answered by an announcement
 * @claim_told_ns: when a claim was last reported; @claims: since then
 * @told: last state of its services reported
 * @checks: what the checks of its services say of its servers, by position in promotion order; see check.c
 * @stuck: one who serves it fails a check, and nobody else passes
 * @faulty: of those who serve, whose check failed last; @fault: what that said
 */
struct core_pool {
	const struct policy_pool *policy;
	bool known;
	bool committing;
	bool steering;
	bool held;
	bool held_known;
	bool was_told;
	bool stuck;
	struct share share;
	uint32_t proposed;
	uint32_t proposed_for;
	uint32_t retries;
	uint32_t steer_retries;
	uint64_t epoch;
	uint64_t committed;
	uint64_t retry_ns;
	uint64_t patience_ns;
	uint64_t settle_ns;
	uint64_t steer_ns;
	uint64_t proposed_ns;
	uint64_t request;
	struct core_order pause;
	struct dfb_switch last;
	uint64_t announced_ns;
	uint64_t claim_told_ns;
	uint32_t claims;
	enum service_state told;
	struct core_check checks[DFB_CANDIDATES];
	uint32_t faulty;
	char fault[CHECK_FAULT_LEN];
};

/**
 * struct core_publication - a service's names at one name server
 * @service: its configuration; NULL: there is no such publication
 * @server: index of the name server; those of peers come after our own
 * @turn: of the action under way, 0: none is
 * @record: what stands there; means nothing unless @read
 * @sure: the addresses there are those of the server in @record: we have put them there, or agree
 * @epoch: of the pool, that was told as published last
 * @retries: of what fails
 * @races: how often in a row somebody else wrote between our look and our update
 * @due_ns: when to try, or look, again
 * @disputed_ns: since when another gateway names another server, 0: none does
 * @told_nobody: they were told to have no addresses
 * @told_failed, @told_disputed: reported
 */
struct core_publication {
	const struct policy_service *service;
	uint32_t server;
	bool read;
	bool sure;
	bool told_nobody;
	bool told_failed;
	bool told_disputed;
	uint32_t retries;
	uint32_t races;
	uint64_t turn;
	uint64_t epoch;
	uint64_t due_ns;
	uint64_t disputed_ns;
	struct publish_record record;
};

/** struct core - the caller owns it (it is large), core_init() prepares it */
struct core {
	const struct policy *policy;
	uint64_t now;
	uint64_t policy_ns; /* since when it is in force */
	bool syncing;
	bool sync_again;
	bool passive;	   /* the gateway only watches: nothing is marked, routed or translated */
	bool mode_ordered; /* by an operator, whatever the configuration says */
	bool tampered; /* what the next sync puts back was taken away from us */
	uint32_t sync_retries;
	uint64_t sync_ns; /* when to compare again, 0: not due */
	uint64_t order_ns; /* when an order ends or is to be reminded of, 0: there is none */
	char sync_told[192];
	uint64_t turn; /* the last one of a publication */
	struct core_publication publications[POLICY_MAX_PUBLICATIONS];
	struct core_server servers[DFB_MAX_SERVERS + 1]; /* by id */
	struct core_pool pools[DFB_MAX_POOLS + 1];	 /* by id */
};

void core_init(struct core *core);

/**
 * core_step() - one event
 * @actions: out: what is to be done, in order; overwritten
 */
void core_step(struct core *core, const struct event *ev, struct actions *actions);

/** publish_address() - of the name server that a publication is about */
const uint8_t *publish_address(const struct core_publication *publication);

/** core_deadline() - when the core wants an EVENT_TICK at the latest; 0: never */
uint64_t core_deadline(const struct core *core);

#endif
