// SPDX-License-Identifier: GPL-2.0-only
#include "worker_message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "core/trace.h"
#include "worker.h"

struct body {
	size_t used;
	bool full;
	char text[WORKER_MESSAGE_MAX];
};

static void __attribute__((format(printf, 2, 3))) add(struct body *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(b->text + b->used, sizeof(b->text) - b->used, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(b->text) - b->used)
		b->full = true;
	else
		b->used += (size_t)n + 1;
}

/* Return: how many. A script under `set -u` finds each of them, if empty. */
static uint32_t add_environment(struct body *b, const char *instance, const struct report *r)
{
	const char *const named[][2] = {
		{"EVENT", report_kind_names[r->kind]},
		{"SERVER", r->server},
		{"POOL", r->pool},
		{"SERVICE", r->service},
		{"FROM", r->from},
		{"TO", r->to},
		{"REASON", r->reason},
		{"INSTANCE", instance},
	};

	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		add(b, "DEFIB_%s=%s", named[i][0], named[i][1]);
	add(b, "DEFIB_EPOCH=%llu", (unsigned long long)r->epoch);
	return ARRAY_SIZE(named) + 1;
}

static int finish(const struct worker_message *head, const struct body *body,
		  struct worker_message **ret_message)
{
	struct worker_message *m;

	if (body->full)
		return -E2BIG;
	m = malloc(sizeof(*m) + body->used);
	if (!m)
		return -ENOMEM;
	*m = *head;
	m->length = (uint32_t)body->used;
	memcpy(m->body, body->text, body->used);
	*ret_message = m;
	return 0;
}

int worker_message_store(const char *json, struct worker_message **ret_message)
{
	struct worker_message head = {.kind = WORKER_JOB_STORE};
	struct body body;

	body.used = 0;
	body.full = false;
	add(&body, "%s", json);
	return finish(&head, &body, ret_message);
}

int worker_message_hook(const struct policy_hook *hook, const char *instance, const struct report *r,
			const char *json, struct worker_message **ret_message)
{
	struct worker_message head = {.kind = WORKER_JOB_HOOK};
	struct body body;

	body.used = 0;
	body.full = false;
	while (hook->argv[head.argc])
		add(&body, "%s", hook->argv[head.argc++]);
	head.envc = add_environment(&body, instance, r);
	add(&body, "%s", json);
	head.deadline_ns = hook->deadline_ns ? hook->deadline_ns : WORKER_HOOK_DEADLINE_NS;
	return finish(&head, &body, ret_message);
}

int worker_message_run(const struct worker_program *program, struct worker_message **ret_message)
{
	struct worker_message head = {.kind = WORKER_JOB_RUN, .deadline_ns = program->deadline_ns};
	struct body body;

	body.used = 0;
	body.full = false;
	while (program->argv[head.argc])
		add(&body, "%s", program->argv[head.argc++]);
	add(&body, "%s", program->input);
	return finish(&head, &body, ret_message);
}
