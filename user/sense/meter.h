/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The accounts of streams (include/defib/loss.h): a set of pinned maps, and the program that fills them from
 * some interfaces. A daemon has one for its interfaces; `defib loss attach` one per network namespace.
 */
#ifndef SENSE_METER_H
#define SENSE_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/loss.h>

#include "base/paths.h"
#include "xdp.h"

#define METER_PREFIX "loss-" /* of its pins' names among those of an instance's links */

struct meter;

/**
 * struct meter_place - where a meter is pinned
 * @maps_dir: its maps and its program; they may be among others
 * @links_dir: its links; may be the same
 */
struct meter_place {
	char maps_dir[PATHS_LEN];
	char links_dir[PATHS_LEN];
};

/** meter_place_instance() - an instance's. */
void meter_place_instance(const struct paths *paths, struct meter_place *ret_place);

/** meter_place_here() - the one of the current network namespace, for `defib loss attach`. */
void meter_place_here(struct meter_place *ret_place);

/**
 * meter_open() - load the program; make the maps or adopt those that are there
 * @place: its folders exist
 * @why: out: one line for the operator when it fails
 * Return: 0 or -errno.
 */
int meter_open(const struct meter_place *place, struct meter **ret_meter, char *why, size_t size);

/** meter_close() - forget it; what is pinned and attached works on. NULL is fine. */
void meter_close(struct meter *meter);

/** meter_configure() - what silence is a blackout, when a stream is forgotten. Return: 0 or -errno. */
int meter_configure(struct meter *meter, uint64_t threshold_ns, uint64_t expire_ns);

/**
 * meter_attach() - count the streams of an interface
 * Return: 0; -EBUSY: another meter does, or a foreign XDP program is there; or -errno; with @why.
 */
int meter_attach(struct meter *meter, int ifindex, enum xdp_mode mode, char *why, size_t size);

/** meter_is_attached() - are an interface's streams counted, by this meter or another one? */
bool meter_is_attached(const struct meter *meter, int ifindex);

/** meter_has() - has this meter been attached to the interface? */
bool meter_has(const struct meter_place *place, int ifindex);

/** meter_is_used() - has it to any that still exists? Forgets those that do not. */
bool meter_is_used(const struct meter_place *place);

/**
 * meter_remove_unused() - of those of `defib loss attach`, what interfaces or namespaces that are gone left
 *
 * A network namespace's number may be another one's by now. By who holds pins_lock().
 */
void meter_remove_unused(void);

/** meter_release_older() - programs of ours that no interface has any more */
void meter_release_older(struct meter *meter);

/** meter_detach() - what is gone already is no error. */
void meter_detach(const struct meter_place *place, int ifindex);

/** meter_detach_others() - from all interfaces but these; @n 0: from all */
void meter_detach_others(const struct meter_place *place, const int *keep, size_t n);

typedef void meter_fn(void *arg, const struct dfb_silence *silence);

/** meter_listen() - hear of silence; meter_fd() is readable when there is news for meter_poll(). */
int meter_listen(struct meter *meter, meter_fn *fn, void *arg);
int meter_fd(const struct meter *meter);
void meter_poll(struct meter *meter);

#endif
