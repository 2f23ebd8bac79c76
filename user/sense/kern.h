/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel programs of an instance: load, attach, adopt, configure, listen, order.
 * Maps and links are pinned: all goes on when the process ends, and the next one adopts it.
 */
#ifndef SENSE_KERN_H
#define SENSE_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/paths.h"
#include "core/event.h"
#include "core/policy.h"

struct kern;

typedef void kern_emit(void *arg, const struct event *ev);

/**
 * kern_open() - load the programs; make the pinned maps or adopt those that are there
 * @policy: its limits and its mark are used
 * @emit: called from kern_adopt() and kern_poll()
 * @why: out: one line for the operator when it fails
 *
 * Maps of another ABI version are taken over, see kern_inherits().
 * Return: 0; -EPROTO: they cannot be; -ENOSPC: more servers than the maps hold;
 * -EPERM; or another -errno. Nothing new is left behind on failure.
 */
int kern_open(const struct paths *paths, const struct policy *policy, kern_emit *emit, void *arg,
	      struct kern **ret_kern, char *why, size_t size);

/**
 * kern_inherits() - are programs of another ABI version still at work?
 *
 * The next kern_attach() replaces them. Before that, what they decided is to be adopted and committed, and
 * their prober to be ended. A prober that knows the new maps comes afterwards.
 */
bool kern_inherits(const struct kern *kern);

/** kern_close() - forget it; what is pinned and attached stays and works on. */
void kern_close(struct kern *kern);

/**
 * kern_assign_ids() - fill in the ids that kern_configure() would give, and change nothing
 * Return: 0 or -errno.
 */
int kern_assign_ids(struct kern *kern, struct policy *policy);

/**
 * kern_configure() - write the policy into the configuration maps; only what differs is touched
 *
 * Targets whose address or kind of probe changed start anew; servers, pools and services that are
 * no longer there are removed. Ids are filled into @policy first.
 * Return: 0 or -errno, with @why.
 */
int kern_configure(struct kern *kern, struct policy *policy, char *why, size_t size);

/**
 * kern_attach() - attach the programs to the policy's interfaces, detach them from others
 *
 * An interface that does not exist is left for later: call again when it appears.
 * Return: 0, -ENODEV if some did not exist, or -errno with @why.
 */
int kern_attach(struct kern *kern, const struct policy *policy, char *why, size_t size);

/**
 * kern_find_missing() - does an interface that exists lack a program of ours?
 * @ret_name: POLICY_IFNAME bytes
 */
bool kern_find_missing(const struct kern *kern, const struct policy *policy, char *ret_name);

/** kern_adopt() - emit the state of all targets and pools. */
void kern_adopt(struct kern *kern);

/** kern_adopt_pool() - emit the state of one pool. */
void kern_adopt_pool(struct kern *kern, uint32_t pool);

/** kern_fd() - readable when edges are waiting. */
int kern_fd(const struct kern *kern);

/** kern_poll() - emit them. */
void kern_poll(struct kern *kern);

/** kern_order() - run an order in the kernel. Return: 0 or -errno, see struct dfb_order. */
int kern_order(struct kern *kern, const struct dfb_order *order);

/** kern_flag() - DFB_SERVER_* of a server, and which of its targets nothing can reach. */
int kern_flag(struct kern *kern, uint32_t server, uint32_t flags, const bool cannot_leave[DFB_FAMILIES]);

/** kern_flags() - the flags found, so that maintenance outlives the controller. */
uint32_t kern_flags(const struct kern *kern, uint32_t server);

/** kern_drain() - its connections stay with a server until then, 0: they do not. Return: 0 or -errno. */
int kern_drain(struct kern *kern, uint32_t server, uint64_t until_ns);

/** kern_drains_until() - until when they do, as found; 0: they do not. */
uint64_t kern_drains_until(const struct kern *kern, uint32_t server);

/** kern_station() - where a target is on the clients' own segment. Return: 0 or -errno. */
int kern_station(struct kern *kern, uint32_t server, uint32_t family, const struct dfb_station *at);

/** kern_fit() - does a server pass the checks of a pool's services? If not, it is the last choice. */
int kern_fit(struct kern *kern, uint32_t pool, uint32_t server, bool fit);

/** kern_hold() - stop, or resume, marking a pool's packets. */
int kern_hold(struct kern *kern, uint32_t pool, enum dfb_held held);

/** kern_pause() - must the programs leave a pool where it is? Return: 0 or -errno. */
int kern_pause(struct kern *kern, uint32_t pool, bool paused);

/** kern_stop_prober() - ask the prober to end itself; kern_open() takes it back. */
void kern_stop_prober(const struct paths *paths);

/**
 * kern_settle_maps() - a takeover that was broken off is finished or undone
 *
 * Afterwards paths.maps_dir, if it exists, is whole. By who has the instance's lock.
 * Return: 0, -ENOENT: nothing of the instance is pinned; or another -errno.
 */
int kern_settle_maps(const struct paths *paths);

/** kern_teardown() - detach and unpin everything of an instance. Return: 0, or -ENOENT: nothing there. */
int kern_teardown(const struct paths *paths);

#endif
