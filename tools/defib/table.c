// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/clean.h>

static const struct {
	const char *word;
	const char *colour;
} words[] = {
	{"up", "\033[32m"},	    {"serving", "\033[32m"},	{"ok", "\033[32m"},
	{"suspect", "\033[33m"},    {"recovering", "\033[33m"}, {"degraded", "\033[33m"},
	{"maintenance", "\033[33m"}, {"paused", "\033[33m"},	{"warn", "\033[33m"},
	{"down", "\033[31m"},	    {"unknown", "\033[31m"},	{"hung", "\033[31m"},	{"fail", "\033[31m"},
};

const char *table_state_colour(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(words[i].word, word))
			return words[i].colour;
	}
	return NULL;
}

static void add(struct table *t, char *text)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		char **cells = reallocarray(t->cells, room, sizeof(*cells));

		if (!cells) {
			free(text);
			return;
		}
		t->cells = cells;
		t->room = room;
	}
	t->cells[t->n++] = text;
}

void table_init(struct table *t, const char *heading)
{
	*t = (struct table){0};
	while (t->columns < TABLE_COLUMNS) {
		size_t n = strcspn(heading, "|");
		bool right = heading[0] == '>';

		t->right[t->columns++] = right;
		add(t, strndup(heading + right, n - right));
		if (!heading[n])
			break;
		heading += n + 1;
	}
}

void table_cell(struct table *t, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) >= 0)
		add(t, text);
	va_end(args);
}

static void print_cell(FILE *out, const char *text, int width, bool right, const char *colour)
{
	int pad = width - (int)strlen(text);

	fprintf(out, "%*s%s%s%s%*s", right && pad > 0 ? pad : 0, "", colour ? colour : "", text,
	       colour ? TABLE_PLAIN : "", !right && pad > 0 ? pad : 0, "");
}

static void print_row(FILE *out, const struct table *t, size_t row, const int *width, bool colour)
{
	for (size_t i = 0; i < t->columns; i++) {
		const char *text = t->cells[row * t->columns + i];
		const char *paint = row ? table_state_colour(text) : TABLE_BOLD;
		bool last = i + 1 == t->columns;

		print_cell(out, text, last && !t->right[i] ? 0 : width[i], t->right[i],
			   colour ? paint : NULL);
		fputs(last ? "\n" : "  ", out);
	}
}

void table_print(struct table *t, FILE *out, bool colour, size_t max_rows)
{
	size_t rows = t->n / t->columns;
	int width[TABLE_COLUMNS] = {0};

	if (max_rows && rows > max_rows + 1)
		rows = max_rows + 1;
	for (size_t i = 0; i < rows * t->columns; i++) {
		int n = (int)strlen(t->cells[i]);

		if (n > width[i % t->columns])
			width[i % t->columns] = n;
	}
	for (size_t row = 0; row < rows; row++)
		print_row(out, t, row, width, colour);
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){0};
}
