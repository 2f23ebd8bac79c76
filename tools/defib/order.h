/* SPDX-License-Identifier: GPL-2.0-only */
/* Orders that stand: what commands that give them share, and how they are shown. */
#ifndef ORDER_H
#define ORDER_H

#include "cli.h"

/**
 * struct order - the options of a command that orders something for a time
 * @for_us: --for; 0: not given
 * @reason: --reason; NULL: not given
 * @drain_us: --deadline; how long connections may stay where they are; 0: --now; -1: not given
 * @wait: --wait
 */
struct order {
	int64_t for_us;
	const char *reason;
	int64_t drain_us;
	bool wait;
};

/**
 * order_options() - take --for and --reason
 * @drains: and --deadline, --now and --wait
 * @usage: what the command takes, for who got it wrong
 * Return: CTL_OK, with optind at the first word; CTL_USAGE after a complaint.
 */
int order_options(int argc, char **argv, bool drains, const char *usage, struct order *ret_order);

/** order_args() - add them to a request's arguments. */
void order_args(const struct order *order, json_t *args);

/** order_give() - ask the daemon and print its answer; takes the reference. */
int order_give(struct cli *cli, const char *cmd, json_t *args);

/** order_count(), order_print() - a line for each one that stands in a status document. */
size_t order_count(const json_t *doc);
void order_print(const struct cli *cli, const json_t *doc);

#endif
