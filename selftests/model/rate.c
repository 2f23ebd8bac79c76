// SPDX-License-Identifier: GPL-2.0-only
/*
 * rate --p P --r R [OPTION...]: how often loss alone makes a verdict, in virtual time, beside what
 * core/timing.h predicts: from p and r as they are, and from what the detector has counted of them.
 * One server behind a cable that loses in bursts, another one, behind a good cable, for a witness.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"
#include "core/timing.h"
#include "world.h"

#define RATE_SERVER 1 /* the first that is declared */

struct options {
	double p, r, seconds;
	uint64_t step_ns, seed;
	struct timing_pace pace;
};

struct counted {
	uint32_t verdicts;
	struct timing_loss loss;
};

static char *script_of(const struct options *o)
{
	double enter = o->p * (1 - o->r) / (1 - o->p);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fprintf(f, "seed %llu\ninterval %lluus\ntimeout %lluus\nmisses %u\n", (unsigned long long)o->seed,
		(unsigned long long)(o->pace.interval_ns / US), (unsigned long long)(o->pace.timeout_ns / US),
		o->pace.misses);
	fprintf(f, "confirm %u %lluus\nrecover 1 0\ndamping off\n", o->pace.confirm_probes,
		(unsigned long long)(o->pace.confirm_spacing_ns / US));
	fprintf(f, "uplink e0 delay 20us jitter 10us\nuplink e1 delay 20us jitter 10us\n"
		"server s1 e0 ipv4\nserver s2 e1 ipv4\npool app s1 s2 ipv4\nservice web app\n");
	fprintf(f, "at 100ms bursts e0 %.0f %.0f %lluus\nuntil %.0fs\n", 1e6 * enter, 1e6 * (1 - o->r),
		(unsigned long long)(o->step_ns / US), o->seconds);
	fclose(f);
	return text;
}

static uint32_t count(const char *text, const char *what)
{
	uint32_t n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

static int run(const struct options *o, struct counted *ret_counted)
{
	CLEAN_FREE char *script = script_of(o), *trace = NULL;
	uint32_t target = dfb_target_id(RATE_SERVER, DFB_FAMILY_IPV4);
	char why[256] = "no memory";
	struct world *w = NULL;
	size_t size;
	FILE *out = open_memstream(&trace, &size);
	int err = script && out ? script_run(script, out, &w, why, sizeof(why)) : -1;

	if (out)
		fclose(out);
	if (err || w->failures) {
		fprintf(stderr, "rate: %s\n", err ? why : w->failure);
		world_free(w);
		return 1;
	}
	ret_counted->verdicts = count(trace, "target s1/4 down expired");
	timing_counted(kernel_target(target), kernel_detect(target), o->pace.timeout_ns, &ret_counted->loss);
	world_free(w);
	return 0;
}

static void print_seconds(const char *key, double seconds)
{
	if (isfinite(seconds))
		printf(",\"%s\":%.6g", key, seconds);
	else
		printf(",\"%s\":null", key);
}

static void print(const struct options *o, const struct counted *c)
{
	struct timing_forecast f = {.mistakes_ns = INFINITY};

	timing_forecast(&c->loss, &o->pace, &f);
	printf("{\"verdicts\":%u,\"loss_ratio\":%.6g,\"loss_again_ratio\":%.6g", c->verdicts,
	       timing_lost(&c->loss), timing_lost_again(&c->loss));
	print_seconds("measured_s", c->verdicts ? o->seconds / c->verdicts : INFINITY);
	print_seconds("predicted_s", timing_mistakes(&o->pace, o->p, o->r, o->step_ns) / 1e9);
	print_seconds("forecast_s", f.mistakes_ns / 1e9);
	printf("}\n");
}

/* Return: false: no such option, or no such value. */
static bool take(struct options *o, const char *name, const char *value)
{
	char duration[32] = "";

	if (!strcmp(name, "--p"))
		return (o->p = strtod(value, NULL)) > 0 && o->p < 1;
	if (!strcmp(name, "--r"))
		return (o->r = strtod(value, NULL)) >= 0 && o->r < 1;
	if (!strcmp(name, "--seconds"))
		return (o->seconds = strtod(value, NULL)) > 0;
	if (!strcmp(name, "--misses"))
		return (o->pace.misses = (uint32_t)strtoul(value, NULL, 10)) > 0;
	if (!strcmp(name, "--seed"))
		return (o->seed = strtoull(value, NULL, 10)) > 0;
	if (!strcmp(name, "--step"))
		return !duration_parse(value, &o->step_ns);
	if (!strcmp(name, "--interval"))
		return !duration_parse(value, &o->pace.interval_ns);
	if (!strcmp(name, "--timeout"))
		return !duration_parse(value, &o->pace.timeout_ns);
	return !strcmp(name, "--confirm") &&
	       sscanf(value, "%u/%31s", &o->pace.confirm_probes, duration) == 2 &&
	       !duration_parse(duration, &o->pace.confirm_spacing_ns);
}

int main(int argc, char **argv)
{
	struct options o = {
		.seconds = 60, .step_ns = MS, .seed = 1,
		.pace = {.interval_ns = 10 * MS, .timeout_ns = MS, .misses = 3},
	};
	struct counted c;
	bool good = argc % 2;

	for (int i = 1; good && i < argc; i += 2)
		good = take(&o, argv[i], argv[i + 1]);
	if (!good || !o.p) {
		fprintf(stderr, "usage: rate --p P --r R [--step 1ms] [--interval 10ms] [--timeout 1ms] [--misses 3]\n"
				"            [--confirm 2/1ms] [--seconds 60] [--seed 1]\n");
		return 2;
	}
	if (run(&o, &c))
		return 1;
	print(&o, &c);
	return 0;
}
