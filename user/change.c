// SPDX-License-Identifier: GPL-2.0-only
#include "change.h"

/* Names and values may be cut in the middle of a character. */
static json_t *text_or_null(const char *text)
{
	json_t *value = text && text[0] ? json_string(text) : NULL;

	return value ? value : json_null();
}

static json_t *one_change(const struct diff_change *c)
{
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:b}",
		"section", c->section,
		"name", text_or_null(c->name),
		"how", diff_how_names[c->how],
		"field", text_or_null(c->field),
		"from", text_or_null(c->from),
		"to", text_or_null(c->to),
		"restart", (int)c->restart);
}

json_t *change_json(const struct diff *diff)
{
	json_t *changes = json_array(), *services = json_array();

	for (size_t i = 0; i < diff->n_changes; i++)
		json_array_append_new(changes, one_change(&diff->changes[i]));
	for (size_t i = 0; i < diff->n_effects; i++) {
		const struct diff_effect *e = &diff->effects[i];

		json_array_append_new(services, json_pack("{s:s, s:s, s:s}", "service", e->service,
			"meaning", diff_meaning_names[e->meaning], "why", e->why));
	}
	return json_pack("{s:o, s:o, s:o}", "changes", changes, "services", services,
			 "restart", text_or_null(diff_restart(diff)));
}
