/* SPDX-License-Identifier: GPL-2.0-only */
/* Main's side of worker_wire.h: jobs as messages. */
#ifndef ACT_WORKER_MESSAGE_H
#define ACT_WORKER_MESSAGE_H

#include "core/action.h"
#include "core/policy.h"
#include "worker.h"
#include "worker_wire.h"

/**
 * worker_message_store() - store a report
 * @json: its text
 * @ret_message: the caller's to free; without a number yet
 * Return: 0, -E2BIG or -ENOMEM.
 */
int worker_message_store(const char *json, struct worker_message **ret_message);

/**
 * worker_message_hook() - run a hook, told of a report by environment and standard input
 * @instance: DEFIB_INSTANCE
 * Return: as worker_message_store().
 */
int worker_message_hook(const struct policy_hook *hook, const char *instance, const struct report *r,
			const char *json, struct worker_message **ret_message);

/**
 * worker_message_run() - run a program
 * Return: as worker_message_store().
 */
int worker_message_run(const struct worker_program *program, struct worker_message **ret_message);

#endif
