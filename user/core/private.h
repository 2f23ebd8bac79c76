/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of the core. */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include "core.h"

/**
 * struct step - one step under way
 * @tick: everything that had happened has been heard: the moment to decide
 */
struct step {
	struct core *core;
	struct actions *out;
	bool tick;
};

/* tell.c */
struct action *step_action(struct step *s, enum action_kind kind);
struct report *tell(struct step *s, enum report_kind kind);
void tell_server(struct step *s, uint32_t id);
void tell_pool(struct step *s, uint32_t id);
void tell_failover(struct step *s, uint32_t pool, uint64_t changes);
void tell_no_switch(struct step *s, uint32_t server, const struct event_target *t);
void tell_userland(struct step *s, const struct core_server *server, enum dfb_userland_state old);
void tell_stuck(struct step *s, const struct core_pool *pool, uint32_t server);
void tell_not_steered(struct step *s, const struct core_pool *pool, const char *why);
void answer(struct step *s, uint64_t request, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* server.c */
struct core_server *server_of(struct core *core, uint32_t id);
const char *server_name(const struct core *core, uint32_t id);
uint32_t server_by_name(const struct core *core, const char *name);
enum server_state server_state(const struct core_server *server);
const struct event_target *server_dead_target(const struct core_server *server, const struct core_pool *pool,
					      const struct core_server *other);
bool server_is_fit(const struct core_server *server, const struct core_pool *pool);
bool server_is_alive(const struct core_server *server, const struct core_pool *pool);
bool server_has_pool(const struct core *core, uint32_t id);
void server_reindex(struct step *s, const struct policy *old);
void server_on_target(struct step *s, const struct event_target *t);
void server_on_routable(struct step *s, const struct event_routable *r);
void server_begin_maintenance(struct step *s, uint32_t id, const struct event_operator *op);
void server_end_maintenance(struct step *s, uint32_t id, const char *why);

/* choice.c */
/**
 * struct wish - for another server of a pool
 * @from: instead of whom; 0: one more
 * @dead: it is down, and the next one must help where it is, and be a fresh witness
 * @ill: it fails a check, and the next one must have passed since
 * @settled_ns: out, if nobody is: when the first of those who are up will be; 0: nobody is up
 */
struct wish {
	uint32_t from;
	bool dead;
	bool ill;
	uint64_t settled_ns;
};

uint32_t pool_candidate(const struct core *core, const struct core_pool *pool, uint32_t index);
uint32_t pool_position(const struct core *core, const struct core_pool *pool, uint32_t server);
bool pool_has(const struct core *core, const struct core_pool *pool, uint32_t server);
uint32_t pool_next(const struct core *core, const struct core_pool *pool, uint32_t from);
uint32_t choice_next(const struct core *core, const struct core_pool *pool, struct wish *wish);
uint32_t choice_proposed(struct core *core, const struct core_pool *pool, uint32_t from);
uint32_t choice_heirs(const struct core *core, const struct core_pool *pool, struct wish *wish,
		      uint32_t ret_heirs[DFB_SLOTS]);
bool choice_is_spotless(const struct core *core, const struct core_pool *pool, uint32_t server);
bool choice_is_well(const struct core *core, const struct core_pool *pool, uint32_t server, bool proven);

/* pool.c */
struct core_pool *pool_of(struct core *core, uint32_t id);
bool pool_is_short(const struct core_pool *pool);
const char *pool_server_name(const struct core *core, const struct core_pool *pool);
enum service_state pool_state(const struct core *core, const struct core_pool *pool);
void pool_reindex(struct step *s);
void pool_replace(struct step *s, uint32_t id, uint32_t from, uint32_t to, enum dfb_reason reason);
void pool_review(struct step *s, uint32_t id);
void pool_review_server(struct step *s, uint32_t server);
void pool_review_all(struct step *s);
void pool_begin_pause(struct step *s, uint32_t id, const struct event_operator *op);
void pool_end_pause(struct step *s, uint32_t id, const char *why);
void pool_on_kernel(struct step *s, const struct event_pool *p);
void pool_on_proposal(struct step *s, const struct event_pool *p);
void pool_on_steered(struct step *s, const struct event_result *r);
void pool_on_committed(struct step *s, const struct event_result *r);

/* vip.c */
void vip_announce(struct step *s, uint32_t pool);
void vip_on_station(struct step *s, const struct event_station *e);
void vip_on_claim(struct step *s, const struct dfb_claim *claim);
/* publish.c */
void publish_reindex(struct step *s);
void publish_review(struct step *s, uint32_t pool);
void publish_on_result(struct step *s, const struct event_published *r);
uint64_t publish_deadline(const struct core *core);

/* reset.c */
void reset_flows(struct step *s, uint32_t pool, uint32_t server);
void reset_on_move(struct step *s, uint32_t pool, uint64_t changes);
void reset_on_done(struct step *s, const struct event_reset *r);

/* drain.c */
void drain_begin(struct step *s, uint32_t server, uint64_t until_ns);
void drain_prolong(struct step *s, uint32_t server);
void drain_end(struct step *s, uint32_t server, const char *why);
void drain_on_count(struct step *s, const struct event_counted *c);
void drains_review(struct step *s);
uint64_t drains_deadline(const struct core *core);

/* check.c */
const struct core_check *check_of(const struct core *core, const struct core_pool *pool, uint32_t server);
bool check_passes(const struct core *core, const struct core_pool *pool, uint32_t server);
bool check_fails(const struct core *core, const struct core_pool *pool, uint32_t server);
bool check_is_unfit(const struct core *core, const struct core_pool *pool, uint32_t server);
bool check_is_witness(const struct core *core, const struct core_pool *pool, uint32_t server, uint32_t other);
enum dfb_reason check_reason(const struct core *core, const struct core_pool *pool, uint32_t server);
bool check_is_reason(enum dfb_reason reason);
void check_reindex(struct step *s, uint32_t pool);
void check_on_news(struct step *s, const struct event_check *c);
void check_on_userland(struct step *s, uint32_t server);

/* userland.c */
struct core_answer userland_answer(const struct core_server *server);
bool userland_hangs(const struct core_server *server);
void userland_explain(const struct core_server *server, char *text, size_t size);
void userland_on_news(struct step *s, const struct event_userland *u);

/* operator.c */
void operator_failover(struct step *s, const struct event_operator *op);
void operator_maintenance(struct step *s, const struct event_operator *op);
void operator_pause(struct step *s, const struct event_operator *op);

/* mode.c */
void mode_on_policy(struct step *s, const struct policy *old);
void mode_on_order(struct step *s, const struct event_operator *op);

/* order.c */
#define ORDER_LIMIT_LEN 48
void order_begin(struct step *s, struct core_order *order, const struct event_operator *op);
void order_end(struct step *s, struct core_order *order);
void orders_reload(struct step *s);
void orders_review(struct step *s);
void order_time(uint64_t ns, char *text, size_t size);
const char *order_limit(const struct core *core, const struct core_order *order, char text[ORDER_LIMIT_LEN]);

/* core.c */
void step_sync(struct step *s);

#endif
