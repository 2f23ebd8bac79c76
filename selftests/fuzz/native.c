// SPDX-License-Identifier: GPL-2.0-only
/* The sources of the kernel programs, as functions. */
#include "programs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <sanitizer/asan_interface.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <defib/echo.h>
#include <defib/wire.h>

#include "frame.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wshadow" /* what one program calls a map another calls a variable */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
/* The loader writes read-only data before the programs are loaded; here nobody else could. */
#define const
#define LICENSE license_of_root
#include "root.bpf.c"
#undef LICENSE
#define LICENSE license_of_echo
#include "echo.bpf.c"
#undef LICENSE
#define LICENSE license_of_steer
#include "steer.bpf.c"
#undef LICENSE
#define LICENSE license_of_beat
#include "beat.bpf.c"
#undef LICENSE
#undef const
#pragma GCC diagnostic pop

#define SOURCES 8
#define PACKET_ROOM 4096

static struct native {
	struct world *world;
	uint8_t *packet; /* in the first 4 GB: programs know addresses of packets as 32 bits */
	__u64 cookie;
	__u32 slot;
	__u64 last_alive;
	__u64 last_hung;
	struct dfb_agent agent;
	__u64 rate;
	struct dfb_xdp_conf conf;
	struct dfb_attempts attempts[WORLD_TARGETS];
	struct dfb_rtt rtt[WORLD_TARGETS];
	struct counts counts;
	struct {
		__u8 address[16];
		__u32 count;
	} sources[SOURCES];
} native;

/* --- maps ------------------------------------------------------------------------------------ */

static void *lookup_service(const void *key)
{
	for (int i = 0; i < WORLD_SERVICES; i++) {
		if (!memcmp(&native.world->service_address[i], key, 16))
			return &native.world->service[i];
	}
	return NULL;
}

static void *lookup_source(const void *key)
{
	for (int i = 0; i < SOURCES; i++) {
		if (native.sources[i].count && !memcmp(native.sources[i].address, key, 16))
			return &native.sources[i].count;
	}
	return NULL;
}

static void add_source(const void *key, const __u32 *count)
{
	int i = 0;

	while (i < SOURCES - 1 && native.sources[i].count)
		i++;
	memcpy(native.sources[i].address, key, 16);
	native.sources[i].count = *count;
}

/* Connections are not kept: what becomes of them depends on time, and on the processor. */
int native_update(void *map, const void *key, const void *value)
{
	if (map == &echo_sources)
		add_source(key, value);
	else
		assert(map == &flows);
	return 0;
}

/* Longest prefixes need not win here: it is enough that there is one. */
static void *lookup_prefix(const struct dfb_prefix *key)
{
	for (int i = 0; i < WORLD_PREFIXES; i++) {
		struct dfb_prefix *p = &native.world->allowed[i];

		if (!memcmp(p->address, key->address, p->length / 8))
			return p;
	}
	return NULL;
}

static void *element(void *at, size_t size, size_t n, const void *key)
{
	__u32 index;

	memcpy(&index, key, sizeof(index));
	return index < n ? (char *)at + index * size : NULL;
}

#define ARRAY_OF(array, key) element((array), sizeof((array)[0]), sizeof(array) / sizeof((array)[0]), (key))
#define ONE_OF(one, key) element(&(one), sizeof(one), 1, (key))

static void *lookup_in_world(void *map, const void *key)
{
	struct world *w = native.world;

	if (map == &targets)
		return ARRAY_OF(w->targets, key);
	if (map == &state)
		return ARRAY_OF(w->state, key);
	if (map == &servers)
		return ARRAY_OF(w->servers, key);
	if (map == &plans)
		return ARRAY_OF(w->plans, key);
	if (map == &pools)
		return ARRAY_OF(w->pools, key);
	if (map == &prober)
		return ONE_OF(w->prober, key);
	assert(!"a map that nobody knows");
	return NULL;
}

void *native_lookup(void *map, const void *key)
{
	if (map == &services)
		return lookup_service(key);
	if (map == &echo_sources)
		return lookup_source(key);
	if (map == &flows || map == &traffic)
		return NULL;
	if (map == &echo_allow)
		return lookup_prefix(key);
	if (map == &echo_rate)
		return ONE_OF(native.rate, key);
	if (map == &echo_counters)
		return ONE_OF(native.counts.echo, key);
	if (map == &beat_counters)
		return ONE_OF(native.counts.beat, key);
	if (map == &steer_counters)
		return ONE_OF(native.counts.steer, key);
	if (map == &xdp_conf)
		return ONE_OF(native.conf, key);
	if (map == &alive)
		return ONE_OF(native.last_alive, key);
	if (map == &hung)
		return ONE_OF(native.last_hung, key);
	if (map == &echo_userland)
		return ONE_OF(native.agent, key);
	if (map == &attempts)
		return ARRAY_OF(native.attempts, key);
	if (map == &rtt)
		return ARRAY_OF(native.rtt, key);
	return lookup_in_world(map, key);
}

/* --- calls ----------------------------------------------------------------------------------- */

void native_loop(__u32 n, long (*round)(__u32 i, void *context), void *context)
{
	for (__u32 i = 0; i < n; i++) {
		if (round(i, context))
			return;
	}
}

__u64 native_cookie(void)
{
	return native.cookie;
}

void native_tail_call(__u32 slot)
{
	native.slot = slot;
}

int native_load_bytes(const struct xdp_md *ctx, __u32 offset, void *to, __u32 size)
{
	if ((__u64)ctx->data + offset + size > ctx->data_end)
		return -1;
	memcpy(to, (void *)(long)(ctx->data + offset), size);
	return 0;
}

__s64 native_sum(const __u32 *words, __u32 size, __u32 seed)
{
	__u64 sum = seed;

	for (__u32 i = 0; i < size / 4; i++)
		sum += words[i];
	while (sum >> 32)
		sum = (sum & 0xffffffff) + (sum >> 32);
	return (__s64)sum;
}

/* --- runs ------------------------------------------------------------------------------------ */

void native_open(struct world *world)
{
	native.world = world;
	native.conf.echo_port = DFB_ECHO_PORT;
	memcpy((void *)station, FRAME_STATION, sizeof(station));
	mark_mask = WORLD_MARK_MASK;
	mark_shift = WORLD_MARK_SHIFT;
	n_servers = WORLD_SERVERS;
	native.packet = mmap(NULL, PACKET_ROOM, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	assert(native.packet != MAP_FAILED);
}

static uint32_t run_xdp(enum program program, struct xdp_md *ctx)
{
	if (program == PROGRAM_ECHO)
		return (uint32_t)dfb_echo(ctx);
	if (program == PROGRAM_REPLY)
		return (uint32_t)dfb_reply(ctx);
	native.slot = DFB_XDP_SLOT_MAX;
	assert(dfb_root(ctx) == XDP_PASS);
	return native.slot == DFB_XDP_ECHO ? XDP_TX : native.slot == DFB_XDP_BEAT ? XDP_DROP : XDP_PASS;
}

void native_run(enum program program, const uint8_t *packet, size_t size, bool from_prober,
		struct outcome *ret_outcome)
{
	uint32_t at = (uint32_t)(uintptr_t)native.packet, end = at + (uint32_t)size;
	struct __sk_buff skb = {.data = at, .data_end = end, .mark = WORLD_MARK};
	struct xdp_md ctx = {.data = at, .data_end = end};

	assert(size <= WORLD_MOST);
	native.cookie = from_prober ? WORLD_COOKIE : 0;
	ASAN_UNPOISON_MEMORY_REGION(native.packet, PACKET_ROOM);
	memcpy(native.packet, packet, size);
	ASAN_POISON_MEMORY_REGION(native.packet + size, PACKET_ROOM - size);
	if (program == PROGRAM_STAMP)
		ret_outcome->verdict = (uint32_t)dfb_stamp(&skb);
	else if (program == PROGRAM_STEER)
		ret_outcome->verdict = (uint32_t)dfb_steer(&skb);
	else
		ret_outcome->verdict = run_xdp(program, &ctx);
	ret_outcome->mark = skb.mark;
	ret_outcome->size = size;
	memcpy(ret_outcome->packet, native.packet, size);
}

struct counts *native_counts(void)
{
	native.counts.steer.flows_new = 0;
	return &native.counts;
}

void native_forget(void)
{
	memset(native.sources, 0, sizeof(native.sources));
}
