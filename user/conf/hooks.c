// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: programs to run on events. */
#include <string.h>

#include "core/trace.h"
#include "draft.h"

#define DEADLINE_DEFAULT_NS 5000000000ull
#define DEADLINE_MIN_NS 10000000ull
#define DEADLINE_MAX_NS 600000000000ull

_Static_assert(REPORT_KIND_MAX <= 32, "a hook's `on` has a bit per kind of report");

static bool is_fit_for_run(struct reader *r, const struct reader_key *key, const yaml_node_t *node)
{
	if (node->type == YAML_SEQUENCE_NODE)
		return true;
	reader_error(r, node, "'run' must be a list, no shell is involved, write for example run: %s",
		     key->example);
	return false;
}

void draft_arguments(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	char **argv = field;
	uint32_t n = is_fit_for_run(r, key, node) ? reader_list(r, key, node) : 0;

	for (uint32_t i = 0; i < n; i++) {
		const yaml_node_t *item = reader_item(r, node, i);
		const char *text = reader_text(r, key, item);

		if (text && !i && text[0] != '/')
			reader_error(r, item, "%s is not an absolute path, write for example %s",
				     reader_quote(text).text, key->example);
		argv[i] = text ? strdup(text) : NULL;
		if (!text)
			return;
		r->no_memory |= !argv[i];
	}
}

static void read_on(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct reader_key kind = *key;
	const char *names[REPORT_KIND_MAX + 1] = {NULL};
	uint32_t n = reader_list(r, key, node);

	memcpy(names, report_kind_names, sizeof(report_kind_names));
	kind.name = "event";
	kind.words = names;
	for (uint32_t i = 0; i < n; i++) {
		unsigned int bit = REPORT_KIND_MAX;

		reader_word(r, &kind, reader_item(r, node, i), &bit);
		if (bit < REPORT_KIND_MAX)
			*(uint32_t *)field |= 1u << bit;
	}
}

#define FIELD(name) offsetof(struct policy_hook, name)

static const struct reader_key hook_keys[] = {
	{"run", "[/usr/local/bin/page, --now]", draft_arguments, FIELD(argv), 1, POLICY_HOOK_ARGS, NULL, true},
	{"on", "[failover]", read_on, FIELD(on), 1, REPORT_KIND_MAX, NULL, false},
	{"deadline", "5s", reader_duration, FIELD(deadline_ns), DEADLINE_MIN_NS, DEADLINE_MAX_NS, NULL,
	 false},
};
READER_TABLE(hook_table, "a hook", hook_keys);

void draft_hooks(struct draft *d, const struct reader_key *key, const yaml_node_t *node)
{
	uint32_t n = reader_list(&d->r, key, node);

	for (uint32_t i = 0; i < n; i++) {
		struct policy_hook *hook = &d->hooks[d->n_hooks++];

		hook->deadline_ns = DEADLINE_DEFAULT_NS;
		reader_mapping(&d->r, &hook_table, reader_item(&d->r, node, i), hook);
	}
}
