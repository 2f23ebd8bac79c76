// SPDX-License-Identifier: GPL-2.0-only
#include "gateway.h"

json_t *gateway_prober_json(const struct snapshot *s)
{
	const struct dfb_prober *p = &s->prober;
	int64_t ago = (int64_t)(s->now_ns - p->alive_ns) / 1000000;

	if (!p->pid || !p->alive_ns) /* it has not begun yet */
		return json_null();
	return json_pack("{s:i, s:I, s:o, s:I, s:I, s:I, s:I, s:b}",
		"pid", (int)p->pid,
		"alive_ms_ago", (json_int_t)(ago < 0 ? 0 : ago),
		"uptime_s", json_real((double)(s->now_ns - p->started_ns) / 1e9),
		"sent", (json_int_t)p->sent,
		"failed", (json_int_t)p->failed,
		"late", (json_int_t)p->late,
		"worst_late_us", (json_int_t)(p->worst_late_ns / 1000),
		"up_to_date", p->generation == s->control.generation);
}

json_t *gateway_interfaces_json(const struct snapshot *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->n_interfaces; i++) {
		const struct dfb_interface *one = &s->interfaces[i].interface;

		json_array_append_new(list, json_pack("{s:s, s:i, s:b, s:b, s:s}",
			"name", one->name,
			"ifindex", (int)s->interfaces[i].ifindex,
			"client", (int)one->client,
			"server", (int)one->server,
			"xdp", !one->server ? "none" : one->generic ? "generic" : "native"));
	}
	return list;
}
