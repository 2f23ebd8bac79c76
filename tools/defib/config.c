// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <advice.h>
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

static json_t *advice_json(const struct advice *a)
{
	const struct timing_forecast *f = &a->forecast;
	bool known = a->known && f->mistakes_ns < 1e18;
	char address[ADDRESS_TEXT_LEN];

	return json_pack("{s:s, s:s, s:I, s:I, s:f, s:f, s:I, s:i, s:o, s:b, s:i}",
		"server", a->server->name,
		"address", address_format(a->server->address[a->family], address),
		"probes", (json_int_t)a->loss.probes,
		"lost", (json_int_t)(a->loss.rows + a->loss.again),
		"loss_ratio", timing_lost(&a->loss),
		"loss_again_ratio", timing_lost_again(&a->loss),
		"interval_us", (json_int_t)(a->pace.interval_ns / 1000),
		"misses", (int)a->pace.misses,
		"mistakes_every_s", known ? json_real(f->mistakes_ns / 1e9) : json_null(),
		"at_least", (int)(a->known && f->at_least),
		"enough_misses", (int)a->enough);
}

static json_t *all_advice_json(const struct policy *policy, const struct snapshot *s)
{
	json_t *list = json_array();
	struct advice a;
	uint32_t at = 0;

	while (s && advice_next(policy, s, &at, &a))
		json_array_append_new(list, advice_json(&a));
	return list;
}

static int answer_json(const struct cli *cli, char *text, const struct policy *policy,
		       const struct snapshot *s)
{
	json_t *problems = json_array();
	json_t *doc = json_pack("{s:i, s:b, s:o}",
		"schema", CTL_SCHEMA, "ok", policy != NULL, "problems", problems);

	problems_to_array(text, problems);
	if (policy)
		json_object_update_new(doc, json_pack("{s:i, s:i, s:i}", "servers", (int)policy->n_servers,
						      "pools", (int)policy->n_pools,
						      "services", (int)policy->n_services));
	if (policy)
		json_object_set_new(doc, "loss", all_advice_json(policy, s));
	return cli_print_json(cli, doc);
}

static int code_of_load(int error)
{
	if (error == -EACCES || error == -EPERM)
		return CTL_DENIED;
	return error == -ENOMEM ? CTL_FAILED : CTL_USAGE;
}

static int check(struct cli *cli, int argc, char **argv)
{
	CLEAN_FREE char *text = NULL;
	struct policy *policy = NULL;
	struct snapshot *s = NULL;
	size_t size;
	FILE *complain;
	int error, code;

	if (argc != 2)
		return cli_usage("config check takes one file: FILE");
	complain = open_memstream(&text, &size);
	if (!complain)
		return cli_fail(CTL_FAILED, "%s", strerror(errno));
	error = policy_load(argv[1], complain, &policy);
	if (!error)
		s = advice_read(cli->instance, complain);
	if (s)
		advice_print(policy, s, argv[1], complain, cli->json ? NULL : stdout);
	fclose(complain);
	code = error ? code_of_load(error) : CTL_OK;
	if (cli->json)
		code = answer_json(cli, text, policy, s) ? CTL_FAILED : code;
	else
		fputs(text, stderr);
	if (!cli->json && policy)
		printf("%s: ok: %u servers, %u pools, %u services\n", argv[1], policy->n_servers,
		       policy->n_pools, policy->n_services);
	snapshot_free(s);
	policy_free(policy);
	return code;
}

int cmd_config(struct cli *cli, int argc, char **argv)
{
	if (!strcmp(argv[0], "check"))
		return check(cli, argc, argv);
	return strcmp(argv[0], "diff") ? config_reload(cli, argc, argv) : config_diff(cli, argc, argv);
}
