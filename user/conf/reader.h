/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From YAML nodes to typed values, with a complaint at the right place for what does not fit.
 *
 * A mapping is described by a table of keys. Each key names a function that reads its value into a
 * field of an object; unknown, repeated and missing keys are found by reader_mapping() alone. What
 * cannot be read leaves its field as it was, so reading always goes on to the next complaint.
 */
#ifndef CONF_READER_H
#define CONF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#include "conf.h"

/**
 * struct reader - one document being read
 * @document: borrowed
 * @problems: found so far
 * @capacity: of problems.list
 * @errors: how many of them are no warnings
 * @no_memory: something was lost for want of memory; nothing else counts then
 */
struct reader {
	yaml_document_t *document;
	struct conf_problems problems;
	size_t capacity;
	size_t errors;
	bool no_memory;
};

struct reader_key;

/**
 * reader_fn - read a value
 * @key: whose value it is, with what is allowed
 * @node: the value
 * @field: where it goes: the object plus reader_key.offset
 */
typedef void reader_fn(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field);

/**
 * struct reader_key - a key of a mapping
 * @name: as written
 * @example: a value, for complaints
 * @read: how to read it; NULL: a key that a later version will know
 * @offset: of its field in the object; 0 for functions that take the whole object
 * @min: least value, or least number of items
 * @max: greatest value, or greatest number of items
 * @words: for reader_word(): what is allowed, NULL-terminated
 * @required: complain where it is missing
 */
struct reader_key {
	const char *name;
	const char *example;
	reader_fn *read;
	size_t offset;
	uint64_t min;
	uint64_t max;
	const char *const *words;
	bool required;
};

#define READER_MAX_KEYS 32

/** struct reader_table - the keys of a mapping; @what names it in complaints */
struct reader_table {
	const char *what;
	size_t n;
	const struct reader_key *keys;
};

#define READER_TABLE(name, text, list) \
	static const struct reader_table name = {.what = text, .n = ARRAY_SIZE(list), .keys = list}

/* --- complaints ------------------------------------------------------------------------------ */

void reader_fini(struct reader *r);

void reader_add(struct reader *r, const yaml_mark_t *mark, bool warning, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define reader_error(r, node, ...) reader_add(r, &(node)->start_mark, false, __VA_ARGS__)
#define reader_warn(r, node, ...) reader_add(r, &(node)->start_mark, true, __VA_ARGS__)

/** struct reader_quote - text made fit for a complaint: printable, not too long, in quotes */
struct reader_quote {
	char text[56];
};

struct reader_quote reader_quote(const char *text);

/** reader_unknown() - complain about a word; tell the nearest of those allowed, or list them. */
void reader_unknown(struct reader *r, const yaml_node_t *node, const char *what,
		    const char *const *allowed);

/** reader_line() - where a node is, for "already in line 7". */
unsigned int reader_line(const yaml_node_t *node);

/** reader_column() - from 1, in characters */
unsigned int reader_column(const yaml_node_t *node);

/* --- structure ------------------------------------------------------------------------------- */

/** reader_mapping() - read all values of a mapping into @object, as the table says. */
void reader_mapping(struct reader *r, const struct reader_table *table, const yaml_node_t *node,
		    void *object);

/** reader_find() - the value of a key, or NULL; for the place of a complaint. */
const yaml_node_t *reader_find(struct reader *r, const yaml_node_t *node, const char *name);

/**
 * reader_list() - how many items there are; a scalar is a list of one
 *
 * Complains about a mapping and about fewer than key->min or more than key->max items.
 * Return: the number of items to read with reader_item(), at most key->max.
 */
uint32_t reader_list(struct reader *r, const struct reader_key *key, const yaml_node_t *node);
const yaml_node_t *reader_item(struct reader *r, const yaml_node_t *node, uint32_t i);

/** reader_scalar() - a scalar's text, or NULL if it is none or has a NUL within. */
const char *reader_scalar(const yaml_node_t *node);

/** reader_text() - a scalar's text, or NULL after a complaint; lives as long as the document. */
const char *reader_text(struct reader *r, const struct reader_key *key, const yaml_node_t *node);

/* --- values: each a reader_fn ---------------------------------------------------------------- */

reader_fn reader_node;      /* const yaml_node_t *: leave it for later */
reader_fn reader_number;    /* uint32_t, decimal */
reader_fn reader_port;      /* uint16_t, decimal */
reader_fn reader_mask;      /* uint32_t, decimal or 0x... */
reader_fn reader_duration;  /* uint64_t nanoseconds; the unit is mandatory */
reader_fn reader_bool;      /* bool: true or false */
reader_fn reader_word;      /* enum: index into key->words */
reader_fn reader_name;      /* char[DFB_NAME_LEN] */

/** reader_duration_text() - as it would be written in the configuration: "10ms", "1h". */
struct reader_quote reader_duration_text(uint64_t ns);

#endif
