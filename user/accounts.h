/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The accounts of streams, as the daemon keeps them: on all interfaces it names; silence becomes events; and
 * after each failover the streams that services sent to their clients tell what it cost.
 */
#ifndef DEFIB_ACCOUNTS_H
#define DEFIB_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/action.h"
#include "sense/meter_view.h"

struct daemon;

/**
 * struct accounts_case - a pool that moved, whose streams are to be looked at
 * @report: of the failover; kind REPORT_KIND_MAX: there is none
 * @due_ns: when
 */
struct accounts_case {
	struct report report;
	uint64_t due_ns;
};

/** struct accounts_result - the latest one of a service; @epoch 0: there is none */
struct accounts_result {
	char service[DFB_NAME_LEN];
	uint64_t epoch;
	struct report_blackout blackout;
};

#define ACCOUNTS_SILENT 128

/** struct accounts_silent - a stream that fell silent, and was not told of yet */
struct accounts_silent {
	struct dfb_stream_key key;
	uint64_t began_ns;
};

/**
 * struct accounts - part of struct daemon; zeroed at first
 * @told, @told_ns: how many silences were told since then
 */
struct accounts {
	struct meter *meter;
	bool refused;
	uint32_t told;
	uint64_t told_ns;
	uint32_t n_silent;
	struct accounts_silent silent[ACCOUNTS_SILENT];
	uint32_t n_cases;
	struct accounts_case cases[DFB_MAX_POOLS];
	uint32_t n_results;
	struct accounts_result *results;
};

/** accounts_attach() - open them if they are not, and attach them where the policy says. Never fatal. */
void accounts_attach(struct daemon *d);

/** accounts_are_complete() - does every interface of the policy that exists have a meter? */
bool accounts_are_complete(const struct daemon *d);

/** accounts_failover() - a pool moved: its clients' streams will tell. */
void accounts_failover(struct daemon *d, const struct report *failover);

/** accounts_tick() - judge what is due. */
void accounts_tick(struct daemon *d);

/** accounts_result() - what the service's pool's move to this epoch cost. Return: borrowed, or NULL. */
const struct report_blackout *accounts_result(const struct accounts *a, const char *service, uint64_t epoch);

void accounts_close(struct daemon *d);

#endif
