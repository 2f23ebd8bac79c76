// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include <base/clean.h>
#include <defib/abi.h>
#include <ctl/status.h>

#include "order.h"
#include "table.h"

#define SERVERS_CELL 40

/* Only what is not as it should be. */
static void print_config(const struct cli *cli, const json_t *config)
{
	if (json_is_string(json_object_get(config, "refused")))
		fprintf(cli->out, "the last reload was REFUSED: %s\n", cli_text(config, "refused"));
	else if (json_is_true(json_object_get(config, "differs")))
		fprintf(cli->out, "%s was edited since it was loaded: `defib config diff` tells what a reload would "
			"change\n", cli_text(config, "file"));
}

static void print_checker(const struct cli *cli, const json_t *checker)
{
	if (!json_is_object(checker))
		return;
	if (cli_number(checker, "pid") <= 0)
		fprintf(cli->out, "; services are NOT CHECKED: defib-check is gone, and is started again");
	else if (cli_number(checker, "unknown") > 0)
		fprintf(cli->out, "; of %d checks %d are unknown", (int)cli_number(checker, "checks"),
			(int)cli_number(checker, "unknown"));
}

void status_print_head(const struct cli *cli, const json_t *doc)
{
	bool up = !strcmp(cli_text(doc, "daemon"), "up");
	const json_t *prober = json_object_get(doc, "prober");
	char age[DURATION_TEXT_LEN];

	fprintf(cli->out, "instance %s", cli->instance);
	if (up)
		fprintf(cli->out, ", gateway %s, up %s%s", cli_text(doc, "gateway"),
			cli_age(doc, "uptime_s", age),
			strcmp(cli_text(doc, "mode"), "passive") ? "" : ", PASSIVE: it steers nothing");
	else
		fprintf(cli->out, ", the daemon is DOWN: this is what the kernel knows");
	if (!json_is_object(prober))
		fprintf(cli->out, "; no prober");
	else if (cli_number(prober, "alive_ms_ago") > 1000)
		fprintf(cli->out, "; the prober (%d) was last alive %d ms ago", (int)cli_number(prober, "pid"),
		       (int)cli_number(prober, "alive_ms_ago"));
	print_checker(cli, json_object_get(doc, "checker"));
	fputc('\n', cli->out);
	print_config(cli, json_object_get(doc, "config"));
}

static void failover_cell(struct table *t, const json_t *last)
{
	char detect[DURATION_TEXT_LEN], change[DURATION_TEXT_LEN], commit[DURATION_TEXT_LEN];
	const char *to = json_string_value(json_object_get(last, "to"));

	if (!json_is_object(last)) {
		table_cell(t, "-");
		return;
	}
	table_cell(t, "%s %s -> %s, detect %s, switch %s, commit %s", cli_text(last, "at"),
		   cli_text(last, "from"), to ? to : "the others", cli_us(last, "detect_us", detect),
		   cli_us(last, "switch_us", change), cli_us(last, "commit_us", commit));
}

/* Who serves; of several, with the part of the clients that each has. */
void status_servers_cell(struct table *t, const json_t *service, const json_t *pool)
{
	const json_t *shares = json_object_get(pool, "shares");
	char text[SERVERS_CELL] = "";
	size_t i, used = 0;
	json_t *one;

	if (json_array_size(shares) < 2) {
		table_cell(t, "%s", cli_text(service, "server"));
		return;
	}
	json_array_foreach(shares, i, one) {
		long long percent = (long long)cli_number(one, "slots") * 100 / DFB_SLOTS;
		int n = snprintf(text + used, sizeof(text) - used, "%s%s %lld%%", i ? ", " : "",
				 cli_text(one, "server"), percent);

		if (n < 0 || used + (size_t)n >= sizeof(text)) {
			snprintf(text + used, sizeof(text) - used, " +%zu", json_array_size(shares) - i);
			break;
		}
		used += (size_t)n;
	}
	table_cell(t, "%s", text);
}

void status_print_services(const struct cli *cli, const json_t *doc, size_t max_rows)
{
	struct table t;
	size_t i;
	json_t *service;

	table_init(&t, "SERVICE|STATE|SERVER|POOL|NEXT|LAST FAILOVER");
	json_array_foreach(json_object_get(doc, "services"), i, service) {
		const json_t *pool = cli_find(json_object_get(doc, "pools"), cli_text(service, "pool"));

		table_cell(&t, "%s", cli_text(service, "name"));
		table_cell(&t, "%s", cli_text(service, "state"));
		status_servers_cell(&t, service, pool);
		table_cell(&t, "%s", cli_text(service, "pool"));
		table_cell(&t, "%s", cli_text(pool, "next"));
		failover_cell(&t, json_object_get(service, "last_failover"));
	}
	table_print(&t, cli->out, cli->colour, max_rows);
}

/* A share that may not be known. */
void status_ratio_cell(struct table *t, const json_t *doc, const char *key)
{
	const json_t *ratio = json_object_get(doc, key);

	if (json_is_real(ratio))
		table_cell(t, "%.3g %%", 100 * json_real_value(ratio));
	else
		table_cell(t, "-");
}

/* Of the probes judged since @before, or ever. */
static void loss_cell(struct table *t, const json_t *server, const json_t *before)
{
	int64_t replies = cli_number(server, "replies"), expired = cli_number(server, "expired");

	if (before && cli_number(before, "replies") <= replies && cli_number(before, "expired") <= expired) {
		replies -= cli_number(before, "replies");
		expired -= cli_number(before, "expired");
	}
	if (replies + expired > 0)
		table_cell(t, "%.2f %%", 100.0 * (double)expired / (double)(replies + expired));
	else
		table_cell(t, "-");
}

static bool is_among(const json_t *names, const char *name)
{
	size_t i;
	json_t *one;

	json_array_foreach(names, i, one) {
		if (!strcmp(json_string_value(one), name))
			return true;
	}
	return false;
}

static void pools_cell(struct table *t, const json_t *doc, const json_t *server)
{
	char text[120] = "";
	size_t i, n = 0;
	json_t *name;

	json_array_foreach(json_object_get(server, "pools"), i, name) {
		const json_t *pool = cli_find(json_object_get(doc, "pools"), json_string_value(name));
		bool serves = is_among(json_object_get(pool, "active"), cli_text(server, "name"));

		if (n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s", n ? " " : "",
					      json_string_value(name), serves ? "*" : "");
	}
	table_cell(t, "%s", n ? text : "-");
}

/* A server that answers, and whose processes do not run, is not what one wants to read as "up". */
static const char *state_of(const json_t *server)
{
	const char *state = cli_text(server, "state");
	bool hung = !strcmp(cli_text(json_object_get(server, "userland"), "state"), "hung");

	return hung && !strcmp(state, "up") ? "hung" : state;
}

void status_print_servers(const struct cli *cli, const json_t *doc, const json_t *before, size_t max_rows)
{
	char text[DURATION_TEXT_LEN];
	struct table t;
	size_t i;
	json_t *server;

	table_init(&t, "SERVER|STATE|>SINCE|>P50|>P99|>PROBES|>LOSS|>AGAIN|POOLS (* SERVES)");
	json_array_foreach(json_object_get(doc, "servers"), i, server) {
		const json_t *then = before ? cli_find(json_object_get(before, "servers"),
						       cli_text(server, "name")) : NULL;

		if (max_rows && i >= max_rows)
			break;
		table_cell(&t, "%s", cli_text(server, "name"));
		table_cell(&t, "%s", state_of(server));
		table_cell(&t, "%s", cli_age(server, "since_s", text));
		table_cell(&t, "%s", cli_us(server, "rtt_p50_us", text));
		table_cell(&t, "%s", cli_us(server, "rtt_p99_us", text));
		table_cell(&t, "%lld", (long long)cli_number(server, "probes_sent"));
		loss_cell(&t, server, then);
		status_ratio_cell(&t, server, "loss_again_ratio");
		pools_cell(&t, doc, server);
	}
	table_print(&t, cli->out, cli->colour, 0);
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	json_t *doc;
	enum ctl_code code;

	if (argc > 1)
		return cli_usage("status: \"%s\" is too much", argv[1]);
	code = cli_status(cli, &doc);
	if (!doc)
		return code;
	code = status_code(doc);
	if (cli->json)
		return cli_print_json(cli, doc) ? CTL_FAILED : code;
	status_print_head(cli, doc);
	putchar('\n');
	status_print_services(cli, doc, 0);
	putchar('\n');
	status_print_servers(cli, doc, NULL, 0);
	if (order_count(doc))
		putchar('\n');
	order_print(cli, doc);
	json_decref(doc);
	return code;
}
