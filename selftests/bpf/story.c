// SPDX-License-Identifier: GPL-2.0-only
#include "story.h"

#define SHORT_NS 20000000ull
#define LONG_NS 1000000000000ull

void story_patience(uint32_t target, bool patient)
{
	struct dfb_target cfg = rig_config(target);

	cfg.timeout_ns = patient ? LONG_NS : SHORT_NS;
	rig_configure(target, &cfg);
}

void story_judged(uint32_t target)
{
	RIG_UNTIL(rig_detect(target).judged == rig.attempts[target].seq);
}

void story_up(uint32_t target)
{
	story_patience(target, false);
	while (rig_detect(target).state != DFB_STATE_UP) {
		story_live(target);
		story_judged(target);
	}
	story_patience(target, true);
}

void story_servers(uint32_t *ret_servers, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		ret_servers[i] = rig_server();
		story_up(story_target(ret_servers[i]));
	}
	ring_buffer__consume(rig.ring);
	rig.n_events = rig.n_nudges = 0;
	rig_zero(rig.beat->maps.beat_counters);
}

void story_live(uint32_t target)
{
	rig_probe(target);
	rig_answer(target);
}

/* The witnesses are asked, and answer, when the dead one's reply would usually have been there. */
static void silence(uint32_t dead, const uint32_t *living, uint32_t n, void (*miss)(uint32_t))
{
	uint64_t usual = SHORT_NS / 4, first; /* at most */

	story_patience(dead, false);
	miss(dead);
	first = rig_now();
	RIG_UNTIL(!n || rig_now() - first > usual);
	for (uint32_t i = 0; i < n; i++)
		story_live(living[i]);
	miss(dead);
	miss(dead);
}

void story_silence(uint32_t dead, const uint32_t *living, uint32_t n)
{
	silence(dead, living, n, rig_probe);
}

void story_unsent(uint32_t dead, const uint32_t *living, uint32_t n)
{
	silence(dead, living, n, rig_attempt);
}

void story_die(uint32_t server, const uint32_t *living, uint32_t n)
{
	uint32_t targets[8];

	assert_true(n <= ARRAY_SIZE(targets));
	for (uint32_t i = 0; i < n; i++)
		targets[i] = story_target(living[i]);
	story_silence(story_target(server), targets, n);
	RIG_UNTIL(rig_detect(story_target(server)).state == DFB_STATE_DOWN);
}

uint32_t story_serving(uint32_t pool)
{
	return rig_pool_state(pool).slots[0];
}

void story_flag(uint32_t server, uint32_t flags)
{
	struct dfb_server who;

	rig_get(rig.beat->maps.servers, server, &who);
	who.flags = flags;
	rig_put(rig.beat->maps.servers, server, &who);
}

const struct dfb_event *story_find(enum dfb_event_kind kind, uint32_t target, uint32_t nth)
{
	for (uint32_t i = 0; i < rig.n_events; i++) {
		const struct dfb_event *ev = &rig.events[i];

		if (ev->kind == kind && ev->target == target && !nth--)
			return ev;
	}
	return NULL;
}
