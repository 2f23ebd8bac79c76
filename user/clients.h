/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clients of a server are told that it is gone, or counted: the map of connections is walked through in
 * short turns, between which the loop does what else there is. To tell is to poke (act/poke.h), and after a
 * while once more, as a client does not answer twice within 500 ms (RFC 5961, 7, as Linux limits it).
 */
#ifndef DEFIB_CLIENTS_H
#define DEFIB_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "act/poke.h"
#include "core/action.h"
#include "sense/flows.h"

struct daemon;

#define CLIENTS_JOBS 256

/**
 * struct clients_job - the clients of one pool's server, or all of a server's
 * @counts: they are only counted, in all pools
 * @due_ns: when to walk
 * @again: they have been poked once
 * @walking: the present walk is for it, too
 */
struct clients_job {
	uint32_t pool;
	uint32_t server;
	bool counts;
	uint64_t due_ns;
	bool again;
	bool walking;
	uint32_t connections;
	uint32_t failed;
	int error;
};

/** struct clients_result - how many clients of a pool were told last, and of whose end */
struct clients_result {
	uint32_t server;
	uint32_t connections;
	uint64_t at_ns;
};

/**
 * struct clients - part of struct daemon; zeroed at first
 * @walk: NULL: nobody was ever told
 * @at: next one in the walk's present piece
 * @begun_ns: when the walk began, 0: none is under way
 */
struct clients {
	struct poke *poke;
	int timer;
	struct flows *walk;
	uint32_t at;
	uint64_t begun_ns;
	uint32_t n_jobs;
	struct clients_job jobs[CLIENTS_JOBS];
	struct clients_result results[DFB_MAX_POOLS + 1];
};

/** clients_open() - Return: 0 or -errno. */
int clients_open(struct daemon *d);
void clients_close(struct daemon *d);

/** clients_count() - carry out an ACTION_COUNT; EVENT_COUNTED comes. */
void clients_count(struct daemon *d, const struct action *a);

/** clients_reset() - carry out an ACTION_RESET; EVENT_RESET comes when all have been poked once. */
void clients_reset(struct daemon *d, const struct action *a);

/** clients_result() - connections with a server of the pool that were told since then, 0 if none. */
uint32_t clients_result(const struct clients *r, uint32_t pool, uint32_t server, uint64_t since_ns);

#endif
