// SPDX-License-Identifier: GPL-2.0-only
#include "news.h"

#include <string.h>

static void edge_of_target(const struct dfb_event *record, struct event *ev)
{
	ev->kind = EVENT_TARGET;
	ev->target = (struct event_target){
		.target = record->target,
		.state = record->new_state,
		.reason = record->change.reason,
		.since_ns = record->time_ns,
		.last_good_ns = record->change.last_good_ns,
		.first_missed_ns = record->change.first_missed_ns,
		.verdict_ns = record->change.verdict_ns,
		.misses = record->change.misses,
		.witness = record->change.witness,
		.lateness_ns = record->change.lateness_ns,
		.damped = record->damped,
	};
}

static struct share share_of(const uint32_t slots[DFB_SLOTS], uint32_t lent)
{
	struct share share = {.lent = lent};

	memcpy(share.slots, slots, sizeof(share.slots));
	return share;
}

static void edge_of_pool(const struct dfb_event *record, struct event *ev)
{
	ev->kind = record->kind == DFB_EVENT_SWITCH ? EVENT_POOL : EVENT_PROPOSAL;
	ev->pool = (struct event_pool){
		.pool = record->pool,
		.server = record->change.to,
		.epoch = record->epoch,
		.share = share_of(record->slots, record->lent),
		.last = record->change,
	};
}

static void edge_of_userland(const struct dfb_event *record, struct event *ev)
{
	ev->kind = EVENT_USERLAND;
	ev->userland = (struct event_userland){
		.target = record->target,
		.state = record->new_state,
		.since_ns = record->change.first_missed_ns,
		.heard_ns = record->change.verdict_ns,
		.alive_ns = record->change.last_good_ns,
	};
}

bool news_from_record(const struct dfb_event *record, struct event *ret_event)
{
	*ret_event = (struct event){.time_ns = record->time_ns};
	switch (record->kind) {
	case DFB_EVENT_TARGET:
		edge_of_target(record, ret_event);
		return true;
	case DFB_EVENT_SWITCH:
	case DFB_EVENT_PROPOSE:
		edge_of_pool(record, ret_event);
		return true;
	case DFB_EVENT_USERLAND:
		edge_of_userland(record, ret_event);
		return true;
	default:
		return false;
	}
}

void news_from_target(uint32_t target, const struct dfb_detect *d, uint64_t now_ns, struct event *ret_event)
{
	*ret_event = (struct event){.time_ns = now_ns, .kind = EVENT_TARGET};
	ret_event->target = (struct event_target){
		.target = target,
		.state = d->state,
		.reason = d->reason,
		.since_ns = d->since_ns,
		.last_good_ns = d->last_good_ns,
		.first_missed_ns = d->first_missed_ns,
		.verdict_ns = d->since_ns,
		.misses = d->misses,
		.damped = d->damped,
	};
}

void news_from_userland(uint32_t target, const struct dfb_userland *u, uint64_t now_ns,
			struct event *ret_event)
{
	*ret_event = (struct event){.time_ns = now_ns, .kind = EVENT_USERLAND};
	ret_event->userland = (struct event_userland){
		.target = target,
		.state = u->state,
		.since_ns = u->since_ns,
		.heard_ns = u->heard_ns,
		.alive_ns = u->alive_ns,
	};
}

void news_from_pool(uint32_t id, const struct dfb_pool *pool, uint64_t now_ns, struct event *ret_event)
{
	*ret_event = (struct event){.time_ns = now_ns, .kind = EVENT_POOL};
	ret_event->pool = (struct event_pool){
		.pool = id,
		.epoch = pool->epoch,
		.committed = pool->committed,
		.share = share_of(pool->slots, pool->lent),
		.last = pool->last,
	};
}
