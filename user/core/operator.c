// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

static uint32_t pool_of_service(const struct core *core, const char *name)
{
	for (uint32_t i = 0; i < core->policy->n_services; i++) {
		if (!strcmp(core->policy->services[i].name, name))
			return core->policy->pools[core->policy->services[i].pool].id;
	}
	return 0;
}

/* Whose clients are to move: of several who serve, the operator must say. Return: false after an answer. */
static bool find_source(struct step *s, const struct core_pool *pool, const struct event_operator *op,
			uint32_t *ret_from)
{
	uint32_t servers[DFB_SLOTS], n = share_list(&pool->share, servers);
	uint32_t from = op->from[0] ? server_by_name(s->core, op->from) : pool->share.slots[0];

	if (op->from[0] && !share_has(&pool->share, from)) {
		answer(s, op->request, -ENOENT, "%s does not serve pool %s", op->from, pool->policy->name);
		return false;
	}
	if (!op->from[0] && n > 1) {
		answer(s, op->request, -EINVAL, "%u servers serve pool %s: say which one is to be replaced (--from %s)", n,
		       pool->policy->name, server_name(s->core, servers[0]));
		return false;
	}
	*ret_from = from;
	return true;
}

/* Whom to move to: the one asked for, if he can, or the next. Return: 0 after an answer. */
static uint32_t destination(struct step *s, const struct core_pool *pool, const struct event_operator *op,
			    uint32_t from)
{
	uint32_t to;

	if (!op->to[0]) {
		to = pool_next(s->core, pool, from);
		if (to && !check_is_unfit(s->core, pool, to))
			return to;
		answer(s, op->request, -EHOSTDOWN, "no other server of pool %s is up%s", pool->policy->name,
		       to ? " and passes its checks" : "");
		return 0;
	}
	to = server_by_name(s->core, op->to);
	if (!to || !pool_has(s->core, pool, to)) {
		answer(s, op->request, -ENOENT, "pool %s has no server %s", pool->policy->name, op->to);
		return 0;
	}
	if (share_has(&pool->share, to)) {
		answer(s, op->request, -EALREADY, "%s serves already", op->to);
		return 0;
	}
	if (!server_is_fit(&s->core->servers[to], pool)) {
		answer(s, op->request, -EHOSTDOWN, "%s is %s%s", op->to,
		       server_state_names[server_state(&s->core->servers[to])],
		       s->core->servers[to].flags & DFB_SERVER_UNROUTABLE ? " and not on-link" : "");
		return 0;
	}
	if (check_is_unfit(s->core, pool, to)) {
		answer(s, op->request, -EHOSTDOWN, "%s fails a check", op->to);
		return 0;
	}
	return to;
}

void operator_failover(struct step *s, const struct event_operator *op)
{
	uint32_t id = pool_of_service(s->core, op->name), from, to;
	struct core_pool *pool = pool_of(s->core, id);

	if (!pool) {
		answer(s, op->request, -ENOENT, "there is no service %s", op->name);
		return;
	}
	if (!pool->known || pool->steering) {
		answer(s, op->request, -EBUSY, "pool %s is being moved; try again", pool->policy->name);
		return;
	}
	if (!find_source(s, pool, op, &from))
		return;
	to = destination(s, pool, op, from);
	if (!to)
		return;
	if (op->dry_run) {
		answer(s, op->request, 0, "would move pool %s from %s to %s, epoch %llu to %llu", pool->policy->name,
		       from ? server_name(s->core, from) : "nobody", server_name(s->core, to),
		       (unsigned long long)pool->epoch, (unsigned long long)pool->epoch + 1);
		return;
	}
	pool->request = op->request;
	pool_replace(s, id, from, to, DFB_REASON_OPERATOR);
}

/* --- orders that last ------------------------------------------------------------------------ */

/* Before the pools move: the kernel must know when they do. */
static void drain(struct step *s, uint32_t id, const struct event_operator *op)
{
	if (op->drain_until_ns)
		drain_begin(s, id, op->drain_until_ns);
	else if (op->request)
		drain_end(s, id, "an operator ended it");
}

/* What else there is to know: a paused pool does not leave, and connections may stay. */
static void say_what_stays(const struct core *core, uint32_t id, char *text, size_t size)
{
	uint64_t until_ns = core->servers[id].drain.until_ns;
	char time[ORDER_LIMIT_LEN / 2];

	text[0] = '\0';
	for (uint32_t i = 1; i <= DFB_MAX_POOLS; i++) {
		const struct core_pool *pool = &core->pools[i];

		if (!pool->policy || !share_has(&pool->share, id) || !pool->pause.on)
			continue;
		snprintf(text, size, "; pool %s is paused and stays with it", pool->policy->name);
		return;
	}
	if (!until_ns)
		return;
	order_time(until_ns - core->now, time, sizeof(time));
	snprintf(text, size, "; connections with it may stay for %s", time);
}

static void answer_maintenance(struct step *s, uint32_t id, const struct event_operator *op)
{
	const struct core_server *server = &s->core->servers[id];
	char limit[ORDER_LIMIT_LEN], stays[96];

	say_what_stays(s->core, id, stays, sizeof(stays));
	answer(s, op->request, 0, "maintenance of %s is on%s%s", op->name,
	       order_limit(s->core, &server->maintenance, limit), stays);
}

void operator_maintenance(struct step *s, const struct event_operator *op)
{
	uint32_t id = server_by_name(s->core, op->name);

	if (!id) {
		answer(s, op->request, -ENOENT, "there is no server %s", op->name);
		return;
	}
	if (op->on) {
		drain(s, id, op);
		server_begin_maintenance(s, id, op);
		answer_maintenance(s, id, op);
		return;
	}
	server_end_maintenance(s, id, op->reason);
	answer(s, op->request, 0, "maintenance of %s is off", op->name);
}

/* All services of a pool share its pause: how many, so that nobody is surprised. */
static uint32_t count_services(const struct core *core, const struct core_pool *pool)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < core->policy->n_services; i++)
		n += &core->policy->pools[core->policy->services[i].pool] == pool->policy;
	return n;
}

void operator_pause(struct step *s, const struct event_operator *op)
{
	uint32_t id = op->pool ? op->pool : pool_of_service(s->core, op->name);
	const struct core_pool *pool = pool_of(s->core, id);
	char limit[ORDER_LIMIT_LEN];
	uint32_t n;

	if (!pool) {
		answer(s, op->request, -ENOENT, "there is no service %s", op->name);
		return;
	}
	n = count_services(s->core, pool);
	if (op->on) {
		pool_begin_pause(s, id, op);
		answer(s, op->request, 0, "pool %s, which has %u service%s, is paused%s: it does not switch by itself",
		       pool->policy->name, n, n == 1 ? "" : "s", order_limit(s->core, &pool->pause, limit));
		return;
	}
	answer(s, op->request, 0, "pool %s, which has %u service%s, %s", pool->policy->name, n, n == 1 ? "" : "s",
	       pool->pause.on ? "switches by itself again" : "was not paused");
	pool_end_pause(s, id, op->reason);
}
