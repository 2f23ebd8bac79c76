// SPDX-License-Identifier: GPL-2.0-only
/* A random world, as a script: some servers, some faults, each with its end, then time to settle. */
#include "chaos.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "world.h"

#define CHAOS_FROM_US 1000000u
#define CHAOS_TO_US 6000000u
#define CHAOS_CALM_US 6500000u
#define CHAOS_END "11500ms"
#define CHAOS_POOLS 3

struct chaos {
	struct world chance; /* only its numbers are used */
	uint32_t n_uplinks, n_servers, n_pools, n_spares;
	bool checked[CHAOS_POOLS]; /* by pool */
	uint64_t base_us;
	uint32_t misses;
	bool has_hold;	     /* a second one, right after the first, is beyond what a witness can prove, */
	bool has_slow;	     /* and so is a server whose replies have just become later */
	bool has_one_held;   /* one CPU is held: pulses tell, but one miss comes before them, */
	bool has_sick_prober; /* and a prober that is away takes none */
	char *text;
	size_t size, length;
};

static uint32_t any(struct chaos *c, uint32_t n)
{
	return (uint32_t)world_random(&c->chance, n);
}

static uint32_t between(struct chaos *c, uint32_t from, uint32_t to)
{
	return from + any(c, to - from + 1);
}

static void put(struct chaos *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct chaos *c, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(c->text + c->length, c->size - c->length, format, args);
	va_end(args);
	if (n > 0 && c->length + (size_t)n < c->size)
		c->length += (size_t)n;
}

/* --- the world ------------------------------------------------------------------------------- */

static void put_heartbeat(struct chaos *c)
{
	static const uint32_t intervals_us[] = {2000, 5000, 10000, 10000, 20000};
	uint32_t interval = intervals_us[any(c, 5)];

	put(c, "interval %uus\n", interval);
	if (any(c, 3))
		put(c, "timeout %uus\n", interval * between(c, 1, 4) / 2);
	else
		put(c, "timeout auto 500us %uus\n", interval * between(c, 1, 4));
	c->misses = any(c, 6) ? between(c, 2, 4) : between(c, 1, 8);
	put(c, "misses %u\n", c->misses);
	if (any(c, 4))
		put(c, "confirm %u %uus\n", between(c, 1, 3), interval / between(c, 2, 10));
	else
		put(c, "confirm 0\n");
	put(c, "recover %u %ums\n", between(c, 1, 10), between(c, 1, 5) * 100);
	if (any(c, 2))
		put(c, "damping %ums 2000 750\n", between(c, 300, 3000));
	else
		put(c, "damping off\n");
	put(c, "userland %ums\n", between(c, 200, 1000));
}

static const char *family(struct chaos *c)
{
	static const char *const words[] = {"", "", "", "", " ipv4", " ipv6"};

	return words[any(c, 6)];
}

static void put_pool(struct chaos *c, uint32_t pool)
{
	static const char *const nones[] = {"", "", " when-none withdraw", " when-none unreachable"};
	uint32_t first = any(c, c->n_servers), n = between(c, 1, c->n_servers);

	put(c, "pool p%u", pool);
	for (uint32_t i = 0; i < n; i++)
		put(c, " s%u", (first + i) % c->n_servers);
	c->checked[pool] = !any(c, 2);
	if (n > 1 && !any(c, 3))
		put(c, " active %u", between(c, 2, n < 4 ? n : 4));
	put(c, "%s%s%s%s%s\n", nones[any(c, 4)], any(c, 4) ? "" : " slow", c->checked[pool] ? " checked" : "",
	    any(c, 3) ? "" : " userland", family(c));
	put(c, "service v%u p%u\n", pool, pool);
}

static void put_world(struct chaos *c)
{
	c->n_uplinks = between(c, 1, 3);
	c->n_servers = between(c, 2, 6);
	c->n_spares = any(c, 3);
	c->n_pools = between(c, 1, CHAOS_POOLS);
	put_heartbeat(c);
	for (uint32_t i = 0; i < c->n_uplinks; i++)
		put(c, "uplink e%u delay %uus jitter %uus\n", i, between(c, 20, 400), between(c, 1, 200));
	for (uint32_t i = 0; i < c->n_servers; i++)
		put(c, "server s%u e%u%s\n", i, any(c, c->n_uplinks), family(c));
	for (uint32_t i = 0; i < c->n_spares; i++)
		put(c, "spare x%u e%u%s\n", i, any(c, c->n_uplinks), family(c));
	for (uint32_t i = 0; i < c->n_pools; i++)
		put_pool(c, i);
	for (uint32_t i = 0; i < c->n_servers; i++) {
		if (any(c, 4))
			put(c, "at %uus agent s%u runs\n", between(c, 1000, 500000), i);
	}
}

/* --- faults ---------------------------------------------------------------------------------- */

/* Faults that come together find more than faults that come alone. */
static uint32_t moment(struct chaos *c)
{
	if (!any(c, 3))
		c->base_us = between(c, CHAOS_FROM_US, CHAOS_TO_US - 200000);
	return (uint32_t)c->base_us + any(c, any(c, 2) ? 100000 : 200000);
}

static uint32_t end_of(struct chaos *c, uint32_t begin)
{
	uint32_t longest = any(c, 2) ? 100000 : 2000000, end = begin + between(c, 100, longest);

	return end < CHAOS_CALM_US ? end : CHAOS_CALM_US - 1;
}

static void put_death(struct chaos *c)
{
	uint32_t begin = moment(c), server = any(c, c->n_servers);
	const char *which = family(c);

	put(c, "at %uus kill s%u%s\n", begin, server, which);
	if (any(c, 3))
		put(c, "at %uus revive s%u%s\n", end_of(c, begin), server, which);
}

static void put_network_fault(struct chaos *c)
{
	uint32_t begin = moment(c), end = end_of(c, begin), uplink = any(c, c->n_uplinks), server;

	switch (any(c, 5)) {
	case 0:
		put(c, "at %uus cut e%u\nat %uus heal e%u\n", begin, uplink, end, uplink);
		break;
	case 1:
		put(c, "at %uus unplug e%u\nat %uus plug e%u\n", begin, uplink, end, uplink);
		break;
	case 2:
		put(c, "at %uus loss e%u %u\nat %uus loss e%u 0\n", begin, uplink, between(c, 100, 100000), end, uplink);
		break;
	case 3:
		put(c, "at %uus bursts e%u %u %u\nat %uus bursts e%u 0 1000000\n", begin, uplink,
		    between(c, 100, 20000), between(c, 100000, 800000), end, uplink);
		break;
	default:
		server = any(c, c->n_servers);
		c->has_slow = true;
		if (!c->has_hold)
			put(c, "at %uus slow s%u %uus\nat %uus slow s%u 0\n", begin, server, between(c, 100, 30000), end, server);
		break;
	}
}

static void put_agent_fault(struct chaos *c)
{
	static const char *const faults[] = {"hangs", "hangs", "ends"};
	uint32_t begin = moment(c), server = any(c, c->n_servers), n = any(c, 4) ? 1 : c->n_servers;

	for (uint32_t i = 0; i < n; i++) {
		put(c, "at %uus agent s%u %s\n", begin, (server + i) % c->n_servers, faults[any(c, 3)]);
		if (any(c, 3))
			put(c, "at %uus agent s%u runs\n", end_of(c, begin), (server + i) % c->n_servers);
	}
}

/* Where the timers fire packets are handled, too: either both CPUs are behind, or the other one. */
static const char *cpu(struct chaos *c)
{
	c->has_one_held = c->misses > 1 && !c->has_sick_prober && any(c, 2);
	return c->has_one_held ? " 1" : "";
}

static void put_prober_fault(struct chaos *c, uint32_t begin, uint32_t end)
{
	if (c->has_one_held)
		return;
	c->has_sick_prober = true;
	switch (any(c, 3)) {
	case 0:
		put(c, "at %uus late %uus\nat %uus late 0\n", begin, between(c, 500, 60000), end);
		break;
	case 1:
		put(c, "at %uus stop prober\nat %uus continue prober\n", begin, end);
		break;
	default:
		put(c, "at %uus kill-9 prober\n", begin);
		break;
	}
}

static void put_machine_fault(struct chaos *c)
{
	uint32_t begin = moment(c), end = end_of(c, begin);

	switch (any(c, 5)) {
	case 0:
		if (!c->has_hold && !c->has_slow)
			put(c, "at %uus hold %uus%s\n", begin, between(c, 500, 80000), cpu(c));
		c->has_hold = true;
		break;
	case 1:
		put(c, "at %uus stall %uus\n", begin, between(c, 500, 80000));
		break;
	default:
		put_prober_fault(c, begin, end);
		break;
	}
}

static void put_controller_fault(struct chaos *c)
{
	static const char *const fails[] = {"commits", "syncs", "steers"};
	uint32_t begin = moment(c), end = end_of(c, begin);

	switch (any(c, 6)) {
	case 0:
		put(c, "at %uus stop controller\nat %uus continue controller\n", begin, end);
		break;
	case 1:
		put(c, "at %uus kill-9 controller\nat %uus start controller\n", begin, end);
		break;
	case 2:
		put(c, "at %uus fill-ring\nat %uus empty-ring\n", begin, end);
		break;
	case 3:
		put(c, "at %uus commit-takes %uus\n", begin, between(c, 50, 300000));
		break;
	case 4:
		put(c, "at %uus tamper\n", begin);
		break;
	default:
		put(c, "at %uus fail %s %u\n", begin, fails[any(c, 3)], between(c, 1, 4));
		break;
	}
}

/* All who are asked at once, but who asks may have died. */
static void put_answers(struct chaos *c, uint32_t at_us, uint32_t pool, uint32_t ill)
{
	for (uint32_t i = 0; i < c->n_servers; i++) {
		if (i != ill && any(c, 4))
			put(c, "at %uus check p%u s%u pass\n", at_us + any(c, 20000), pool, i);
	}
}

static void put_check_fault(struct chaos *c)
{
	uint32_t begin = moment(c), end = end_of(c, begin);
	uint32_t pool = any(c, c->n_pools), server = any(c, c->n_servers);

	if (!c->checked[pool])
		return;
	put(c, "at %uus check p%u s%u %s\n", begin, pool, server, any(c, 4) ? "fail" : "unknown");
	if (any(c, 3))
		put_answers(c, begin, pool, server);
	if (any(c, 3))
		put(c, "at %uus check p%u s%u pass\n", end, pool, server);
}

/* Asked from the beginning, and well in the end. */
static void put_well(struct chaos *c, uint32_t at_us)
{
	for (uint32_t pool = 0; pool < c->n_pools; pool++) {
		for (uint32_t i = 0; c->checked[pool] && i < c->n_servers; i++)
			put(c, "at %uus check p%u s%u pass\n", at_us, pool, i);
	}
}

static void put_command(struct chaos *c)
{
	uint32_t begin = moment(c), end = end_of(c, begin), server = any(c, c->n_servers);

	switch (any(c, 5)) {
	case 0:
		put(c, "at %uus operator failover v%u\n", begin, any(c, c->n_pools));
		break;
	case 1:
		put(c, "at %uus operator failover v%u s%u\n", begin, any(c, c->n_pools), server);
		break;
	case 2:
		put(c, "at %uus operator maintenance s%u on%s\n", begin, server, any(c, 2) ? " drain 2s" : "");
		if (any(c, 2))
			put(c, "at %uus operator maintenance s%u off\n", end, server);
		break;
	case 3:
		put(c, "at %uus remove s%u\n", begin, server);
		break;
	default:
		if (c->n_spares)
			put(c, "at %uus add x%u p%u\n", begin, any(c, c->n_spares), any(c, c->n_pools));
		else
			put(c, "at %uus reload\n", begin);
		break;
	}
}

static void put_fault(struct chaos *c)
{
	uint32_t kind = any(c, 15);

	if (kind < 4)
		put_death(c);
	else if (kind < 7)
		put_network_fault(c);
	else if (kind < 9)
		put_machine_fault(c);
	else if (kind < 11)
		put_controller_fault(c);
	else if (kind < 13)
		put_check_fault(c);
	else if (kind < 14)
		put_agent_fault(c);
	else
		put_command(c);
}

void chaos_script(uint64_t seed, char *text, size_t size)
{
	struct chaos c = {.text = text, .size = size, .base_us = CHAOS_FROM_US};
	uint32_t n;

	c.chance.chance = seed * 0xd1342543de82ef95ull; /* neighbours must have nothing in common */
	text[0] = 0;
	put(&c, "seed %u\n", (uint32_t)seed & 0xffffff);
	put_world(&c);
	if (any(&c, 4))
		put_well(&c, CHAOS_FROM_US / 2);
	n = between(&c, 1, 14);
	for (uint32_t i = 0; i < n; i++)
		put_fault(&c);
	put_well(&c, CHAOS_CALM_US);
	put(&c, "at %uus mend\nuntil %s settled\n", CHAOS_CALM_US, CHAOS_END);
}
