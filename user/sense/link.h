/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: interfaces, neighbours, rules and routes, as rtnetlink tells
 *
 * A server is routable if the kernel's answer for one of its addresses is "directly, through a
 * server interface", and cannot be left for in a family without such an answer, without a carrier,
 * or while its neighbour entry is FAILED (until the neighbour is seen again, or the entry goes).
 *
 * Where such an interface is a client interface as well, the neighbour's MAC address is told, too, as
 * soon as it is known and whenever it, or the interface's own, is another one (EVENT_STATION). A server
 * that has a service with `redirect: vip` is routable through such an interface only.
 *
 * Everything that is read in one go is judged once: interfaces first, then servers (EVENT_ROUTABLE,
 * EVENT_STATION), then changes of what is ours (EVENT_TAMPERED), so that whoever answers by a sync finds the
 * new interfaces and servers in place.
 */
#ifndef SENSE_LINK_H
#define SENSE_LINK_H

#include <stdint.h>

#include "base/loop.h"
#include "core/event.h"

struct link;

/**
 * link_emit - called with each event
 * @event: valid during the call only
 *
 * It may ask with link_ifindex(), but must not reload or free.
 */
typedef void link_emit(void *arg, const struct event *event);

/**
 * link_interfaces_fn - a configured interface came, went, or is another one of the same name now
 * @name: as configured
 * @ifindex: 0: gone
 */
typedef void link_interfaces_fn(void *arg, const char *name, int ifindex);

/**
 * link_new() - read interfaces and neighbours of the network namespace the process is in
 * @policy: with ids assigned; not kept
 * @emit: called from within link_start(), link_reload() and the loop
 * Return: NULL and errno on failure; link_free() it. Nothing is emitted before link_start().
 */
struct link *link_new(struct loop *loop, const struct policy *policy, link_emit *emit, void *arg);

/** link_free() - NULL is fine. */
void link_free(struct link *link);

/** link_own_port() - what this netlink port does is not tampering; see route_port(). At most four. */
void link_own_port(struct link *link, uint32_t port);

/** link_on_interface() - call @fn in link_start() for each interface that exists, and on changes. */
void link_on_interface(struct link *link, link_interfaces_fn *fn, void *arg);

/** link_start() - say how things are now, then watch. Return: 0 or -errno. */
int link_start(struct link *link);

/**
 * link_reload() - another configuration; says what is new or different, and nothing else
 * @policy: with ids assigned; not kept
 * Return: 0; -ENOMEM: all is as before; other -errno: the kernel cannot be asked.
 */
int link_reload(struct link *link, const struct policy *policy);

/**
 * link_ifindex() - the interface that reaches a server directly now
 * @family: DFB_FAMILY_*
 * Return: 0: none, or no such server.
 */
int link_ifindex(const struct link *link, uint32_t server, uint32_t family);

#endif
