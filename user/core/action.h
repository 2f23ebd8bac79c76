/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core wants done. Actuators make it so, idempotently, and report back as events.
 */
#ifndef CORE_ACTION_H
#define CORE_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include <defib/abi.h>
#include <defib/vip.h>

#include "policy.h"
#include "share.h"

enum action_kind {
	ACTION_STEER,	/* move a pool's slots, if the epoch is still the expected one -> STEERED */
	ACTION_COMMIT,	/* make the routing tables show the pool's server -> COMMITTED */
	ACTION_PUBLISH,	/* look at, or write, what a service's names resolve to -> PUBLISHED */
	ACTION_HOLD,	/* nobody is left (or somebody again): stop marking, change the route */
	ACTION_PAUSE,	/* the kernel must not move a pool, or may again */
	ACTION_KEEP,	/* write down what operators ordered: it outlives us */
	ACTION_FLAG,	/* why a server must not be chosen: DFB_SERVER_*, into the kernel */
	ACTION_STATION, /* a server's MAC address on the clients' segment, into the kernel */
	ACTION_ANNOUNCE,/* tell the clients' segment whose MAC address a pool's services have now */
	ACTION_FIT,	/* does a server pass the checks of a pool's services? into the kernel */
	ACTION_SYNC,	/* compare all rules and routes of ours with what should be -> SYNCED */
	ACTION_RESET,	/* tell clients that their connections with a server are gone -> RESET */
	ACTION_DRAIN,	/* how long connections stay with a server that must not be chosen, into the kernel */
	ACTION_COUNT,	/* how many connections are with a server? -> COUNTED */
	ACTION_REPORT,	/* tell the world: log, monitor, history, hooks */
	ACTION_ANSWER,	/* answer an operator's request */
	ACTION_KIND_MAX,
};

/* What operators and scripts see as an event's "kind". */
enum report_kind {
	REPORT_SERVER_STATE, /* "server-state": a server's state changed */
	REPORT_FAILOVER,     /* "failover": a pool moved, or a server's share of it */
	REPORT_COMMIT,	     /* "commit": the routing tables of record follow */
	REPORT_COMMIT_FAILED,/* "commit-failed" */
	REPORT_SERVICE_STATE,/* "service-state": a service's state changed */
	REPORT_NO_SWITCH,    /* "no-switch": a server is silent, and why nothing moved */
	REPORT_RESTORED,     /* "restored": rules or routes of ours were missing, and are back */
	REPORT_TAMPERED,     /* "tampered": somebody changed a rule or route of ours */
	REPORT_UNROUTABLE,   /* "unroutable": a server cannot be reached directly, or can again */
	REPORT_SYNC_FAILED,  /* "sync-failed": rules or routes could not be made right */
	REPORT_MAINTENANCE,  /* "maintenance": on, off, or forgotten */
	REPORT_PAUSE,	     /* "pause": a pool is paused, resumed, or was forgotten in a pause */
	REPORT_MODE,	     /* "mode": the gateway is active, or passive */
	REPORT_RELOAD,	     /* "reload" */
	REPORT_RELOAD_FAILED,/* "reload-failed": the configuration is faulty and changed nothing */
	REPORT_PROBER,	     /* "prober" */
	REPORT_HOOK_FAILED,  /* "hook-failed" */
	REPORT_BLACKOUT,     /* "blackout": what a failover cost a service's clients, by their streams */
	REPORT_FLOWS_RESET,  /* "flows-reset": clients were told that their connections are gone */
	REPORT_DRAINED,	     /* "drained": no connection stays any longer with a server in maintenance */
	REPORT_STREAM_SILENT,   /* "stream-silent": a stream is, for longer than its threshold */
	REPORT_STREAM_BLACKOUT, /* "stream-blackout": and goes on with its numbers */
	REPORT_CLAIMED,	     /* "address-claimed": somebody else says that a service's address is his */
	REPORT_DNS,	     /* "dns": a service's names resolve to its server's addresses */
	REPORT_DNS_FAILED,   /* "dns-failed": a name server cannot be told; tried again */
	REPORT_DNS_DISPUTED, /* "dns-disputed": another gateway names another server; or not any more */
	REPORT_CHECK_FAILED, /* "check-failed": a server fails a check of a service */
	REPORT_CHECK_PASSED, /* "check-passed": it passes again */
	REPORT_JOINED,	     /* "joined": one more server of a pool serves */
	REPORT_CHECKER,	     /* "checker": the process that checks services runs, or is gone */
	REPORT_USERLAND,     /* "userland": a server's hangs, runs again, or tells nothing any more */
	REPORT_KIND_MAX,
};

/**
 * struct report_blackout - how long packets were lost or held, as counted; see struct dfb_blackout
 * @known: the others mean something
 * @resolution_ns: the true length is within so much of @length_ns
 * @lost: packets of the stream that proves the longest one
 * @streams: how many were looked at
 * @budget_ns: what was allowed; 0: nobody says
 */
struct report_blackout {
	bool known;
	uint64_t length_ns;
	uint64_t resolution_ns;
	uint64_t lost;
	uint32_t streams;
	uint64_t budget_ns;
};

/**
 * struct report - one event as told to the world; empty names and zero times are left out
 * @reason: one line for people
 */
struct report {
	enum report_kind kind;
	uint64_t time_ns;
	char server[DFB_NAME_LEN];
	char pool[DFB_NAME_LEN];
	char service[DFB_NAME_LEN];
	char from[DFB_NAME_LEN]; /* server name or state */
	char to[DFB_NAME_LEN];
	uint64_t epoch;
	char reason[192];
	uint64_t detect_ns; /* last answered probe's stamp -> verdict */
	uint64_t switch_ns; /* verdict -> slots rewritten */
	uint64_t commit_ns; /* slots rewritten -> acknowledged by the routing tables */
	struct report_blackout blackout;
	uint32_t connections; /* that were reset, or cut */
};

/**
 * struct publish_record - the decision that stands beside a service's names
 * @there: there is one; otherwise the others mean nothing
 * @server: empty: nobody, the names have no addresses
 * @gateway: whose decision it is
 * @epoch: that gateway's
 * @time_ns: of what led to the decision, by our clock; 0: before we were started
 */
struct publish_record {
	bool there;
	char server[DFB_NAME_LEN];
	char gateway[DFB_NAME_LEN];
	uint64_t epoch;
	uint64_t time_ns;
};

struct action {
	enum action_kind kind;
	union {
		struct {
			uint32_t pool;
			uint32_t from; /* 0: nobody */
			uint32_t to;   /* 0: those who serve */
			enum dfb_reason reason;
			uint64_t epoch; /* expected */
			struct share share;
		} steer;
		struct {
			uint32_t pool;
			uint64_t epoch;
			struct share share;
		} commit;
		struct {
			uint32_t publication;
			uint64_t turn;
			bool write;
			struct publish_record record; /* to write, in place of the one that is known */
		} publish;
		struct {
			uint32_t pool;
			bool held;
			bool passive; /* whoever is left, nothing is marked */
			enum policy_when_none how;
		} hold;
		struct {
			uint32_t pool;
			bool paused;
		} pause;
		struct {
			uint32_t server;
			uint32_t flags;
			bool cannot_leave[DFB_FAMILIES];
		} flag;
		struct {
			uint32_t server;
			uint32_t family;
			struct dfb_station at;
		} station;
		struct {
			uint32_t pool;
			uint32_t server;
		} announce;
		struct {
			uint32_t pool;
			uint32_t server; /* that is gone */
		} reset;
		struct {
			uint32_t server;
			uint64_t until_ns; /* 0: they do not stay */
		} drain;
		struct {
			uint32_t server;
		} count;
		struct {
			uint32_t pool;
			uint32_t server;
			bool ok;
		} fit;
		struct report report;
		struct {
			uint64_t request;
			int error;
			char text[256];
		} answer;
	};
};

#define ACTIONS_MAX 4096

/** struct actions - what one step wants done, in order; the caller owns it, core_step() fills it */
struct actions {
	uint32_t n;
	struct action action[ACTIONS_MAX];
};

#endif
