// SPDX-License-Identifier: GPL-2.0-only
/* What outages prints and writes. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clean.h"
#include "base/loop.h"
#include "../outages.h"

static uint64_t outage_of(const struct round *r)
{
	return r->edge.first_ns - r->edge.last_ns;
}

static uint64_t moved_of(const struct round *r)
{
	return r->edge.first_sent_ns > r->cut_ns ? r->edge.first_sent_ns - r->cut_ns : 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest value that at least @percent of them do not exceed. */
static uint64_t quantile(const uint64_t *sorted, unsigned int n, unsigned int percent)
{
	unsigned int rank = (n * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

static void print_row(const struct options *o, const char *what, uint64_t *values)
{
	static const struct {
		const char *name;
		unsigned int percent;
	} columns[] = {{"min", 0}, {"p50", 50}, {"p90", 90}, {"p99", 99}, {"max", 100}};
	unsigned int n = o->kills;

	qsort(values, n, sizeof(*values), compare);
	if (o->json)
		printf("\"%s_us\":{", what);
	else
		printf("%-8s", what);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		double us = (double)quantile(values, n, columns[i].percent) / 1e3;

		if (o->json)
			printf("%s\"%s\":%.1f", i ? "," : "", columns[i].name, us);
		else
			printf(" %8.3f", us / 1e3);
	}
	fputs(o->json ? "}" : "  ms\n", stdout);
}

void outages_print(const struct kills *k)
{
	uint64_t outages[OUTAGES_MAX], moved[OUTAGES_MAX];
	const struct options *o = k->o;

	for (unsigned int i = 0; i < o->kills; i++) {
		outages[i] = outage_of(&k->rounds[i]);
		moved[i] = moved_of(&k->rounds[i]);
	}
	if (o->json)
		printf("{\"schema\":1,\"kills\":%u,\"false_switches\":%u,\"to\":\"%s\",", o->kills,
		       k->false_switches, o->to);
	else
		printf("%u kills, %u false switches, %s\n%-8s %8s %8s %8s %8s %8s\n", o->kills,
		       k->false_switches, o->to, "", "min", "p50", "p90", "p99", "max");
	print_row(o, "outage", outages);
	if (o->json)
		putchar(',');
	print_row(o, "moved", moved);
	if (o->json)
		puts("}");
}

int outages_write_stamps(const struct kills *k)
{
	CLEAN_FCLOSE FILE *f = fopen(k->o->stamps, "we");

	if (!f)
		return -errno;
	fputs("from\tto\tcut\tlast_reply\tlast_good\tfirst_missed\twitness\tverdict\tswitched\ttold\t"
	      "committed\tfirst_sent\tfirst_reply\n", f);
	for (unsigned int i = 0; i < k->o->kills; i++) {
		const struct round *r = &k->rounds[i];
		const uint64_t stamps[] = {
			r->cut_ns, r->edge.last_ns, r->last.last_good_ns, r->last.first_missed_ns,
			r->last.witness_ns, r->last.verdict_ns, r->last.switched_ns, r->told_ns,
			r->committed_ns, r->edge.first_sent_ns, r->edge.first_ns,
		};

		fprintf(f, "%s\t%s", r->edge.from, r->edge.to);
		for (size_t n = 0; n < ARRAY_SIZE(stamps); n++)
			fprintf(f, "\t%" PRIu64, stamps[n]);
		fputc('\n', f);
	}
	return 0;
}
