// SPDX-License-Identifier: GPL-2.0-only
#include "standing.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "store/orders.h"

static int collect(const struct daemon *d, struct orders *orders)
{
	const struct policy *policy = d->policy;
	int err = 0;

	if (d->core.mode_ordered)
		orders->mode = mode_names[d->core.passive];
	for (uint32_t i = 0; !err && i < policy->n_servers; i++) {
		const struct core_order *order = &d->core.servers[policy->servers[i].id].maintenance;

		if (order->on)
			err = orders_add(orders, ORDERS_MAINTENANCE, policy->servers[i].name, order);
	}
	for (uint32_t i = 0; !err && i < policy->n_pools; i++) {
		const struct core_order *order = &d->core.pools[policy->pools[i].id].pause;

		if (order->on)
			err = orders_add(orders, ORDERS_PAUSED, policy->pools[i].name, order);
	}
	return err;
}

void standing_keep(const struct daemon *d)
{
	struct orders orders = {0};
	int err = collect(d, &orders);

	if (!err)
		err = orders_write(d->paths.orders, &orders);
	if (err)
		log_error("%s: %s: maintenance and pauses will not outlive this daemon as they are",
			  d->paths.orders, strerror(-err));
	orders_free(&orders);
}

/* --- the next life --------------------------------------------------------------------------- */

static void emit_maintenance(struct daemon *d, const char *server, const struct core_order *order)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_MAINTENANCE};

	ev.op.on = true;
	ev.op.since_ns = order->since_ns;
	ev.op.until_ns = order->until_ns;
	text_copy(ev.op.name, sizeof(ev.op.name), server);
	text_copy(ev.op.reason, sizeof(ev.op.reason), order->reason);
	daemon_emit(d, &ev);
}

static void emit_pause(struct daemon *d, uint32_t pool, const struct core_order *order)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_PAUSE};

	ev.op.on = true;
	ev.op.pool = pool;
	ev.op.since_ns = order->since_ns;
	ev.op.until_ns = order->until_ns;
	text_copy(ev.op.reason, sizeof(ev.op.reason), order->reason);
	daemon_emit(d, &ev);
}

/* The kernel has gone on with it. */
static void restore_drain(struct daemon *d, uint32_t server)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_DRAIN,
			   .drain = {server, kern_drains_until(d->kern, server)}};

	if (ev.drain.until_ns)
		daemon_emit(d, &ev);
}

static const struct orders_entry *find(const struct orders *orders, enum orders_kind kind, const char *name)
{
	for (size_t i = 0; i < orders->n; i++) {
		if (orders->list[i].kind == kind && !strcmp(orders->list[i].name, name))
			return &orders->list[i];
	}
	return NULL;
}

static void restore_mode(struct daemon *d, const struct orders *orders)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_MODE};

	if (!orders->mode)
		return;
	ev.op.on = orders->mode == mode_names[POLICY_PASSIVE];
	daemon_emit(d, &ev);
}

static void restore_servers(struct daemon *d, const struct orders *orders, bool written)
{
	static const struct core_order unknown = {.on = true};

	for (uint32_t i = 0; i < d->policy->n_servers; i++) {
		const struct policy_server *s = &d->policy->servers[i];
		const struct orders_entry *e = find(orders, ORDERS_MAINTENANCE, s->name);

		if (e)
			emit_maintenance(d, s->name, &e->order);
		else if (!written && (kern_flags(d->kern, s->id) & DFB_SERVER_MAINTENANCE))
			emit_maintenance(d, s->name, &unknown);
		restore_drain(d, s->id);
	}
}

static void restore_pools(struct daemon *d, const struct orders *orders)
{
	for (uint32_t i = 0; i < d->policy->n_pools; i++) {
		const struct policy_pool *p = &d->policy->pools[i];
		const struct orders_entry *e = find(orders, ORDERS_PAUSED, p->name);
		int err = kern_pause(d->kern, p->id, e != NULL);

		if (err)
			log_error("cannot write a kernel map: %s", strerror(-err));
		if (e)
			emit_pause(d, p->id, &e->order);
	}
}

void standing_restore(struct daemon *d)
{
	struct orders orders = {0};
	int err = orders_read(d->paths.orders, &orders);

	restore_mode(d, &orders);
	daemon_emit_policy(d);
	if (err && err != -ENOENT)
		log_error("%s: %s: only the kernel's maps tell who is in maintenance", d->paths.orders,
			  err == -EBADMSG ? "damaged" : strerror(-err));
	restore_servers(d, &orders, !err);
	restore_pools(d, &orders);
	orders_free(&orders);
}
