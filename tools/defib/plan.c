// SPDX-License-Identifier: GPL-2.0-only
#include "plan.h"

#include <stdio.h>
#include <string.h>

#include <base/loop.h>
#include <defib/abi.h>
#include <sense/flows.h>

/* With all pools of that server; only root may read them. Return: null: nobody knows. */
static json_t *count_connections(const struct cli *cli, const json_t *doc, const char *server)
{
	int64_t id = cli_number(cli_find(json_object_get(doc, "servers"), server), "id");
	uint32_t counts[DFB_MAX_SERVERS + 1] = {0};

	if (id <= 0 || id > DFB_MAX_SERVERS ||
	    flows_count(cli->paths.maps_dir, clock_now_ns(), counts, DFB_MAX_SERVERS + 1))
		return json_null();
	return json_integer(counts[id]);
}

static json_t *services_of(const json_t *doc, const char *pool)
{
	json_t *found = json_array(), *one;
	size_t i;

	json_array_foreach(json_object_get(doc, "services"), i, one) {
		if (!strcmp(cli_text(one, "pool"), pool))
			json_array_append_new(found, json_pack("{s:O, s:O, s:O}",
				"name", json_object_get(one, "name"),
				"redirect", json_object_get(one, "redirect"),
				"addresses", json_object_get(one, "addresses")));
	}
	return found;
}

static json_t *plan_of_pool(const struct cli *cli, const json_t *doc, const json_t *pool, const char *from,
			    const char *to)
{
	if (!from)
		from = json_string_value(json_array_get(json_object_get(pool, "active"), 0));
	if (!to)
		to = json_string_value(json_object_get(pool, "next"));
	return json_pack("{s:O, s:s*, s:s*, s:o, s:o}", "pool", json_object_get(pool, "name"),
			 "from", from, "to", to, "services", services_of(doc, cli_text(pool, "name")),
			 "connections", count_connections(cli, doc, from ? from : ""));
}

json_t *plan_make(struct cli *cli, const char *service, const char *from, const char *to)
{
	const json_t *pool, *known;
	json_t *plan = NULL, *doc;

	(void)cli_status(cli, &doc);
	known = cli_find(json_object_get(doc, "services"), service);
	pool = known ? cli_find(json_object_get(doc, "pools"), cli_text(known, "pool")) : NULL;
	if (pool)
		plan = plan_of_pool(cli, doc, pool, from, to);
	json_decref(doc);
	return plan;
}

/* What happens to a service, around the name of the server. */
struct effect {
	const char *redirect, *before, *after;
};

static const struct effect *effect_of(const char *redirect)
{
	static const struct effect all[] = {
		{"route", "packets are marked for ", ", its route follows"},
		{"nat", "packets are marked and translated for ", ""},
		{"dns", "its names get the addresses of ", ""},
		{"vip", "its address is announced with the MAC address of ", ""},
		{NULL, "it is with ", ""},
	};
	const struct effect *e = all;

	while (e->redirect && strcmp(redirect, e->redirect))
		e++;
	return e;
}

static void print_service(const struct cli *cli, const json_t *service, const char *to)
{
	const struct effect *effect = effect_of(cli_text(service, "redirect"));
	const json_t *addresses = json_object_get(service, "addresses");
	json_t *one;
	size_t i;

	fprintf(cli->out, "service %s", cli_text(service, "name"));
	json_array_foreach(addresses, i, one)
		fprintf(cli->out, "%s%s", i ? ", " : " (", json_string_value(one));
	fputs(json_array_size(addresses) ? "): " : ": ", cli->out);
	fprintf(cli->out, "%s%s%s\n", effect->before, to, effect->after);
}

void plan_print(const struct cli *cli, const json_t *plan)
{
	const json_t *connections = json_object_get(plan, "connections");
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(plan, "services"), i, one)
		print_service(cli, one, cli_text(plan, "to"));
	if (json_integer_value(connections) > 0)
		fprintf(cli->out, "%lld TCP connections with %s: those of this pool are reset\n",
			(long long)json_integer_value(connections), cli_text(plan, "from"));
}
