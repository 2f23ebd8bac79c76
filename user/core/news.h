/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says, as events: from a ring's record, or from the maps at adoption. */
#ifndef CORE_NEWS_H
#define CORE_NEWS_H

#include "event.h"

/** news_from_record() - Return: false: not a kind we know. */
bool news_from_record(const struct dfb_event *record, struct event *ret_event);

/** news_from_target() - a target as it is now; @now_ns: the event's time */
void news_from_target(uint32_t target, const struct dfb_detect *detect, uint64_t now_ns,
		      struct event *ret_event);

/** news_from_userland() - likewise, what its replies tell of its server's userland */
void news_from_userland(uint32_t target, const struct dfb_userland *userland, uint64_t now_ns,
			struct event *ret_event);

/** news_from_pool() - a pool as it is now */
void news_from_pool(uint32_t id, const struct dfb_pool *pool, uint64_t now_ns, struct event *ret_event);

#endif
