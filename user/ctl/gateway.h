/* SPDX-License-Identifier: GPL-2.0-only */
/* What the status document says of the gateway itself. */
#ifndef CTL_GATEWAY_H
#define CTL_GATEWAY_H

#include <jansson.h>

#include <sense/snapshot.h>

/** gateway_prober_json() - Return: an object, null before the prober has begun; new reference. */
json_t *gateway_prober_json(const struct snapshot *s);

/** gateway_interfaces_json() - Return: a list, new reference. */
json_t *gateway_interfaces_json(const struct snapshot *s);

#endif
