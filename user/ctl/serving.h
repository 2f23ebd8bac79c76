/* SPDX-License-Identifier: GPL-2.0-only */
/* How servers and pools stand by what the maps say: as the core sees it, without the core. */
#ifndef CTL_SERVING_H
#define CTL_SERVING_H

#include <stdbool.h>
#include <stdint.h>

#include <core/core.h>
#include <sense/snapshot.h>

/** serving_ranks - from good to bad, as the core ranks them: a server is what its worst address is. */
extern const enum server_state serving_ranks[DFB_STATE_MAX];

/** serving_in_use() - has the server an address in that family, which is probed? */
bool serving_in_use(const struct snapshot *s, uint32_t server, uint32_t family);

/** serving_detect() - the detector of a target */
const struct dfb_detect *serving_detect(const struct snapshot *s, uint32_t target);

/** serving_worst() - the worst of a server's addresses. Return: NULL: it has none in these families. */
const struct dfb_detect *serving_worst(const struct snapshot *s, uint32_t server, uint32_t families);

/** serving_candidates() - how many there are, whatever the map says */
uint32_t serving_candidates(const struct dfb_plan *plan);

/** serving_places() - how many should serve */
uint32_t serving_places(const struct dfb_plan *plan);

/** serving_share() - who serves */
struct share serving_share(const struct dfb_pool *pool);

/** serving_next() - who would take over if the pool's first server died now; 0: nobody. */
uint32_t serving_next(const struct snapshot *s, const struct dfb_plan *plan, const struct dfb_pool *pool);

/** serving_service() - the state of a pool's services, as a word */
const char *serving_service(const struct snapshot *s, uint32_t pool);

/** serving_only() - the name of the one that serves a pool; "" where it is nobody, or several. */
const char *serving_only(const struct snapshot *s, uint32_t pool);

#endif
