// SPDX-License-Identifier: GPL-2.0-only
/* Failovers of the past: each with what followed from it, and one with its line of time. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <store/history.h>

#include "table.h"

#define BEFORE_US 10000000 /* of the line of time: a verdict may take as long */
#define AFTER_US 61000000  /* a blackout is told after 60 s at the latest */

/* --- defib history list ---------------------------------------------------------------------- */

static bool same(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key));
}

/* What follows from a failover has its pool (or service) and epoch. */
static void add_sequel(json_t *failovers, const json_t *event, const char *by, const char *key)
{
	json_t *value = json_object_get(event, key);

	for (size_t i = json_array_size(failovers); value && i-- > 0;) {
		json_t *f = json_array_get(failovers, i);

		if (!same(f, event, by) || !same(f, event, "epoch"))
			continue;
		json_object_set(f, key, value);
		return;
	}
}

static int collect(void *failovers, const struct history_row *row)
{
	json_t *event;

	if (strcmp(row->kind, "failover") && strcmp(row->kind, "commit") && strcmp(row->kind, "blackout"))
		return 0;
	event = json_loads(row->json, 0, NULL);
	if (!strcmp(row->kind, "commit")) {
		add_sequel(failovers, event, "pool", "commit_us");
	} else if (!strcmp(row->kind, "blackout")) {
		add_sequel(failovers, event, "service", "blackout_us");
	} else if (event) {
		json_object_set_new(event, "id", json_integer(row->id));
		json_array_append(failovers, event);
	}
	json_decref(event);
	return 0;
}

static void print_list(const struct cli *cli, const json_t *failovers)
{
	static const char *const phases[] = {"detect_us", "switch_us", "commit_us", "blackout_us"};
	char text[DURATION_TEXT_LEN];
	struct table t;
	size_t i;
	json_t *f;

	table_init(&t, ">ID|TIME|POOL|FROM|TO|>EPOCH|>DETECT|>SWITCH|>COMMIT|>BLACKOUT|REASON");
	json_array_foreach(failovers, i, f) {
		table_cell(&t, "%lld", (long long)cli_number(f, "id"));
		table_cell(&t, "%s", cli_text(f, "time"));
		table_cell(&t, "%s", cli_text(f, "pool"));
		table_cell(&t, "%s", cli_text(f, "from"));
		table_cell(&t, "%s", cli_text(f, "to"));
		table_cell(&t, "%lld", (long long)cli_number(f, "epoch"));
		for (size_t k = 0; k < sizeof(phases) / sizeof(phases[0]); k++)
			table_cell(&t, "%s", cli_us(f, phases[k], text));
		table_cell(&t, "%.*s", (int)strcspn(cli_text(f, "reason"), ":"), cli_text(f, "reason"));
	}
	table_print(&t, cli->out, cli->colour, 0);
}

static int list(struct cli *cli, struct history *history, int64_t since_us)
{
	json_t *failovers = json_array();
	int error = history_list(history, since_us, 0, collect, failovers), code = CTL_OK;

	if (error)
		code = cli_history_error(cli, error, history_why(history));
	else if (cli->json)
		code = cli_print_json(cli, json_pack("{s:i, s:O}", "schema", CTL_SCHEMA,
						     "failovers", failovers));
	else
		print_list(cli, failovers);
	json_decref(failovers);
	return code;
}

/* --- defib history show ---------------------------------------------------------------------- */

/** struct story - a failover, and what belongs to it; @events: with "id", and "offset_us" from it */
struct story {
	int64_t id;
	int64_t time_us;
	json_t *failover;
	json_t *events;
};

static int find(void *arg, const struct history_row *row)
{
	struct story *story = arg;

	if (row->id != story->id || strcmp(row->kind, "failover"))
		return 0;
	story->failover = json_loads(row->json, 0, NULL);
	story->time_us = row->time_us;
	return 1;
}

static bool is_either(const json_t *event, const char *key, const json_t *failover)
{
	const char *name = json_string_value(json_object_get(event, key));

	return name && (!strcmp(name, cli_text(failover, "from")) || !strcmp(name, cli_text(failover, "to")));
}

/* Of the pool, or of one of the two servers; or of nobody in particular, such as a reload. */
static bool belongs(const json_t *event, const json_t *failover)
{
	if (json_object_get(event, "pool"))
		return same(event, failover, "pool");
	if (json_object_get(event, "server"))
		return is_either(event, "server", failover);
	if (json_object_get(event, "service"))
		return same(event, failover, "service");
	return strncmp(cli_text(event, "kind"), "stream-", 7) != 0;
}

static int tell(void *arg, const struct history_row *row)
{
	struct story *story = arg;
	json_t *event;

	if (row->time_us > story->time_us + AFTER_US)
		return 1;
	if (row->id > story->id && !strcmp(row->kind, "failover")) { /* another story begins */
		event = json_loads(row->json, 0, NULL);
		if (same(event, story->failover, "pool")) {
			json_decref(event);
			return 1;
		}
		json_decref(event);
		return 0;
	}
	event = json_loads(row->json, 0, NULL);
	if (event && belongs(event, story->failover)) {
		json_object_set_new(event, "id", json_integer(row->id));
		json_object_set_new(event, "offset_us", json_integer(row->time_us - story->time_us));
		json_array_append(story->events, event);
	}
	json_decref(event);
	return 0;
}

static void print_story(const struct cli *cli, const struct story *story)
{
	json_t *event;
	size_t i;

	fprintf(cli->out, "%s: pool %s moved from %s to %s, epoch %lld\n%s\n\n", cli_text(story->failover, "time"),
		cli_text(story->failover, "pool"), cli_text(story->failover, "from"),
		cli_text(story->failover, "to"), (long long)cli_number(story->failover, "epoch"),
		cli_text(story->failover, "reason"));
	json_array_foreach(story->events, i, event) {
		char *line = cli_event_line(event);

		fprintf(cli->out, "%+12.3f ms  %s\n", (double)cli_number(event, "offset_us") / 1e3,
			line ? line + strcspn(line, " ") + 2 : "");
		free(line);
	}
}

static int by_number(const json_t *a, const json_t *b, const char *key)
{
	int64_t x = json_integer_value(json_object_get(a, key));
	int64_t y = json_integer_value(json_object_get(b, key));

	return x < y ? -1 : x > y;
}

static int by_offset(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int order = by_number(x, y, "offset_us");

	return order ? order : by_number(x, y, "id");
}

/* Rows are in the order in which they were told, events have the time at which the kernel saw them. */
static void sort_events(json_t **events)
{
	size_t n = json_array_size(*events);
	json_t **list = calloc(n + 1, sizeof(json_t *)), *sorted = json_array();

	for (size_t i = 0; list && i < n; i++)
		list[i] = json_array_get(*events, i);
	if (list)
		qsort(list, n, sizeof(json_t *), by_offset);
	for (size_t i = 0; list && i < n; i++)
		json_array_append(sorted, list[i]);
	if (list) {
		json_decref(*events);
		*events = json_incref(sorted);
	}
	json_decref(sorted);
	free(list);
}

static int show(struct cli *cli, struct history *history, int64_t id)
{
	struct story story = {.id = id, .events = json_array()};
	int error = history_list(history, 0, 0, find, &story), code = CTL_OK;

	if (!error)
		code = cli_fail(CTL_USAGE, "no failover %lld; `defib history list` has their numbers", (long long)id);
	if (error == 1)
		error = history_list(history, story.time_us - BEFORE_US, 0, tell, &story);
	if (error < 0)
		code = cli_history_error(cli, error, history_why(history));
	sort_events(&story.events);
	if (!code && cli->json)
		code = cli_print_json(cli, json_pack("{s:i, s:O, s:O}", "schema", CTL_SCHEMA, "failover",
						     story.failover, "events", story.events));
	else if (!code)
		print_story(cli, &story);
	json_decref(story.failover);
	json_decref(story.events);
	return code;
}

/* --- both ------------------------------------------------------------------------------------ */

static int take_id(int argc, char **argv, int64_t *ret_id)
{
	char *end = NULL;

	if (argc == 2)
		*ret_id = strtoll(argv[1], &end, 10);
	if (!end || *end || *ret_id < 1)
		return cli_usage("history show takes the number of a failover: ID, as `defib history list` has it");
	return CTL_OK;
}

int cmd_history(struct cli *cli, int argc, char **argv)
{
	bool one = !strcmp(argv[0], "show");
	char why[HISTORY_WHY_LEN] = "";
	struct history *history;
	int64_t what = 0;
	int code = one ? take_id(argc, argv, &what) : cli_since(argc, argv, "history list", &what);

	if (code)
		return code;
	code = history_open(cli->paths.history_db, false, why, &history);
	if (code)
		return cli_history_error(cli, code, why);
	code = one ? show(cli, history, what) : list(cli, history, what);
	history_close(history);
	return code;
}
