// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/clean.h>
#include <conf/conf.h>
#include <load.h>

static void problems_to_array(char *text, json_t *ret_list)
{
	char *rest = text;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		if (line[0])
			json_array_append_new(ret_list, json_string(line));
	}
}

static int answer_json(const struct cli *cli, int error, char *text, const struct policy *policy)
{
	json_t *problems = json_array();
	json_t *doc = json_pack("{s:i, s:b, s:o}", "schema", CTL_SCHEMA, "ok", !error, "problems", problems);

	problems_to_array(text, problems);
	if (policy)
		json_object_update_new(doc, json_pack("{s:i, s:i, s:i}", "servers", (int)policy->n_servers,
						      "pools", (int)policy->n_pools,
						      "services", (int)policy->n_services));
	return cli_print_json(cli, doc);
}

static int code_of_load(int error)
{
	if (error == -EACCES || error == -EPERM)
		return CTL_DENIED;
	return error == -ENOMEM ? CTL_FAILED : CTL_USAGE;
}

int cmd_config(struct cli *cli, int argc, char **argv)
{
	CLEAN_FREE char *text = NULL;
	struct policy *policy = NULL;
	size_t size;
	FILE *complain;
	int error, code;

	if (argc != 2)
		return cli_usage("config check takes one file: FILE");
	complain = open_memstream(&text, &size);
	if (!complain)
		return cli_fail(CTL_FAILED, "%s", strerror(errno));
	error = policy_load(argv[1], complain, &policy);
	fclose(complain);
	code = error ? code_of_load(error) : CTL_OK;
	if (cli->json)
		code = answer_json(cli, error, text, policy) ? CTL_FAILED : code;
	else
		fputs(text, stderr);
	if (!cli->json && policy)
		printf("%s: ok: %u servers, %u pools, %u services\n", argv[1], policy->n_servers,
		       policy->n_pools, policy->n_services);
	policy_free(policy);
	return code;
}
