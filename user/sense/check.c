// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/loop.h"
#include "base/text.h"
#include "check_order.h"
#include "check_process.h"

#define NOT_ASKED "not asked yet"
#define NOBODY UINT32_MAX

/**
 * struct slot - one check; free without an order
 * @order: owned, with slot and serial
 * @sent: the process that lives now has it
 * @subject: indices into the present policy
 * @verdict: index of what it is part of
 * @next: of the same verdict, NOBODY: the last
 * @good_ns: when the last good answer was asked for
 * @failed_ns: when the row of bad ones began by which it fails
 */
struct slot {
	struct check_order *order;
	bool sent;
	struct check_subject subject;
	uint32_t verdict;
	uint32_t next;
	enum check_state state;
	uint64_t good_ns;
	uint64_t failed_ns;
	struct check_result last;
};

/** struct verdict - what checks of a pool say of a server; @first: slot; @wary: all is not well */
struct verdict {
	uint32_t pool;
	uint32_t server;
	uint32_t first;
	bool wary;
	enum check_state state;
};

struct checks {
	struct loop *loop;
	char instance[64];
	check_emit *emit;
	check_told *told;
	void *arg;
	const struct policy *policy;
	struct check_process *process;
	uint32_t serial;
	uint32_t n_slots; /* the highest in use, and one */
	uint32_t capacity; /* of both lists */
	struct slot *slots;
	uint32_t n_verdicts;
	struct verdict *verdicts;
	uint32_t doubts[DFB_MAX_POOLS + 1]; /* by pool id: how many of its servers are wary */
};

/* --- together ---------------------------------------------------------------------------------- */

static bool is_wary(const struct slot *slot)
{
	return slot->state != CHECK_PASS || slot->last.bad_ns;
}

/* The worst of its checks; the first that fails is the one that is told of. */
static void sum_up(const struct checks *c, const struct verdict *v, struct event_check *e, bool *ret_wary)
{
	char subject[CHECK_SUBJECT_LEN];
	bool all_good = true;

	e->pool = v->pool;
	e->server = v->server;
	e->state = CHECK_PASS;
	for (uint32_t i = v->first; i != NOBODY; i = c->slots[i].next) {
		const struct slot *slot = &c->slots[i];

		all_good &= slot->good_ns != 0;
		e->good_ns = !e->good_ns || slot->good_ns < e->good_ns ? slot->good_ns : e->good_ns;
		*ret_wary |= is_wary(slot);
		if (slot->state == CHECK_UNKNOWN && e->state == CHECK_PASS)
			e->state = CHECK_UNKNOWN;
		if (slot->state == CHECK_FAIL && (!e->bad_ns || slot->failed_ns < e->bad_ns))
			e->bad_ns = slot->failed_ns;
		if (e->what[0] && (slot->state != CHECK_FAIL || e->state == CHECK_FAIL))
			continue;
		e->state = slot->state == CHECK_FAIL ? CHECK_FAIL : e->state;
		text_copy(e->service, sizeof(e->service), c->policy->services[slot->subject.service].name);
		snprintf(e->what, sizeof(e->what), "%s: %.90s", check_order_subject(slot->order, subject),
			 slot->last.what);
	}
	if (!all_good)
		e->good_ns = 0;
}

static void tell(struct checks *c, const struct verdict *v)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_CHECK};
	bool wary = false;

	sum_up(c, v, &ev.check, &wary);
	c->emit(c->arg, &ev);
}

/* While all is well nobody hears when a server was good last; the first doubt makes that matter. */
static void tell_others(struct checks *c, const struct verdict *ill)
{
	for (uint32_t i = 0; i < c->n_verdicts; i++) {
		if (c->verdicts[i].pool == ill->pool && &c->verdicts[i] != ill)
			tell(c, &c->verdicts[i]);
	}
}

static void review(struct checks *c, struct verdict *v, bool anyway)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_CHECK};
	enum check_state before = v->state;
	bool wary = false, first;

	sum_up(c, v, &ev.check, &wary);
	first = wary && !c->doubts[v->pool];
	c->doubts[v->pool] += (uint32_t)wary - (uint32_t)v->wary;
	v->state = ev.check.state;
	v->wary = wary;
	if (first && !anyway)
		tell_others(c, v);
	if (anyway || v->state != before || c->doubts[v->pool])
		c->emit(c->arg, &ev);
}

/* --- the process ------------------------------------------------------------------------------- */

/* What is gone first: then there is room for what is new. */
static void pump(void *arg)
{
	struct checks *c = arg;

	for (uint32_t i = 0; i < c->n_slots; i++) {
		struct slot *slot = &c->slots[i];
		const struct check_order none = {.slot = i};
		const struct check_order *order = slot->order ? slot->order : &none;

		if (slot->sent)
			continue;
		if (check_process_send(c->process, order, check_order_size(order)))
			return;
		slot->sent = true;
	}
}

static void on_result(void *arg, const struct check_result *r)
{
	struct checks *c = arg;
	struct slot *slot = r->slot < c->n_slots ? &c->slots[r->slot] : NULL;

	if (!slot || !slot->order || slot->order->serial != r->serial || r->state >= CHECK_STATE_MAX)
		return;
	if (r->state == CHECK_FAIL && slot->state != CHECK_FAIL)
		slot->failed_ns = r->bad_ns;
	if (r->outcome == CHECK_GOOD)
		slot->good_ns = r->started_ns;
	slot->state = (enum check_state)r->state;
	slot->last = *r;
	review(c, &c->verdicts[slot->verdict], false);
}

static void forget_result(struct slot *slot, const char *why)
{
	slot->state = CHECK_UNKNOWN;
	slot->sent = false;
	slot->good_ns = slot->failed_ns = 0;
	slot->last = (struct check_result){.outcome = CHECK_NONE};
	text_copy(slot->last.what, sizeof(slot->last.what), why);
}

static void on_start(void *arg, int pid)
{
	struct checks *c = arg;
	char why[32];

	snprintf(why, sizeof(why), "pid %d", pid);
	c->told(c->arg, true, why);
}

static void on_end(void *arg, const char *why)
{
	struct checks *c = arg;

	c->told(c->arg, false, why);
	for (uint32_t i = 0; i < c->n_slots; i++)
		forget_result(&c->slots[i], "the process that checks died");
	for (uint32_t i = 0; i < c->n_verdicts; i++)
		review(c, &c->verdicts[i], false);
}

static const struct check_process_ops ops = {.started = on_start, .ready = pump, .result = on_result,
					     .ended = on_end};

/* --- configuration ----------------------------------------------------------------------------- */

/** struct wish - a check that is wanted; @slot: that has it already, NOBODY: none */
struct wish {
	struct check_order *order;
	struct check_subject subject;
	uint32_t slot;
};

struct wishes {
	uint32_t n;
	struct wish *list;
};

static void free_wishes(struct wishes *w)
{
	for (uint32_t i = 0; w->list && i < w->n; i++)
		free(w->list[i].order);
	free(w->list);
}

static int make_wishes(const struct checks *c, const struct policy *policy, struct wishes *w)
{
	CLEAN_FREE struct check_subject *subjects = calloc(w->n + 1, sizeof(*subjects));

	w->list = calloc(w->n + 1, sizeof(*w->list));
	if (!subjects || !w->list)
		return -ENOMEM;
	check_subjects(policy, subjects);
	for (uint32_t i = 0; i < w->n; i++) {
		w->list[i] = (struct wish){.subject = subjects[i], .slot = NOBODY};
		w->list[i].order = check_order_new(policy, &subjects[i], c->instance);
		if (!w->list[i].order)
			return -ENOMEM;
	}
	return 0;
}

static int by_order(const void *left, const void *right)
{
	const struct check_order *const *a = left, *const *b = right;

	return check_order_compare(*a, *b);
}

/* Return: the first of @n sorted ones that is not less than @order. */
static uint32_t lower_bound(const struct check_order *const *sorted, uint32_t n,
			    const struct check_order *order)
{
	uint32_t low = 0;

	while (low < n) {
		uint32_t middle = low + (n - low) / 2;

		if (check_order_compare(sorted[middle], order) < 0)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* Who checks the same already goes on. */
static int match(const struct checks *c, struct wishes *w, bool *kept)
{
	CLEAN_FREE const struct check_order **sorted = calloc(c->n_slots + 1, sizeof(*sorted));
	uint32_t n = 0;

	if (!sorted)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n_slots; i++) {
		if (c->slots[i].order)
			sorted[n++] = c->slots[i].order;
	}
	qsort(sorted, n, sizeof(*sorted), by_order);
	for (uint32_t i = 0; i < w->n; i++) {
		struct wish *wish = &w->list[i];
		uint32_t at = lower_bound(sorted, n, wish->order);

		while (at < n && kept[sorted[at]->slot] && !check_order_compare(sorted[at], wish->order))
			at++;
		if (at == n || check_order_compare(sorted[at], wish->order))
			continue;
		wish->slot = sorted[at]->slot;
		kept[wish->slot] = true;
	}
	return 0;
}

static void drop_others(struct checks *c, const bool *kept)
{
	for (uint32_t i = 0; i < c->n_slots; i++) {
		if (kept[i] || !c->slots[i].order)
			continue;
		free(c->slots[i].order);
		c->slots[i] = (struct slot){.next = NOBODY};
	}
}

static void place(struct checks *c, struct wishes *w)
{
	uint32_t free_slot = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		struct wish *wish = &w->list[i];

		if (wish->slot == NOBODY) {
			while (c->slots[free_slot].order)
				free_slot++;
			wish->slot = free_slot;
			wish->order->slot = free_slot;
			wish->order->serial = ++c->serial ? c->serial : ++c->serial;
			c->slots[free_slot].order = TAKE_PTR(wish->order);
			forget_result(&c->slots[free_slot], NOT_ASKED);
		}
		c->slots[wish->slot].subject = wish->subject;
		c->n_slots = wish->slot >= c->n_slots ? wish->slot + 1 : c->n_slots;
	}
}

static uint32_t find_verdict(struct checks *c, uint32_t pool, uint32_t server)
{
	uint32_t i = c->n_verdicts;

	while (i && !(c->verdicts[i - 1].pool == pool && c->verdicts[i - 1].server == server))
		i--;
	if (i)
		return i - 1;
	c->verdicts[c->n_verdicts] = (struct verdict){.pool = pool, .server = server, .first = NOBODY};
	return c->n_verdicts++;
}

static void link_verdicts(struct checks *c)
{
	const struct policy *policy = c->policy;

	c->n_verdicts = 0;
	memset(c->doubts, 0, sizeof(c->doubts));
	for (uint32_t i = 0; i < c->n_slots; i++) {
		struct slot *slot = &c->slots[i];
		const struct policy_service *service;

		if (!slot->order)
			continue;
		service = &policy->services[slot->subject.service];
		slot->verdict = find_verdict(c, policy->pools[service->pool].id,
					     policy->servers[slot->subject.server].id);
		slot->next = c->verdicts[slot->verdict].first;
		c->verdicts[slot->verdict].first = i;
	}
	for (uint32_t i = 0; i < c->n_verdicts; i++)
		review(c, &c->verdicts[i], true);
}

/* Room for all that are and all that come. */
static int grow(struct checks *c, uint32_t n)
{
	uint32_t capacity = c->n_slots + n < CHECK_MAX ? c->n_slots + n : CHECK_MAX;
	struct verdict *verdicts;
	struct slot *slots;

	if (capacity <= c->capacity)
		return 0;
	verdicts = realloc(c->verdicts, capacity * sizeof(*verdicts));
	c->verdicts = verdicts ? verdicts : c->verdicts;
	slots = realloc(c->slots, capacity * sizeof(*slots));
	c->slots = slots ? slots : c->slots;
	if (!verdicts || !slots)
		return -ENOMEM;
	memset(c->slots + c->capacity, 0, (capacity - c->capacity) * sizeof(*slots));
	c->capacity = capacity;
	return 0;
}

static void run(struct checks *c, uint32_t n)
{
	if (!n)
		check_process_stop(c->process);
	else if (check_process_pid(c->process))
		pump(c);
	else
		check_process_start(c->process);
}

int checks_configure(struct checks *c, const struct policy *policy)
{
	struct wishes w = {.n = check_count(policy)};
	CLEAN_FREE bool *kept = calloc(CHECK_MAX, sizeof(*kept));
	int err = w.n > CHECK_MAX ? -E2BIG : kept ? make_wishes(c, policy, &w) : -ENOMEM;

	if (!err)
		err = grow(c, w.n);
	if (!err)
		err = match(c, &w, kept);
	if (!err) {
		drop_others(c, kept);
		c->policy = policy;
		place(c, &w);
		link_verdicts(c);
		run(c, w.n);
	}
	free_wishes(&w);
	return err;
}

void checks_sum_up(const struct checks *c, struct check_summary *ret)
{
	*ret = (struct check_summary){.pid = check_process_pid(c->process),
				      .starts = check_process_starts(c->process)};
	for (uint32_t i = 0; i < c->n_slots; i++) {
		ret->n += c->slots[i].order != NULL;
		ret->unknown += c->slots[i].order && c->slots[i].state == CHECK_UNKNOWN;
	}
}

uint32_t checks_next(const struct checks *c, uint32_t at, struct check_view *ret_view)
{
	const struct slot *slot;

	while (at < c->n_slots && !c->slots[at].order)
		at++;
	if (at >= c->n_slots)
		return 0;
	slot = &c->slots[at];
	*ret_view = (struct check_view){
		.service = slot->subject.service,
		.server = c->policy->servers[slot->subject.server].id,
		.kind = (enum check_kind)slot->order->kind,
		.port = slot->order->port,
		.state = slot->state,
		.outcome = (enum check_outcome)slot->last.outcome,
		.at_ns = slot->last.started_ns,
		.took_ns = slot->last.took_ns,
		.what = slot->last.what,
	};
	memcpy(ret_view->address, slot->order->address, sizeof(ret_view->address));
	return at + 1;
}

struct checks *checks_new(struct loop *loop, const char *instance, check_emit *emit, check_told *told,
			  void *arg)
{
	struct checks *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->loop = loop;
	c->emit = emit;
	c->told = told;
	c->arg = arg;
	text_copy(c->instance, sizeof(c->instance), instance);
	c->process = check_process_new(loop, &ops, c);
	if (c->process)
		return c;
	checks_free(c);
	return NULL;
}

void checks_free(struct checks *c)
{
	if (!c)
		return;
	check_process_free(c->process);
	for (uint32_t i = 0; c->slots && i < c->n_slots; i++)
		free(c->slots[i].order);
	free(c->slots);
	free(c->verdicts);
	free(c);
}
