// SPDX-License-Identifier: GPL-2.0-only
/*
 * defib loss report: what failovers cost, by the rate of the streams that measured it: the table of the paper
 * that this project set out to beat, from the history's "blackout" events.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <base/clean.h>
#include <store/history.h>

#include "loss.h"
#include "table.h"

#define PAPER "0.2 to 0.55 s" /* measured there for 10 to 1,000 packets per second */

/* Of one rate: each failover is a run. */
struct group {
	double rate;
	size_t n;
	double *blackout_ms;
	double *lost;
	double resolution_ms;
};

struct report {
	size_t n;
	struct group *groups;
	bool no_memory;
};

/* A period is measured, so 990 and 1,020 packets per second are one rate: the nearest of 1, 2, 5, 10... */
static double rounded(double rate)
{
	static const double steps[] = {1, 2, 5, 10};
	double scale = pow(10, floor(log10(rate))), best = steps[0];

	for (size_t i = 1; i < ARRAY_SIZE(steps); i++) {
		if (fabs(log(rate / scale / steps[i])) < fabs(log(rate / scale / best)))
			best = steps[i];
	}
	return best * scale;
}

static struct group *group_of(struct report *r, double rate)
{
	struct group *list;

	for (size_t i = 0; i < r->n; i++) {
		if (fabs(r->groups[i].rate - rate) < rate / 1000)
			return &r->groups[i];
	}
	list = reallocarray(r->groups, r->n + 1, sizeof(*list));
	if (!list)
		return NULL;
	r->groups = list;
	list[r->n] = (struct group){.rate = rate};
	return &list[r->n++];
}

static int add(double **list, size_t n, double value)
{
	double *more = reallocarray(*list, n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	more[n] = value;
	*list = more;
	return 0;
}

static int add_run(struct report *r, const json_t *event)
{
	double resolution = (double)cli_number(event, "resolution_us");
	struct group *g = resolution > 0 ? group_of(r, rounded(1e6 / resolution)) : NULL;

	if (!g)
		return resolution > 0 ? -ENOMEM : 0;
	if (add(&g->blackout_ms, g->n, (double)cli_number(event, "blackout_us") / 1000) ||
	    add(&g->lost, g->n, (double)cli_number(event, "lost")))
		return -ENOMEM;
	g->n++;
	if (resolution / 1000 > g->resolution_ms)
		g->resolution_ms = resolution / 1000;
	return 0;
}

static int on_row(void *arg, const struct history_row *row)
{
	struct report *r = arg;
	json_t *event;
	int err;

	if (strcmp(row->kind, "blackout") != 0)
		return 0;
	event = json_loads(row->json, 0, NULL);
	err = event ? add_run(r, event) : 0;
	json_decref(event);
	r->no_memory |= err != 0;
	return err;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int by_rate(const void *a, const void *b)
{
	return ascending(&((const struct group *)a)->rate, &((const struct group *)b)->rate);
}

static void sort(struct report *r)
{
	qsort(r->groups, r->n, sizeof(r->groups[0]), by_rate);
	for (size_t i = 0; i < r->n; i++) {
		qsort(r->groups[i].blackout_ms, r->groups[i].n, sizeof(double), ascending);
		qsort(r->groups[i].lost, r->groups[i].n, sizeof(double), ascending);
	}
}

static double median(const double *list, size_t n)
{
	return n % 2 ? list[n / 2] : (list[n / 2 - 1] + list[n / 2]) / 2;
}

static void print(const struct cli *cli, const struct report *r)
{
	struct table t;

	table_init(&t, ">PACKETS/s|>RUNS|>LOST min|>median|>max|>BLACKOUT ms min|>median|>max|>+- ms");
	for (size_t i = 0; i < r->n; i++) {
		const struct group *g = &r->groups[i];

		table_cell(&t, "%.5g", g->rate);
		table_cell(&t, "%zu", g->n);
		table_cell(&t, "%.0f", g->lost[0]);
		table_cell(&t, "%.5g", median(g->lost, g->n));
		table_cell(&t, "%.0f", g->lost[g->n - 1]);
		table_cell(&t, "%.2f", g->blackout_ms[0]);
		table_cell(&t, "%.2f", median(g->blackout_ms, g->n));
		table_cell(&t, "%.2f", g->blackout_ms[g->n - 1]);
		table_cell(&t, "%.2f", g->resolution_ms);
	}
	table_print(&t, cli->out, cli->colour, 0);
	fputs("The paper: " PAPER ", at 10 to 1,000 packets/s.\n", cli->out);
}

static json_t *spread(const double *list, size_t n)
{
	return json_pack("{s:f, s:f, s:f}", "min", list[0], "median", median(list, n), "max", list[n - 1]);
}

static json_t *document(const struct report *r)
{
	json_t *rates = json_array();

	for (size_t i = 0; i < r->n; i++) {
		const struct group *g = &r->groups[i];

		json_array_append_new(
			rates, json_pack("{s:f, s:I, s:o, s:o, s:f}", "rate_per_s", g->rate, "runs",
					 (json_int_t)g->n, "lost", spread(g->lost, g->n), "blackout_ms",
					 spread(g->blackout_ms, g->n), "resolution_ms", g->resolution_ms));
	}
	return json_pack("{s:i, s:o}", "schema", 1, "rates", rates);
}

static void report_fini(struct report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->groups[i].blackout_ms);
		free(r->groups[i].lost);
	}
	free(r->groups);
}

static int parse(char **words, int64_t *ret_since_us)
{
	if (!words[0])
		return CTL_OK;
	if (strcmp(words[0], "--since") != 0)
		return cli_usage("loss report: unknown word %s: use --since T", words[0]);
	if (!words[1] || history_since(words[1], ret_since_us))
		return cli_usage("loss report: --since is a time as 2026-01-31T12:00:00Z, a day, or how long "
				 "ago as 10m");
	return words[2] ? cli_usage("loss report: \"%s\" is too much", words[2]) : CTL_OK;
}

static int read_runs(const struct cli *cli, int64_t since_us, struct report *r)
{
	char why[HISTORY_WHY_LEN] = "";
	struct history *history;
	int err = history_open(cli->paths.history_db, false, why, &history);

	if (err == -ENOENT)
		return CTL_OK;
	if (err)
		return cli_fail(cli_code(err), "%s: %s", cli->paths.history_db,
				why[0] ? why : strerror(-err));
	err = history_list(history, since_us, 0, on_row, r);
	history_close(history);
	return err ? cli_fail(CTL_FAILED, "%s: %s", cli->paths.history_db, strerror(err < 0 ? -err : err)) :
		     CTL_OK;
}

int loss_report(struct cli *cli, char **words)
{
	struct report r = {0};
	int64_t since_us = 0;
	int code = parse(words, &since_us);

	if (!code)
		code = read_runs(cli, since_us, &r);
	if (!code)
		sort(&r);
	if (!code && cli->json)
		code = cli_print_json(cli, document(&r));
	else if (!code && !r.n)
		fputs("no failover has been measured so far: let `defib loss send` run to a service that "
		      "echoes,"
		      " through this gateway\n",
		      cli->out);
	else if (!code)
		print(cli, &r);
	report_fini(&r);
	return code;
}
