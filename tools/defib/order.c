// SPDX-License-Identifier: GPL-2.0-only
#include "order.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_NS (720 * 3600 * 1000000000ull)
#define SHORTEST_NS 1000000000ull
#define LONGEST_REASON 95 /* EVENT_REASON_LEN - 1 */

static int take_time(const char *option, const char *text, int64_t *ret_us)
{
	uint64_t ns;

	if (duration_parse(text, &ns) || ns < SHORTEST_NS || ns > LONGEST_NS)
		return cli_usage("%s %s: a time from 1s to 720h with its unit, such as 30m or 2h", option, text);
	*ret_us = (int64_t)(ns / 1000);
	return CTL_OK;
}

static int take_reason(const char *text, struct order *order)
{
	if (strlen(text) > LONGEST_REASON || strpbrk(text, "\r\n"))
		return cli_usage("--reason: one line of at most %d bytes", LONGEST_REASON);
	order->reason = text;
	return CTL_OK;
}

static int take(int option, const char *usage, struct order *order)
{
	switch (option) {
	case 'f':
		return take_time("--for", optarg, &order->for_us);
	case 'r':
		return take_reason(optarg, order);
	case 'd':
		return take_time("--deadline", optarg, &order->drain_us);
	case 'n':
		order->drain_us = 0;
		return CTL_OK;
	case 'w':
		order->wait = true;
		return CTL_OK;
	default:
		return cli_usage("%s", usage);
	}
}

int order_options(int argc, char **argv, bool drains, const char *usage, struct order *ret_order)
{
	static const struct option options[] = {
		{"deadline", required_argument, NULL, 'd'}, {"now", no_argument, NULL, 'n'},
		{"wait", no_argument, NULL, 'w'},
		{"for", required_argument, NULL, 'f'}, {"reason", required_argument, NULL, 'r'}, {0},
	};
	int option, code = CTL_OK;

	*ret_order = (struct order){.drain_us = -1};
	while (!code && (option = getopt_long(argc, argv, "", &options[drains ? 0 : 3], NULL)) != -1)
		code = take(option, usage, ret_order);
	return code;
}

void order_args(const struct order *order, json_t *args)
{
	if (order->for_us)
		json_object_set_new(args, "for_us", json_integer(order->for_us));
	if (order->drain_us > 0)
		json_object_set_new(args, "drain_us", json_integer(order->drain_us));
	if (order->reason)
		json_object_set_new(args, "reason", json_string(order->reason));
}

int order_give(struct cli *cli, const char *cmd, json_t *args)
{
	json_t *reply;
	enum ctl_code code = cli_call(cli, cmd, args, &reply);

	if (code)
		return code;
	if (cli->json)
		return cli_print_json(cli, reply);
	puts(cli_text(reply, "text"));
	json_decref(reply);
	return CTL_OK;
}

/* --- how they are shown ---------------------------------------------------------------------- */

static size_t count(const json_t *list, const char *key)
{
	size_t i, n = 0;
	json_t *one;

	json_array_foreach(list, i, one)
		n += json_is_object(json_object_get(one, key));
	return n;
}

size_t order_count(const json_t *doc)
{
	const json_t *servers = json_object_get(doc, "servers");

	return count(servers, "maintenance") + count(servers, "draining") +
	       count(json_object_get(doc, "pools"), "paused");
}

static void print(const struct cli *cli, const char *what, const char *name, const char *is,
		  const json_t *order)
{
	char age[DURATION_TEXT_LEN], left[DURATION_TEXT_LEN];
	const char *reason = cli_text(order, "reason");

	if (!json_is_object(order))
		return;
	fprintf(cli->out, "%s %s is %s", what, name, is);
	if (json_is_number(json_object_get(order, "for_s")))
		fprintf(cli->out, " for %s", cli_age(order, "for_s", age));
	if (json_is_number(json_object_get(order, "left_s")))
		fprintf(cli->out, ", %s left", cli_age(order, "left_s", left));
	fprintf(cli->out, "%s%s%s\n", reason[0] ? ": " : "", reason,
		json_is_true(json_object_get(order, "forgotten")) ? " - was it FORGOTTEN?" : "");
}

static void print_draining(const struct cli *cli, const json_t *server)
{
	const json_t *draining = json_object_get(server, "draining");
	char left[DURATION_TEXT_LEN];

	if (!json_is_object(draining))
		return;
	fprintf(cli->out, "server %s drains, %s left: ", cli_text(server, "name"),
		cli_age(draining, "left_s", left));
	if (json_is_integer(json_object_get(draining, "connections")))
		fprintf(cli->out, "%lld TCP connections are still with it\n",
			(long long)cli_number(draining, "connections"));
	else
		fprintf(cli->out, "its TCP connections are being counted\n");
}

void order_print(const struct cli *cli, const json_t *doc)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(doc, "servers"), i, one) {
		print(cli, "server", cli_text(one, "name"), "in maintenance",
		      json_object_get(one, "maintenance"));
		print_draining(cli, one);
	}
	json_array_foreach(json_object_get(doc, "pools"), i, one)
		print(cli, "pool", cli_text(one, "name"), "paused", json_object_get(one, "paused"));
}
