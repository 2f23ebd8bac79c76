/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of the oracle. */
#ifndef MODEL_ORACLE_PRIVATE_H
#define MODEL_ORACLE_PRIVATE_H

#include "world.h"

struct oracle_pool *oracle_pool_of(struct oracle *o, uint32_t id);
struct oracle_server *oracle_server_of(struct oracle *o, uint32_t id);

/** oracle_want_sync() - what routes there should be, or are, has changed: they must be compared. */
void oracle_want_sync(struct oracle *o);

/** oracle_candidate() - server id at a place in the order of promotion */
uint32_t oracle_candidate(const struct oracle *o, const struct oracle_pool *pool, uint32_t place);

/** oracle_place() - of a server in that order; as many as there are: it has none. */
uint32_t oracle_place(const struct oracle *o, const struct oracle_pool *pool, uint32_t server);

/** oracle_anybody() - does any candidate answer, or did until a moment ago? */
bool oracle_anybody(struct oracle *o, const struct oracle_pool *pool);

/** oracle_is_sure() - is it known whether a server of the pool is well above its echo? */
bool oracle_is_sure(const struct oracle *o, const struct oracle_pool *pool, uint32_t server);

/** oracle_fault() - why the pool must leave its server; DFB_REASON_NONE: it need not. */
enum dfb_reason oracle_fault(struct oracle *o, const struct oracle_pool *pool);

/** oracle_may_have_more() - could it have what the pool's server had, whether it serves already or not? */
bool oracle_may_have_more(struct oracle *o, const struct oracle_pool *pool, uint32_t server,
			  enum dfb_reason reason);

/** oracle_is_spotless() - it is not damped and fails no check. */
bool oracle_is_spotless(const struct oracle *o, const struct oracle_pool *pool, uint32_t server);

/** oracle_seen_from() - the pool as if that one of its servers were to be replaced; the caller frees it. */
struct oracle_pool *oracle_seen_from(const struct oracle_pool *pool, uint32_t server);

/** oracle_judge_several() - a pool is moved by the core that is, or was, served by several. */
void oracle_judge_several(struct world *w, const struct oracle_pool *pool, const struct action *a);

/** oracle_miss_several() - at a tick: is one of its servers not left, or is one missing, for no reason? */
void oracle_miss_several(struct world *w, const struct oracle_pool *pool);

/** oracle_is_several() - several are to serve it, or do. */
bool oracle_is_several(const struct oracle_pool *pool);

/** oracle_may_serve() - may the pool move to that server for that reason? */
bool oracle_may_serve(struct oracle *o, const struct oracle_pool *pool, uint32_t server,
		      enum dfb_reason reason);

/** oracle_successor() - who should take over for that reason; 0: nobody can */
uint32_t oracle_successor(struct oracle *o, const struct oracle_pool *pool, enum dfb_reason reason);

#endif
