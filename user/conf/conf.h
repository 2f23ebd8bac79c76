/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration: YAML text in, policy or a list of problems out. Pure: no file, no clock, no
 * printing. All problems are found in one pass, each with its place and with what to do about it.
 * defib.yaml(5) describes the keys.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/policy.h"

#define CONF_MAX_BYTES (16u << 20) /* more than the largest sensible configuration */

/**
 * struct conf_problem - what is wrong, or merely doubtful
 * @line: from 1
 * @column: from 1, in characters
 * @warning: the configuration can be used all the same
 * @text: what, and a hint; one line, without the place
 */
struct conf_problem {
	unsigned int line;
	unsigned int column;
	bool warning;
	char text[240];
};

/** struct conf_problems - in the order of the text; free with conf_problems_free() */
struct conf_problems {
	size_t n;
	struct conf_problem *list;
};

/**
 * conf_parse() - understand a configuration
 * @text: YAML 1.1 in UTF-8 or UTF-16, need not be terminated
 * @length: of @text in bytes
 * @ret_policy: only on success; the caller owns it: policy_free()
 * @ret_problems: set with -EINVAL, and with 0 (then these are warnings); the caller owns it
 *
 * Ids are left 0. Servers, pools and services are in the order of the text.
 * Return: 0, -EINVAL (@ret_problems has at least one that is no warning), -ENOMEM.
 */
int conf_parse(const char *text, size_t length, struct policy **ret_policy,
	       struct conf_problems *ret_problems);

/** conf_problems_free() - and make the list empty. */
void conf_problems_free(struct conf_problems *problems);

/** policy_free() - NULL is fine. */
void policy_free(struct policy *policy);

#endif
