/* SPDX-License-Identifier: GPL-2.0-only */
/* What a reload changes, as the document that `config reload` and `config diff` answer with. */
#ifndef DEFIB_CHANGE_H
#define DEFIB_CHANGE_H

#include <jansson.h>

#include "conf/diff.h"

/**
 * change_json() - a difference as JSON
 *
 * {"changes": [{"section", "name", "how", "field", "from", "to", "restart"}], "services": [{"service",
 * "meaning", "why"}], "restart": the first field that needs one, or null}
 * Return: a new reference; NULL without memory.
 */
json_t *change_json(const struct diff *diff);

#endif
