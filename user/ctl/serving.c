// SPDX-License-Identifier: GPL-2.0-only
#include "serving.h"

#include <stdlib.h>
#include <string.h>

#include <base/clean.h>
#include <base/text.h>
#include <core/plan.h>
#include <detect.h>

/* From good to bad, as the core ranks them, so that a server is what its worst address is. */
const enum server_state serving_ranks[] = {
	[DFB_STATE_UP] = SERVER_UP,
	[DFB_STATE_RECOVERING] = SERVER_RECOVERING,
	[DFB_STATE_SUSPECT] = SERVER_SUSPECT,
	[DFB_STATE_UNKNOWN] = SERVER_UNKNOWN,
	[DFB_STATE_DOWN] = SERVER_DOWN,
};

_Static_assert(ARRAY_SIZE(serving_ranks) == DFB_STATE_MAX, "every state has a rank");

bool serving_in_use(const struct snapshot *s, uint32_t server, uint32_t family)
{
	return s->targets[dfb_target_id(server, family)].server == server;
}

/* A detector that still means the id's former address says nothing about this one. */
const struct dfb_detect *serving_detect(const struct snapshot *s, uint32_t target)
{
	static const struct dfb_detect nothing;
	const struct dfb_detect *d = &s->state[target].detect;

	return d->generation == s->targets[target].generation && d->state < DFB_STATE_MAX ? d : &nothing;
}

/* The worst of a server's detectors in some families (bits); NULL: it has no address there. */
const struct dfb_detect *serving_worst(const struct snapshot *s, uint32_t server, uint32_t families)
{
	const struct dfb_detect *worst = NULL;

	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		const struct dfb_detect *d = serving_detect(s, dfb_target_id(server, family));

		if (!(families & 1u << family) || !serving_in_use(s, server, family))
			continue;
		if (!worst || serving_ranks[d->state] > serving_ranks[worst->state])
			worst = d;
	}
	return worst;
}

/* As the kernel grades it: a server is as good as its worst address that the pool needs. */
static uint32_t candidate_grade(const struct snapshot *s, const struct dfb_plan *plan, uint32_t at)
{
	uint32_t id = plan->candidates[at];
	const struct dfb_server *server = snapshot_server(s, id);
	uint32_t grade = DETECT_FIT;

	if (!server || server->flags || !serving_worst(s, id, plan->families))
		return DETECT_UNFIT;
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		const struct dfb_detect *d = serving_detect(s, dfb_target_id(id, family));

		if (!(plan->families & 1u << family) || !serving_in_use(s, id, family))
			continue;
		if (detect_grade(d) < grade)
			grade = detect_grade(d);
	}
	if (grade > DETECT_LAST_RESORT && (plan->unfit >> at & 1))
		return DETECT_LAST_RESORT;
	return grade;
}

uint32_t serving_candidates(const struct dfb_plan *plan)
{
	return plan->n_candidates < DFB_CANDIDATES ? plan->n_candidates : DFB_CANDIDATES;
}

struct share serving_share(const struct dfb_pool *pool)
{
	struct share share = {.lent = pool->lent};

	memcpy(share.slots, pool->slots, sizeof(share.slots));
	return share;
}

/* Who would take over if the pool's (first) server died now; 0: nobody. */
uint32_t serving_next(const struct snapshot *s, const struct dfb_plan *plan, const struct dfb_pool *pool)
{
	struct detect_choice choice = {0};
	struct share share = serving_share(pool);
	uint32_t n = serving_candidates(plan), at = n - 1;

	for (uint32_t i = 0; i < n; i++) {
		if (plan->candidates[i] == pool->slots[0])
			at = i;
	}
	for (uint32_t i = 1; i <= n; i++) {
		uint32_t server = plan->candidates[(at + i) % n];

		if (!share_has(&share, server))
			detect_offer(&choice, server, candidate_grade(s, plan, (at + i) % n));
	}
	return choice.server;
}

uint32_t serving_places(const struct dfb_plan *plan)
{
	uint32_t active = plan->active > 1 ? plan->active : 1;

	return active < serving_candidates(plan) ? active : serving_candidates(plan);
}

/* As the core sees it: a pool that is configured with none misses none. */
static bool has_standby(const struct snapshot *s, const struct dfb_plan *plan, const struct share *share)
{
	if (serving_candidates(plan) == serving_places(plan))
		return true;
	for (uint32_t i = 0; i < serving_candidates(plan); i++) {
		uint32_t id = plan->candidates[i];
		const struct dfb_server *server = snapshot_server(s, id);
		const struct dfb_detect *d = server ? serving_worst(s, id, plan->families) : NULL;

		if (!share_has(share, id) && d && !server->flags && d->state == DFB_STATE_UP &&
		    !(plan->unfit >> i & 1))
			return true;
	}
	return false;
}

/* It answers, or did until a moment ago, in some family of the pool. */
static bool is_alive(const struct snapshot *s, uint32_t id, uint32_t families)
{
	for (uint32_t family = 0; snapshot_server(s, id) && family < DFB_FAMILIES; family++) {
		const struct dfb_detect *d = serving_worst(s, id, families & 1u << family);

		if (d && d->state != DFB_STATE_DOWN && d->state != DFB_STATE_UNKNOWN)
			return true;
	}
	return false;
}

const char *serving_service(const struct snapshot *s, uint32_t pool)
{
	const struct dfb_plan *plan = &s->plans[pool];
	struct share share = serving_share(&s->pools[pool]);
	uint32_t servers[DFB_SLOTS], n = share_list(&share, servers), well = 0;

	for (uint32_t i = 0; i < n; i++)
		well += is_alive(s, servers[i], plan->families) && !plan_is_unfit(plan, servers[i]);
	if (plan->held == DFB_HELD_NOBODY || !well)
		return service_state_names[SERVICE_DOWN];
	if (plan->paused)
		return service_state_names[SERVICE_PAUSED];
	if (well < n || share_owners(&share) < serving_places(plan) || !has_standby(s, plan, &share))
		return service_state_names[SERVICE_DEGRADED];
	return service_state_names[SERVICE_SERVING];
}

/* "" where several serve: see "active" of the pool. */
const char *serving_only(const struct snapshot *s, uint32_t pool)
{
	struct share share = serving_share(&s->pools[pool]);

	return share_weight(&share, share.slots[0]) == DFB_SLOTS ? snapshot_name(s, share.slots[0]) : "";
}
