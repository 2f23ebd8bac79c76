// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "order.h"
#include "table.h"

#define DRAIN_US (300 * 1000000ll)

static int list(struct cli *cli, int argc, char **argv)
{
	json_t *doc;
	enum ctl_code code;

	if (argc > 1)
		return cli_usage("server list: \"%s\" is too much", argv[1]);
	code = cli_status(cli, &doc);
	if (!doc)
		return code;
	if (cli->json) {
		json_t *answer = json_pack("{s:i, s:O, s:O}", "schema", CTL_SCHEMA,
					   "daemon", json_object_get(doc, "daemon"),
					   "servers", json_object_get(doc, "servers"));

		code = cli_print_json(cli, answer) ? CTL_FAILED : code;
	} else {
		status_print_servers(cli, doc, NULL, 0);
	}
	json_decref(doc);
	return code;
}

static void print_addresses(const struct cli *cli, const json_t *server)
{
	static const char *const keys[] = {"misses", "probes_sent", "replies", "expired", "unsent", "late"};
	char text[DURATION_TEXT_LEN];
	struct table t;
	size_t i;
	json_t *a;

	table_init(&t, "ADDRESS|STATE|>SINCE|>INTERVAL|>TIMEOUT|>MISSES|>PROBES|>REPLIES|>EXPIRED|>UNSENT|>LATE|>LOSS|>AGAIN");
	json_array_foreach(json_object_get(server, "addresses"), i, a) {
		table_cell(&t, "%s", cli_text(a, "address"));
		table_cell(&t, "%s", cli_text(a, "state"));
		table_cell(&t, "%s", cli_age(a, "since_s", text));
		table_cell(&t, "%s", cli_us(a, "interval_us", text));
		table_cell(&t, "%s", cli_us(a, "timeout_us", text));
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			table_cell(&t, "%lld", (long long)cli_number(a, keys[k]));
		status_ratio_cell(&t, a, "loss_ratio");
		status_ratio_cell(&t, a, "loss_again_ratio");
	}
	table_print(&t, cli->out, cli->colour, 0);
}

static void print_list(const char *title, const json_t *list)
{
	size_t i;
	json_t *one;

	printf("%-10s", title);
	json_array_foreach(list, i, one)
		printf(" %s", json_string_value(one));
	puts(json_array_size(list) ? "" : " -");
}

static void print_maintenance(const json_t *order)
{
	if (!json_is_object(order))
		return;
	printf("%-10s since %s, until %s%s%s\n", "in work", cli_text(order, "since"),
	       json_is_string(json_object_get(order, "until")) ? cli_text(order, "until") : "it is ended",
	       cli_text(order, "reason")[0] ? ": " : "", cli_text(order, "reason"));
}

static void print_draining(const json_t *draining)
{
	if (!json_is_object(draining))
		return;
	printf("%-10s until %s", "draining", cli_text(draining, "until"));
	if (json_is_integer(json_object_get(draining, "connections")))
		printf(", %lld TCP connections are left", (long long)cli_number(draining, "connections"));
	putchar('\n');
}

static void print_userland(const json_t *userland)
{
	const char *state = cli_text(userland, "state");
	char age[DURATION_TEXT_LEN];

	if (!strcmp(state, "unknown"))
		printf("%-10s unknown: no agent ever spoke\n", "userland");
	else if (!strcmp(state, "gone"))
		printf("%-10s gone since %s: its agent ended\n", "userland", cli_age(userland, "since_s", age));
	else if (json_is_object(userland))
		printf("%-10s %s since %s, last sign of life %lld ms ago (limit %lld ms)\n", "userland", state,
		       cli_age(userland, "since_s", age), (long long)cli_number(userland, "idle_ms"),
		       (long long)cli_number(userland, "limit_ms"));
}

static void print_server(const struct cli *cli, const json_t *server)
{
	char p50[DURATION_TEXT_LEN], p99[DURATION_TEXT_LEN], age[DURATION_TEXT_LEN];
	const char *colour = cli->colour ? table_state_colour(cli_text(server, "state")) : NULL;

	printf("%-10s %s (id %lld)\n", "server", cli_text(server, "name"), (long long)cli_number(server, "id"));
	printf("%-10s %s%s%s since %s, reason %s\n", "state", colour ? colour : "", cli_text(server, "state"),
	       colour ? TABLE_PLAIN : "", cli_age(server, "since_s", age), cli_text(server, "reason"));
	printf("%-10s p50 %s, p99 %s\n", "round trip", cli_us(server, "rtt_p50_us", p50),
	       cli_us(server, "rtt_p99_us", p99));
	print_userland(json_object_get(server, "userland"));
	print_list("pools", json_object_get(server, "pools"));
	print_list("flags", json_object_get(server, "flags"));
	print_maintenance(json_object_get(server, "maintenance"));
	print_draining(json_object_get(server, "draining"));
	putchar('\n');
	print_addresses(cli, server);
}

static int show(struct cli *cli, int argc, char **argv)
{
	json_t *doc;
	const json_t *server;
	enum ctl_code code;

	if (argc != 2)
		return cli_usage("server show takes one server: NAME");
	code = cli_status(cli, &doc);
	if (!doc)
		return code;
	server = cli_find(json_object_get(doc, "servers"), argv[1]);
	if (!server)
		code = cli_no_such("server", argv[1], json_object_get(doc, "servers"));
	else if (!cli->json)
		print_server(cli, server);
	else if (cli_print_json(cli, json_pack("{s:i, s:O, s:O}", "schema", CTL_SCHEMA, "daemon",
					       json_object_get(doc, "daemon"), "server", server)))
		code = CTL_FAILED;
	json_decref(doc);
	return code;
}

static bool drains(const json_t *doc, const char *name)
{
	const json_t *server = cli_find(json_object_get(doc, "servers"), name);

	return json_is_object(json_object_get(server, "draining"));
}

/* The daemon counts once a second. */
static int wait_until_drained(struct cli *cli, const char *name)
{
	static const struct timespec moment = {.tv_sec = 1};

	for (;;) {
		json_t *doc;
		enum ctl_code code = cli_status(cli, &doc);
		bool on = doc && drains(doc, name);

		json_decref(doc);
		if (code == CTL_UNREACHABLE && doc)
			return cli_fail(code, "the daemon is gone: nobody counts the connections with %s", name);
		if (!on)
			return doc ? CTL_OK : code;
		nanosleep(&moment, NULL);
	}
}

/* It has an option that makes no sense with `off`. */
static bool is_for_on(const struct order *order)
{
	return order->for_us || order->wait || order->drain_us >= 0;
}

static int maintenance(struct cli *cli, int argc, char **argv)
{
	static const char usage[] = "server maintenance takes a server and a word: NAME on [--deadline T | --now] [--wait]"
				    " [--for T] [--reason TEXT], or NAME off [--reason TEXT]";
	struct order order;
	json_t *args;
	bool on;
	int code = order_options(argc, argv, true, usage, &order);

	if (code)
		return code;
	on = argc - optind == 2 && !strcmp(argv[optind + 1], "on");
	if (argc - optind != 2 || (!on && (strcmp(argv[optind + 1], "off") || is_for_on(&order))))
		return cli_usage("%s", usage);
	if (on && order.drain_us < 0)
		order.drain_us = DRAIN_US;
	args = json_pack("{s:s, s:b}", "server", argv[optind], "on", (int)on);
	order_args(&order, args);
	code = order_give(cli, CTL_MAINTENANCE, args);
	return code || !order.wait ? code : wait_until_drained(cli, argv[optind]);
}

int cmd_server(struct cli *cli, int argc, char **argv)
{
	if (!strcmp(argv[0], "list"))
		return list(cli, argc, argv);
	return strcmp(argv[0], "show") ? maintenance(cli, argc, argv) : show(cli, argc, argv);
}
