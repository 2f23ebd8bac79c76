// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/clean.h>
#include <store/history.h>

#include "order.h"
#include "screen.h"
#include "table.h"

#define PERIOD_MS 1000
#define EVENTS 6
#define FIXED_ROWS 9 /* head, headings, gaps, and the last one free so that nothing scrolls */

struct events {
	size_t n;
	char *line[EVENTS];
};

/* --- one frame ------------------------------------------------------------------------------- */

static int keep_line(void *arg, const struct history_row *row)
{
	struct events *events = arg;
	json_t *event = json_loads(row->json, 0, NULL);

	if (event && events->n < EVENTS)
		events->line[events->n++] = cli_event_line(event);
	json_decref(event);
	return 0;
}

static void print_events(const struct cli *cli, int columns)
{
	char why[HISTORY_WHY_LEN] = "";
	struct events events = {0};
	struct history *history;

	fprintf(cli->out, "%sLAST EVENTS%s\n", cli->colour ? TABLE_BOLD : "", cli->colour ? TABLE_PLAIN : "");
	if (history_open(cli->paths.history_db, false, why, &history)) {
		fputs("  (no history that can be read here)\n", cli->out);
		return;
	}
	history_list(history, 0, EVENTS, keep_line, &events);
	history_close(history);
	for (size_t i = 0; i < events.n; i++) {
		fprintf(cli->out, "%.*s\n", columns, events.line[i] ? events.line[i] : "");
		free(events.line[i]);
	}
}

static void print_services(const struct cli *cli, const json_t *doc, size_t max_rows)
{
	struct table t;
	size_t i;
	json_t *service;

	table_init(&t, "SERVICE|STATE|SERVER|POOL|NEXT|>EPOCH|>COMMITTED|LAST MOVE");
	json_array_foreach(json_object_get(doc, "services"), i, service) {
		const json_t *pool = cli_find(json_object_get(doc, "pools"), cli_text(service, "pool"));
		const json_t *last = json_object_get(service, "last_failover");

		table_cell(&t, "%s", cli_text(service, "name"));
		table_cell(&t, "%s", cli_text(service, "state"));
		status_servers_cell(&t, service, pool);
		table_cell(&t, "%s", cli_text(service, "pool"));
		table_cell(&t, "%s", cli_text(pool, "next"));
		table_cell(&t, "%lld", (long long)cli_number(pool, "epoch"));
		table_cell(&t, "%lld", (long long)cli_number(pool, "committed"));
		table_cell(&t, "%.19s", cli_text(last, "at"));
	}
	table_print(&t, cli->out, cli->colour, max_rows);
}

/* What does not fit into the height is left out from the servers, who are many. */
static void print_frame(const struct cli *cli, const json_t *doc, const json_t *before)
{
	struct winsize size = screen_size();
	size_t services = json_array_size(json_object_get(doc, "services"));
	size_t servers = json_array_size(json_object_get(doc, "servers"));
	size_t taken = FIXED_ROWS + EVENTS + order_count(doc);
	size_t space = size.ws_row > taken ? size.ws_row - taken : 2;

	if (services > space / 2)
		services = space / 2;
	status_print_head(cli, doc);
	fputc('\n', cli->out);
	status_print_servers(cli, doc, before, space - services);
	if (servers > space - services)
		fprintf(cli->out, "  ... and %zu more\n", servers - (space - services));
	fputc('\n', cli->out);
	print_services(cli, doc, services);
	order_print(cli, doc);
	fputc('\n', cli->out);
	print_events(cli, size.ws_col);
}

static void draw_frame(const struct cli *cli, const json_t *doc, const json_t *before)
{
	CLEAN_FREE char *frame = NULL;
	struct cli memory = *cli;
	size_t size;

	memory.out = open_memstream(&frame, &size);
	if (!memory.out)
		return;
	print_frame(&memory, doc, before);
	if (!fclose(memory.out))
		screen_draw(frame);
}

static enum ctl_code watch(struct cli *cli)
{
	json_t *doc = NULL, *before = NULL;
	enum ctl_code code;

	do {
		json_decref(before);
		before = doc;
		code = cli_status(cli, &doc);
		if (!doc)
			break;
		draw_frame(cli, doc, before);
	} while (!screen_wait(PERIOD_MS));
	json_decref(before);
	json_decref(doc);
	return doc ? CTL_OK : code;
}

static int once(struct cli *cli)
{
	json_t *doc;
	enum ctl_code code = cli_status(cli, &doc);

	if (!doc)
		return code;
	print_frame(cli, doc, NULL);
	json_decref(doc);
	return code;
}

int cmd_top(struct cli *cli, int argc, char **argv)
{
	enum ctl_code code;
	json_t *doc;

	if (argc > 1)
		return cli_usage("top: \"%s\" is too much", argv[1]);
	if (cli->json)
		return cli_usage("top is for people; `defib -j status` has the same as JSON");
	if (!isatty(STDOUT_FILENO))
		return once(cli);
	code = cli_status(cli, &doc); /* what is wrong is said before the screen is taken */
	if (!doc)
		return code;
	json_decref(doc);
	screen_begin();
	code = watch(cli);
	screen_end();
	if (!code)
		return CTL_OK;
	code = cli_status(cli, &doc); /* what went wrong was said on the screen that is gone */
	json_decref(doc);
	return code;
}
