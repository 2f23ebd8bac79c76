// SPDX-License-Identifier: GPL-2.0-only
/* The prober, in small: its schedule and its confirm probes are those of user/sense/beat.c. */
#include <string.h>

#include "world.h"

#define PROBER_NEVER UINT64_MAX
#define PROBER_WAKE_NS (15 * US) /* from the nudge to its process */
#define PROBER_SEND_NS (4 * US)	 /* one probe after another, never two at once */

static void on_wake(struct world *w, const struct happening *h);

static void wake_at(struct world *w, uint64_t due)
{
	struct prober *p = &w->prober;

	if (p->is != PROCESS_RUNS || (p->wake_ns && p->wake_ns <= due))
		return;
	p->wake_ns = due;
	world_after(w, due > w->now ? due - w->now : 0, true, on_wake, (uint64_t[]){++p->wake, 0, 0});
}

/* --- one probe ------------------------------------------------------------------------------- */

/* As probe_target() and publish(). */
static void probe_target(struct world *w, uint32_t id)
{
	struct dfb_attempts *a = kernel_attempts(id);
	uint32_t seq = a->seq + 1;

	if (!kernel_target(id)->server)
		return;
	world_send(w, id, seq, world_random(w, 0) | 1);
	a->at_ns[seq % DFB_WINDOW] = w->now;
	a->generation = kernel_target(id)->generation;
	a->seq = seq;
}

/* As fire(). */
static void fire(struct world *w, uint32_t id)
{
	uint64_t interval = kernel_target(id)->interval_ns;
	struct prober *p = &w->prober;

	probe_target(w, id);
	if (p->pace[id].confirm_ns <= w->now) {
		p->pace[id].confirms--;
		p->pace[id].confirm_ns = p->pace[id].confirms ?
			w->now + kernel_target(id)->confirm_spacing_ns : PROBER_NEVER;
	}
	if (p->pace[id].next_ns <= w->now) {
		p->pace[id].next_ns += interval;
		if (p->pace[id].next_ns <= w->now)
			p->pace[id].next_ns = w->now + interval;
	}
}

/* --- the schedule ---------------------------------------------------------------------------- */

static uint64_t due_of(const struct prober *p, uint32_t id)
{
	if (!p->pace[id].there)
		return PROBER_NEVER;
	return detect_min(p->pace[id].next_ns, p->pace[id].confirm_ns);
}

/* As add_target(). */
static void add_target(struct world *w, uint32_t id)
{
	uint64_t phase = kernel_target(id)->interval_ns / 64 * ((id * 2654435761u) >> 26);

	w->prober.pace[id].there = true;
	w->prober.pace[id].confirms = 0;
	w->prober.pace[id].confirm_ns = PROBER_NEVER;
	w->prober.pace[id].next_ns = w->now + phase;
}

/* As refresh(). */
static void refresh(struct world *w)
{
	struct prober *p = &w->prober;

	if (p->generation == kernel_control()->generation)
		return;
	for (uint32_t id = 0; id < WORLD_TARGETS; id++) {
		bool wanted = kernel_target(id)->server != 0;

		if (wanted && !p->pace[id].there)
			add_target(w, id);
		p->pace[id].there = wanted;
	}
	p->generation = kernel_control()->generation;
}

static uint32_t earliest(const struct prober *p)
{
	uint32_t first = 0;

	for (uint32_t id = 1; id < WORLD_TARGETS; id++) {
		if (due_of(p, id) < due_of(p, first))
			first = id;
	}
	return first;
}

/* --- confirm probes -------------------------------------------------------------------------- */

/* @when: a moment after the one before */
static void confirm(struct world *w, uint32_t id, uint32_t probes, uint64_t *when)
{
	struct prober *p = &w->prober;

	if (!probes || p->pace[id].confirms || !p->pace[id].there)
		return;
	p->pace[id].confirms = probes;
	p->pace[id].confirm_ns = *when;
	*when += PROBER_SEND_NS;
}

static void confirm_candidates(struct world *w, uint32_t pool, uint32_t suspect, uint32_t probes,
			       uint64_t *when)
{
	const struct dfb_plan *plan = kernel_plan(pool);

	for (uint32_t i = 0; i < plan->n_candidates; i++) {
		if (plan->candidates[i] == suspect)
			continue;
		confirm(w, dfb_target_id(plan->candidates[i], DFB_FAMILY_IPV4), probes, when);
		confirm(w, dfb_target_id(plan->candidates[i], DFB_FAMILY_IPV6), probes, when);
	}
}

/* --- pulses: as user/sense/pulse.c ----------------------------------------------------------- */

static void pulse(struct world *w, uint32_t cpu);

/* The packet comes back when all that waited on its CPU before it has been handled. */
static void on_pulse(struct world *w, const struct happening *h)
{
	uint32_t cpu = (uint32_t)h->a;
	struct prober *p = &w->prober;

	if (world_is_held(w, cpu)) {
		world_after(w, w->hold_ns[cpu] - w->now + 10 * US, true, on_pulse,
			    (uint64_t[]){cpu, h->b, h->c});
		return;
	}
	if (h->c != p->pid)
		return;
	kernel_pulse(cpu)->at_ns[p->pulses[cpu].turn++ % DFB_PULSES] = h->b;
	p->pulses[cpu].under_way = false;
	if (p->pulses[cpu].asked && p->is == PROCESS_RUNS)
		pulse(w, cpu);
}

static void pulse(struct world *w, uint32_t cpu)
{
	struct prober *p = &w->prober;

	p->pulses[cpu].asked = p->pulses[cpu].under_way;
	if (p->pulses[cpu].under_way)
		return;
	p->pulses[cpu].under_way = true;
	world_after(w, 20 * US, true, on_pulse, (uint64_t[]){cpu, w->now, p->pid});
}

static void watch(struct world *w, uint64_t interval_ns, uint64_t when)
{
	struct prober *p = &w->prober;

	p->pulse_period_ns = detect_min(detect_max(interval_ns / 2, 200 * US), 500 * US);
	p->pulse_until_ns = when + 200 * MS;
	p->pulse_ns = when;
}

static void take_pulses(struct world *w)
{
	struct prober *p = &w->prober;

	if (w->now < p->pulse_ns)
		return;
	for (uint32_t cpu = 0; cpu < WORLD_CPUS; cpu++)
		pulse(w, cpu);
	p->pulse_ns = w->now < p->pulse_until_ns ? w->now + p->pulse_period_ns : PROBER_NEVER;
}

/* --- nudges ---------------------------------------------------------------------------------- */

/* As on_nudge(): the candidates first. */
static void handle_nudge(struct world *w, uint32_t target)
{
	uint32_t server = dfb_target_server(target), probes = kernel_target(target)->confirm_probes;
	const struct dfb_server *who = kernel_server(server);
	uint64_t when = w->now;

	for (uint32_t i = 0; i < who->n_pools; i++)
		confirm_candidates(w, who->pools[i], server, probes, &when);
	confirm(w, target, probes, &when);
	watch(w, kernel_target(target)->interval_ns, when);
}

void prober_nudge(struct world *w, uint32_t target)
{
	struct prober *p = &w->prober;

	if (p->n_nudges < sizeof(p->nudges) / sizeof(p->nudges[0]))
		p->nudges[p->n_nudges++] = target;
	wake_at(w, w->now + PROBER_WAKE_NS);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void on_wake(struct world *w, const struct happening *h)
{
	struct prober *p = &w->prober;
	uint64_t due;

	if (p->is != PROCESS_RUNS || h->a != p->wake)
		return;
	p->wake_ns = 0;
	refresh(w);
	for (uint32_t i = 0; i < p->n_nudges; i++)
		handle_nudge(w, p->nudges[i]);
	p->n_nudges = 0;
	if (due_of(p, earliest(p)) <= w->now)
		fire(w, earliest(p));
	take_pulses(w);
	due = detect_min(due_of(p, earliest(p)), p->pulse_ns);
	if (due <= w->now + PROBER_SEND_NS)
		wake_at(w, w->now + PROBER_SEND_NS);
	else if (due != PROBER_NEVER)
		wake_at(w, due + world_random(w, 20 * US) + world_random(w, p->late_ns + 1));
}

void prober_start(struct world *w)
{
	struct prober *p = &w->prober;

	if (p->is != PROCESS_DEAD)
		return;
	p->is = PROCESS_RUNS;
	p->pid++;
	p->generation = kernel_control()->generation - 1;
	p->wake_ns = 0;
	p->pulse_ns = PROBER_NEVER;
	memset(p->pulses, 0, sizeof(p->pulses));
	for (uint32_t id = 0; id < WORLD_TARGETS; id++)
		p->pace[id].there = false;
	wake_at(w, w->now);
}

void prober_stop(struct world *w)
{
	if (w->prober.is == PROCESS_RUNS)
		w->prober.is = PROCESS_STOPPED;
}

void prober_continue(struct world *w)
{
	if (w->prober.is != PROCESS_STOPPED)
		return;
	w->prober.is = PROCESS_RUNS;
	w->prober.wake_ns = 0;
	wake_at(w, w->now);
}

void prober_kill(struct world *w)
{
	if (w->prober.is == PROCESS_DEAD)
		return;
	w->prober.is = PROCESS_DEAD;
	daemon_prober_died(w);
}

/* It looks at least every 200 ms, at once if a probe is due. */
void prober_look(struct world *w)
{
	wake_at(w, w->now + world_random(w, 10 * MS));
}
