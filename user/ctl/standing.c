// SPDX-License-Identifier: GPL-2.0-only
#include "standing.h"

#include <string.h>

#include <base/loop.h>
#include <base/text.h>
#include <core/core.h>
#include <core/timing.h>

static json_t *seconds(int64_t ns)
{
	return json_real((double)(ns > 0 ? ns / 1000000 : 0) / 1e3);
}

static json_t *order_json(const struct core_order *order)
{
	int64_t now = (int64_t)clock_now_ns(), age = order ? now - order->since_ns : 0;
	char since[TIME_TEXT_LEN], until[TIME_TEXT_LEN];
	bool ends = order && order->until_ns;
	json_t *reason = json_string(order ? order->reason : "");

	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o}",
		"since", order ? json_string(time_format((uint64_t)order->since_ns, since)) : json_null(),
		"for_s", order ? seconds(age) : json_null(),
		"until", ends ? json_string(time_format(order->until_ns, until)) : json_null(),
		"left_s", ends ? seconds((int64_t)order->until_ns - now) : json_null(),
		"forgotten", (int)(order && age >= (int64_t)TIMING_FORGOTTEN_NS),
		"reason", reason ? reason : json_string(""));
}

static const struct core_order *if_on(const struct core_order *order)
{
	return order->on ? order : NULL;
}

static json_t *draining_json(const struct core_drain *drain)
{
	int64_t left = (int64_t)(drain->until_ns - clock_now_ns());
	char until[TIME_TEXT_LEN];

	return json_pack("{s:o, s:o, s:o}",
		"until", json_string(time_format(drain->until_ns, until)),
		"left_s", seconds(left),
		"connections", drain->counted ? json_integer(drain->connections) : json_null());
}

static void add_to_server(json_t *server, const struct core *core)
{
	const char *state = json_string_value(json_object_get(server, "state"));
	json_int_t id = json_integer_value(json_object_get(server, "id"));
	bool known = core && id > 0 && id <= DFB_MAX_SERVERS;
	const struct core_order *order = known ? if_on(&core->servers[id].maintenance) : NULL;
	bool on = state && !strcmp(state, server_state_names[SERVER_MAINTENANCE]);
	bool drains = known && core->servers[id].drain.until_ns;

	json_object_set_new(server, "maintenance", on ? order_json(order) : json_null());
	json_object_set_new(server, "draining",
			    drains ? draining_json(&core->servers[id].drain) : json_null());
}

static void add_to_pool(json_t *pool, const struct core *core)
{
	json_int_t id = json_integer_value(json_object_get(pool, "id"));
	bool known = core && id > 0 && id <= DFB_MAX_POOLS;
	const struct core_order *order = known ? if_on(&core->pools[id].pause) : NULL;
	bool on = json_is_true(json_object_get(pool, "paused"));

	json_object_set_new(pool, "paused", on ? order_json(order) : json_null());
}

static void add_to_service(json_t *service, const json_t *pools)
{
	const char *name = json_string_value(json_object_get(service, "pool"));
	json_t *pool;
	size_t i;

	json_object_set_new(service, "paused", json_null());
	json_array_foreach(pools, i, pool) {
		if (name && !strcmp(name, json_string_value(json_object_get(pool, "name"))))
			json_object_set(service, "paused", json_object_get(pool, "paused"));
	}
}

void standing_add(json_t *status, const struct core *core)
{
	json_t *pools = json_object_get(status, "pools"), *one;
	size_t i;

	json_object_set_new(status, "mode", core ? json_string(mode_names[core->passive]) : json_null());
	json_array_foreach(json_object_get(status, "servers"), i, one)
		add_to_server(one, core);
	json_array_foreach(pools, i, one)
		add_to_pool(one, core);
	json_array_foreach(json_object_get(status, "services"), i, one)
		add_to_service(one, pools);
}
