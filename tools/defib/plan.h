/* SPDX-License-Identifier: GPL-2.0-only */
/* What a failover would do, for who asks before. */
#ifndef PLAN_H
#define PLAN_H

#include "cli.h"

/**
 * plan_make() - what moves when the pool of a service does
 * @service: its name
 * @from: who is to be replaced; NULL: who serves
 * @to: who takes over; NULL: the next in order
 * Return: new reference: {"pool", "from", "to", "services": [{"name", "redirect", "addresses"}],
 * "connections": with @from, or null when they cannot be read}; NULL: nothing is known.
 */
json_t *plan_make(struct cli *cli, const char *service, const char *from, const char *to);

/** plan_print() - for people; nothing if it is NULL. */
void plan_print(const struct cli *cli, const json_t *plan);

#endif
