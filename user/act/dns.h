/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of services at their name servers: looks and updates, as programs that the worker runs.
 * Several may be under way; each ends as an EVENT_PUBLISHED.
 */
#ifndef ACT_DNS_H
#define ACT_DNS_H

#include "core/core.h"

struct dns;
struct worker;

/** dns_emit - called from the loop, or from within dns_publish() */
typedef void dns_emit(void *arg, const struct event *ev);

/**
 * dns_new() - @worker: borrowed, and must be stopped before dns_free()
 * Return: NULL without memory.
 */
struct dns *dns_new(struct worker *worker, dns_emit *emit, void *arg);
void dns_free(struct dns *dns);

/**
 * dns_publish() - ACTION_PUBLISH
 * @core: whose publication it is
 *
 * A record is written in place of the one that was read last, or not at all (-ESTALE). Who writes without
 * having read is told the same.
 */
void dns_publish(struct dns *dns, const struct core *core, const struct action *a);

#endif
