// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "order.h"

static int show(struct cli *cli)
{
	json_t *doc;
	enum ctl_code code = cli_status(cli, &doc);

	if (!doc)
		return code;
	if (cli->json)
		code = cli_print_json(cli, json_pack("{s:i, s:O}", "schema", CTL_SCHEMA, "mode",
						     json_object_get(doc, "mode"))) ? CTL_FAILED : code;
	else
		puts(cli_text(doc, "mode"));
	json_decref(doc);
	return code;
}

int cmd_gateway(struct cli *cli, int argc, char **argv)
{
	bool passive = argc == 2 && !strcmp(argv[1], "passive");

	if (argc == 1)
		return show(cli);
	if (argc != 2 || (!passive && strcmp(argv[1], "active")))
		return cli_usage("gateway mode takes one word, active or passive, or none");
	return order_give(cli, CTL_MODE, json_pack("{s:b}", "on", (int)passive));
}
