/* SPDX-License-Identifier: GPL-2.0-only */
/* What replies tell of a server's userland, in the status document. */
#ifndef CTL_USERLAND_H
#define CTL_USERLAND_H

#include <jansson.h>

#include <sense/snapshot.h>

/**
 * userland_json() - of the server's target whose reply told of it last
 * Return: {"state", "since_s", "idle_ms", "limit_ms"}, the last two where they mean something.
 */
json_t *userland_json(const struct snapshot *s, uint32_t server);

#endif
