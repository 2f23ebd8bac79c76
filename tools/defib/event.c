// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <base/clean.h>
#include <ctl/client.h>
#include <store/history.h>

static void print_blackout(FILE *out, const json_t *event)
{
	char length[DURATION_TEXT_LEN], resolution[DURATION_TEXT_LEN], budget[DURATION_TEXT_LEN];

	fprintf(out, "  %s +- %s, %lld lost", cli_us(event, "blackout_us", length),
		cli_us(event, "resolution_us", resolution), (long long)cli_number(event, "lost"));
	if (json_object_get(event, "budget"))
		fprintf(out, ", budget of %s %s", cli_us(event, "budget_us", budget),
			cli_text(event, "budget"));
}

char *cli_event_line(const json_t *event)
{
	static const char *const subjects[] = {"server", "pool", "service"};
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	if (!out)
		return NULL;
	fprintf(out, "%s  %-15s", cli_text(event, "time"), cli_text(event, "kind"));
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
		if (json_object_get(event, subjects[i]))
			fprintf(out, "  %s %s", subjects[i], cli_text(event, subjects[i]));
	}
	if (json_object_get(event, "from") || json_object_get(event, "to"))
		fprintf(out, "  %s -> %s", cli_text(event, "from"), cli_text(event, "to"));
	if (json_object_get(event, "epoch"))
		fprintf(out, "  epoch %lld", (long long)cli_number(event, "epoch"));
	if (json_object_get(event, "blackout_us"))
		print_blackout(out, event);
	if (json_object_get(event, "reason"))
		fprintf(out, "  %s", cli_text(event, "reason"));
	return fclose(out) ? NULL : line;
}

/* One line each, also with -p: a stream of documents is read by lines. */
static int print_event(const struct cli *cli, const json_t *event)
{
	CLEAN_FREE char *line = cli->json ? json_dumps(event, JSON_COMPACT) : cli_event_line(event);

	if (!line || puts(line) == EOF || fflush(stdout))
		return cli_fail(CTL_FAILED, "standard output: %s", strerror(errno));
	return CTL_OK;
}

static int follow(struct cli *cli, struct ctl_client *client)
{
	for (;;) {
		json_t *event;
		const char *end;
		int error = ctl_client_receive(client, -1, &event);

		if (error == -ECONNRESET)
			return cli_fail(CTL_UNREACHABLE, "the daemon hung up");
		if (error)
			return cli_fail(cli_code(error), "%s: %s", cli->paths.socket, strerror(-error));
		end = json_string_value(json_object_get(event, "error"));
		error = end ? cli_fail(CTL_FAILED, "%s", end) : 0;
		if (!error && json_object_get(event, "kind"))
			error = print_event(cli, event);
		json_decref(event);
		if (error)
			return error;
	}
}

static int monitor(struct cli *cli, int argc, char **argv)
{
	struct ctl_client *client;
	int error, code;

	if (argc > 1)
		return cli_usage("event monitor: \"%s\" is too much", argv[1]);
	error = ctl_client_open(cli->paths.socket, &client);
	if (error)
		return cli_say_error(cli, error);
	error = ctl_client_send(client, CTL_MONITOR, NULL);
	code = error ? (int)cli_say_error(cli, error) : follow(cli, client);
	ctl_client_close(client);
	return code;
}

static int print_row(void *arg, const struct history_row *row)
{
	json_t *event = json_loads(row->json, 0, NULL);
	int error = event ? print_event(arg, event) : 0;

	json_decref(event);
	return error;
}

int cli_history_error(const struct cli *cli, int error, const char *why)
{
	if (error == -ENOENT) {
		fprintf(stderr, "defib: nothing is recorded yet at %s\n", cli->paths.history_db);
		return CTL_OK;
	}
	if (error == -EACCES || error == -EPERM)
		return cli_fail(CTL_DENIED, "%s: not permitted; run it as root", cli->paths.history_db);
	return cli_fail(CTL_FAILED, "%s: %s", cli->paths.history_db, why[0] ? why : strerror(-error));
}

static int print_history(struct cli *cli, int64_t since_us)
{
	char why[HISTORY_WHY_LEN] = "";
	struct history *history;
	int error = history_open(cli->paths.history_db, false, why, &history);

	if (error)
		return cli_history_error(cli, error, why);
	error = history_list(history, since_us, 0, print_row, cli);
	if (error < 0)
		error = cli_history_error(cli, error, history_why(history));
	history_close(history);
	return error;
}

int cli_since(int argc, char **argv, const char *command, int64_t *ret_us)
{
	static const struct option options[] = {{"since", required_argument, NULL, 's'}, {0}};
	int option;

	*ret_us = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 's')
			return cli_usage("%s [--since T]", command);
		if (history_since(optarg, ret_us))
			return cli_usage("%s: --since is a time as 2026-01-31T12:00:00Z, a day as "
					 "2026-01-31, or how long ago as 10m, 2h; not \"%s\"", command, optarg);
	}
	return optind < argc ? cli_usage("%s: \"%s\" is too much", command, argv[optind]) : CTL_OK;
}

static int list(struct cli *cli, int argc, char **argv)
{
	int64_t since_us;
	int code = cli_since(argc, argv, "event list", &since_us);

	return code ? code : print_history(cli, since_us);
}

int cmd_event(struct cli *cli, int argc, char **argv)
{
	return strcmp(argv[0], "list") ? monitor(cli, argc, argv) : list(cli, argc, argv);
}
