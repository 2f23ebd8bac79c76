/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can happen, as the core sees it. Everything the core ever learns is one of these;
 * time comes first, always. A newcomer's first read, with action.h.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include <defib/abi.h>
#include <defib/check.h>
#include <defib/vip.h>

#include "action.h"
#include "share.h"

struct policy;

enum event_kind {
	EVENT_TICK,	   /* time passed; also: the deadline asked for has come */
	EVENT_POLICY,	   /* a new configuration is in force */
	EVENT_TARGET,	   /* a target is in this state now (edge, or adopted at start) */
	EVENT_POOL,	   /* the kernel's view of who serves (edge, or adopted at start) */
	EVENT_PROPOSAL,	   /* the kernel reached a verdict for a pool with `fast: false` */
	EVENT_ROUTABLE,	   /* a server's address can, or cannot, be reached directly */
	EVENT_STATION,	   /* a server's MAC address on a segment that it shares with clients */
	EVENT_CLAIM,	   /* somebody else says that a service's address is his */
	EVENT_STEERED,	   /* result of ACTION_STEER */
	EVENT_COMMITTED,   /* result of ACTION_COMMIT */
	EVENT_SYNCED,	   /* result of ACTION_SYNC */
	EVENT_RESET,	   /* result of ACTION_RESET */
	EVENT_COUNTED,	   /* result of ACTION_COUNT */
	EVENT_DRAIN,	   /* a server's connections stay with it until then (adopted at start) */
	EVENT_TAMPERED,	   /* somebody changed a rule or route of ours */
	EVENT_FAILOVER,	   /* operator: move a pool */
	EVENT_MAINTENANCE, /* operator: a server in or out of service */
	EVENT_PAUSE,	   /* operator: no automatic switch of a pool, or again */
	EVENT_MODE,	   /* operator: the gateway steers, or only watches; may come before the policy */
	EVENT_PROBER,	   /* the prober started, adopted (ok) or died */
	EVENT_CHECK,	   /* what checks of services say of a server */
	EVENT_USERLAND,	   /* what replies tell of a server's userland (edge, or adopted at start) */
	EVENT_HOOK_FAILED, /* an event hook failed or was killed at its deadline */
	EVENT_PUBLISHED,   /* result of ACTION_PUBLISH */
	EVENT_KIND_MAX,
};

struct event_target {
	uint32_t target;
	enum dfb_target_state state;
	enum dfb_reason reason;
	uint64_t since_ns;
	uint64_t last_good_ns;
	uint64_t first_missed_ns;
	uint64_t verdict_ns;
	uint32_t misses;
	uint32_t witness;
	uint32_t lateness_ns;
	bool damped;
};

struct event_pool {
	uint32_t pool;
	uint32_t server; /* PROPOSAL: who should take the place of last.from; 0: those who serve */
	uint64_t epoch;
	uint64_t committed;
	struct share share; /* POOL: who serves */
	struct dfb_switch last;
};

struct event_routable {
	uint32_t server;
	bool ok;
	bool moved;			 /* the interface that leads to it is another than was told */
	bool cannot_leave[DFB_FAMILIES]; /* no carrier, or neighbour failed */
	char why[96];			 /* when not ok */
};

struct event_station {
	uint32_t server;
	uint32_t family; /* DFB_FAMILY_*: of the address that was asked for */
	struct dfb_station at;
};

struct event_result {
	uint32_t pool;
	uint64_t epoch;
	int error; /* 0 or -errno */
	char why[192];
};

/**
 * struct event_published - a name server was asked, or told
 * @wrote: the record, and with it the names
 * @turn: the action's; what is of no turn of ours is ignored
 * @error: 0, -errno; -ESTALE: the record was another than the one known, nothing was changed
 * @record: what stands there now, unless there was an error
 */
struct event_published {
	uint32_t publication;
	uint64_t turn;
	bool wrote;
	int error;
	struct publish_record record;
	char why[160];
};

struct event_synced {
	uint32_t restored; /* objects of ours that were missing */
	uint32_t removed;  /* stale objects of ours */
	int error;
	char why[192];
};

#define CHECK_FAULT_LEN 112

/**
 * struct event_check - all checks of a pool's services on one server, taken together
 * @state: CHECK_FAIL: at least one fails; CHECK_PASS: all pass
 * @good_ns: all of them had a good answer to a question that was asked then or later; 0: not all
 * @bad_ns: when the first of the bad answers in a row was asked for; 0: none is bad
 * @service: whose check fails
 * @what: and how: "http/80: status 503"
 */
struct event_check {
	uint32_t pool;
	uint32_t server;
	enum check_state state;
	uint64_t good_ns;
	uint64_t bad_ns;
	char service[DFB_NAME_LEN];
	char what[CHECK_FAULT_LEN];
};

/**
 * struct event_userland - what replies of a target tell of its server's userland; see struct dfb_userland
 * @alive_ns: when it ran at the earliest, as last told
 */
struct event_userland {
	uint32_t target;
	enum dfb_userland_state state;
	uint64_t since_ns;
	uint64_t heard_ns;
	uint64_t alive_ns;
};

/**
 * struct event_reset - the clients of a server were told that it is gone
 * @connections: that were found, and told of
 * @failed: that could not be, @why
 */
struct event_reset {
	uint32_t pool;
	uint32_t server;
	uint32_t connections;
	uint32_t failed;
	char why[128];
};

/** struct event_counted - so many connections are with a server; @error: 0 or -errno: nobody knows */
struct event_counted {
	uint32_t server;
	uint32_t connections;
	int error;
};

struct event_drain {
	uint32_t server;
	uint64_t until_ns;
};

#define EVENT_REASON_LEN 96

/**
 * struct event_operator - an operator's wish, or one of a former life that still stands
 * @request: names the caller; comes back in ACTION_ANSWER
 * @name: service (FAILOVER, PAUSE) or server (MAINTENANCE)
 * @pool: PAUSE: the pool; 0: that of the service @name
 * @to: FAILOVER: server, or empty: the next candidate
 * @dry_run: FAILOVER: only answer
 * @on: MAINTENANCE, PAUSE: begin or end; MODE: it only watches
 * @since_ns: MAINTENANCE, PAUSE: when it began, perhaps before this machine was started; 0: now
 * @until_ns: MAINTENANCE, PAUSE: when it ends by itself; 0: never
 * @drain_until_ns: MAINTENANCE on: how long connections may stay with the server; 0: not at all
 * @reason: MAINTENANCE, PAUSE: the operator's
 */
struct event_operator {
	uint64_t request;
	char name[DFB_NAME_LEN];
	uint32_t pool;
	char from[DFB_NAME_LEN];
	char to[DFB_NAME_LEN];
	bool dry_run;
	bool on;
	int64_t since_ns;
	uint64_t until_ns;
	uint64_t drain_until_ns;
	char reason[EVENT_REASON_LEN];
};

struct event {
	uint64_t time_ns;
	enum event_kind kind;
	union {
		const struct policy *policy; /* borrowed until after the next EVENT_POLICY */
		struct event_target target;
		struct event_pool pool;	    /* POOL, PROPOSAL */
		struct event_routable routable;
		struct event_station station;
		struct dfb_claim claim;
		struct event_result result; /* STEERED, COMMITTED */
		struct event_synced synced;
		struct event_published published;
		struct event_reset reset;
		struct event_counted counted;
		struct event_drain drain;
		struct event_check check;
		struct event_userland userland;
		struct event_operator op;   /* FAILOVER, MAINTENANCE, PAUSE, MODE */
		struct {
			bool ok;
			uint32_t pid;
		} prober;
		struct {
			char what[128];
		} text; /* TAMPERED, HOOK_FAILED */
	};
};

#endif
