/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks of services: which there are, who asks them (defib-check, a process of its own), and what they
 * say together of each server of a pool. The core hears of that as EVENT_CHECK.
 *
 * What the process last said holds while it lives and speaks; when it dies or hangs, all is unknown, and
 * it is started again. Without checks there is no such process.
 */
#ifndef SENSE_CHECK_H
#define SENSE_CHECK_H

#include "core/event.h"
#include "core/policy.h"

struct checks;
struct loop;

typedef void check_emit(void *arg, const struct event *ev);

/** check_told - the process that checks runs, or is gone. @why: one line for people */
typedef void check_told(void *arg, bool runs, const char *why);

/**
 * checks_new() - nothing is checked yet
 * @loop: borrowed
 * @instance: DEFIB_INSTANCE of scripts; copied
 * @emit: called from the loop and from checks_configure()
 * @told: called from the loop
 * Return: NULL without memory or descriptors; checks_free() ends it.
 */
struct checks *checks_new(struct loop *loop, const char *instance, check_emit *emit, check_told *told,
			  void *arg);
void checks_free(struct checks *checks);

/**
 * checks_configure() - check what the policy says; what is checked already goes on as it is
 * @policy: with ids; borrowed until the next call
 *
 * All that is known is emitted again, in terms of the new policy.
 * Return: 0; -ENOMEM (then as before), -E2BIG: there are more than CHECK_MAX.
 */
int checks_configure(struct checks *checks, const struct policy *policy);

/**
 * struct check_summary - all checks
 * @n: how many there are; @unknown: of how many nothing is known
 * @pid: of the process; 0: there is none
 * @starts: how often it was started
 */
struct check_summary {
	uint32_t n;
	uint32_t unknown;
	int pid;
	uint32_t starts;
};

void checks_sum_up(const struct checks *checks, struct check_summary *ret_summary);

/**
 * struct check_view - one check, as it stands
 * @service: index into policy.services
 * @server: id
 * @port: 0: a script's
 * @at_ns: when the last attempt was begun; 0: there was none
 */
struct check_view {
	uint32_t service;
	uint32_t server;
	enum check_kind kind;
	uint16_t port;
	uint8_t address[16];
	enum check_state state;
	enum check_outcome outcome;
	uint64_t at_ns;
	uint64_t took_ns;
	const char *what;
};

/** checks_next() - the check after @at, from 0. Return: the next @at; 0: there was none. */
uint32_t checks_next(const struct checks *checks, uint32_t at, struct check_view *ret_view);

#endif
