// SPDX-License-Identifier: GPL-2.0-only
#include "userland.h"

#include <core/core.h>

static uint64_t age(const struct snapshot *s, uint64_t at_ns)
{
	return s->now_ns > at_ns ? (s->now_ns - at_ns) / 1000000 : 0;
}

json_t *userland_json(const struct snapshot *s, uint32_t server)
{
	const struct dfb_userland *u = NULL;
	uint64_t limit_ns = 0;
	json_t *doc;

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		uint32_t id = dfb_target_id(server, family);
		const struct dfb_userland *one = &s->state[id].userland;

		if (s->targets[id].server != server)
			continue;
		limit_ns = s->targets[id].userland_ns;
		if (!u || one->heard_ns > u->heard_ns)
			u = one;
	}
	if (!u || u->state >= DFB_USERLAND_STATE_MAX)
		return json_null();
	doc = json_pack("{s:s}", "state", userland_state_names[u->state]);
	if (limit_ns)
		json_object_set_new(doc, "limit_ms", json_integer((json_int_t)(limit_ns / 1000000)));
	if (u->state != DFB_USERLAND_UNKNOWN)
		json_object_set_new(doc, "since_s", json_real((double)age(s, u->since_ns) / 1e3));
	if (u->state == DFB_USERLAND_WELL || u->state == DFB_USERLAND_HUNG)
		json_object_set_new(doc, "idle_ms", json_integer((json_int_t)age(s, u->alive_ns)));
	return doc;
}
