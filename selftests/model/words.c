// SPDX-License-Identifier: GPL-2.0-only
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *fault;

void words_forget(void)
{
	fault = NULL;
}

const char *words_fault(void)
{
	return fault;
}

void words_split(char *line, struct words *ret_words)
{
	static char empty[1];
	char *rest = NULL;

	ret_words->n = 0;
	for (char *word = strtok_r(line, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
		if (*word == '#' || ret_words->n == SCRIPT_WORDS)
			break;
		ret_words->word[ret_words->n++] = word;
	}
	for (uint32_t i = ret_words->n; i < SCRIPT_WORDS; i++)
		ret_words->word[i] = empty;
}

bool words_is(const char *word, const char *what)
{
	return !strcmp(word, what);
}

void words_wrong(const char *what)
{
	if (!fault)
		fault = what;
}

uint64_t words_duration(const char *word)
{
	uint64_t ns = 0;

	if (!words_is(word, "0") && duration_parse(word, &ns))
		words_wrong("a time is missing or has no unit");
	return ns;
}

uint32_t words_number(const char *word)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (!*word || *end)
		words_wrong("a number is missing");
	return (uint32_t)n;
}

/* --- names ----------------------------------------------------------------------------------- */

uint32_t words_server(const struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->n_servers; i++) {
		if (words_is(w->servers[i].conf.name, name))
			return i;
	}
	words_wrong("no such server");
	return 0;
}

uint32_t words_uplink(const struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->n_uplinks; i++) {
		if (words_is(w->uplinks[i].name, name))
			return i;
	}
	words_wrong("no such uplink");
	return 0;
}

uint32_t words_pool(const struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->n_pools; i++) {
		if (words_is(w->pools[i].conf.name, name))
			return i;
	}
	words_wrong("no such pool");
	return 0;
}

uint32_t words_server_id(const struct world *w, const char *name)
{
	uint32_t index = words_server(w, name);

	for (uint32_t id = 1; id < WORLD_IDS; id++) {
		if (w->by_id[id] == index + 1)
			return id;
	}
	return 0;
}

uint32_t words_pool_id(const struct world *w, const char *name)
{
	words_pool(w, name);
	for (uint32_t id = 1; id <= WORLD_POOLS; id++) {
		if (words_is(kernel_plan(id)->name, name))
			return id;
	}
	return 0;
}

/* Families that a word names; no word: both. */
uint32_t words_families(const char *word)
{
	if (words_is(word, "ipv4"))
		return 1u << DFB_FAMILY_IPV4;
	if (words_is(word, "ipv6"))
		return 1u << DFB_FAMILY_IPV6;
	return 3;
}
