// SPDX-License-Identifier: GPL-2.0-only
/*
 * When to ask, and how long to wait. Each check is in one heap: by its next start, or by its deadline while
 * it runs. The loop hands out answers before deadlines, and a deadline that we reach late is put off once:
 * a process that was not scheduled finds all patience at an end, and all answers waiting.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/heap.h"
#include "base/text.h"
#include "check.h"

#define GROUPS 256
#define LATE_NS 50000000ull	 /* from here on we were held up, and give more time */
#define SCRIPTS_AT_ONCE 16	 /* the others begin later */
#define SCRIPT_PAUSE_NS 20000000ull

struct run {
	struct loop *loop;
	struct post *post;
	struct web *webs; /* NULL: nobody needed one yet */
	struct heap heap;
	struct check *checks[CHECK_MAX];
	struct check *groups[GROUPS];
	unsigned int n_scripts;
	int timer;
	uint64_t due_ns; /* that the timer is set to */
};

static const struct check_method *const methods[CHECK_KIND_MAX] = {
	[CHECK_TCP] = &check_tcp,  [CHECK_HTTP] = &check_web, [CHECK_HTTPS] = &check_web,
	[CHECK_DNS] = &check_dns,  [CHECK_SMTP] = &check_smtp, [CHECK_SCRIPT] = &check_script,
};

static const struct check_method *method(const struct check *c)
{
	return methods[c->order->kind];
}

struct loop *check_loop(struct check *c)
{
	return c->run->loop;
}

/* --- the schedule ----------------------------------------------------------------------------- */

static void set_timer(struct run *run)
{
	uint64_t due_ns = run->heap.n ? run->heap.due_ns[run->heap.item[0]] : 0;

	if (due_ns == run->due_ns)
		return;
	run->due_ns = due_ns;
	timer_set(run->timer, due_ns);
}

static void schedule(struct check *c, uint64_t due_ns)
{
	heap_set(&c->run->heap, c->order->slot, due_ns);
	set_timer(c->run);
}

static void begin(struct check *c, uint64_t now)
{
	bool script = c->order->kind == CHECK_SCRIPT;

	if (script && c->run->n_scripts == SCRIPTS_AT_ONCE) {
		schedule(c, now + SCRIPT_PAUSE_NS);
		return;
	}
	c->run->n_scripts += script;
	c->running = true;
	c->graced = false;
	c->started_ns = now;
	schedule(c, now + c->order->timeout_ns + method(c)->patience_ns);
	method(c)->start(c);
}

/* Witnesses: whoever was not asked since this one's trouble began is asked now. Not the same server, whose
 * rows of bad answers would be shorter than a restart. */
static void ask_group(const struct check *ill, uint64_t now)
{
	for (struct check *c = ill->run->groups[ill->order->group]; c; c = c->next) {
		if (c->order->server == ill->order->server || c->started_ns > ill->tally.bad_ns)
			continue;
		c->witness = true;
		if (c->running)
			c->again = true;
		else
			schedule(c, now);
	}
}

/* Each has its place in a period, by a golden ratio of it: thousands that began at once do not go on so. */
static uint64_t place_in(const struct check *c, uint64_t period_ns)
{
	return period_ns * (c->order->slot * 40503u % 65536u) / 65536u;
}

/* Its place that is nearest; a late attempt does not make the next one late. */
static uint64_t in_place(const struct check *c, uint64_t due_ns)
{
	uint64_t every = c->order->every_ns, after = (due_ns - place_in(c, every)) % every;

	return after < every / 2 ? due_ns - after : due_ns + every - after;
}

static uint64_t next_start(const struct check *c, uint64_t now)
{
	uint64_t next = c->started_ns + c->order->fast_ns;

	if (c->again)
		next = now;
	else if (tally_is_settled(&c->tally))
		next = in_place(c, c->started_ns + c->order->every_ns);
	return next > now ? next : now + 1;
}

static void tell(struct check *c, enum check_outcome outcome, bool changed, uint64_t now, const char *what)
{
	struct check_result r = {
		.slot = c->order->slot,
		.serial = c->order->serial,
		.state = c->tally.state,
		.outcome = outcome,
		.started_ns = c->started_ns,
		.took_ns = now - c->started_ns,
		.bad_ns = c->tally.bad_ns,
	};

	text_copy(r.what, sizeof(r.what), what);
	post_result(c->run->post, &r, changed || !tally_is_settled(&c->tally) || c->witness);
	c->witness = c->again;
}

/* Servers say what they like; this goes to terminals, logs and JSON. */
static void make_plain(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at >= 0x7f)
			*at = '?';
		else if (*at < ' ')
			*at = ' ';
	}
}

void check_end(struct check *c, enum check_outcome outcome, const char *format, ...)
{
	uint64_t now = clock_now_ns();
	char what[CHECK_WHAT_LEN];
	bool changed;
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	make_plain(what);
	c->running = false;
	c->run->n_scripts -= c->order->kind == CHECK_SCRIPT;
	changed = tally_add(&c->tally, c->order->rise, c->order->fall, outcome, c->started_ns);
	tell(c, outcome, changed, now, what);
	schedule(c, next_start(c, now));
	c->again = false;
	if (outcome == CHECK_BAD && (changed || c->tally.bad == 1))
		ask_group(c, now);
}

/* What only tells of this machine is no evidence against another. */
void check_fail(struct check *c, int err)
{
	static const int theirs[] = {ECONNREFUSED, ECONNRESET, ECONNABORTED, ETIMEDOUT,
				     EHOSTUNREACH, EHOSTDOWN, EPIPE};

	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++) {
		if (err != theirs[i])
			continue;
		check_end(c, CHECK_BAD, "%s", strerror(err));
		return;
	}
	check_end(c, CHECK_NONE, "cannot ask: %s", strerror(err));
}

static void expire(struct check *c, uint64_t now, uint64_t late_ns)
{
	char text[DURATION_TEXT_LEN];

	if (late_ns > LATE_NS && !c->graced) {
		c->graced = true;
		schedule(c, now + (late_ns < c->order->timeout_ns ? late_ns : c->order->timeout_ns));
		return;
	}
	method(c)->stop(c);
	check_end(c, CHECK_BAD, "timed out: %s within %s", c->phase ? c->phase : "no end",
		  duration_format(c->order->timeout_ns, text));
}

static void on_timer(void *arg, uint32_t events)
{
	struct run *run = arg;
	uint64_t now = clock_now_ns();

	(void)events;
	fd_drain(run->timer);
	run->due_ns = 0; /* it is set no more */
	for (uint32_t left = run->heap.n; left && run->heap.n; left--) {
		struct check *c = run->checks[run->heap.item[0]];
		uint64_t due = run->heap.due_ns[run->heap.item[0]];

		if (due > now)
			break;
		if (c->running)
			expire(c, now, now - due);
		else
			begin(c, now);
	}
	set_timer(run);
}

/* --- orders ----------------------------------------------------------------------------------- */

static void free_check(struct check *c)
{
	free(c->order);
	free(c);
}

static void remove_check(struct run *run, uint32_t slot)
{
	struct check *c = run->checks[slot], **at;

	if (!c)
		return;
	if (c->running) {
		method(c)->stop(c);
		run->n_scripts -= c->order->kind == CHECK_SCRIPT;
	}
	for (at = &run->groups[c->order->group]; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	heap_remove(&run->heap, slot);
	set_timer(run);
	run->checks[slot] = NULL;
	free_check(c);
}

/* The order's texts as pointers. Return: 0, or -EINVAL unless there are exactly as many as it says. */
static int split(struct check *c)
{
	struct check_order *o = c->order;
	char *at = o->texts, *end = at + o->length;

	if (o->n_texts > CHECK_TEXTS || o->argc > o->n_texts)
		return -EINVAL;
	for (uint32_t i = 0; i < o->n_texts; i++) {
		char *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul)
			return -EINVAL;
		c->text[i] = at;
		at = nul + 1;
	}
	memcpy(c->argv, c->text, o->argc * sizeof(*c->argv));
	return at == end ? 0 : -EINVAL;
}

static bool needs_web(const struct check_order *o)
{
	return methods[o->kind] == &check_web;
}

static bool is_sound(const struct check_order *o)
{
	if (o->slot >= CHECK_MAX || o->group >= GROUPS || o->kind >= CHECK_KIND_MAX || !o->rise || !o->fall)
		return false;
	if (!o->every_ns || !o->fast_ns || !o->timeout_ns)
		return false;
	return o->kind == CHECK_SCRIPT ? o->argc : o->n_texts == CHECK_TEXT_MAX;
}

static int make_check(struct run *run, const struct check_order *order, struct check *c)
{
	size_t size = sizeof(*order) + order->length;
	int err;

	c->run = run;
	c->fd = -1;
	c->order = malloc(size);
	if (!c->order)
		return -ENOMEM;
	memcpy(c->order, order, size);
	err = split(c);
	if (err || !needs_web(order))
		return err;
	c->web = web_find(&run->webs, run->loop, c->text[CHECK_TEXT_CA]);
	return c->web ? 0 : -ENOMEM;
}

static int add_check(struct run *run, const struct check_order *order)
{
	struct check *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	err = make_check(run, order, c);
	if (err) {
		free_check(c);
		return err;
	}
	c->next = run->groups[order->group];
	run->groups[order->group] = c;
	run->checks[order->slot] = c;
	schedule(c, clock_now_ns() + place_in(c, order->fast_ns));
	return 0;
}

int run_order(struct run *run, const struct check_order *order)
{
	if (order->slot >= CHECK_MAX)
		return -EINVAL;
	remove_check(run, order->slot);
	if (!order->serial)
		return 0;
	return is_sound(order) ? add_check(run, order) : -EINVAL;
}

struct run *run_new(struct loop *loop, struct post *post)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->loop = loop;
	run->post = post;
	run->timer = timer_open();
	if (run->timer < 0 || heap_init(&run->heap, CHECK_MAX) ||
	    loop_add(loop, run->timer, EPOLLIN, on_timer, run)) {
		run_free(run);
		return NULL;
	}
	return run;
}

void run_free(struct run *run)
{
	if (!run)
		return;
	for (uint32_t slot = 0; slot < CHECK_MAX; slot++)
		remove_check(run, slot);
	web_free_all(run->webs);
	heap_fini(&run->heap);
	clean_close(&run->timer);
	free(run);
}
