// SPDX-License-Identifier: GPL-2.0-only
#include "core_shell.h"

#include <errno.h>
#include <string.h>

#include "core/news.h"
#include "core/plan.h"

#define REST_TICKS 200
#define REST_COUNTS 2000
#define REST_NS (1800 * SECOND) /* what is due later is a limit or a reminder of an order */

static struct actions actions;

static void perform(struct shell *s, const struct action *a);

/* --- events ---------------------------------------------------------------------------------- */

static void put(struct shell *s, const struct event *ev)
{
	if (s->n_inbox == SHELL_INBOX) {
		world_fail(s->w, "the core goes round in circles: %u events without a pause", s->n_inbox);
		s->n_inbox = s->taken = 0;
		return;
	}
	s->inbox[s->n_inbox] = *ev;
	if (!ev->time_ns)
		s->inbox[s->n_inbox].time_ns = s->w->now;
	s->n_inbox++;
}

static void drain(struct shell *s)
{
	while (s->taken < s->n_inbox) {
		struct event ev = s->inbox[s->taken++];

		daemon_step(s->w, &ev, &actions);
		for (uint32_t i = 0; i < actions.n; i++)
			perform(s, &actions.action[i]);
	}
	s->n_inbox = s->taken = 0;
	truth_pools(s->w);
}

void shell_hear(struct shell *s, const struct event *ev)
{
	put(s, ev);
	drain(s);
}

/* --- news of the kernel ---------------------------------------------------------------------- */

static void keep(struct shell *s, const struct event *ev)
{
	memmove(s->past + 1, s->past, sizeof(s->past) - sizeof(s->past[0]));
	s->past[0] = *ev;
	s->n_past += s->n_past < SHELL_PAST;
}

void shell_tell(struct shell *s, const struct event *ev, enum shell_manner manner)
{
	if (manner == SHELL_WORKS) {
		keep(s, ev);
		shell_hear(s, ev);
	} else if (manner == SHELL_LINGERS && s->n_ring < SHELL_RING) {
		s->ring[s->n_ring++] = *ev;
	} else {
		s->lost = true;
	}
}

static void put_pool(struct shell *s, uint32_t id)
{
	struct event ev;

	news_from_pool(id, kernel_pool(id), s->w->now, &ev);
	if (kernel_plan(id)->name[0])
		put(s, &ev);
}

static void put_maps(struct shell *s)
{
	struct event ev;

	for (uint32_t id = 0; id < WORLD_TARGETS; id++) {
		news_from_target(id, kernel_detect(id), s->w->now, &ev);
		if (!kernel_target(id)->server)
			continue;
		put(s, &ev);
		news_from_userland(id, kernel_userland(id), s->w->now, &ev);
		if (kernel_userland(id)->heard_ns)
			put(s, &ev);
	}
	for (uint32_t id = 1; id <= WORLD_POOLS; id++)
		put_pool(s, id);
}

void shell_adopt(struct shell *s)
{
	put_maps(s);
	drain(s);
}

void shell_poll(struct shell *s, uint32_t n)
{
	n = n < s->n_ring ? n : s->n_ring;
	for (uint32_t i = 0; i < n; i++) {
		keep(s, &s->ring[i]);
		put(s, &s->ring[i]);
	}
	memmove(s->ring, s->ring + n, (s->n_ring - n) * sizeof(s->ring[0]));
	s->n_ring -= n;
	if (!s->n_ring && s->lost) {
		s->lost = false;
		put_maps(s);
	}
	drain(s);
}

/* --- actions --------------------------------------------------------------------------------- */

static void fail(struct event *ev, int error)
{
	static const char why[] = "it does not work";

	if (ev->kind == EVENT_SYNCED) {
		ev->synced.error = error;
		memcpy(ev->synced.why, why, error ? sizeof(why) : 0);
	} else {
		ev->result.error = error;
		memcpy(ev->result.why, why, error ? sizeof(why) : 0);
	}
}

/* The order is carried out at once; that it was is known at once, or later. */
static void steer(struct shell *s, const struct action *a)
{
	struct dfb_order order = plan_order(a);
	struct event ev = {.kind = EVENT_STEERED, .result = {.pool = a->steer.pool, .epoch = a->steer.epoch}};

	fail(&ev, s->steers == SHELL_FAILS ? -EIO : kernel_order(&order));
	if (s->steers == SHELL_LINGERS && s->n_late < SHELL_LATE) {
		s->late[s->n_late++] = (struct shell_late){.ev = ev};
		s->lost = true;
		return;
	}
	put_pool(s, a->steer.pool);
	put(s, &ev);
}

/* What lingers is done when its result is told. */
static void do_late(struct shell *s, struct shell_late *late, bool works)
{
	struct dfb_order note = {.kind = DFB_ORDER_COMMITTED, .id = late->ev.result.pool,
				 .epoch = late->ev.result.epoch};

	if (late->ev.kind == EVENT_STEERED)
		return;
	fail(&late->ev, works ? 0 : -EIO);
	if (late->ev.kind != EVENT_COMMITTED || !works)
		return;
	s->w->daemon.routes[note.id].server = late->server;
	s->w->daemon.routes[note.id].epoch = note.epoch;
	kernel_order(&note);
}

static void do_or_linger(struct shell *s, const struct shell_late *late, enum shell_manner manner)
{
	struct shell_late now = *late;

	if (manner == SHELL_LINGERS && s->n_late < SHELL_LATE) {
		s->late[s->n_late++] = *late;
		return;
	}
	do_late(s, &now, manner != SHELL_FAILS);
	put(s, &now.ev);
}

static struct shell_late take_late(struct shell *s, uint32_t i)
{
	struct shell_late late = s->late[i];

	memmove(s->late + i, s->late + i + 1, (s->n_late - i - 1) * sizeof(s->late[0]));
	s->n_late--;
	return late;
}

void shell_finish(struct shell *s, uint32_t i, bool works)
{
	struct shell_late late;

	if (i >= s->n_late)
		return;
	late = take_late(s, i);
	do_late(s, &late, works);
	shell_hear(s, &late.ev);
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

static void count(struct shell *s, uint32_t server)
{
	struct event ev = {.kind = EVENT_COUNTED,
			   .counted = {.server = server, .connections = (uint32_t)(s->w->now / SECOND) % 3}};

	put(s, &ev);
}

static void perform(struct shell *s, const struct action *a)
{
	struct shell_late late = {};

	switch (a->kind) {
	case ACTION_STEER:
		steer(s, a);
		break;
	case ACTION_COMMIT:
		late.ev = (struct event){.kind = EVENT_COMMITTED,
					 .result = {.pool = a->commit.pool, .epoch = a->commit.epoch}};
		late.server = a->commit.share.slots[0];
		do_or_linger(s, &late, s->commits);
		break;
	case ACTION_SYNC:
		late.ev.kind = EVENT_SYNCED;
		do_or_linger(s, &late, s->syncs);
		break;
	case ACTION_FIT:
		plan_set_fit(kernel_plan(a->fit.pool), a->fit.server, a->fit.ok);
		break;
	case ACTION_HOLD:
		kernel_plan(a->hold.pool)->held = a->hold.held;
		break;
	case ACTION_PAUSE:
		kernel_plan(a->pause.pool)->paused = a->pause.paused;
		break;
	case ACTION_FLAG:
		flag(a);
		break;
	case ACTION_DRAIN:
		kernel_server(a->drain.server)->drain_ns = a->drain.until_ns;
		break;
	case ACTION_COUNT:
		count(s, a->count.server);
		break;
	default:
		break;
	}
}

/* --- life ------------------------------------------------------------------------------------ */

static uint32_t id_of(const struct world *w, uint32_t index)
{
	uint32_t id = 1;

	while (id < WORLD_IDS && w->by_id[id] != index + 1)
		id++;
	return id;
}

static void put_routable(struct shell *s, uint32_t index)
{
	uint32_t id = id_of(s->w, index);
	struct event ev = {.kind = EVENT_ROUTABLE, .routable = {.server = id, .ok = !(s->bad[index] & 1)}};

	ev.routable.moved = !(s->bad[index] & 8);
	ev.routable.cannot_leave[DFB_FAMILY_IPV4] = s->bad[index] & 2;
	ev.routable.cannot_leave[DFB_FAMILY_IPV6] = s->bad[index] & 4;
	if (!ev.routable.ok)
		strcpy(ev.routable.why, "it is far away");
	if (id < WORLD_IDS)
		put(s, &ev);
}

void shell_routable(struct shell *s, uint32_t index)
{
	put_routable(s, index);
	drain(s);
}

/* As user/daemon.c: the policy first, then everything as it is. */
static void put_picture(struct shell *s, bool first)
{
	const struct policy *policy = s->w->daemon.policy;
	struct event ev = {.kind = EVENT_POLICY, .policy = policy};

	put(s, &ev);
	for (uint32_t i = 0; first && i < policy->n_servers; i++) {
		ev = (struct event){.kind = EVENT_MAINTENANCE, .op.on = true};
		memcpy(ev.op.name, policy->servers[i].name, DFB_NAME_LEN);
		if (kernel_server(policy->servers[i].id)->flags & DFB_SERVER_MAINTENANCE)
			put(s, &ev);
	}
	for (uint32_t i = 0; i < s->w->n_servers; i++)
		put_routable(s, i);
	put_maps(s);
	drain(s);
}

static void configure(struct shell *s, bool first)
{
	struct policy *old = s->w->daemon.policy;

	s->w->daemon.policy = configure_policy(s->w);
	configure_kernel(s->w, s->w->daemon.policy);
	put_picture(s, first);
	if (old)
		configure_free(old);
}

void shell_start(struct shell *s)
{
	s->n_late = 0;
	s->lost = false;
	core_init(s->w->daemon.core);
	oracle_begin(s->w);
	configure(s, true);
}

/* What a vanished pool waited for is over; what its news said is read while its id is nobody's. */
void shell_reload(struct shell *s)
{
	configure(s, false);
	for (uint32_t i = s->n_late; i-- > 0;) {
		if (s->late[i].ev.kind != EVENT_SYNCED && !kernel_plan(s->late[i].ev.result.pool)->name[0])
			take_late(s, i);
	}
	shell_poll(s, SHELL_RING);
	s->n_past = 0;
}

/* --- in the end ------------------------------------------------------------------------------ */

/* Everybody is up or down, and no userland hangs. */
static void settle_targets(struct shell *s)
{
	for (uint32_t id = 0; id < WORLD_TARGETS; id++) {
		struct world_server *who = world_server_of(s->w, id);
		struct dfb_userland *u = kernel_userland(id);
		struct dfb_detect *d = kernel_detect(id);

		if (!who || !kernel_target(id)->server)
			continue;
		if (d->state != DFB_STATE_UP && d->state != DFB_STATE_DOWN) {
			d->state = DFB_STATE_UP;
			d->reason = DFB_REASON_ANSWERED;
			d->since_ns = s->w->now;
		}
		who->dead[dfb_target_family(id)] = d->state == DFB_STATE_DOWN;
		if (u->state == DFB_USERLAND_HUNG) {
			u->state = DFB_USERLAND_WELL;
			u->since_ns = u->heard_ns = u->alive_ns = s->w->now;
		}
	}
}

static void tick_at(struct shell *s, uint64_t due)
{
	struct event ev = {.kind = EVENT_TICK};

	s->w->now = due > s->w->now ? due : s->w->now + 1;
	shell_hear(s, &ev);
}

/* Connections that stay with a server are counted for as long as a day: that is no unrest. */
static bool is_count(const struct core *core, uint64_t due)
{
	for (uint32_t i = 0; i < core->policy->n_servers; i++) {
		if (core->servers[core->policy->servers[i].id].drain.count_ns == due)
			return true;
	}
	return false;
}

void shell_rest(struct shell *s)
{
	struct world *w = s->w;
	uint32_t n = 0;
	uint64_t due;

	s->steers = s->commits = s->syncs = SHELL_WORKS;
	while (s->n_late)
		shell_finish(s, 0, true);
	w->now++;
	settle_targets(s);
	s->lost = true;
	shell_poll(s, SHELL_RING);
	for (uint32_t i = 0; i < REST_COUNTS && n <= REST_TICKS; i++) {
		due = core_deadline(w->daemon.core);
		if (!due || due >= w->now + REST_NS)
			break;
		n += !is_count(w->daemon.core, due);
		tick_at(s, due);
	}
	if (n > REST_TICKS)
		world_fail(w, "the core does not come to rest");
	tick_at(s, w->now + SECOND);
	if (oracle_owes(w))
		world_fail(w, "in the end an operator still waits for an answer");
	w->settles = true;
	w->truth.disturbed_ns = 0;
	w->end_ns = w->now + 2 * SECOND;
	truth_end(w);
}
