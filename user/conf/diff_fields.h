/* SPDX-License-Identifier: GPL-2.0-only */
/* The fields of a policy as text, for those who compare two of them. */
#ifndef CONF_DIFF_FIELDS_H
#define CONF_DIFF_FIELDS_H

#include "core/policy.h"

#define DIFF_TEXT 4096 /* the 64 servers of a pool fit */

/** struct diff_text - a value in the making; what does not fit is cut */
struct diff_text {
	size_t n;
	char text[DIFF_TEXT];
};

/**
 * struct diff_field - a field that can be compared
 * @name: as in defib.yaml(5); NULL ends a table
 * @print: its value in @object, a struct of @policy; an empty text stands for "not given"
 * @restart: it cannot change while the daemon runs
 */
struct diff_field {
	const char *name;
	void (*print)(struct diff_text *t, const struct policy *policy, const void *object);
	bool restart;
};

extern const struct diff_field diff_gateway_fields[]; /* of a struct policy_gateway */
extern const struct diff_field diff_loss_fields[];    /* of a struct policy_loss */
extern const struct diff_field diff_hooks_fields[];   /* of a struct policy */
extern const struct diff_field diff_server_fields[];  /* of a struct policy_server */
extern const struct diff_field diff_pool_fields[];    /* of a struct policy_pool */
extern const struct diff_field diff_service_fields[]; /* of a struct policy_service */

#endif
