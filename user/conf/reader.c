// SPDX-License-Identifier: GPL-2.0-only
#include "reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"

/* --- complaints ------------------------------------------------------------------------------ */

void reader_fini(struct reader *r)
{
	conf_problems_free(&r->problems);
}

static struct conf_problem *new_problem(struct reader *r)
{
	struct conf_problem *list;
	size_t capacity;

	if (r->problems.n == r->capacity) {
		capacity = r->capacity ? 2 * r->capacity : 8;
		list = realloc(r->problems.list, capacity * sizeof(*list));
		if (!list)
			return NULL;
		r->problems.list = list;
		r->capacity = capacity;
	}
	return &r->problems.list[r->problems.n++];
}

void reader_add(struct reader *r, const yaml_mark_t *mark, bool warning, const char *format, ...)
{
	struct conf_problem *problem = new_problem(r);
	va_list args;

	if (!warning)
		r->errors++;
	if (!problem) {
		r->no_memory = true;
		return;
	}
	problem->line = (unsigned int)mark->line + 1;
	problem->column = (unsigned int)mark->column + 1;
	problem->warning = warning;
	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
}

/* A terminal must not be steered by what somebody wrote into a file: no C0 or C1 control characters. */
static void blank_controls(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = '?';
		else if (c[0] < ' ' || c[0] == 0x7f)
			c[0] = '?';
	}
}

struct reader_quote reader_quote(const char *text)
{
	struct reader_quote quote;
	size_t length = strlen(text);
	size_t n = length;

	if (n > sizeof(quote.text) - 6) { /* two quotes, an ellipsis and the end */
		n = sizeof(quote.text) - 6;
		while (n && (text[n] & 0xc0) == 0x80) /* not in the middle of a character of UTF-8 */
			n--;
	}
	snprintf(quote.text, sizeof(quote.text), "'%.*s%s'", (int)n, text, n < length ? "..." : "");
	blank_controls(quote.text);
	return quote;
}

unsigned int reader_line(const yaml_node_t *node)
{
	return (unsigned int)node->start_mark.line + 1;
}

unsigned int reader_column(const yaml_node_t *node)
{
	return (unsigned int)node->start_mark.column + 1;
}

/* --- words that are nearly right -------------------------------------------------------------- */

#define NEAR_MAX 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must change (Levenshtein 1966), one row of the table at a time. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAR_MAX + 1];
	size_t n = strlen(b);

	if (strlen(a) > NEAR_MAX || n > NEAR_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t changed = corner + (*a != b[j - 1]);

			corner = row[j];
			row[j] = least(changed, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

static const char *nearest(const char *word, const char *const *allowed)
{
	size_t best = strlen(word) / 3 + 1; /* "s1" is no misspelt "s2" */
	const char *near = NULL;

	for (; *allowed; allowed++) {
		size_t d = distance(word, *allowed);

		if (d >= best)
			continue;
		best = d;
		near = *allowed;
	}
	return near;
}

static void join(const char *const *words, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (; *words && n < size; words++) {
		if (n + strlen(*words) + 8 > size) {
			snprintf(text + n, size - n, ", ...");
			return;
		}
		n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", *words);
	}
}

static void complain_unknown(struct reader *r, const yaml_node_t *node, const char *what, const char *where,
			     const char *const *allowed)
{
	const char *word = (const char *)node->data.scalar.value;
	const char *near = nearest(word, allowed);
	char list[140];

	if (near) {
		reader_error(r, node, "unknown %s %s%s, did you mean '%s'?", what, reader_quote(word).text, where,
			     near);
		return;
	}
	join(allowed, list, sizeof(list));
	reader_error(r, node, "unknown %s %s%s, there is: %s", what, reader_quote(word).text, where,
		     *allowed ? list : "none");
}

void reader_unknown(struct reader *r, const yaml_node_t *node, const char *what,
		    const char *const *allowed)
{
	complain_unknown(r, node, what, "", allowed);
}

#define for_each_pair(p, node)                                                    \
	for (const yaml_node_pair_t *p = (node)->data.mapping.pairs.start;        \
	     p < (node)->data.mapping.pairs.top; p++)

/* --- mappings -------------------------------------------------------------------------------- */

static void unknown_key(struct reader *r, const struct reader_table *table, const yaml_node_t *node)
{
	const char *allowed[READER_MAX_KEYS + 1];
	char where[64];
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++) {
		if (table->keys[i].read)
			allowed[n++] = table->keys[i].name;
	}
	allowed[n] = NULL;
	snprintf(where, sizeof(where), " in %s", table->what);
	complain_unknown(r, node, "key", where, allowed);
}

static const struct reader_key *find_key(const struct reader_table *table, const char *name)
{
	for (size_t i = 0; i < table->n; i++) {
		if (!strcmp(table->keys[i].name, name))
			return &table->keys[i];
	}
	return NULL;
}

static bool is_empty(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && !node->data.scalar.length &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static const char *key_name(struct reader *r, const struct reader_table *table, const yaml_node_t *node)
{
	const char *name = reader_scalar(node);

	if (name)
		return name;
	reader_error(r, node, "a key of %s must be a plain word, such as '%s'", table->what, table->keys[0].name);
	return NULL;
}

/* Return: the key if its value is to be read; @seen has the place of those already met. */
static const struct reader_key *accept_key(struct reader *r, const struct reader_table *table,
					   const yaml_node_t *node, const yaml_node_t **seen)
{
	const char *name = key_name(r, table, node);
	const struct reader_key *key = name ? find_key(table, name) : NULL;

	if (!name)
		return NULL;
	if (!key) {
		unknown_key(r, table, node);
		return NULL;
	}
	if (seen[key - table->keys]) {
		reader_error(r, node, "'%s' is given twice, remove this one or the one in line %u", name,
			     reader_line(seen[key - table->keys]));
		return NULL;
	}
	seen[key - table->keys] = node;
	return key;
}

static void read_pair(struct reader *r, const struct reader_table *table, const yaml_node_pair_t *pair,
		      const yaml_node_t **seen, void *object)
{
	const yaml_node_t *value = yaml_document_get_node(r->document, pair->value);
	const yaml_node_t *name = yaml_document_get_node(r->document, pair->key);
	const struct reader_key *key = accept_key(r, table, name, seen);

	if (!key)
		return;
	if (!key->read)
		reader_error(r, name, "'%s' is not supported by this version, remove it", key->name);
	else if (is_empty(value))
		reader_error(r, name, "'%s' has no value, write for example %s: %s", key->name, key->name,
			     key->example);
	else
		key->read(r, key, value, (char *)object + key->offset);
}

void reader_mapping(struct reader *r, const struct reader_table *table, const yaml_node_t *node,
		    void *object)
{
	const yaml_node_t *seen[READER_MAX_KEYS] = {NULL};
	const struct reader_key *key = table->keys;

	if (node->type != YAML_MAPPING_NODE) {
		reader_error(r, node, "%s must be a mapping, write for example {%s: %s}", table->what, key->name,
			     key->example);
		return;
	}
	for_each_pair(p, node)
		read_pair(r, table, p, seen, object);
	for (; key < table->keys + table->n; key++) {
		if (key->required && !seen[key - table->keys])
			reader_error(r, node, "%s lacks '%s', add for example %s: %s", table->what, key->name,
				     key->name, key->example);
	}
}

const yaml_node_t *reader_find(struct reader *r, const yaml_node_t *node, const char *name)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for_each_pair(p, node) {
		const yaml_node_t *key = yaml_document_get_node(r->document, p->key);

		if (key->type == YAML_SCALAR_NODE && !strcmp((char *)key->data.scalar.value, name))
			return yaml_document_get_node(r->document, p->value);
	}
	return NULL;
}

/* --- lists ----------------------------------------------------------------------------------- */

uint32_t reader_list(struct reader *r, const struct reader_key *key, const yaml_node_t *node)
{
	size_t n = 1;

	if (node->type == YAML_MAPPING_NODE) {
		reader_error(r, node, "'%s' must be a list, write for example %s: %s", key->name, key->name,
			     key->example);
		return 0;
	}
	if (node->type == YAML_SEQUENCE_NODE)
		n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (n < key->min)
		reader_error(r, node, "'%s' is empty, write for example %s: %s", key->name, key->name,
			     key->example);
	if (n <= key->max)
		return (uint32_t)n;
	reader_error(r, node, "'%s' has %zu items, this version takes at most %llu", key->name, n,
		     (unsigned long long)key->max);
	return (uint32_t)key->max;
}

const yaml_node_t *reader_item(struct reader *r, const yaml_node_t *node, uint32_t i)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return node;
	return yaml_document_get_node(r->document, node->data.sequence.items.start[i]);
}
