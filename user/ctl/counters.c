// SPDX-License-Identifier: GPL-2.0-only
#include "counters.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <base/clean.h>

struct counter_name {
	const char *name;
	size_t offset;
};

#define BEAT(field) {#field, offsetof(struct dfb_beat_counters, field)}
#define STEER(field) {#field, offsetof(struct dfb_steer_counters, field)}

static const struct counter_name beat_names[] = {
	BEAT(stamped), BEAT(stamp_not_prober), BEAT(stamp_bad_target), BEAT(replies), BEAT(reply_truncated),
	BEAT(reply_bad_target), BEAT(reply_bad_source), BEAT(reply_old), BEAT(reply_replayed),
	BEAT(reply_forged), BEAT(ring_full), BEAT(verdicts), BEAT(switches),
};

_Static_assert(ARRAY_SIZE(beat_names) * sizeof(uint64_t) == sizeof(struct dfb_beat_counters),
	       "every counter has a name");

static const struct counter_name steer_names[] = {
	STEER(marked), STEER(no_service), STEER(not_ip), STEER(truncated), STEER(no_server), STEER(held),
	STEER(flows_new), STEER(flows_failed),
};

_Static_assert(ARRAY_SIZE(steer_names) * sizeof(uint64_t) == sizeof(struct dfb_steer_counters),
	       "every counter has a name");

#define VIP(field) {#field, offsetof(struct dfb_vip_counters, field)}

static const struct counter_name vip_names[] = {
	VIP(answered), VIP(claims), VIP(muted), VIP(ring_full), VIP(confirmed), VIP(no_service),
	VIP(no_server), VIP(held), VIP(no_station), VIP(not_for_us), VIP(own_request), VIP(truncated),
	VIP(not_ethernet), VIP(bad_sender), VIP(bad_hop_limit), VIP(bad_message), VIP(bad_checksum),
	VIP(no_room),
};

_Static_assert(ARRAY_SIZE(vip_names) * sizeof(uint64_t) == sizeof(struct dfb_vip_counters),
	       "every counter has a name");

static json_t *counters_json(const void *counters, const struct counter_name *names, size_t n)
{
	json_t *doc = json_object();

	for (size_t i = 0; i < n; i++) {
		uint64_t value;

		memcpy(&value, (const char *)counters + names[i].offset, sizeof(value));
		json_object_set_new(doc, names[i].name, json_integer((json_int_t)value));
	}
	return doc;
}

json_t *counters_beat_json(const struct dfb_beat_counters *counters)
{
	return counters_json(counters, beat_names, ARRAY_SIZE(beat_names));
}

json_t *counters_vip_json(const struct dfb_vip_counters *counters)
{
	return counters_json(counters, vip_names, ARRAY_SIZE(vip_names));
}

json_t *counters_steer_json(const struct dfb_steer_counters *counters)
{
	return counters_json(counters, steer_names, ARRAY_SIZE(steer_names));
}
