// SPDX-License-Identifier: GPL-2.0-only
/*
 * Health above the echo: what the checks of services say of the servers of their pool, and what the servers'
 * userlands do, where services need them. They count together: one that is ill is enough.
 *
 * A check is weaker evidence than a verdict of the kernel's: the path from here to all servers may be cut,
 * and their checks fail one after another. So a pool leaves a server for a failed check only for one whose
 * checks were all good when asked *after* the first bad answer; and one whose userland hangs only for one
 * whose userland has run since. Where nobody is, it stays: a service that may be ill is better than none.
 * What is not known (no answers yet, the checker died, the agent ended) moves nothing.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

const char *const check_state_names[CHECK_STATE_MAX] = {
	[CHECK_UNKNOWN] = "unknown",
	[CHECK_PASS] = "pass",
	[CHECK_FAIL] = "fail",
};

const char *const check_kind_names[CHECK_KIND_MAX + 1] = {
	[CHECK_TCP] = "tcp",   [CHECK_HTTP] = "http", [CHECK_HTTPS] = "https",
	[CHECK_DNS] = "dns",   [CHECK_SMTP] = "smtp", [CHECK_SCRIPT] = "script",
};

/* Return: all zero where nothing is known, or the pool has no checks. */
const struct core_check *check_of(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	static const struct core_check nothing;
	uint32_t at = pool_position(core, pool, server);

	if (at >= pool->policy->n_servers || pool->checks[at].server != server)
		return &nothing;
	return &pool->checks[at];
}

bool check_passes(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	return check_of(core, pool, server)->state == CHECK_PASS;
}

bool check_fails(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	return check_of(core, pool, server)->state == CHECK_FAIL;
}

bool check_is_unfit(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	return check_of(core, pool, server)->unfit;
}

/* It was well when it was asked after the other one was found to be ill. */
bool check_is_witness(const struct core *core, const struct core_pool *pool, uint32_t server, uint32_t other)
{
	const struct core_check *mine = check_of(core, pool, server);
	const struct core_check *bad = check_of(core, pool, other);

	return mine->state == CHECK_PASS && mine->good_ns > bad->bad_ns;
}

/* Why the pool should leave a server; what hangs fails its checks, too. */
enum dfb_reason check_reason(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	if (!check_fails(core, pool, server))
		return DFB_REASON_NONE;
	return pool->policy->userland && userland_hangs(&core->servers[server]) ? DFB_REASON_USERLAND :
										  DFB_REASON_CHECK;
}

bool check_is_reason(enum dfb_reason reason)
{
	return reason == DFB_REASON_CHECK || reason == DFB_REASON_USERLAND;
}

/* --- together ---------------------------------------------------------------------------------- */

static uint64_t first_of(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* The worst of both; well since the later of them was found to be. */
static struct core_answer both(const struct core_answer *a, const struct core_answer *b)
{
	struct core_answer all = {.bad_ns = first_of(a->bad_ns, b->bad_ns)};

	if (a->state == CHECK_FAIL || b->state == CHECK_FAIL)
		all.state = CHECK_FAIL;
	else if (a->state == CHECK_PASS && b->state == CHECK_PASS)
		all.state = CHECK_PASS;
	all.good_ns = a->good_ns < b->good_ns ? a->good_ns : b->good_ns;
	return all;
}

static struct core_answer answer_of(const struct core *core, const struct core_pool *pool,
				    const struct core_check *mine)
{
	struct core_answer userland = userland_answer(&core->servers[mine->server]);

	if (!pool->policy->userland)
		return mine->checks;
	return pool->policy->checked ? both(&mine->checks, &userland) : userland;
}

/* What is unknown leaves the kernel's plan as it is: what was known last is better than nothing. */
static void settle(struct step *s, uint32_t id, struct core_check *mine)
{
	struct core_answer all = answer_of(s->core, pool_of(s->core, id), mine);
	bool unfit = all.state == CHECK_FAIL;
	struct action *a;

	if (mine->state != all.state)
		mine->since_ns = s->core->now;
	mine->state = all.state;
	mine->good_ns = all.good_ns;
	mine->bad_ns = all.bad_ns;
	if (all.state == CHECK_UNKNOWN || (mine->told && mine->unfit == unfit))
		return;
	mine->told = true;
	mine->unfit = unfit;
	a = step_action(s, ACTION_FIT);
	a->fit.pool = id;
	a->fit.server = mine->server;
	a->fit.ok = !unfit;
}

/* Return: NULL: not of this pool. */
static struct core_check *place_of(struct core *core, struct core_pool *pool, uint32_t server)
{
	uint32_t at = pool_position(core, pool, server);
	struct core_check *mine = &pool->checks[at % DFB_CANDIDATES];

	if (at >= pool->policy->n_servers)
		return NULL;
	if (mine->server != server)
		*mine = (struct core_check){.server = server};
	return mine;
}

/* Positions changed with the configuration, or what services need: who is still there keeps what is known. */
void check_reindex(struct step *s, uint32_t id)
{
	struct core_pool *pool = &s->core->pools[id];
	struct core_check old[DFB_CANDIDATES];

	memcpy(old, pool->checks, sizeof(old));
	memset(pool->checks, 0, sizeof(pool->checks));
	for (uint32_t i = 0; (pool->policy->checked || pool->policy->userland) && i < DFB_CANDIDATES; i++) {
		struct core_check *mine = old[i].server ? place_of(s->core, pool, old[i].server) : NULL;

		if (!mine)
			continue;
		*mine = old[i];
		if (!pool->policy->checked)
			mine->checks = (struct core_answer){0};
	}
	for (uint32_t i = 0; pool->policy->userland && i < pool->policy->n_servers; i++)
		settle(s, id, place_of(s->core, pool, s->core->policy->servers[pool->policy->servers[i]].id));
}

/* --- news ------------------------------------------------------------------------------------ */

static void tell_check(struct step *s, const struct core_pool *pool, struct core_check *mine,
		       const struct event_check *c)
{
	bool failed = c->state == CHECK_FAIL, told = mine->checks_told;
	struct report *r;

	if (c->state == CHECK_UNKNOWN || (told && mine->checks_failed == failed))
		return;
	mine->checks_told = true;
	mine->checks_failed = failed;
	if (!told && !failed)
		return;
	r = tell(s, failed ? REPORT_CHECK_FAILED : REPORT_CHECK_PASSED);
	snprintf(r->server, sizeof(r->server), "%s", server_name(s->core, c->server));
	snprintf(r->pool, sizeof(r->pool), "%s", pool->policy->name);
	snprintf(r->service, sizeof(r->service), "%s", c->service);
	snprintf(r->reason, sizeof(r->reason), "%s", c->what);
}

void check_on_news(struct step *s, const struct event_check *c)
{
	struct core_pool *pool = pool_of(s->core, c->pool);
	struct core_check *mine = pool && pool->policy->checked ? place_of(s->core, pool, c->server) : NULL;

	if (!mine)
		return;
	mine->checks = (struct core_answer){c->state, c->good_ns, c->bad_ns};
	if (c->state == CHECK_FAIL && share_has(&pool->share, c->server)) {
		snprintf(pool->fault, sizeof(pool->fault), "%s", c->what);
		pool->faulty = c->server;
	}
	tell_check(s, pool, mine, c);
	settle(s, c->pool, mine);
	pool_review(s, c->pool);
}

void check_on_userland(struct step *s, uint32_t server)
{
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++) {
		struct core_pool *pool = pool_of(s->core, id);
		struct core_check *mine;

		if (!pool || !pool->policy->userland)
			continue;
		mine = place_of(s->core, pool, server);
		if (!mine)
			continue;
		settle(s, id, mine);
		pool_review(s, id);
	}
}
