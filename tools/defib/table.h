/* SPDX-License-Identifier: GPL-2.0-only */
/* Aligned columns for people. Words for states are coloured where the terminal wants it. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 16

struct table {
	size_t columns;
	size_t n;
	size_t room;
	char **cells; /* row by row; the first row is the heading */
	bool right[TABLE_COLUMNS];
};

/** table_init() - @heading: titles separated by '|'; one that begins with '>' is aligned to the right */
void table_init(struct table *t, const char *heading);

/** table_cell() - the next cell; a row is full after as many as there are titles. */
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** table_print() - print and forget it; @max_rows: of the body, 0: all */
void table_print(struct table *t, FILE *out, bool colour, size_t max_rows);

/** table_state_colour() - Return: the escape sequence for a state's word, NULL for any other word. */
const char *table_state_colour(const char *word);

#define TABLE_BOLD "\033[1m"
#define TABLE_PLAIN "\033[0m"

#endif
