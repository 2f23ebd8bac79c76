/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The userland of a server: an agent in it writes down again and again that it runs, and the responders of
 * its network namespace tell that in their answers. One agent and one pinned map for each namespace.
 */
#ifndef SENSE_AGENT_H
#define SENSE_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/echo.h>

#define AGENT_PERIOD_NS 100000000ull

/**
 * agent_open() - the map of this network namespace, made and pinned if there is none
 *
 * What an agent that is no more left in it is forgotten: responders then tell nothing.
 * Return: a descriptor or -errno.
 */
int agent_open(void);

/** agent_sweep() - unpin the maps of namespaces that have neither agent nor responder; under pins_lock() */
void agent_sweep(void);

/**
 * struct agent - as found
 * @agent: all zero: there is none
 * @now_ns: when it was looked at
 * @pid: of the process that is the agent, as we see it; 0: none runs, the last one was killed
 */
struct agent {
	struct dfb_agent agent;
	uint64_t now_ns;
	int pid;
};

/** agent_look() - Return: 0, -ENOENT: neither agent nor responder ever was here, or -errno. */
int agent_look(struct agent *ret_agent);

/**
 * agent_run() - be the agent, until SIGTERM, SIGINT or SIGHUP, by which there is none again
 * @period_ns: between two signs of life
 * @ready: called when the first was given
 *
 * Of ordinary priority, and not locked in memory: what starves a server's processes shall starve this one.
 * Return: 0, -EALREADY: there is one, or -errno, with @why for the operator.
 */
int agent_run(uint64_t period_ns, void (*ready)(void), char *why, size_t size);

#endif
