// SPDX-License-Identifier: GPL-2.0-only
#include "syntax.h"

#include <string.h>

#include "base/clean.h"

#define DEPTH_MAX 16 /* the deepest key stands four levels down */

static bool is_about(const yaml_parser_t *parser, const char *part)
{
	return (parser->problem && strstr(parser->problem, part)) ||
	       (parser->context && strstr(parser->context, part));
}

static const char *syntax_hint(const yaml_parser_t *parser)
{
	static const struct {
		const char *part;
		const char *hint;
	} hints[] = {
		{"cannot start any token", "indent with spaces, not tabs, and quote text that starts with % @ or `"},
		{"mapping values are not allowed", "quote text with a colon, such as \"fd00::1\", and check the indentation"},
		{"expected node content", "quote text that starts with a sign, such as \"::1\""},
		{"expected ',' or", "check for a missing comma, quote or closing bracket"},
		{"quoted scalar", "check for a missing closing quote"},
		{"undefined alias", "define it with &name before, or quote text that starts with *"},
		{"parsing a block", "check the indentation of this line and of those before"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (is_about(parser, hints[i].part))
			return hints[i].hint;
	}
	return "check indentation, quotes and brackets";
}

/* Is this the last byte of a line break, as the library knows them (YAML 1.1, 5.4)? */
static bool ends_line(const unsigned char *text, size_t i, size_t length)
{
	if (text[i] == '\r')
		return i + 1 == length || text[i + 1] != '\n';
	if (text[i] == 0x85)
		return i && text[i - 1] == 0xc2;
	if (text[i] == 0xa8 || text[i] == 0xa9)
		return i > 1 && text[i - 1] == 0x80 && text[i - 2] == 0xe2;
	return text[i] == '\n';
}

/* The reader of characters knows an offset in bytes only. */
static void find_offset(const char *text, size_t length, size_t offset, yaml_mark_t *mark)
{
	*mark = (yaml_mark_t){0};
	for (size_t i = 0; i < offset; i++) {
		if (ends_line((const unsigned char *)text, i, length)) {
			mark->line++;
			mark->column = 0;
		} else if ((text[i] & 0xc0) != 0x80) {
			mark->column++;
		}
	}
}

void syntax_complain(struct reader *r, const yaml_parser_t *parser, const char *text, size_t length)
{
	const char *problem = parser->problem ? parser->problem : "no YAML";
	yaml_mark_t mark = parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR) {
		r->no_memory = true;
		return;
	}
	if (parser->error == YAML_READER_ERROR) {
		find_offset(text, length, parser->problem_offset < length ? parser->problem_offset : length,
			    &mark);
		reader_add(r, &mark, false, "%s, write plain UTF-8 without control characters", problem);
		return;
	}
	reader_add(r, &mark, false, "not valid YAML: %s%s%s; %s", problem, parser->context ? " " : "",
		   parser->context ? parser->context : "", syntax_hint(parser));
}

/* --- depth ----------------------------------------------------------------------------------- */

/* What an event does to the depth of nesting. */
static int change_of_depth(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return 1;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return -1;
	default:
		return 0;
	}
}

static bool walk(struct reader *r, yaml_parser_t *parser)
{
	yaml_event_t event;
	bool more = true;
	int depth = 0;

	while (more && yaml_parser_parse(parser, &event)) {
		depth += change_of_depth(&event);
		more = event.type != YAML_STREAM_END_EVENT && depth <= DEPTH_MAX;
		if (depth > DEPTH_MAX)
			reader_add(r, &event.start_mark, false,
				   "nested more than %d levels deep, check for a missing closing bracket",
				   DEPTH_MAX);
		yaml_event_delete(&event);
	}
	return depth <= DEPTH_MAX;
}

bool syntax_is_shallow(struct reader *r, const char *text, size_t length)
{
	yaml_parser_t parser;
	bool shallow;

	if (!yaml_parser_initialize(&parser)) {
		r->no_memory = true;
		return false;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	shallow = walk(r, &parser);
	yaml_parser_delete(&parser);
	return shallow;
}
