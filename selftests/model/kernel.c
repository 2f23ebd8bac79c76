// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel: not a copy of the rules, but bpf/beat.bpf.c itself. What it calls is here: maps are
 * plain arrays, a timer is a happening, a ring is a queue. Its packet parsers are not used: a probe
 * enters at stamp(), a reply at match(), an order at dfb_order().
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
/* The loader writes read-only data before the programs are loaded; here nobody else could. */
#define const
#include "beat.bpf.c"
#undef const
#pragma GCC diagnostic pop

#define KERNEL_MAPS 64 /* by a hash of their addresses */
#define KERNEL_RING 1024
#define KERNEL_LATE_NS (20 * US) /* a timer on an idle machine */

struct map {
	void *which;
	size_t value_size;
	unsigned char *at;
};

static struct kernel {
	struct world *w;
	struct map maps[KERNEL_MAPS];
	uint64_t timer[WORLD_TARGETS]; /* which of the happenings under way counts */
	uint32_t cpu;
	struct dfb_order order;
	struct dfb_event event;
	struct dfb_nudge nudge;
	uint32_t ring_size, ring_n, ring_at;
	struct dfb_event ring[KERNEL_RING];
} kernel;

void kernel_reset(struct world *w)
{
	for (uint32_t i = 0; i < KERNEL_MAPS; i++) {
		if (kernel.maps[i].at)
			memset(kernel.maps[i].at, 0, kernel.maps[i].value_size * WORLD_TARGETS);
	}
	memset(kernel.timer, 0, sizeof(kernel.timer));
	kernel.w = w;
	kernel.ring_n = kernel.ring_at = 0;
	kernel.ring_size = KERNEL_RING;
	n_servers = WORLD_IDS;
}

/* --- what the programs call ------------------------------------------------------------------ */

void *kernel_lookup(void *which, size_t value_size, __u32 index)
{
	uint32_t place = ((uintptr_t)which >> 5) % KERNEL_MAPS;
	struct map *map = &kernel.maps[place];

	while (map->at && map->which != which)
		map = &kernel.maps[++place % KERNEL_MAPS];
	if (!map->at) {
		*map = (struct map){which, value_size, calloc(WORLD_TARGETS, value_size)};
		if (!map->at)
			abort();
	}
	return index < WORLD_TARGETS ? map->at + index * value_size : NULL;
}

void kernel_loop(__u32 n, long (*round)(__u32 i, void *context), void *context)
{
	for (__u32 i = 0; i < n; i++) {
		if (round(i, context))
			return;
	}
}

__u64 kernel_time(void)
{
	return kernel.w->now;
}

__u32 kernel_cpu(void)
{
	return kernel.cpu;
}

static void on_timer(struct world *w, const struct happening *h)
{
	uint32_t id = (uint32_t)h->a;
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &id);
	struct dfb_detect before = run->detect;
	uint64_t timeout;

	if (h->b != kernel.timer[id])
		return;
	on_deadline(&state, &id, run);
	timeout = detect_timeout(kernel_target(id), &before);
	truth_judged(w, id, &before, detect_max(timeout, detect_timeout(kernel_target(id), &run->detect)));
}

void kernel_timer_start(struct bpf_timer *timer, __u64 delay_ns)
{
	struct dfb_target_run *run = (struct dfb_target_run *)timer;
	uint32_t id = (uint32_t)(run - (struct dfb_target_run *)bpf_map_lookup_elem(&state, &(__u32){0}));

	world_after(kernel.w, delay_ns + world_random(kernel.w, KERNEL_LATE_NS), true, on_timer,
		    (uint64_t[]){id, ++kernel.timer[id], 0});
}

void *kernel_reserve(void *ring, size_t size)
{
	(void)size;
	if (ring == &nudges)
		return &kernel.nudge;
	return kernel.ring_n < kernel.ring_size ? &kernel.event : NULL;
}

void kernel_submit(void *record)
{
	if (record == &kernel.nudge) {
		prober_nudge(kernel.w, kernel.nudge.target);
		return;
	}
	kernel.ring[(kernel.ring_at + kernel.ring_n++) % KERNEL_RING] = kernel.event;
	daemon_ring(kernel.w);
}

int kernel_load_order(void *to, size_t size)
{
	memcpy(to, &kernel.order, size);
	return 0;
}

/* --- what happens to it ---------------------------------------------------------------------- */

/* As dfb_stamp(). */
void kernel_stamp(uint32_t id, uint32_t seq, uint64_t nonce)
{
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &id);
	struct dfb_target *cfg = kernel_target(id);

	if (cfg->server && run->detect.generation == cfg->generation)
		stamp(cfg, run, seq, nonce);
}

/* As dfb_reply(). */
void kernel_reply(uint32_t id, uint32_t seq, uint64_t nonce, uint32_t said)
{
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &id);
	struct dfb_probe probe = {.seq = bpf_htonl(seq), .nonce = nonce, .target = bpf_htonl(id)};

	probe.flags = DFB_PROBE_REPLY;
	probe.userland = bpf_htons((__u16)said);

	kernel.cpu = world_cpu_of(id);
	if (kernel_target(id)->server)
		match(kernel_target(id), run, &probe, counters());
	kernel.cpu = 0;
}

/* An order without slots means one server for all of them. */
static void fill_slots(struct dfb_order *order)
{
	const struct dfb_pool *pool = kernel_pool(order->id);

	if (order->slots[0] || !pool)
		return;
	order->from = pool->slots[0];
	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		order->slots[i] = order->to;
}

int kernel_order(const struct dfb_order *order)
{
	kernel.order = *order;
	if (order->kind == DFB_ORDER_SWITCH)
		fill_slots(&kernel.order);
	return -dfb_order(NULL);
}

bool kernel_take(struct dfb_event *ret_event)
{
	if (!kernel.ring_n)
		return false;
	*ret_event = kernel.ring[kernel.ring_at];
	kernel.ring_at = (kernel.ring_at + 1) % KERNEL_RING;
	kernel.ring_n--;
	return true;
}

void kernel_set_ring_size(uint32_t n)
{
	kernel.ring_size = n < KERNEL_RING ? n : KERNEL_RING;
}

uint64_t kernel_ring_full(void)
{
	return counters()->ring_full;
}

/* --- its maps -------------------------------------------------------------------------------- */

struct dfb_target *kernel_target(uint32_t id)
{
	return bpf_map_lookup_elem(&targets, &id);
}

struct dfb_detect *kernel_detect(uint32_t id)
{
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &id);

	return &run->detect;
}

struct dfb_userland *kernel_userland(uint32_t id)
{
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &id);

	return &run->userland;
}

struct dfb_attempts *kernel_attempts(uint32_t id)
{
	return bpf_map_lookup_elem(&attempts, &id);
}

struct dfb_server *kernel_server(uint32_t id)
{
	return bpf_map_lookup_elem(&servers, &id);
}

struct dfb_plan *kernel_plan(uint32_t id)
{
	return bpf_map_lookup_elem(&plans, &id);
}

struct dfb_pool *kernel_pool(uint32_t id)
{
	return bpf_map_lookup_elem(&pools, &id);
}

struct dfb_control *kernel_control(void)
{
	return bpf_map_lookup_elem(&control, &(__u32){0});
}

struct dfb_pulse *kernel_pulse(uint32_t cpu)
{
	return bpf_map_lookup_elem(&pulses, &cpu);
}
