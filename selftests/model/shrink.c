// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delta debugging (Zeller, Hildebrandt, "Simplifying and isolating failure-inducing input", 2002):
 * leave out chunks of lines, from large to single ones, as long as what is left fails alike; then
 * words of lines, then the digits of times; and again, until nothing more can go. A script that lost
 * a word it needs is refused by whoever reads it, and that is not the failure which is looked for.
 */
#include "shrink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clean.h"
#include "base/text.h"
#include "world.h"

#define SHRINK_LINES 512
#define SHRINK_LINE 256

struct shrinking {
	const char *failure;
	uint64_t end_ns;
	bool late;
	uint32_t n;
	char lines[SHRINK_LINES][SHRINK_LINE];
};

void shrink_run(const char *script, FILE *out, struct shrink_result *ret_result)
{
	struct world *w = NULL;
	char why[256] = "";

	*ret_result = (struct shrink_result){0};
	if (script_run(script, out, &w, why, sizeof(why))) {
		ret_result->failures = 1;
		snprintf(ret_result->failure, sizeof(ret_result->failure), "script: %.200s", why);
		return;
	}
	ret_result->failures = w->failures;
	ret_result->hash = w->hash;
	memcpy(ret_result->failure, w->failure, sizeof(ret_result->failure));
	world_free(w);
}

/* --- the same failure ------------------------------------------------------------------------ */

/* The next word without a digit, for those are names and numbers. */
static const char *next_word(const char *text, size_t *ret_length)
{
	size_t length;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		length = strcspn(text, " ");
		if (strcspn(text, "0123456789") >= length) {
			*ret_length = length;
			return text;
		}
		text += length;
	}
	*ret_length = 0;
	return text;
}

static bool are_alike(const char *a, const char *b)
{
	size_t n, m;

	do {
		a = next_word(a, &n);
		b = next_word(b, &m);
		if (n != m || memcmp(a, b, n))
			return false;
		a += n;
		b += m;
	} while (n);
	return true;
}

static uint64_t real_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* --- one attempt ----------------------------------------------------------------------------- */

/* The script with @instead (NULL: nothing) for @n lines. */
static char *text_of(const struct shrinking *s, uint32_t from, uint32_t n, const char *instead)
{
	char *text = malloc((size_t)s->n * (SHRINK_LINE + 1) + 1), *at = text;

	if (!text)
		return NULL;
	*at = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		const char *line = i == from && n ? instead : s->lines[i];

		if (line && (line == instead || i < from || i >= from + n))
			at += sprintf(at, "%s\n", line);
	}
	return text;
}

/* Replace lines, if it fails alike then. Return: did it? */
static bool replace(struct shrinking *s, uint32_t from, uint32_t n, const char *instead)
{
	CLEAN_FREE char *text = NULL;
	struct shrink_result r;

	s->late = s->late || real_time() > s->end_ns;
	text = s->late ? NULL : text_of(s, from, n, instead);
	if (!text)
		return false;
	shrink_run(text, NULL, &r);
	if (!r.failures || !are_alike(r.failure, s->failure))
		return false;
	if (instead) {
		text_copy(s->lines[from++], SHRINK_LINE, instead);
		n--;
	}
	memmove(s->lines[from], s->lines[from + n], (size_t)(s->n - from - n) * SHRINK_LINE);
	s->n -= n;
	return true;
}

/* --- lines ----------------------------------------------------------------------------------- */

/* Without these it would be another question. */
static bool must_stay(const char *line)
{
	size_t length = strlen(line);

	return !strncmp(line, "until", 5) || !strncmp(line, "never", 5) ||
	       (length > 5 && !strcmp(line + length - 5, " mend"));
}

static bool may_go(const struct shrinking *s, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++) {
		if (must_stay(s->lines[i]))
			return false;
	}
	return true;
}

/* Return: was any left out? */
static bool drop_chunks(struct shrinking *s, uint32_t size)
{
	bool any = false;

	for (uint32_t at = 0; at < s->n;) {
		uint32_t n = s->n - at < size ? s->n - at : size;

		if (may_go(s, at, n) && replace(s, at, n, NULL))
			any = true;
		else
			at += n;
	}
	return any;
}

static void drop_lines(struct shrinking *s)
{
	for (uint32_t size = s->n / 2; size > 1; size /= 2)
		drop_chunks(s, size);
	while (drop_chunks(s, 1))
		;
}

/* --- words and digits ------------------------------------------------------------------------ */

/* Where a line's word begins; NULL: it has not that many. */
static const char *word_at(const char *line, uint32_t index)
{
	for (line += strspn(line, " "); *line; line += strspn(line, " ")) {
		if (!index--)
			return line;
		line += strcspn(line, " ");
	}
	return NULL;
}

/* @n words of a line, and what comes instead */
static bool replace_words(struct shrinking *s, uint32_t line, uint32_t index, uint32_t n, const char *instead)
{
	const char *from = word_at(s->lines[line], index), *rest = word_at(s->lines[line], index + n);
	char text[2 * SHRINK_LINE];

	snprintf(text, sizeof(text), "%.*s%s%s%s", (int)(from - s->lines[line]), s->lines[line], instead,
		 *instead && rest ? " " : "", rest ? rest : "");
	for (size_t end = strlen(text); end && text[end - 1] == ' '; end--)
		text[end - 1] = 0;
	return strlen(text) < SHRINK_LINE && replace(s, line, 1, text);
}

/* The command of what happens at a time is its third word; a declaration's first names it. */
static bool drop_words(struct shrinking *s, uint32_t line)
{
	uint32_t index = strncmp(s->lines[line], "at ", 3) ? 2 : 3;
	bool any = false;

	while (word_at(s->lines[line], index)) {
		if ((word_at(s->lines[line], index + 1) && replace_words(s, line, index, 2, "")) ||
		    replace_words(s, line, index, 1, ""))
			any = true;
		else
			index++;
	}
	return any;
}

static bool round_word(struct shrinking *s, uint32_t line, uint32_t index)
{
	static const uint64_t steps[] = {SECOND, 100 * MS, 10 * MS, MS, 100 * US, 10 * US, US};
	const char *word = word_at(s->lines[line], index);
	char copy[32], text[32];
	uint64_t ns;

	snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(word, " "), word);
	if (duration_parse(copy, &ns))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t round = (ns + steps[i] / 2) / steps[i] * steps[i];

		if (!round)
			continue;
		if (round == ns)
			return false;
		snprintf(text, sizeof(text), "%llu%s",
			 (unsigned long long)(round / (round % MS ? US : MS)), round % MS ? "us" : "ms");
		if (replace_words(s, line, index, 1, text))
			return true;
	}
	return false;
}

static bool simplify(struct shrinking *s)
{
	bool any = false;

	for (uint32_t line = 0; line < s->n; line++) {
		if (must_stay(s->lines[line]))
			continue;
		any |= drop_words(s, line);
		for (uint32_t index = 1; word_at(s->lines[line], index); index++)
			any |= round_word(s, line, index);
	}
	return any;
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool take_lines(struct shrinking *s, const char *script)
{
	while (*script) {
		size_t length = strcspn(script, "\n");

		if (s->n == SHRINK_LINES || length >= SHRINK_LINE)
			return false;
		memcpy(s->lines[s->n], script, length);
		s->lines[s->n++][length] = 0;
		script += length + (script[length] == '\n');
	}
	return true;
}

bool shrink_script(char *script, const char *failure, uint64_t budget_ns)
{
	CLEAN_FREE struct shrinking *s = calloc(1, sizeof(*s));
	CLEAN_FREE char *text = NULL;

	if (!s || !take_lines(s, script))
		return false;
	s->failure = failure;
	s->end_ns = real_time() + budget_ns;
	do {
		drop_lines(s);
	} while (simplify(s));
	text = text_of(s, 0, 0, NULL);
	if (text && strlen(text) <= strlen(script))
		strcpy(script, text);
	return !s->late;
}

static int make_folders(const char *folder)
{
	char path[512];
	size_t length = 0;

	do {
		length += strspn(folder + length, "/");
		length += strcspn(folder + length, "/");
		snprintf(path, sizeof(path), "%.*s", (int)length, folder);
		if (mkdir(path, 0777) && errno != EEXIST)
			return -errno;
	} while (folder[length]);
	return 0;
}

static int write_file(const char *folder, const char *name, const char *text)
{
	CLEAN_FCLOSE FILE *f = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	return f && fputs(text, f) >= 0 && !fflush(f) ? 0 : -errno;
}

int shrink_write(const char *folder, const char *script, const char *about)
{
	char text[1024];
	int err = make_folders(folder);

	snprintf(text, sizeof(text),
		 "%s\n"
		 "Found by the model and shrunk; `build/selftests/story` of this folder fails alike.\n"
		 "Once that is repaired and the trace is right: `story` with --bless, a sentence for a name,\n"
		 "and why it went wrong instead of this text.\n",
		 about);
	err = err ? err : write_file(folder, "script", script);
	return err ? err : write_file(folder, "README", text);
}
