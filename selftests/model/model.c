// SPDX-License-Identifier: GPL-2.0-only
/*
 * model --worlds N -s SEED: N random worlds from a seed. Each is run twice: the same script, the
 * same trace. One in which an invariant fails is made as short as it can be and printed as a script
 * that `story` runs.
 * model --seed X [--trace]: one world; its script, and its trace.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clean.h"
#include "chaos.h"
#include "world.h"

#define MODEL_SCRIPT (64 * 1024)
#define MODEL_FAILURES 5 /* shown */

struct result {
	uint32_t failures;
	uint64_t hash;
	char failure[256];
};

static void run(const char *script, FILE *out, struct result *ret_result)
{
	struct world *w = NULL;
	char why[256] = "";

	*ret_result = (struct result){0};
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

/* --- a shorter one --------------------------------------------------------------------------- */

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

static bool fails_alike(const char *script, const char *failure)
{
	struct result r;

	run(script, NULL, &r);
	return r.failures && are_alike(r.failure, failure);
}

/* Leave out one line that begins at @at, if it fails without it, too. Return: was it left out? */
static bool try_without(char *script, size_t at, const char *failure)
{
	size_t length = strcspn(script + at, "\n") + 1;
	CLEAN_FREE char *shorter = strdup(script);

	if (!shorter)
		return false;
	memmove(shorter + at, script + at + length, strlen(script + at + length) + 1);
	if (!fails_alike(shorter, failure))
		return false;
	strcpy(script, shorter);
	return true;
}

/* Without these it would be another question. */
static bool must_stay(const char *line)
{
	size_t length = strcspn(line, "\n");

	return !strncmp(line, "until", 5) || (length > 5 && !strncmp(line + length - 5, " mend", 5));
}

static void shrink(char *script, const char *failure)
{
	bool again = true;

	while (again) {
		size_t at = 0;

		again = false;
		while (script[at]) {
			if (!must_stay(script + at) && try_without(script, at, failure))
				again = true;
			else
				at += strcspn(script + at, "\n") + 1;
		}
	}
}

static void show_shortest(char *script, const char *failure)
{
	shrink(script, failure);
	printf("--- as short as it can be; save it as `script` in a folder and run `story` on that:\n%s---\n", script);
}

/* --- many ------------------------------------------------------------------------------------ */

/* Return: does it fail? */
static bool try_world(uint64_t seed, bool show)
{
	static char script[MODEL_SCRIPT];
	struct result first, second;

	chaos_script(seed, script, sizeof(script));
	run(script, NULL, &first);
	if (!first.failures) {
		run(script, NULL, &second);
		if (first.hash == second.hash)
			return false;
		printf("seed %llu: two runs, two traces\n", (unsigned long long)seed);
		return true;
	}
	printf("seed %llu: %s\n", (unsigned long long)seed, first.failure);
	if (show)
		show_shortest(script, first.failure);
	return true;
}

static int many(uint32_t n, uint64_t seed)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < n; i++)
		failed += try_world(seed * 1000003 + i, failed < MODEL_FAILURES);
	printf("%u worlds from seed %llu, %u failed\n", n, (unsigned long long)seed, failed);
	return failed ? 1 : 0;
}

static int one(uint64_t seed, bool trace)
{
	static char script[MODEL_SCRIPT];
	struct result r;

	chaos_script(seed, script, sizeof(script));
	fputs(script, stdout);
	run(script, trace ? stdout : NULL, &r);
	printf("%s\n", r.failures ? r.failure : "all is well");
	if (r.failures && !trace)
		show_shortest(script, r.failure);
	return r.failures ? 1 : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: model --worlds N [-s SEED] | model --seed X [--trace]\n");
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t base = 1, seed = 0;
	bool trace = false;
	uint32_t n = 0;

	for (int i = 1; i < argc; i++) {
		bool value = i + 1 < argc;

		if (!strcmp(argv[i], "--trace"))
			trace = true;
		else if (!strcmp(argv[i], "--worlds") && value)
			n = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "-s") && value)
			base = strtoull(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--seed") && value)
			seed = strtoull(argv[++i], NULL, 10);
		else
			return usage();
	}
	if (!n && !seed)
		return usage();
	return n ? many(n, base) : one(seed, trace);
}
