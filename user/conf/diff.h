/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What changes from one configuration to another, object by object and field by field, and what that means
 * for those who are served. Pure: two policies in, a list out.
 */
#ifndef CONF_DIFF_H
#define CONF_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/policy.h"

enum diff_how {
	DIFF_ADDED,
	DIFF_REMOVED,
	DIFF_EDITED,
	DIFF_HOW_MAX,
};

/**
 * struct diff_change - one field of one object, or a whole object that comes or goes
 * @section: "gateway", "loss", "hooks", "server", "pool" or "service"
 * @name: of the object; empty: the section is one
 * @field: with DIFF_EDITED, as in defib.yaml(5); otherwise empty
 * @from: as it is; empty: not said
 * @to: as it will be
 * @restart: cannot change while the daemon runs
 */
struct diff_change {
	const char *section;
	char name[DFB_NAME_LEN];
	enum diff_how how;
	const char *field;
	char *from;
	char *to;
	bool restart;
};

enum diff_meaning {
	DIFF_ENDS,	  /* its addresses, or some, are served no more */
	DIFF_MOVES,	  /* to another server */
	DIFF_INTERRUPTED, /* connections break, its server stays */
	DIFF_MEANING_MAX,
};

/** struct diff_effect - what the changes mean for a service that runs; @why: one line for people */
struct diff_effect {
	char service[DFB_NAME_LEN];
	enum diff_meaning meaning;
	char why[160];
};

/** struct diff - free with diff_free() */
struct diff {
	size_t n_changes;
	struct diff_change *changes;
	size_t n_effects;
	struct diff_effect *effects;
};

extern const char *const diff_how_names[DIFF_HOW_MAX];
extern const char *const diff_meaning_names[DIFF_MEANING_MAX];

/**
 * diff_serving_fn - who serves a pool of the running configuration
 * @index: of several that do
 * Return: name of a server; "" after the last.
 */
typedef const char *diff_serving_fn(void *arg, const char *pool, uint32_t index);

/**
 * diff_policies() - from @old, which runs, to @new
 * @serving: NULL: it is not known who serves, then no service is said to move for that reason
 * @ret_diff: the caller's, only on success
 * Return: 0 or -ENOMEM.
 */
int diff_policies(const struct policy *old, const struct policy *new, diff_serving_fn *serving, void *arg,
		  struct diff *ret_diff);

/** diff_restart() - the first field that cannot change while the daemon runs, or NULL. */
const char *diff_restart(const struct diff *diff);

/** diff_free() - and make it empty. */
void diff_free(struct diff *diff);

#endif
