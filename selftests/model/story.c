// SPDX-License-Identifier: GPL-2.0-only
/* story FOLDER [--bless]: run FOLDER/script, compare its trace with FOLDER/expected. */
#include <errno.h>
#include <string.h>

#include "base/clean.h"
#include "world.h"

#define STORY_MAX (256 * 1024)

static int read_file(const char *folder, const char *name, char **ret_text)
{
	CLEAN_FREE char *text = calloc(1, STORY_MAX);
	CLEAN_FCLOSE FILE *f = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	if (!f || !text)
		return -errno;
	if (fread(text, 1, STORY_MAX - 1, f) == STORY_MAX - 1)
		return -EFBIG;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int write_expected(const char *folder, const char *text)
{
	CLEAN_FCLOSE FILE *f = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/expected", folder);
	f = fopen(path, "w");
	return f && fputs(text, f) >= 0 ? 0 : -errno;
}

/* The first line that differs says most. */
static void show_difference(const char *expected, const char *got)
{
	const char *e = expected, *g = got;
	int line = 1;

	while (*e && *g) {
		size_t n = strcspn(e, "\n"), m = strcspn(g, "\n");

		if (n != m || memcmp(e, g, n))
			break;
		e += n + (e[n] == '\n');
		g += m + (g[m] == '\n');
		line++;
	}
	printf("line %d differs\nexpected: %.*s\ngot:      %.*s\n", line, (int)strcspn(e, "\n"), e,
	       (int)strcspn(g, "\n"), g);
	printf("--- the whole trace, as it is now ---\n%s", got);
}

/* Return: exit status. */
static int compare(const char *folder, const char *trace)
{
	CLEAN_FREE char *expected = NULL;
	int err = read_file(folder, "expected", &expected);

	if (err) {
		printf("%s/expected: %s; read this and, if it is right, --bless it:\n%s", folder, strerror(-err), trace);
		return 1;
	}
	if (!strcmp(expected, trace))
		return 0;
	show_difference(expected, trace);
	return 1;
}

static int tell(const char *folder, const char *script, bool bless)
{
	CLEAN_FREE char *trace = NULL;
	struct world *w = NULL;
	char why[256] = "";
	size_t size = 0;
	FILE *out = open_memstream(&trace, &size);
	int status, err = out ? script_run(script, out, &w, why, sizeof(why)) : -ENOMEM;
	uint32_t failures = w ? w->failures : 0;

	if (out)
		fclose(out);
	world_free(w);
	if (err) {
		printf("%s/script: %s\n", folder, why[0] ? why : strerror(-err));
		return 1;
	}
	if (failures) {
		printf("%s%u invariants or expectations do not hold\n", trace, failures);
		return 1;
	}
	status = bless ? write_expected(folder, trace) : compare(folder, trace);
	return status ? 1 : 0;
}

int main(int argc, char **argv)
{
	bool bless = argc == 3 && !strcmp(argv[2], "--bless");
	CLEAN_FREE char *script = NULL;
	int err;

	if (argc != 2 && !bless) {
		fprintf(stderr, "usage: story FOLDER [--bless]\n");
		return 2;
	}
	err = read_file(argv[1], "script", &script);
	if (err) {
		fprintf(stderr, "story: %s/script: %s\n", argv[1], strerror(-err));
		return 1;
	}
	return tell(argv[1], script, bless);
}
