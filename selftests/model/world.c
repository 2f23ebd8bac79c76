// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FNV_OFFSET 14695981039346656037ull
#define FNV_PRIME 1099511628211ull
#define STEPS_MAX 1000 /* then it has forgotten what it was */

/* --- chance ---------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t world_random(struct world *w, uint64_t n)
{
	uint64_t z = w->chance += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return n ? z % n : 0;
}

bool world_chance(struct world *w, uint32_t ppm)
{
	return ppm && world_random(w, 1000000) < ppm;
}

/* --- the trace ------------------------------------------------------------------------------- */

void world_say(struct world *w, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (const char *c = line; *c; c++)
		w->hash = (w->hash ^ (unsigned char)*c) * FNV_PRIME;
	if (w->out)
		fprintf(w->out, "%s\n", line);
	if (w->never[0] && !w->failures && strstr(line, w->never))
		world_fail(w, "it says: %s", w->never);
}

void world_fail(struct world *w, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (!w->failures++)
		snprintf(w->failure, sizeof(w->failure), "%s", line);
	world_say(w, "%10.3f WRONG: %s", (double)(w->now - WORLD_START_NS) / 1e6, line);
}

/* --- time ------------------------------------------------------------------------------------ */

static bool is_before(const struct happening *a, const struct happening *b)
{
	return a->time_ns < b->time_ns || (a->time_ns == b->time_ns && a->order < b->order);
}

static void push(struct world *w, const struct happening *h)
{
	size_t i = w->n_heap++;

	if (w->n_heap > w->heap_size) {
		w->heap_size = w->heap_size ? 2 * w->heap_size : 1024;
		w->heap = realloc(w->heap, w->heap_size * sizeof(*w->heap));
		if (!w->heap)
			abort();
	}
	while (i && is_before(h, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = *h;
}

static struct happening pop(struct world *w)
{
	struct happening first = w->heap[0], last = w->heap[--w->n_heap];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < w->n_heap) {
		if (child + 1 < w->n_heap && is_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!is_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return first;
}

void world_after(struct world *w, uint64_t delay_ns, bool local, world_fn *run, const uint64_t abc[3])
{
	struct happening h = {
		.time_ns = w->now + delay_ns,
		.order = w->order++,
		.local = local,
		.run = run,
		.a = abc[0],
		.b = abc[1],
		.c = abc[2],
	};

	push(w, &h);
}

/* What a stalled CPU should have done is done, in no certain order, when it goes on. */
static void postpone(struct world *w, const struct happening *h)
{
	struct happening later = *h;

	later.time_ns = w->stall_ns + world_random(w, 20 * US);
	later.order = w->order++;
	push(w, &later);
}

void world_run(struct world *w)
{
	while (w->n_heap && w->heap[0].time_ns <= w->end_ns) {
		struct happening h = pop(w);

		w->now = h.time_ns;
		if (h.local && w->now < w->stall_ns) {
			postpone(w, &h);
			continue;
		}
		h.run(w, &h);
		truth_pools(w);
	}
	w->now = w->end_ns;
	truth_end(w);
}

/* One world at a time: it is large, and daemon_start() prepares it. */
static struct core core;

struct world *world_new(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->daemon.core = &core;
	w->now = WORLD_START_NS;
	w->hash = FNV_OFFSET;
	w->chance = seed * 0x2545f4914f6cdd1dull + 1;
	kernel_reset(w);
	return w;
}

void world_free(struct world *w)
{
	if (!w)
		return;
	if (w->daemon.policy)
		configure_free(w->daemon.policy);
	free(w->heap);
	free(w);
}

/* --- the network ----------------------------------------------------------------------------- */

struct world_server *world_server_of(struct world *w, uint32_t target)
{
	uint32_t id = dfb_target_server(target);

	return id < WORLD_IDS && w->by_id[id] ? &w->servers[w->by_id[id] - 1] : NULL;
}

const char *world_server_name(const struct world *w, uint32_t id)
{
	return id && id < WORLD_IDS && w->by_id[id] ? w->servers[w->by_id[id] - 1].conf.name : "nobody";
}

bool world_reaches(const struct world *w, const struct world_server *s, uint32_t family)
{
	const struct world_uplink *u = &w->uplinks[s->uplink];

	return s->conf.has[family] && !s->dead[family] && !u->cut && !u->no_carrier;
}

/* Bursts begin and end, with each packet or as time goes. */
static void walk(struct world *w, struct world_uplink *u)
{
	uint64_t n = u->step_ns ? (w->now - u->stepped_ns) / u->step_ns : 1;

	u->stepped_ns += n * u->step_ns;
	for (n = detect_min(n, STEPS_MAX); n; n--) {
		if (world_chance(w, u->bad ? u->leave_ppm : u->enter_ppm))
			u->bad = !u->bad;
	}
}

/* One way through an uplink. */
static bool is_lost(struct world *w, struct world_uplink *u)
{
	if (u->cut || u->no_carrier)
		return true;
	walk(w, u);
	return u->bad || world_chance(w, u->loss_ppm);
}

uint32_t world_cpu_of(uint32_t target)
{
	return dfb_target_server(target) % WORLD_CPUS;
}

bool world_is_held(const struct world *w, uint32_t cpu)
{
	return w->hold_ns[cpu] > w->now;
}

/* The reply is at the gateway's interface; its CPU may be busy elsewhere. */
static void on_reply(struct world *w, const struct happening *h)
{
	uint64_t wait = w->hold_ns[world_cpu_of((uint32_t)h->a)] - w->now, abc[3] = {h->a, h->b, h->c};

	if (world_is_held(w, world_cpu_of((uint32_t)h->a)))
		world_after(w, wait + world_random(w, 3 * US), true, on_reply, abc);
	else
		kernel_reply((uint32_t)h->a, (uint32_t)h->b, h->c, (uint32_t)(h->b >> 32));
}

static void on_back(struct world *w, const struct happening *h)
{
	struct world_server *s = world_server_of(w, (uint32_t)h->a);

	if (!s || is_lost(w, &w->uplinks[s->uplink]))
		return;
	truth_back(w, (uint32_t)h->a, (uint32_t)h->b);
	world_after(w, world_random(w, 3 * US), true, on_reply, (uint64_t[]){h->a, h->b, h->c});
}

static uint64_t half_way(struct world *w, const struct world_uplink *u)
{
	return u->delay_ns / 2 + world_random(w, u->jitter_ns / 2 + 1);
}

static void on_server(struct world *w, const struct happening *h)
{
	struct world_server *s = world_server_of(w, (uint32_t)h->a);

	if (!s || s->dead[dfb_target_family((uint32_t)h->a)])
		return;
	world_after(w, s->slow_ns + half_way(w, &w->uplinks[s->uplink]), false, on_back,
		    (uint64_t[]){h->a, h->b | (uint64_t)agent_says(w, s) << 32, h->c});
}

bool world_send(struct world *w, uint32_t target, uint32_t seq, uint64_t nonce)
{
	struct world_server *s = world_server_of(w, target);
	struct world_uplink *u = s ? &w->uplinks[s->uplink] : NULL;

	truth_sent(w, target, seq);
	if (!s || u->no_carrier)
		return false;
	kernel_stamp(target, seq, nonce);
	if (!is_lost(w, u))
		world_after(w, half_way(w, u), false, on_server, (uint64_t[]){target, seq, nonce});
	return true;
}
