/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses on the clients' own segment, between core, kernel and announcements. */
#ifndef DEFIB_VIPS_H
#define DEFIB_VIPS_H

#include "core/action.h"

struct daemon;

/** vips_station() - ACTION_STATION: the kernel answers with it from now on. */
void vips_station(struct daemon *d, const struct action *a);

/** vips_announce() - ACTION_ANNOUNCE: all addresses of the pool, where its server is known. Never fatal. */
void vips_announce(struct daemon *d, const struct action *a);

#endif
