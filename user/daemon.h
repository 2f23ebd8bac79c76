/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The controller put together: senses emit events, events are queued and stepped through the core
 * one by one, actions go to the actuators, whose results are events again. One thread.
 */
#ifndef DEFIB_DAEMON_H
#define DEFIB_DAEMON_H

#include "act/announce.h"
#include "act/dns.h"
#include "act/prober.h"
#include "act/route.h"
#include "act/worker.h"
#include "base/loop.h"
#include "base/paths.h"
#include "core/core.h"
#include "ctl/server.h"
#include "sense/check.h"
#include "sense/kern.h"
#include "sense/link.h"
#include "accounts.h"
#include "reload.h"
#include "clients.h"
#include "translation.h"

/** struct queue - events that wait for the core */
struct queue {
	struct event *list;
	size_t n, capacity, next;
};

struct daemon {
	struct in_force in_force;
	const char *instance;
	struct paths paths;
	struct loop *loop;
	struct policy *policy;
	struct kern *kern;
	struct route *route;
	struct announce *announce;
	struct link *link;
	struct checks *checks;
	struct worker *worker;
	struct dns *dns;
	struct ctl_server *ctl;
	struct prober *prober;
	struct accounts accounts;
	struct translation translation;
	struct clients clients;
	int timer;
	int signals;
	uint64_t started_ns;
	uint64_t checked_ns; /* when the programs were last seen in their places */
	struct queue queue;
	struct core core;
	struct actions actions;
};

/**
 * daemon_emit() - the one way by which events reach the core; a kern_emit and a link_emit
 *
 * They are queued until the loop has made its round, or until daemon_drain().
 */
void daemon_emit(void *daemon, const struct event *ev);

/** daemon_drain() - step the core through all that waits. */
void daemon_drain(struct daemon *d);

/** daemon_is_passive() - does the gateway only watch, by its configuration or an operator's order? */
bool daemon_is_passive(const struct daemon *d);

/** daemon_act() - one action of the core (dispatch.c). */
void daemon_act(struct daemon *d, const struct action *a);

/** daemon_report() - tell the world: log, monitor, history, hooks. */
void daemon_report(struct daemon *d, const struct report *r);

/** daemon_emit_policy() - the core is to know d->policy. */
void daemon_emit_policy(struct daemon *d);

/** daemon_configure_checks() - check the services of d->policy; until there are answers nothing moves. */
void daemon_configure_checks(struct daemon *d);

/** daemon_attach() - programs onto the policy's interfaces; what is missing is logged. */
int daemon_attach(struct daemon *d);

extern const struct ctl_ops daemon_ctl_ops; /* requests.c */

/**
 * daemon_run() - until SIGTERM
 * @d: in_force, instance, paths and policy are set; text and policy are its own to free
 * Return: exit status.
 */
int daemon_run(struct daemon *d);

#endif
