/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients of a server that is gone are told: the map of connections is walked through in short turns, between
 * which the loop does what else there is, and each that is with that server is poked (act/poke.h); after a
 * while a second time, as a client does not answer twice within 500 ms (RFC 5961, 7, as Linux limits it).
 */
#ifndef DEFIB_RESETS_H
#define DEFIB_RESETS_H

#include <stdbool.h>
#include <stdint.h>

#include "act/poke.h"
#include "core/action.h"
#include "sense/flows.h"

struct daemon;

#define RESETS_JOBS 256

/**
 * struct resets_job - the clients of one pool's server
 * @due_ns: when to walk
 * @again: they have been poked once
 * @walking: the present walk is for it, too
 */
struct resets_job {
	uint32_t pool;
	uint32_t server;
	uint64_t due_ns;
	bool again;
	bool walking;
	uint32_t connections;
	uint32_t failed;
	int error;
};

/** struct resets_result - how many clients of a pool were told last, and of whose end */
struct resets_result {
	uint32_t server;
	uint32_t connections;
	uint64_t at_ns;
};

/**
 * struct resets - part of struct daemon; zeroed at first
 * @walk: NULL: nobody was ever told
 * @at: next one in the walk's present piece
 * @begun_ns: when the walk began, 0: none is under way
 */
struct resets {
	struct poke *poke;
	int timer;
	struct flows *walk;
	uint32_t at;
	uint64_t begun_ns;
	uint32_t n_jobs;
	struct resets_job jobs[RESETS_JOBS];
	struct resets_result results[DFB_MAX_POOLS + 1];
};

/** resets_open() - Return: 0 or -errno. */
int resets_open(struct daemon *d);
void resets_close(struct daemon *d);

/** resets_begin() - carry out an ACTION_RESET; EVENT_RESET comes when all have been poked once. */
void resets_begin(struct daemon *d, const struct action *a);

/** resets_result() - connections with a server of the pool that were told since then, 0 if none. */
uint32_t resets_result(const struct resets *r, uint32_t pool, uint32_t server, uint64_t since_ns);

#endif
