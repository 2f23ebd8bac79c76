// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <ctl/explain.h>
#include <ctl/status.h>

#include "order.h"
#include "plan.h"

#define PAUSE_US (3600 * 1000000ll) /* where no --for is given */

static int list(struct cli *cli, int argc, char **argv)
{
	json_t *doc;
	enum ctl_code code;

	if (argc > 1)
		return cli_usage("service list: \"%s\" is too much", argv[1]);
	code = cli_status(cli, &doc);
	if (!doc)
		return code;
	code = status_code(doc);
	if (cli->json) {
		json_t *answer = json_pack("{s:i, s:O, s:O}", "schema", CTL_SCHEMA,
					   "daemon", json_object_get(doc, "daemon"),
					   "services", json_object_get(doc, "services"));

		code = cli_print_json(cli, answer) ? CTL_FAILED : code;
	} else {
		status_print_services(cli, doc, 0);
	}
	json_decref(doc);
	return code;
}

static int failover(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"from", required_argument, NULL, 'f'}, {"to", required_argument, NULL, 't'},
		{"dry-run", no_argument, NULL, 'n'}, {0},
	};
	const char *from = NULL, *to = NULL;
	bool dry_run = false;
	json_t *reply;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'f')
			from = optarg;
		else if (option == 't')
			to = optarg;
		else if (option == 'n')
			dry_run = true;
		else
			return cli_usage("service failover NAME [--from SERVER] [--to SERVER] [--dry-run]");
	}
	if (argc - optind != 1)
		return cli_usage("service failover takes one service: NAME [--from SERVER] [--to SERVER] [--dry-run]");
	option = (int)cli_call(cli, CTL_FAILOVER, json_pack("{s:s, s:s*, s:s*, s:b}", "service", argv[optind],
							    "from", from, "to", to, "dry_run", (int)dry_run),
			       &reply);
	if (option)
		return option;
	if (dry_run)
		json_object_set_new(reply, "plan", plan_make(cli, argv[optind], from, to));
	if (cli->json)
		return cli_print_json(cli, reply);
	puts(cli_text(reply, "text"));
	plan_print(cli, json_object_get(reply, "plan"));
	json_decref(reply);
	return CTL_OK;
}

/* A pause always ends: what nobody resumes would be found at the next fault. */
static int pause_or_resume(struct cli *cli, int argc, char **argv)
{
	bool on = !strcmp(argv[0], "pause");
	const char *usage = on ? "service pause takes one service: NAME [--for T] [--reason TEXT]" :
				 "service resume takes one service: NAME [--reason TEXT]";
	struct order order;
	json_t *args;
	int code = order_options(argc, argv, false, usage, &order);

	if (code)
		return code;
	if (argc - optind != 1 || (!on && order.for_us))
		return cli_usage("%s", usage);
	if (on && !order.for_us)
		order.for_us = PAUSE_US;
	args = json_pack("{s:s, s:b}", "service", argv[optind], "on", (int)on);
	order_args(&order, args);
	return order_give(cli, CTL_PAUSE, args);
}

int cmd_service(struct cli *cli, int argc, char **argv)
{
	if (!strcmp(argv[0], "list"))
		return list(cli, argc, argv);
	return strcmp(argv[0], "failover") ? pause_or_resume(cli, argc, argv) : failover(cli, argc, argv);
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
	json_t *doc, *answer, *finding;
	enum ctl_code code;
	size_t i;

	if (argc != 2)
		return cli_usage("service explain takes one service: NAME");
	code = cli_status(cli, &doc);
	if (!doc)
		return code;
	answer = explain_json(doc, argv[1]);
	if (!answer)
		code = cli_no_such("service", argv[1], json_object_get(doc, "services"));
	json_decref(doc);
	if (!answer)
		return code;
	if (cli->json)
		return cli_print_json(cli, answer) ? CTL_FAILED : code;
	json_array_foreach(json_object_get(answer, "findings"), i, finding)
		printf("%-10s %s\n", cli_text(finding, "topic"), cli_text(finding, "text"));
	json_decref(answer);
	return code;
}
