// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as a stream of events for the decision core: a configuration, then what the kernel says (at once,
 * late, twice, or never), time, operators, links, reloads, restarts, actions that work, linger or fail. The
 * simulator's oracle judges each step, its truth what is left in the end, when nothing goes wrong any more.
 * Twice the same bytes give twice the same trace; it is printed if something is wrong, or
 * if FUZZ_TRACE is in the environment.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/news.h"
#include "core_shell.h"
#include "fuzz.h"

#define MOST 768 /* bytes of an input */
#define SERVERS 5
#define POOLS 3

/** struct input - bytes yet to be used; @shell: for whom */
struct input {
	const uint8_t *at;
	size_t left;
	struct shell shell;
};

/** struct outcome - of a run; @hash: of its trace */
struct outcome {
	uint64_t hash;
	uint32_t failures;
};

typedef void fuzz_op(struct input *in, struct world *w);

/* 0 to @n - 1; 0 when the input is used up. */
static uint32_t take(struct input *in, uint32_t n)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++ % n;
}

static bool maybe(struct input *in)
{
	return take(in, 2);
}

/* --- the configuration ----------------------------------------------------------------------- */

static void make_heartbeat(struct input *in, struct policy_heartbeat *h)
{
	static const uint64_t intervals[] = {MS, 10 * MS, 250 * US, SECOND};
	uint32_t b = take(in, 256);

	*h = (struct policy_heartbeat){
		.interval_ns = intervals[b % 4],
		.timeout_min_ns = 300 * US,
		.timeout_max_ns = 50 * MS,
		.misses = 1 + b / 4 % 4,
		.confirm_probes = b / 16 % 2,
		.confirm_spacing_ns = MS,
		.recover_replies = 3,
	};
	h->timeout_ns = b / 32 % 2 ? h->interval_ns * 3 : 0;
}

static void make_server(struct input *in, struct world *w, uint32_t i)
{
	struct world_server *s = &w->servers[i];
	uint32_t b = take(in, 256);

	snprintf(s->conf.name, sizeof(s->conf.name), "s%u", i);
	s->conf.has[DFB_FAMILY_IPV4] = b % 4 != 1;
	s->conf.has[DFB_FAMILY_IPV6] = b % 4 != 0;
	s->configured = b / 4 % 4;
	s->conf.address[DFB_FAMILY_IPV4][0] = s->conf.address[DFB_FAMILY_IPV6][0] = (uint8_t)(i + 1);
	s->conf.address[DFB_FAMILY_IPV6][15] = 1;
	make_heartbeat(in, &s->conf.heartbeat);
}

static void make_pool(struct input *in, struct world *w, uint32_t i)
{
	struct world_pool *p = &w->pools[i];
	uint32_t b = take(in, 256), first = take(in, 2 * SERVERS);

	*p = (struct world_pool){.conf.when_none = b % POLICY_WHEN_NONE_MAX, .conf.fast = b / 4 % 2};
	p->conf.active = b / 2 % 4;
	p->conf.checked = first >= SERVERS;
	p->conf.families = (uint8_t)(1 + b / 8 % 3);
	p->conf.userland = first % 2;
	snprintf(p->conf.name, sizeof(p->conf.name), "p%u", i);
	snprintf(w->services[i].name, sizeof(w->services[i].name), "v%u", i);
	w->services[i].pool = i;
	for (uint32_t k = 0; k <= b / 32 % SERVERS; k++)
		p->servers[p->n_servers++] = (first + k) % SERVERS;
}

/* A pool without a server would have been refused. */
static void make_whole(struct world *w)
{
	for (uint32_t i = 0; i < w->n_pools; i++) {
		bool any = false;

		for (uint32_t k = 0; k < w->pools[i].n_servers; k++)
			any = any || w->servers[w->pools[i].servers[k]].configured;
		if (!any)
			w->servers[w->pools[i].servers[0]].configured = true;
	}
	w->n_services = w->n_pools;
}

static void make_world(struct input *in, struct world *w)
{
	w->staged = true;
	w->n_uplinks = 1;
	w->n_servers = SERVERS;
	for (uint32_t i = 0; i < SERVERS; i++)
		make_server(in, w, i);
	w->n_pools = 1 + take(in, POOLS);
	for (uint32_t i = 0; i < POOLS; i++)
		make_pool(in, w, i);
	make_whole(w);
}

static void do_reload(struct input *in, struct world *w)
{
	uint32_t i = take(in, SERVERS);
	struct world_server *s = &w->servers[i];

	switch (take(in, 7)) {
	case 0:
		s->configured = !s->configured;
		break;
	case 1:
		make_pool(in, w, take(in, POOLS));
		break;
	case 2:
		w->n_pools = 1 + take(in, POOLS);
		break;
	case 3:
		s->conf.address[maybe(in)][1]++;
		break;
	case 4:
		s->conf.has[0] = maybe(in);
		s->conf.has[1] = !s->conf.has[0] || maybe(in);
		break;
	case 5:
		make_heartbeat(in, &s->conf.heartbeat);
		break;
	default:
		break;
	}
	make_whole(w);
	shell_reload(&in->shell);
}

static void do_restart(struct input *in, struct world *w)
{
	(void)w;
	shell_start(&in->shell);
}

/* --- the kernel ------------------------------------------------------------------------------ */

/* Of a server of the world, whether it is there or not. */
static uint32_t any_server(struct input *in, struct world *w)
{
	uint32_t index = take(in, SERVERS), id = 1;

	while (id < WORLD_IDS && w->by_id[id] != index + 1)
		id++;
	return id < WORLD_IDS ? id : 0;
}

static uint32_t any_pool(struct input *in)
{
	return 1 + take(in, POOLS);
}

static enum dfb_reason reason_of(enum dfb_target_state state, bool other)
{
	switch (state) {
	case DFB_STATE_UNKNOWN:
		return DFB_REASON_NO_WITNESS;
	case DFB_STATE_UP:
	case DFB_STATE_RECOVERING:
		return DFB_REASON_ANSWERED;
	default:
		return other ? DFB_REASON_UNSENT : DFB_REASON_EXPIRED;
	}
}

static void do_target(struct input *in, struct world *w)
{
	uint32_t id = dfb_target_id(any_server(in, w), take(in, DFB_FAMILIES)), b = take(in, 256);
	struct dfb_detect *d = kernel_detect(id);
	struct event ev;

	if (!kernel_target(id)->server)
		return;
	w->now++;
	d->state = b % DFB_STATE_MAX;
	d->reason = reason_of(d->state, b & 64);
	d->damped = b >= 128;
	d->misses = b % 16;
	d->since_ns = w->now;
	d->first_missed_ns = w->now - b % 8 * MS;
	d->last_good_ns = d->first_missed_ns - MS;
	news_from_target(id, d, w->now, &ev);
	ev.target.witness = any_server(in, w);
	shell_tell(&in->shell, &ev, take(in, SHELL_MANNER_MAX));
}

static void do_userland(struct input *in, struct world *w)
{
	uint32_t id = dfb_target_id(any_server(in, w), take(in, DFB_FAMILIES)), b = take(in, 64);
	struct dfb_userland *u = kernel_userland(id);
	struct event ev;

	if (!kernel_target(id)->server)
		return;
	w->now++;
	if (u->state != b % DFB_USERLAND_STATE_MAX)
		u->since_ns = w->now;
	u->state = b % DFB_USERLAND_STATE_MAX;
	u->heard_ns = w->now;
	u->alive_ns = w->now - b / 4 * MS;
	news_from_userland(id, u, w->now, &ev);
	shell_tell(&in->shell, &ev, take(in, SHELL_MANNER_MAX));
}

/* As the kernel does: to one that did not serve, or lent to one that does. */
static void give(const struct dfb_pool *pool, struct dfb_order *order)
{
	struct share share = {.lent = pool->lent};

	memcpy(share.slots, pool->slots, sizeof(share.slots));
	if (share_has(&share, order->to)) {
		share_lend(&share, order->from, &order->to, 1);
		order->to = 0;
	} else {
		share_replace(&share, order->from, order->to);
	}
	order->lent = share.lent;
	memcpy(order->slots, share.slots, sizeof(order->slots));
}

/* As the timer's callback: with other reasons than the controller has. */
static void do_move(struct input *in, struct world *w)
{
	static const enum dfb_reason reasons[] = {DFB_REASON_EXPIRED, DFB_REASON_UNSENT, DFB_REASON_RESCUE};
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = any_pool(in), .to = any_server(in, w)};
	struct dfb_pool *pool = kernel_pool(order.id);
	struct event ev;

	order.reason = reasons[take(in, 3)];
	order.epoch = pool->epoch;
	order.from = pool->slots[take(in, DFB_SLOTS)];
	if (!kernel_plan(order.id)->name[0] || !order.to || kernel_server(order.to)->flags ||
	    !order.from || order.from == order.to)
		return;
	give(pool, &order);
	w->now++;
	kernel_order(&order);
	pool->last.misses = take(in, 8);
	pool->last.witness = any_server(in, w);
	pool->last.last_good_ns = w->now - MS;
	news_from_pool(order.id, pool, w->now, &ev);
	ev.pool.committed = 0;
	shell_tell(&in->shell, &ev, take(in, SHELL_MANNER_MAX));
	truth_pools(w);
}

static void do_proposal(struct input *in, struct world *w)
{
	uint32_t id = any_pool(in);
	const struct dfb_pool *pool = kernel_pool(id);
	uint32_t from = pool->slots[take(in, DFB_SLOTS)];
	uint32_t dead = dfb_target_id(from, take(in, DFB_FAMILIES));
	struct event ev;

	if (!kernel_plan(id)->name[0] || !pool->slots[0])
		return;
	news_from_pool(id, pool, w->now, &ev);
	ev.kind = EVENT_PROPOSAL;
	ev.pool.server = any_server(in, w);
	ev.pool.last = (struct dfb_switch){
		.from = from,
		.to = ev.pool.server,
		.reason = DFB_REASON_EXPIRED,
		.verdict_ns = kernel_detect(dead)->since_ns,
	};
	shell_tell(&in->shell, &ev, take(in, SHELL_MANNER_MAX));
}

static void do_poll(struct input *in, struct world *w)
{
	(void)w;
	shell_poll(&in->shell, 1 + take(in, SHELL_RING));
}

static void do_adopt(struct input *in, struct world *w)
{
	(void)w;
	shell_adopt(&in->shell);
}

/* What was told is told again: nothing new may follow. */
static void do_again(struct input *in, struct world *w)
{
	uint32_t i = take(in, SHELL_PAST);
	struct event ev;

	(void)w;
	if (i >= in->shell.n_past)
		return;
	ev = in->shell.past[i];
	shell_hear(&in->shell, &ev);
}

/* Nobody's, or of no kind. */
static void do_stray(struct input *in, struct world *w)
{
	static const uint32_t ids[] = {
		0, DFB_MAX_POOLS, DFB_MAX_POOLS + 1, DFB_MAX_SERVERS, DFB_MAX_SERVERS + 1, UINT32_MAX,
	};
	static const enum event_kind kinds[] = {EVENT_TARGET, EVENT_POOL, EVENT_PROPOSAL, EVENT_ROUTABLE,
						EVENT_STEERED, EVENT_COMMITTED, EVENT_KIND_MAX};
	struct event ev = {.kind = kinds[take(in, 7)]};

	(void)w;
	ev.target.target = ids[take(in, 6)]; /* first of them all: target, pool and server are one */
	shell_hear(&in->shell, &ev);
}

/* --- the rest of the world ------------------------------------------------------------------- */

static void tick(struct input *in)
{
	struct event ev = {.kind = EVENT_TICK};

	shell_hear(&in->shell, &ev);
}

static void do_pass(struct input *in, struct world *w)
{
	static const uint64_t steps[] = {US, 100 * US, MS, 10 * MS, 100 * MS, SECOND, 10 * SECOND};

	w->now += steps[take(in, 7)] * (1 + take(in, 4));
}

static void do_tick(struct input *in, struct world *w)
{
	do_pass(in, w);
	if (maybe(in))
		shell_poll(&in->shell, SHELL_RING);
	tick(in);
}

static void do_deadline(struct input *in, struct world *w)
{
	uint64_t due = core_deadline(w->daemon.core);

	w->now = due > w->now ? due : w->now;
	tick(in);
}

static void do_routable(struct input *in, struct world *w)
{
	uint32_t index = take(in, SERVERS);

	(void)w;
	in->shell.bad[index] = (uint8_t)take(in, 16);
	shell_routable(&in->shell, index);
}

static void name_one(struct input *in, char kind, char ret_name[DFB_NAME_LEN])
{
	uint32_t b = take(in, 8);

	snprintf(ret_name, DFB_NAME_LEN, b < 7 ? "%c%u" : "nobody", kind, b);
}

static void do_failover(struct input *in, struct world *w)
{
	struct event ev = {.kind = EVENT_FAILOVER, .op.request = ++w->daemon.request};
	uint32_t b = take(in, 4);

	name_one(in, 'v', ev.op.name);
	if (b & 1)
		name_one(in, 's', ev.op.to);
	if (take(in, 2))
		name_one(in, 's', ev.op.from);
	ev.op.dry_run = b == 3;
	shell_hear(&in->shell, &ev);
}

static void do_maintenance(struct input *in, struct world *w)
{
	struct event ev = {.kind = EVENT_MAINTENANCE, .op.request = ++w->daemon.request};

	uint32_t b = take(in, 256);

	ev.op.on = b & 1;
	if (b & 2)
		ev.op.drain_until_ns = w->now + b / 4 * 10 * MS;
	name_one(in, 's', ev.op.name);
	shell_hear(&in->shell, &ev);
}

/* Any answer at any time: also of a pool without checks, or of a server that it does not have. */
static void do_check(struct input *in, struct world *w)
{
	struct event ev = {.kind = EVENT_CHECK, .check.pool = any_pool(in)};
	uint32_t b = take(in, 256);

	ev.check.server = any_server(in, w);
	ev.check.state = b % CHECK_STATE_MAX;
	ev.check.good_ns = b / 3 % 4 ? w->now - b / 3 % 4 * MS : 0;
	ev.check.bad_ns = ev.check.state == CHECK_FAIL ? w->now - b / 16 * MS : 0;
	snprintf(ev.check.what, sizeof(ev.check.what), "tcp: refused");
	shell_hear(&in->shell, &ev);
}

static void do_text(struct input *in, struct world *w)
{
	struct event ev = {.kind = maybe(in) ? EVENT_TAMPERED : EVENT_HOOK_FAILED};

	(void)w;
	memset(ev.text.what, 'x', sizeof(ev.text.what) - 1);
	shell_hear(&in->shell, &ev);
}

static void do_prober(struct input *in, struct world *w)
{
	struct event ev = {.kind = EVENT_PROBER, .prober = {.ok = maybe(in), .pid = 1}};

	(void)w;
	shell_hear(&in->shell, &ev);
}

static void do_manner(struct input *in, struct world *w)
{
	uint32_t b = take(in, 27);

	(void)w;
	in->shell.steers = b % 3;
	in->shell.commits = b / 3 % 3;
	in->shell.syncs = b / 9;
}

static void do_finish(struct input *in, struct world *w)
{
	uint32_t i = take(in, SHELL_LATE);

	(void)w;
	shell_finish(&in->shell, i, maybe(in));
}

static fuzz_op *const ops[] = {
	do_target, do_target, do_target, do_tick, do_tick, do_deadline, do_move, do_proposal,
	do_poll, do_adopt, do_again, do_stray, do_pass, do_routable, do_failover, do_maintenance,
	do_text, do_prober, do_manner, do_finish, do_finish, do_reload, do_restart, do_check, do_check,
	do_userland,
};

/* --- one input ------------------------------------------------------------------------------- */

static struct outcome play(const uint8_t *data, size_t size, FILE *out)
{
	struct input in = {.at = data, .left = size, .shell.w = world_new(1)};
	struct world *w = in.shell.w;
	struct outcome outcome;

	assert(w);
	w->out = out;
	make_world(&in, w);
	shell_start(&in.shell);
	while (in.left && !w->failures)
		ops[take(&in, sizeof(ops) / sizeof(ops[0]))](&in, w);
	if (!w->failures)
		shell_rest(&in.shell);
	outcome = (struct outcome){.hash = w->hash, .failures = w->failures};
	world_free(w);
	return outcome;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome first, second;

	if (size > MOST)
		return 0;
	first = play(data, size, NULL);
	second = play(data, size, first.failures || getenv("FUZZ_TRACE") ? stderr : NULL);
	assert(first.hash == second.hash);
	assert(!first.failures);
	return 0;
}
