/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of a script's line, and what they mean in a world. */
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H

#include "world.h"

#define SCRIPT_WORDS 32

/** struct words - a line; missing words are empty */
struct words {
	uint32_t n;
	char *word[SCRIPT_WORDS];
};

/** words_split() - cut a line up, in place; what follows a # is a comment */
void words_split(char *line, struct words *ret_words);

bool words_is(const char *word, const char *what);

/** words_wrong() - note what is wrong with the line; the first fault counts */
void words_wrong(const char *what);

/** words_fault() - what was noted since words_forget(), NULL: nothing */
const char *words_fault(void);
void words_forget(void);

/* Values and indices; a fault is noted and 0 returned for what is none. */
uint64_t words_duration(const char *word);
uint32_t words_number(const char *word);
uint32_t words_server(const struct world *w, const char *name);
uint32_t words_uplink(const struct world *w, const char *name);
uint32_t words_pool(const struct world *w, const char *name);
uint32_t words_server_id(const struct world *w, const char *name);
uint32_t words_pool_id(const struct world *w, const char *name);

/** words_families() - the families that a word names; no word: both */
uint32_t words_families(const char *word);

#endif
