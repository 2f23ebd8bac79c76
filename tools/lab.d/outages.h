/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of outages share: the kills (outages.c) and what is printed of them. */
#ifndef LAB_OUTAGES_H
#define LAB_OUTAGES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <defib/abi.h>

#include "base/paths.h"
#include "ctl/client.h"

#define OUTAGES_MAX 10000

/**
 * struct options - what was asked for
 * @phase_ns: the random time before a kill is shorter than this
 * @away: the controller is: nobody tells, nobody commits
 * @tools: folder of pace
 */
struct options {
	const char *lab;
	const char *instance;
	const char *service;
	const char *to;
	const char *port;
	const char *rate;
	unsigned int kills;
	unsigned int seed;
	uint64_t phase_ns;
	bool json;
	bool away;
	const char *stamps;
	char tools[PATH_MAX];
	struct paths paths;
};

/** struct edge - the client is answered by another server */
struct edge {
	char from[DFB_NAME_LEN];
	char to[DFB_NAME_LEN];
	uint64_t last_ns;
	uint64_t first_ns;
	uint64_t first_sent_ns;
};

/** struct traffic - the client; @edge: the latest */
struct traffic {
	pid_t pid;
	FILE *out;
	struct edge edge;
};

/** struct view - the service's pool, and whether all servers are up */
struct view {
	char server[DFB_NAME_LEN];
	struct dfb_pool pool;
	bool all_up;
};

/**
 * struct round - one kill; times of CLOCK_MONOTONIC
 * @told_ns: the controller's report of the failover arrived here; as @committed_ns 0 if it is away
 */
struct round {
	uint64_t cut_ns;
	uint64_t told_ns;
	uint64_t committed_ns;
	struct edge edge;
	struct dfb_switch last;
};

/** struct kills - all of them; @rounds: options.kills elements, @done of them */
struct kills {
	struct options *o;
	struct traffic traffic;
	struct ctl_client *monitor;
	struct cables *cables;
	struct round *rounds;
	unsigned int done;
	unsigned int false_switches;
};

/** outages_print() - the table of all kills, or JSON. */
void outages_print(const struct kills *k);

/**
 * outages_write_stamps() - to options.stamps: one line per kill, in nanoseconds of CLOCK_MONOTONIC;
 * the first line has the columns' names
 * Return: 0 or -errno.
 */
int outages_write_stamps(const struct kills *k);

#endif
