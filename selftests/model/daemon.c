// SPDX-License-Identifier: GPL-2.0-only
/*
 * The controller's shell, in small: events are queued and stepped through the core one by one, as
 * in user/daemon.c; ring and adoption are those of user/sense/kern.c; actuators take their time
 * and may fail. It can be stopped, killed and started at any moment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/news.h"
#include "core/plan.h"
#include "core/trace.h"
#include "world.h"

#define DAEMON_WAKE_NS (40 * US)
#define DAEMON_SYNC_NS (300 * US)
#define DAEMON_PUBLISH_NS (50 * MS)
#define DAEMON_RESPAWN_NS (5 * MS)
#define DAEMON_TICK_NS SECOND
#define DAEMON_QUEUE 1024

static struct event queue[DAEMON_QUEUE];
static uint32_t queued, taken;
static bool stepping;
static struct actions actions;

static void perform(struct world *w, const struct action *a);

/* --- its process ----------------------------------------------------------------------------- */

/* Is this still for us, and now? What comes while it is stopped waits. */
static bool is_for_us(struct world *w, const struct happening *h)
{
	struct daemon *d = &w->daemon;

	if (d->is == PROCESS_DEAD || h->c != d->life)
		return false;
	if (d->is == PROCESS_RUNS)
		return true;
	if (d->n_backlog < WORLD_BACKLOG)
		d->backlog[d->n_backlog++] = *h;
	return false;
}

static void later(struct world *w, uint64_t delay_ns, world_fn *run, uint64_t a, uint64_t b)
{
	world_after(w, delay_ns, true, run, (uint64_t[]){a, b, w->daemon.life});
}

/* --- stepping -------------------------------------------------------------------------------- */

static void trace(struct world *w, const struct event *ev, const struct actions *wanted)
{
	char text[400];

	if (ev->kind == EVENT_TICK && !wanted->n)
		return;
	trace_event(w->daemon.core, ev, WORLD_START_NS, text, sizeof(text));
	world_say(w, "%s", text);
	for (uint32_t i = 0; i < wanted->n; i++) {
		trace_action(w->daemon.core, &wanted->action[i], text, sizeof(text));
		world_say(w, "             -> %s", text);
	}
}

void daemon_step(struct world *w, const struct event *ev, struct actions *ret_actions)
{
	oracle_hear(w, ev);
	core_step(w->daemon.core, ev, ret_actions);
	trace(w, ev, ret_actions);
	oracle_judge(w, ev, ret_actions);
}

static void on_tick(struct world *w, const struct happening *h);

static void set_timer(struct world *w)
{
	uint64_t due = core_deadline(w->daemon.core), tick = w->now + DAEMON_TICK_NS;

	due = due && due < tick ? due : tick;
	later(w, due > w->now ? due - w->now : 1, on_tick, ++w->daemon.tick, 0);
}

static void drain(struct world *w)
{
	stepping = true;
	while (taken < queued) {
		struct event ev = queue[taken++];

		daemon_step(w, &ev, &actions);
		for (uint32_t i = 0; i < actions.n; i++)
			perform(w, &actions.action[i]);
	}
	queued = taken = 0;
	stepping = false;
	set_timer(w);
}

void daemon_emit(struct world *w, const struct event *ev)
{
	if (queued == DAEMON_QUEUE) {
		world_fail(w, "the core goes round in circles: %u events without a pause", queued);
		queued = taken = 0;
		return;
	}
	queue[queued] = *ev;
	queue[queued++].time_ns = ev->time_ns ? ev->time_ns : w->now;
	if (!stepping)
		drain(w);
}

/* --- what the kernel says: as user/sense/kern.c ---------------------------------------------- */

static void adopt_target(struct world *w, uint32_t id)
{
	struct event ev;

	news_from_target(id, kernel_detect(id), w->now, &ev);
	daemon_emit(w, &ev);
	if (!kernel_userland(id)->heard_ns)
		return;
	news_from_userland(id, kernel_userland(id), w->now, &ev);
	daemon_emit(w, &ev);
}

static void adopt_pool(struct world *w, uint32_t id)
{
	struct event ev;

	news_from_pool(id, kernel_pool(id), w->now, &ev);
	if (kernel_plan(id)->name[0])
		daemon_emit(w, &ev);
}

static void adopt(struct world *w)
{
	for (uint32_t id = 0; id < WORLD_TARGETS; id++) {
		if (kernel_target(id)->server)
			adopt_target(w, id);
	}
	for (uint32_t id = 1; id <= WORLD_POOLS; id++)
		adopt_pool(w, id);
}

/* As kern_poll(). */
static void poll_ring(struct world *w)
{
	struct dfb_event record;
	struct event ev;

	while (kernel_take(&record)) {
		if (news_from_record(&record, &ev))
			daemon_emit(w, &ev);
	}
	if (w->daemon.ring_full == kernel_ring_full())
		return;
	w->daemon.ring_full = kernel_ring_full();
	adopt(w);
}

static void on_ring(struct world *w, const struct happening *h)
{
	if (!is_for_us(w, h))
		return;
	w->daemon.waking = false;
	poll_ring(w);
}

void daemon_ring(struct world *w)
{
	if (w->daemon.is == PROCESS_DEAD || w->daemon.waking)
		return;
	w->daemon.waking = true;
	later(w, DAEMON_WAKE_NS, on_ring, 0, 0);
}

/* What waits is heard before time passes. */
static void on_tick(struct world *w, const struct happening *h)
{
	struct event ev = {.kind = EVENT_TICK};

	if (h->a != w->daemon.tick || !is_for_us(w, h))
		return;
	poll_ring(w);
	daemon_emit(w, &ev);
}

/* --- actuators: as user/dispatch.c ----------------------------------------------------------- */

static void set_error(struct event *ev, int error)
{
	ev->result.error = error;
	snprintf(ev->result.why, sizeof(ev->result.why), "%s", error == -ESTALE ? "it moved meanwhile" :
		 error ? "input/output error" : "");
}

/* An order given twice is carried out once. */
static void steer(struct world *w, const struct action *a)
{
	struct dfb_order order = plan_order(a);
	struct event ev = {.kind = EVENT_STEERED, .result = {.pool = a->steer.pool, .epoch = a->steer.epoch}};

	if (w->daemon.fail_steers) {
		w->daemon.fail_steers--;
		set_error(&ev, -EIO);
	} else {
		set_error(&ev, kernel_order(&order));
		if (kernel_order(&order) != -ESTALE)
			world_fail(w, "an order given twice was carried out twice");
	}
	adopt_pool(w, a->steer.pool);
	daemon_emit(w, &ev);
}

static void on_acknowledged(struct world *w, const struct happening *h)
{
	struct dfb_order note = {.kind = DFB_ORDER_COMMITTED, .id = (uint32_t)h->a, .epoch = h->b >> 1};
	struct event ev = {.kind = EVENT_COMMITTED, .result = {.pool = (uint32_t)h->a, .epoch = h->b >> 1}};

	if (!is_for_us(w, h))
		return;
	set_error(&ev, h->b & 1 ? -EIO : kernel_order(&note));
	daemon_emit(w, &ev);
}

/* The message is with the routing tables: killing us does not take it back. */
static void on_routed(struct world *w, const struct happening *h)
{
	w->daemon.routes[h->a].server = (uint32_t)h->b;
	w->daemon.routes[h->a].epoch = h->c;
}

static void commit(struct world *w, const struct action *a)
{
	bool fails = w->daemon.fail_commits != 0;

	if (fails)
		w->daemon.fail_commits--;
	else
		world_after(w, w->daemon.commit_ns / 2, false, on_routed,
			    (uint64_t[]){a->commit.pool, a->commit.share.slots[0], a->commit.epoch});
	later(w, w->daemon.commit_ns, on_acknowledged, a->commit.pool, a->commit.epoch << 1 | fails);
}

/* As user/act/dns.c: a record is written in place of the one that was read, or not at all. */
static int ask_name_server(struct world *w, struct world_names *ns, bool write)
{
	if (w->daemon.fail_publishes) {
		w->daemon.fail_publishes--;
		return -EIO;
	}
	if (write && ns->known != ns->version)
		return -ESTALE;
	if (write) {
		ns->record = ns->writing;
		ns->version++;
	}
	ns->known = ns->version;
	return 0;
}

static void on_published(struct world *w, const struct happening *h)
{
	struct world_names *ns = &w->daemon.names[h->a];
	struct event ev = {.kind = EVENT_PUBLISHED};

	if (!is_for_us(w, h))
		return;
	ev.published.publication = (uint32_t)h->a;
	ev.published.turn = h->b >> 1;
	ev.published.wrote = h->b & 1;
	ev.published.error = ask_name_server(w, ns, h->b & 1);
	ev.published.record = ns->record;
	if (ev.published.error)
		snprintf(ev.published.why, sizeof(ev.published.why), "%s",
			 ev.published.error == -ESTALE ? "another record stands there" : "the name server refuses");
	daemon_emit(w, &ev);
}

static void publish(struct world *w, const struct action *a)
{
	w->daemon.names[a->publish.publication].writing = a->publish.record;
	later(w, DAEMON_PUBLISH_NS, on_published, a->publish.publication,
	      a->publish.turn << 1 | a->publish.write);
}

static void on_synced(struct world *w, const struct happening *h)
{
	struct event ev = {.kind = EVENT_SYNCED, .synced.error = h->a ? -EIO : 0};

	if (!is_for_us(w, h))
		return;
	if (h->a)
		snprintf(ev.synced.why, sizeof(ev.synced.why), "the kernel refused a rule");
	daemon_emit(w, &ev);
}

static void sync_routes(struct world *w)
{
	bool fails = w->daemon.fail_syncs != 0;

	w->daemon.fail_syncs -= fails;
	later(w, DAEMON_SYNC_NS, on_synced, fails, 0);
}

/* As kern_flag(). */
static void flag(const struct action *a)
{
	kernel_server(a->flag.server)->flags = a->flag.flags;
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		struct dfb_target *t = kernel_target(dfb_target_id(a->flag.server, family));

		if (t->server)
			t->cannot_leave = a->flag.cannot_leave[family];
	}
}

/* They end one by one; each drain finds a few. */
static void count(struct world *w, uint32_t server)
{
	struct event ev = {.kind = EVENT_COUNTED, .counted = {.server = server}};
	uint32_t *left = &w->daemon.connections[server];

	ev.counted.connections = *left = *left ? *left - 1 : 1 + server % 3;
	daemon_emit(w, &ev);
}

static void perform(struct world *w, const struct action *a)
{
	switch (a->kind) {
	case ACTION_STEER:
		steer(w, a);
		break;
	case ACTION_COMMIT:
		commit(w, a);
		break;
	case ACTION_PUBLISH:
		publish(w, a);
		break;
	case ACTION_HOLD:
		kernel_plan(a->hold.pool)->held = a->hold.held ? DFB_HELD_NOBODY :
						  a->hold.passive ? DFB_HELD_PASSIVE : DFB_HELD_NOT;
		break;
	case ACTION_PAUSE:
		kernel_plan(a->pause.pool)->paused = a->pause.paused;
		break;
	case ACTION_KEEP:
		orders_keep(&w->daemon);
		break;
	case ACTION_FIT:
		plan_set_fit(kernel_plan(a->fit.pool), a->fit.server, a->fit.ok);
		break;
	case ACTION_FLAG:
		flag(a);
		break;
	case ACTION_DRAIN:
		kernel_server(a->drain.server)->drain_ns = a->drain.until_ns;
		break;
	case ACTION_COUNT:
		count(w, a->count.server);
		break;
	case ACTION_SYNC:
		sync_routes(w);
		break;
	case ACTION_ANSWER:
		w->daemon.answered++;
		break;
	default:
		break;
	}
}

/* --- what else it hears ---------------------------------------------------------------------- */

static void emit_routable(struct world *w, uint32_t server)
{
	const struct world_server *s = world_server_of(w, dfb_target_id(server, DFB_FAMILY_IPV4));
	struct event ev = {.kind = EVENT_ROUTABLE, .routable = {.server = server, .ok = true, .moved = true}};
	const struct world_uplink *u;

	if (!s)
		return;
	u = &w->uplinks[s->uplink];
	if (u->no_carrier) {
		ev.routable.ok = false;
		ev.routable.cannot_leave[0] = ev.routable.cannot_leave[1] = true;
		snprintf(ev.routable.why, sizeof(ev.routable.why), "no carrier on %.31s", u->name);
	}
	daemon_emit(w, &ev);
}

static void on_link(struct world *w, const struct happening *h)
{
	if (is_for_us(w, h))
		emit_routable(w, (uint32_t)h->a);
}

/* As link_start() and link_reload(): how things are now. */
static void emit_all_routable(struct world *w)
{
	for (uint32_t id = 1; id < WORLD_IDS; id++)
		emit_routable(w, id);
}

void daemon_carrier(struct world *w, uint32_t uplink)
{
	for (uint32_t id = 1; id < WORLD_IDS && w->daemon.is != PROCESS_DEAD; id++) {
		if (w->by_id[id] && w->servers[w->by_id[id] - 1].uplink == uplink)
			later(w, 200 * US, on_link, id, 0);
	}
}

static void on_tampered(struct world *w, const struct happening *h)
{
	struct event ev = {.kind = EVENT_TAMPERED, .text.what = "somebody removed a rule"};

	if (is_for_us(w, h))
		daemon_emit(w, &ev);
}

void daemon_tampered(struct world *w)
{
	later(w, 100 * US, on_tampered, 0, 0);
}

/* What the process that checks says; with the controller, that dies, too. */
void daemon_check(struct world *w, const struct event *ev)
{
	if (w->daemon.is == PROCESS_RUNS)
		daemon_emit(w, ev);
}

/* Operators do not reach a controller that is stopped, and see that. */
void daemon_ask(struct world *w, const struct event *ev)
{
	struct event asked = *ev;

	if (w->daemon.is != PROCESS_RUNS)
		return;
	asked.op.request = ++w->daemon.request;
	w->daemon.asked++;
	daemon_emit(w, &asked);
}

static void emit_prober(struct world *w)
{
	struct event ev = {
		.kind = EVENT_PROBER,
		.prober = {.ok = w->prober.is != PROCESS_DEAD, .pid = w->prober.pid},
	};

	daemon_emit(w, &ev);
}

static void on_respawn(struct world *w, const struct happening *h)
{
	if (!is_for_us(w, h) || w->prober.is != PROCESS_DEAD)
		return;
	prober_start(w);
	emit_prober(w);
}

static void on_prober_died(struct world *w, const struct happening *h)
{
	if (!is_for_us(w, h) || w->prober.is != PROCESS_DEAD)
		return;
	emit_prober(w);
	later(w, DAEMON_RESPAWN_NS, on_respawn, 0, 0);
}

void daemon_prober_died(struct world *w)
{
	later(w, 100 * US, on_prober_died, 0, 0);
}

/* --- life ------------------------------------------------------------------------------------ */

static void emit_policy(struct world *w)
{
	struct event ev = {.kind = EVENT_POLICY, .policy = w->daemon.policy};
	daemon_emit(w, &ev);
}

static void start_prober(struct world *w)
{
	if (w->prober.is == PROCESS_DEAD)
		prober_start(w);
	emit_prober(w);
}

/* As begin(): one picture, the policy first. */
void daemon_start(struct world *w)
{
	struct daemon *d = &w->daemon;

	if (d->is != PROCESS_DEAD)
		return;
	d->is = PROCESS_RUNS;
	d->life++;
	d->waking = false;
	d->asked = d->answered = 0;
	d->ring_full = kernel_ring_full();
	core_init(d->core);
	oracle_begin(w);
	if (d->policy)
		configure_free(d->policy);
	d->policy = configure_policy(w);
	configure_kernel(w, d->policy);
	stepping = true;
	queued = taken = 0;
	if (d->kept_passive)
		daemon_emit(w, &(struct event){.kind = EVENT_MODE, .op.on = true});
	emit_policy(w);
	orders_restore(w);
	emit_all_routable(w);
	adopt(w);
	start_prober(w);
	drain(w);
	daemon_ring(w);
}

/* As put_in_force(). */
void daemon_reload(struct world *w)
{
	struct policy *old = w->daemon.policy;

	if (w->daemon.is != PROCESS_RUNS)
		return;
	w->daemon.policy = configure_policy(w);
	configure_kernel(w, w->daemon.policy);
	stepping = true;
	emit_policy(w);
	emit_all_routable(w);
	adopt(w);
	drain(w);
	configure_free(old);
}

void daemon_stop(struct world *w)
{
	if (w->daemon.is == PROCESS_RUNS)
		w->daemon.is = PROCESS_STOPPED;
}

void daemon_continue(struct world *w)
{
	struct daemon *d = &w->daemon;

	if (d->is != PROCESS_STOPPED)
		return;
	d->is = PROCESS_RUNS;
	for (uint32_t i = 0; i < d->n_backlog; i++) {
		const struct happening *h = &d->backlog[i];

		later(w, world_random(w, 100 * US), h->run, h->a, h->b);
	}
	d->n_backlog = 0;
}

void daemon_kill(struct world *w)
{
	w->daemon.is = PROCESS_DEAD;
	w->daemon.n_backlog = 0;
}
