/* SPDX-License-Identifier: GPL-2.0-only */
/* What the routes should be, from the policy, the core's decisions and what the links reach. */
#ifndef DEFIB_WANT_H
#define DEFIB_WANT_H

#include "act/route.h"
#include "core/core.h"
#include "sense/link.h"

/**
 * want_make() - assemble it
 * @link: NULL: nothing is reachable
 * Return: NULL without memory; want_free() it. It borrows names from the policy.
 */
struct route_want *want_make(const struct policy *policy, const struct core *core, const struct link *link);

/** want_make_serving() - the same with no servers but those that serve: all that a commit asks for */
struct route_want *want_make_serving(const struct policy *policy, const struct core *core,
				     const struct link *link);

void want_free(struct route_want *want);

#endif
