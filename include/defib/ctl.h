/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Daemon <-> CLI: one JSON object per line over the control socket, both ways.
 *
 *   request  {"schema":1,"cmd":"failover","args":{"service":"web"}}
 *   reply    {"schema":1,"error":null,"code":0, ...}
 *
 * "code" is the exit status of the command line tool, "error" the text for people, null if all is
 * well. A client has one request under way at a time; what it sends meanwhile waits.
 *
 *   cmd          args                                      reply
 *   status                                                 the status document
 *   monitor                                                an empty one; then each event as it happens
 *   failover     service, to (optional), dry_run (optional) text
 *   maintenance  server, on (boolean), for_us, drain_us, reason (optional)      text
 *   pause        service, on (boolean), for_us, reason (optional)                text
 *   mode         on (boolean): passive                     text
 *   reload                                                 text, changes, services, restart
 *   in-force                                               file, text: the configuration that is in force
 */
#ifndef DEFIB_CTL_H
#define DEFIB_CTL_H

#define CTL_SCHEMA 1

#define CTL_MAX_REQUEST 16384	       /* bytes of a request line */
#define CTL_MAX_REPLY (64u << 20)      /* bytes of a reply line */
#define CTL_MAX_BACKLOG (256u << 10)   /* bytes that a monitor may lag behind */
#define CTL_MAX_CLIENTS 64

#define CTL_STATUS "status"
#define CTL_MONITOR "monitor"
#define CTL_FAILOVER "failover"
#define CTL_MAINTENANCE "maintenance"
#define CTL_PAUSE "pause"
#define CTL_MODE "mode"
#define CTL_RELOAD "reload"
#define CTL_IN_FORCE "in-force"

/* Exit status of the command line tool, and "code" of a reply. */
enum ctl_code {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,	     /* usage or configuration */
	CTL_UNREACHABLE = 3, /* the daemon is down */
	CTL_DENIED = 4,
	CTL_DEGRADED = 5,
	CTL_NO_QUORUM = 6,
	CTL_TIMED_OUT = 124,
};

#endif
