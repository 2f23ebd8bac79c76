// SPDX-License-Identifier: GPL-2.0-only
/* Orders that last until somebody, or their limit, ends them; in between they must not be forgotten. */
#include <stdio.h>
#include <string.h>

#include "private.h"
#include "timing.h"

static uint64_t due(const struct core_order *order)
{
	return order->on ? timing_earlier(order->until_ns, order->remind_ns) : 0;
}

static void reckon(struct core *core)
{
	core->order_ns = 0;
	for (uint32_t i = 0; i < core->policy->n_servers; i++)
		core->order_ns = timing_earlier(core->order_ns,
						due(&core->servers[core->policy->servers[i].id].maintenance));
	for (uint32_t i = 0; i < core->policy->n_pools; i++)
		core->order_ns = timing_earlier(core->order_ns,
						due(&core->pools[core->policy->pools[i].id].pause));
}

/* One of a former life may be due for a reminder at once. It is written down already, perhaps with others
 * that are yet to come. */
void order_begin(struct step *s, struct core_order *order, const struct event_operator *op)
{
	int64_t now = (int64_t)s->core->now, since = order->on ? order->since_ns : now, remind;

	since = op->since_ns ? op->since_ns : since;
	remind = since + (int64_t)TIMING_FORGOTTEN_NS;
	order->on = true;
	order->since_ns = since;
	order->until_ns = op->until_ns;
	order->remind_ns = (uint64_t)(remind > now ? remind : now);
	memcpy(order->reason, op->reason, sizeof(order->reason));
	order->reason[sizeof(order->reason) - 1] = '\0';
	reckon(s->core);
	if (op->request)
		step_action(s, ACTION_KEEP);
}

void order_end(struct step *s, struct core_order *order)
{
	if (!order->on)
		return;
	memset(order, 0, sizeof(*order));
	reckon(s->core);
	step_action(s, ACTION_KEEP);
}

/* Servers and pools went, and their orders with them. */
void orders_reload(struct step *s)
{
	reckon(s->core);
	step_action(s, ACTION_KEEP);
}

/* --- limits and reminders -------------------------------------------------------------------- */

void order_time(uint64_t ns, char *text, size_t size)
{
	unsigned long long s = (ns + 500000000) / 1000000000;

	if (s < 120)
		snprintf(text, size, "%llu s", s);
	else if (s < 7200)
		snprintf(text, size, "%llu min", (s + 30) / 60);
	else
		snprintf(text, size, "%llu h", (s + 1800) / 3600);
}

const char *order_limit(const struct core *core, const struct core_order *order, char text[ORDER_LIMIT_LEN])
{
	char left[ORDER_LIMIT_LEN / 2];

	text[0] = '\0';
	if (!order->until_ns)
		return text;
	order_time(order->until_ns > core->now ? order->until_ns - core->now : 0, left, sizeof(left));
	snprintf(text, ORDER_LIMIT_LEN, " for %s", left);
	return text;
}

static bool is_over(const struct core *core, const struct core_order *order)
{
	return order->on && order->until_ns && core->now >= order->until_ns;
}

/* Return: NULL: there is nothing to remind of. */
static struct report *remind(struct step *s, struct core_order *order, enum report_kind kind)
{
	struct report *r;
	char age[32];

	if (!order->on || s->core->now < order->remind_ns)
		return NULL;
	order->remind_ns = s->core->now + TIMING_FORGOTTEN_NS;
	order_time((uint64_t)((int64_t)s->core->now - order->since_ns), age, sizeof(age));
	r = tell(s, kind);
	snprintf(r->to, sizeof(r->to), "forgotten");
	snprintf(r->reason, sizeof(r->reason), "it lasts for %s: was it forgotten?%s%s", age,
		 order->reason[0] ? " " : "", order->reason);
	return r;
}

static void review_server(struct step *s, uint32_t id)
{
	struct core_server *server = &s->core->servers[id];
	struct report *r;

	if (is_over(s->core, &server->maintenance)) {
		server_end_maintenance(s, id, "its time is over");
		return;
	}
	r = remind(s, &server->maintenance, REPORT_MAINTENANCE);
	if (r)
		snprintf(r->server, sizeof(r->server), "%s", server->policy->name);
}

static void review_pool(struct step *s, uint32_t id)
{
	struct core_pool *pool = &s->core->pools[id];
	struct report *r;

	if (is_over(s->core, &pool->pause)) {
		pool_end_pause(s, id, "its time is over");
		return;
	}
	r = remind(s, &pool->pause, REPORT_PAUSE);
	if (r)
		snprintf(r->pool, sizeof(r->pool), "%s", pool->policy->name);
}

void orders_review(struct step *s)
{
	const struct policy *policy = s->core->policy;

	for (uint32_t i = 0; i < policy->n_servers; i++)
		review_server(s, policy->servers[i].id);
	for (uint32_t i = 0; i < policy->n_pools; i++)
		review_pool(s, policy->pools[i].id);
	reckon(s->core);
}
