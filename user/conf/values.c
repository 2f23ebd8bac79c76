// SPDX-License-Identifier: GPL-2.0-only
/* Typed scalars. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "reader.h"

const char *reader_scalar(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE || strlen(text) != node->data.scalar.length)
		return NULL;
	return text;
}

const char *reader_text(struct reader *r, const struct reader_key *key, const yaml_node_t *node)
{
	const char *text = reader_scalar(node);

	if (text && *text)
		return text;
	reader_error(r, node, "'%s' must be a single value, write for example %s: %s", key->name, key->name,
		     key->example);
	return NULL;
}

void reader_node(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	(void)r;
	(void)key;
	*(const yaml_node_t **)field = node;
}

/* --- numbers --------------------------------------------------------------------------------- */

/* Neither sign nor space nor a leading zero, which YAML 1.1 would take for octal. */
static int parse_digits(const char *text, int base, uint64_t *ret_value)
{
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
	size_t n = strlen(text);

	if (!n || strspn(text, digits) != n || (base == 10 && n > 1 && text[0] == '0'))
		return -EINVAL;
	errno = 0;
	*ret_value = strtoull(text, NULL, base);
	return errno ? -ERANGE : 0;
}

static int read_integer(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
			uint64_t *ret_value)
{
	const char *text = reader_text(r, key, node);
	uint64_t value;

	if (!text)
		return -EINVAL;
	if (!parse_digits(text, 10, &value) && value >= key->min && value <= key->max) {
		*ret_value = value;
		return 0;
	}
	reader_error(r, node, "'%s' must be a whole number from %llu to %llu, not %s", key->name,
		     (unsigned long long)key->min, (unsigned long long)key->max, reader_quote(text).text);
	return -EINVAL;
}

void reader_number(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	uint64_t value;

	if (!read_integer(r, key, node, &value))
		*(uint32_t *)field = (uint32_t)value;
}

void reader_port(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	uint64_t value;

	if (!read_integer(r, key, node, &value))
		*(uint16_t *)field = (uint16_t)value;
}

void reader_mask(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);
	bool hex = text && (!strncmp(text, "0x", 2) || !strncmp(text, "0X", 2));
	uint64_t value;

	if (!text)
		return;
	if (!parse_digits(hex ? text + 2 : text, hex ? 16 : 10, &value) && value && value <= UINT32_MAX)
		*(uint32_t *)field = (uint32_t)value;
	else
		reader_error(r, node, "'%s' must be a mask of 32 bits that is not 0, such as %s, not %s", key->name,
			     key->example, reader_quote(text).text);
}

/* --- durations ------------------------------------------------------------------------------- */

struct reader_quote reader_duration_text(uint64_t ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {{"h", 3600000000000ull}, {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
	struct reader_quote text;
	size_t i = 0;

	while (ns % units[i].ns)
		i++;
	if (!ns)
		i = 1;
	snprintf(text.text, sizeof(text.text), "%llu%s", (unsigned long long)(ns / units[i].ns),
		 units[i].unit);
	return text;
}

static void complain_duration(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
			      const char *text)
{
	if (text[strspn(text, "0123456789.")])
		reader_error(r, node, "'%s' must be a duration such as %s, not %s (units: us, ms, s, m, h)",
			     key->name, key->example, reader_quote(text).text);
	else
		reader_error(r, node, "'%s': %s has no unit, write for example %s (units: us, ms, s, m, h)",
			     key->name, reader_quote(text).text, key->example);
}

void reader_duration(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);
	uint64_t ns = UINT64_MAX;
	int err;

	if (!text)
		return;
	err = duration_parse(text, &ns);
	if (err == -EINVAL)
		complain_duration(r, key, node, text);
	else if (ns < key->min || ns > key->max)
		reader_error(r, node, "'%s' must be from %s to %s, not %s", key->name,
			     reader_duration_text(key->min).text, reader_duration_text(key->max).text,
			     reader_quote(text).text);
	else
		*(uint64_t *)field = ns;
}

/* --- words ----------------------------------------------------------------------------------- */

void reader_bool(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);

	if (!text)
		return;
	if (strcmp(text, "true") && strcmp(text, "false"))
		reader_error(r, node, "'%s' must be true or false, not %s", key->name, reader_quote(text).text);
	else
		*(bool *)field = text[0] == 't';
}

void reader_word(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);

	if (!text)
		return;
	for (unsigned int i = 0; key->words[i]; i++) {
		if (strcmp(text, key->words[i]))
			continue;
		*(unsigned int *)field = i;
		return;
	}
	reader_unknown(r, node, key->name, key->words);
}

void reader_name(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);

	if (!text)
		return;
	if (name_is_valid(text))
		text_copy(field, DFB_NAME_LEN, text);
	else
		reader_error(r, node, "%s cannot be a name, use 1 to 31 of the characters A-Z a-z 0-9 . _ -",
			     reader_quote(text).text);
}
