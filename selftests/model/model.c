// SPDX-License-Identifier: GPL-2.0-only
/*
 * model --worlds N -s SEED: N random worlds from a seed. Each is run twice: the same script, the
 * same trace. One in which an invariant fails is shrunk into a story.
 * model --seed X [--trace]: one world; its script, and its trace.
 * model --shrink X: one world that fails, shrunk.
 *
 * A story is a folder that `story` runs: FOLDER/seed-X, or FOLDER itself with --shrink.
 * --never TEXT makes a failure of whatever has TEXT in its trace: the shortest way to it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "chaos.h"
#include "shrink.h"
#include "world.h"

#define MODEL_SCRIPT (64 * 1024)
#define MODEL_FAILURES 5 /* shrunk */
#define MODEL_PATIENCE_NS (20 * SECOND) /* for one of many */
#define MODEL_LONG_PATIENCE_NS (120 * SECOND)
#define MODEL_FOLDER "build/stories"

struct options {
	uint64_t base, seed, shrink;
	uint32_t worlds;
	bool trace;
	const char *never;
	const char *folder;
};

static void write_script(const struct options *o, uint64_t seed, char *script)
{
	int n = o->never ? snprintf(script, MODEL_SCRIPT, "never %s\n", o->never) : 0;

	chaos_script(seed, script + n, MODEL_SCRIPT - (size_t)n);
}

/* Return: 0, or 1 if the folder could not be written. */
static int shrink(char *script, uint64_t seed, const char *failure, const char *folder, uint64_t patience_ns)
{
	bool whole = shrink_script(script, failure, patience_ns);
	char about[512];
	int err;

	snprintf(about, sizeof(about), "Seed %llu: %s.", (unsigned long long)seed, failure);
	err = shrink_write(folder, script, about);
	printf("--- %s:\n%s---\n", whole ? "no line of it can be left out" : "shrunk until the time was over", script);
	if (err)
		printf("%s: %s\n", folder, strerror(-err));
	else
		printf("a story now; again: build/selftests/story %s\n", folder);
	return err ? 1 : 0;
}

/* Return: does it fail? */
static bool try_world(const struct options *o, uint64_t seed, bool show)
{
	static char script[MODEL_SCRIPT];
	struct shrink_result first, second;
	char folder[512];

	write_script(o, seed, script);
	shrink_run(script, NULL, &first);
	if (!first.failures) {
		shrink_run(script, NULL, &second);
		if (first.hash == second.hash)
			return false;
		printf("seed %llu: two runs, two traces\n", (unsigned long long)seed);
		return true;
	}
	printf("seed %llu: %s\n", (unsigned long long)seed, first.failure);
	fflush(stdout);
	snprintf(folder, sizeof(folder), "%s/seed-%llu", o->folder ? o->folder : MODEL_FOLDER,
		 (unsigned long long)seed);
	if (show)
		shrink(script, seed, first.failure, folder, MODEL_PATIENCE_NS);
	return true;
}

static int many(const struct options *o)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < o->worlds; i++)
		failed += try_world(o, o->base * 1000003 + i, failed < MODEL_FAILURES);
	printf("%u worlds from seed %llu, %u failed\n", o->worlds, (unsigned long long)o->base, failed);
	return failed ? 1 : 0;
}

static int one(const struct options *o)
{
	static char script[MODEL_SCRIPT];
	struct shrink_result r;

	write_script(o, o->seed, script);
	fputs(script, stdout);
	shrink_run(script, o->trace ? stdout : NULL, &r);
	printf("%s\n", r.failures ? r.failure : "all is well");
	return r.failures ? 1 : 0;
}

static int shrink_one(const struct options *o)
{
	static char script[MODEL_SCRIPT];
	struct shrink_result r;
	char folder[512];

	write_script(o, o->shrink, script);
	shrink_run(script, NULL, &r);
	if (!r.failures) {
		printf("seed %llu: all is well\n", (unsigned long long)o->shrink);
		return 1;
	}
	printf("seed %llu: %s\n", (unsigned long long)o->shrink, r.failure);
	snprintf(folder, sizeof(folder), MODEL_FOLDER "/seed-%llu", (unsigned long long)o->shrink);
	return shrink(script, o->shrink, r.failure, o->folder ? o->folder : folder, MODEL_LONG_PATIENCE_NS);
}

static int usage(void)
{
	fprintf(stderr, "usage: model --worlds N [-s SEED] [-o FOLDER] [--never TEXT]\n"
			"       model --seed X [--trace] [--never TEXT]\n"
			"       model --shrink X [-o FOLDER] [--never TEXT]\n");
	return 2;
}

/* Return: false: no such option. */
static bool take_value(struct options *o, const char *name, const char *value)
{
	if (!strcmp(name, "--worlds"))
		o->worlds = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(name, "-s"))
		o->base = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--seed"))
		o->seed = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--shrink"))
		o->shrink = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--never"))
		o->never = value;
	else if (!strcmp(name, "-o"))
		o->folder = value;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct options o = {.base = 1};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--trace"))
			o.trace = true;
		else if (i + 1 == argc || !take_value(&o, argv[i], argv[i + 1]))
			return usage();
		else
			i++;
	}
	if (o.worlds)
		return many(&o);
	if (o.shrink)
		return shrink_one(&o);
	return o.seed ? one(&o) : usage();
}
