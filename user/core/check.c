// SPDX-License-Identifier: GPL-2.0-only
/*
 * Health above the echo: what the checks of services say of the servers of their pool.
 *
 * A check is weaker evidence than a verdict of the kernel's: the path from here to all servers may be cut,
 * and their checks fail one after another. So a pool leaves a server for a failed check only for one whose
 * checks were all good when asked *after* the first bad answer. Where nobody is, it stays: a service that
 * may be ill is better than none. What is not known (no answers yet, the checker died) moves nothing.
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

/* It passed when it was asked after the present one's checks began to fail. */
bool check_is_witness(const struct core *core, const struct core_pool *pool, uint32_t server)
{
	const struct core_check *mine = check_of(core, pool, server);
	const struct core_check *bad = check_of(core, pool, pool->server);

	return mine->state == CHECK_PASS && mine->good_ns > bad->bad_ns;
}

/* Positions changed with the configuration: who is still there keeps what is known. */
void check_reindex(struct core *core, struct core_pool *pool)
{
	struct core_check old[DFB_CANDIDATES];

	memcpy(old, pool->checks, sizeof(old));
	memset(pool->checks, 0, sizeof(pool->checks));
	for (uint32_t i = 0; pool->policy->checked && i < DFB_CANDIDATES; i++) {
		uint32_t at = pool_position(core, pool, old[i].server);

		if (old[i].server && at < pool->policy->n_servers)
			pool->checks[at] = old[i];
	}
}

/* --- news ------------------------------------------------------------------------------------ */

static void tell_check(struct step *s, const struct core_pool *pool, const struct event_check *c)
{
	struct report *r = tell(s, c->state == CHECK_FAIL ? REPORT_CHECK_FAILED : REPORT_CHECK_PASSED);

	snprintf(r->server, sizeof(r->server), "%s", server_name(s->core, c->server));
	snprintf(r->pool, sizeof(r->pool), "%s", pool->policy->name);
	snprintf(r->service, sizeof(r->service), "%s", c->service);
	snprintf(r->reason, sizeof(r->reason), "%s", c->what);
}

/* What is unknown leaves the kernel's plan as it is: what was known last is better than nothing. */
static void settle(struct step *s, struct core_pool *pool, struct core_check *mine,
		   const struct event_check *c)
{
	bool unfit = c->state == CHECK_FAIL;
	struct action *a;

	if (c->state == CHECK_UNKNOWN || (mine->told && mine->unfit == unfit))
		return;
	if (mine->told || unfit)
		tell_check(s, pool, c);
	mine->told = true;
	mine->unfit = unfit;
	a = step_action(s, ACTION_FIT);
	a->fit.pool = c->pool;
	a->fit.server = c->server;
	a->fit.ok = !unfit;
}

void check_on_news(struct step *s, const struct event_check *c)
{
	struct core_pool *pool = pool_of(s->core, c->pool);
	struct core_check *mine;
	uint32_t at;

	if (!pool || !pool->policy->checked)
		return;
	at = pool_position(s->core, pool, c->server);
	if (at >= pool->policy->n_servers)
		return;
	mine = &pool->checks[at];
	if (mine->server != c->server)
		*mine = (struct core_check){.server = c->server};
	if (mine->state != c->state)
		mine->since_ns = s->core->now;
	mine->state = c->state;
	mine->good_ns = c->good_ns;
	mine->bad_ns = c->bad_ns;
	if (c->state == CHECK_FAIL && c->server == pool->server)
		snprintf(pool->fault, sizeof(pool->fault), "%s", c->what);
	settle(s, pool, mine, c);
	pool_review(s, c->pool);
}
