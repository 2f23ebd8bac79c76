// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any frame through each of the kernel programs. Natively, where the sanitizers watch, with what must hold of
 * the outcome read from the frame once more, slowly; and, as root, through the kernel's own, which must say
 * and do the same, byte for byte.
 */
#include <assert.h>
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/ip_icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "frame.h"
#include "fuzz.h"
#include "programs.h"

/**
 * struct view - a frame, as it would be read with a pencil
 * @l3, @l4: offsets
 * @length: of what the IP header says is behind it
 * @source, @destination: IPv4 as ::ffff:a.b.c.d
 * @whole: no fragment
 * @probe: offset of what may be a probe, 0: none
 */
struct view {
	bool ipv6, whole, options;
	uint8_t proto;
	size_t l3, l4, length, probe;
	uint8_t source[16], destination[16];
};

static struct world world, pristine;
static bool in_kernel;

static uint16_t word(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t number(const uint8_t *at)
{
	return (uint32_t)word(at) << 16 | word(at + 2);
}

static void map_address(const uint8_t *from, bool ipv6, uint8_t *ret_address)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	if (!ipv6)
		memcpy(ret_address, prefix, sizeof(prefix));
	memcpy(ret_address + (ipv6 ? 0 : 12), from, ipv6 ? 16 : 4);
}

static bool view_ip4(const uint8_t *p, size_t size, struct view *v)
{
	const uint8_t *ip = p + v->l3;
	size_t header;

	if (v->l3 + 20 > size || ip[0] >> 4 != 4 || ip[0] % 16 < 5)
		return false;
	header = ip[0] % 16 * 4u;
	if (word(ip + 2) < header || v->l3 + header > size)
		return false;
	v->l4 = v->l3 + header;
	v->length = word(ip + 2) - header;
	v->proto = ip[9];
	v->options = header > 20;
	v->whole = !(word(ip + 6) & 0x3fff);
	map_address(ip + 12, false, v->source);
	map_address(ip + 16, false, v->destination);
	return true;
}

static bool view_ip6(const uint8_t *p, size_t size, struct view *v)
{
	const uint8_t *ip = p + v->l3;

	if (v->l3 + 40 > size || ip[0] >> 4 != 6)
		return false;
	v->ipv6 = true;
	v->l4 = v->l3 + 40;
	v->length = word(ip + 4);
	v->proto = ip[6];
	v->whole = ip[6] != IPPROTO_FRAGMENT;
	map_address(ip + 8, true, v->source);
	map_address(ip + 24, true, v->destination);
	return true;
}

/* Return: false: no IP packet, or not all of its header. */
static bool look(const uint8_t *p, size_t size, struct view *ret_view)
{
	struct view *v = ret_view;
	size_t at = 12;
	bool known;

	*v = (struct view){0};
	for (int tags = 0; tags < 2 && at + 4 <= size; tags++, at += 4) {
		if (word(p + at) != ETH_P_8021Q && word(p + at) != ETH_P_8021AD)
			break;
	}
	if (at + 2 > size)
		return false;
	v->l3 = at + 2;
	known = (word(p + at) == ETH_P_IP && view_ip4(p, size, v)) ||
		(word(p + at) == ETH_P_IPV6 && view_ip6(p, size, v));
	if (known && v->length >= 40 && v->l4 + 40 <= size && number(p + v->l4 + 8) == DFB_PROBE_MAGIC &&
	    p[v->l4 + 12] == DFB_PROBE_VERSION)
		v->probe = v->l4 + 8;
	return known;
}

/* --- the responder --------------------------------------------------------------------------- */

static bool is_unicast(const struct view *v, const uint8_t *address)
{
	static const uint8_t loopback[16] = {[15] = 1}, none[16];

	if (!v->ipv6)
		return address[12] && address[12] != 127 && address[12] < 224;
	return address[0] != 0xff && memcmp(address, loopback, 16) && memcmp(address, none, 16);
}

static bool is_allowed(const struct view *v)
{
	return !memcmp(v->source, world.allowed[!!v->ipv6].address, v->ipv6 ? 8 : 15);
}

/* Nothing of this is answered by anybody's responder. */
static void may_be_answered(const uint8_t *p, size_t size, const struct view *v)
{
	const uint8_t *udp = p + v->l4;

	assert(v->whole && !v->options && v->proto == IPPROTO_UDP);
	assert(!memcmp(p, FRAME_STATION, ETH_ALEN) && memcmp(p + ETH_ALEN, FRAME_STATION, ETH_ALEN));
	assert(is_unicast(v, v->source) && is_unicast(v, v->destination));
	assert(memcmp(v->source, v->destination, 16) && is_allowed(v));
	assert(word(udp) >= 1024 && word(udp) != word(udp + 2));
	assert(word(udp) != 1900 && word(udp) != 5353 && word(udp) != 11211);
	assert(word(udp + 4) >= 8 && word(udp + 4) <= v->length && word(udp + 4) <= 8 + DFB_ECHO_MAX_PAYLOAD);
	assert(v->l4 + word(udp + 4) <= size);
	assert(!v->probe || word(udp + 4) < 40 || !(p[v->probe + 5] & DFB_PROBE_REPLY));
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t kept = a[i];

		a[i] = b[i];
		b[i] = kept;
	}
}

/* What the answer must be, but for what only the responder knows: checksums and the reserved area. */
static void check_answer(const uint8_t *in, size_t size, const struct view *v, const uint8_t *out)
{
	uint8_t expected[WORLD_MOST], *ip = expected + v->l3, *udp = expected + v->l4;
	bool is_probe = v->probe && word(in + v->l4 + 4) >= 40;
	bool was_right = v->ipv6 || frame_sum(in + v->l3, 20, 0) == 0xffff;

	memcpy(expected, in, size);
	swap(expected, expected + ETH_ALEN, ETH_ALEN);
	swap(ip + (v->ipv6 ? 8 : 12), ip + (v->ipv6 ? 24 : 16), v->ipv6 ? 16 : 4);
	ip[v->ipv6 ? 7 : 8] = 64;
	swap(udp, udp + 2, 2);
	memcpy(udp + 6, out + v->l4 + 6, 2);
	if (!v->ipv6)
		memcpy(ip + 10, out + v->l3 + 10, 2);
	if (is_probe) {
		expected[v->probe + 5] |= DFB_PROBE_REPLY;
		memcpy(expected + v->probe + 24, out + v->probe + 24, 8);
		assert(number(out + v->probe + 24) == 1);
	}
	assert(!memcmp(expected, out, size));
	assert(!was_right || frame_is_sound(out, size));
	assert(v->ipv6 || !word(out + v->l4 + 6));
}

static void check_echo(const uint8_t *in, size_t size, const struct outcome *o)
{
	struct view v;

	if (o->verdict != XDP_TX) {
		assert((o->verdict == XDP_PASS || o->verdict == XDP_DROP) && !memcmp(in, o->packet, size));
		return;
	}
	assert(look(in, size, &v));
	may_be_answered(in, size, &v);
	check_answer(in, size, &v, o->packet);
}

/* --- the root, the clients' side ------------------------------------------------------------- */

static void check_root(const uint8_t *in, size_t size, const struct outcome *o)
{
	struct view v;
	bool to_echo;

	assert(!memcmp(in, o->packet, size));
	if (o->verdict == XDP_PASS)
		return;
	assert(look(in, size, &v));
	to_echo = v.proto == IPPROTO_UDP && word(in + v.l4 + 2) == DFB_ECHO_PORT;
	assert(o->verdict == XDP_TX ? to_echo : o->verdict == XDP_DROP && !to_echo);
	if (o->verdict == XDP_DROP)
		assert(v.length >= 40 && number(in + v.l4 + 8) == DFB_PROBE_MAGIC);
}

static void check_steer(const uint8_t *in, size_t size, const struct outcome *o)
{
	uint32_t server = 0;
	struct view v;

	assert(o->verdict == (uint32_t)TC_ACT_UNSPEC && !memcmp(in, o->packet, size));
	if (look(in, size, &v)) {
		for (int i = 0; i < WORLD_SERVICES; i++) {
			uint32_t pool = world.service[i].pool;

			if (!world.plans[pool].held &&
			    !memcmp(world.service_address[i].address, v.destination, 16))
				server = world.pools[pool].slots[0];
		}
	}
	assert((o->mark & ~WORLD_MARK_MASK) == (WORLD_MARK & ~WORLD_MARK_MASK));
	if (server)
		assert((o->mark & WORLD_MARK_MASK) >> WORLD_MARK_SHIFT == server);
	else
		assert(o->mark == WORLD_MARK);
}

/* --- probes and replies ---------------------------------------------------------------------- */

/* The target that the probe in a frame is about, if @address is its own; NULL: none. */
static struct dfb_target_run *target_of(const uint8_t *p, const struct view *v, const uint8_t *address)
{
	uint32_t id = number(p + v->probe + 8);

	if (id >= WORLD_TARGETS || !world.targets[id].server ||
	    memcmp(world.targets[id].address, address, 16))
		return NULL;
	return &world.state[id];
}

static struct dfb_slot *slot_of(struct dfb_target_run *run, uint32_t seq)
{
	return &run->detect.slots[seq % DFB_WINDOW];
}

/* Believed once, if it carries the nonce of the probe and comes from where that went. */
static void check_reply(const uint8_t *in, size_t size, const struct outcome *o, bool believed)
{
	struct dfb_target_run *run;
	struct dfb_slot *slot;
	struct view v;
	uint64_t nonce;

	assert((o->verdict == XDP_PASS || o->verdict == XDP_DROP) && !memcmp(in, o->packet, size));
	if (!believed) {
		assert(!memcmp(&world.state, &pristine.state, sizeof(world.state)));
		return;
	}
	assert(o->verdict == XDP_DROP && look(in, size, &v) && v.probe && v.whole);
	run = target_of(in, &v, v.source);
	assert(run && (v.proto != IPPROTO_UDP || word(in + v.l4) == DFB_ECHO_PORT));
	slot = slot_of(run, number(in + v.probe + 12));
	memcpy(&nonce, in + v.probe + 16, sizeof(nonce));
	assert(slot->seq == number(in + v.probe + 12) && slot->rtt_ns && !slot->nonce);
	assert(slot_of(&pristine.state[run - world.state], slot->seq)->nonce == nonce);
}

/* A probe of ours that leaves is the only thing that is stamped, in its slot. */
static void check_stamp(const uint8_t *in, size_t size, const struct outcome *o, bool stamped)
{
	struct dfb_target_run *run;
	struct dfb_slot *slot;
	struct view v;

	assert(o->verdict == (uint32_t)TC_ACT_UNSPEC && o->mark == WORLD_MARK);
	assert(!memcmp(in, o->packet, size));
	if (!stamped) {
		assert(!memcmp(&world.state, &pristine.state, sizeof(world.state)));
		return;
	}
	assert(look(in, size, &v) && v.probe && v.whole && !(in[v.probe + 5] & DFB_PROBE_REPLY));
	run = target_of(in, &v, v.destination);
	assert(run);
	slot = slot_of(run, number(in + v.probe + 12));
	assert(slot->seq == number(in + v.probe + 12) && !slot->rtt_ns && slot->stamp_ns);
	assert(!memcmp(&slot->nonce, in + v.probe + 16, sizeof(slot->nonce)));
}

/* --- all of it ------------------------------------------------------------------------------- */

static void check(enum program program, const uint8_t *in, size_t size, const struct outcome *o, bool counted)
{
	switch (program) {
	case PROGRAM_ROOT:
		check_root(in, size, o);
		break;
	case PROGRAM_ECHO:
		check_echo(in, size, o);
		break;
	case PROGRAM_REPLY:
		check_reply(in, size, o, counted);
		break;
	case PROGRAM_STAMP:
		check_stamp(in, size, o, counted);
		break;
	default:
		check_steer(in, size, o);
	}
}

static uint64_t of_interest(enum program program)
{
	const struct counts *c = native_counts();

	return program == PROGRAM_REPLY ? c->beat.replies : program == PROGRAM_STAMP ? c->beat.stamped : 0;
}

/* Residence is measured by a clock, and IPv6 has a checksum over it; everything else must be the same. */
static void forget_time(const struct view *v, struct outcome *o)
{
	assert(!v->ipv6 || frame_is_sound(o->packet, o->size));
	memset(o->packet + v->probe + 28, 0, 4);
	memset(o->packet + v->l4 + 6, 0, 2);
}

/* Return: false: the kernel does not take such a packet for a test run. */
static bool compare(enum program program, const uint8_t *in, size_t size, struct outcome *native)
{
	struct outcome kernel = {0};
	struct view v;

	if (!kernel_run(program, in, size, &kernel))
		return false;
	assert(kernel.verdict == native->verdict && kernel.mark == native->mark);
	assert(kernel.size == native->size);
	if (program == PROGRAM_ECHO && native->verdict == XDP_TX && look(in, size, &v) && v.probe) {
		forget_time(&v, native);
		forget_time(&v, &kernel);
	}
	assert(!memcmp(kernel.packet, native->packet, size));
	return true;
}

static void run_program(enum program program, const uint8_t *in, size_t size)
{
	uint64_t before = of_interest(program);
	struct counts kept = *native_counts();
	struct outcome o = {0};

	native_run(program, in, size, false, &o);
	check(program, in, size, &o, of_interest(program) != before);
	if (in_kernel && !compare(program, in, size, &o))
		*native_counts() = kept;
}

/* What was believed or sent once: the kernel's programs know no prober here, and are not asked. */
static void run_again(enum program program, const uint8_t *in, size_t size)
{
	uint64_t before = of_interest(program);
	struct counts kept = *native_counts();
	struct outcome o = {0};

	native_run(program, in, size, true, &o);
	if (program == PROGRAM_REPLY)
		assert(of_interest(program) == before);
	else
		check(program, in, size, &o, of_interest(program) != before);
	*native_counts() = kept;
}

static void compare_counts(void)
{
	struct counts kernel;

	kernel_counts(&kernel);
	assert(!memcmp(&kernel, native_counts(), sizeof(kernel)));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	world_make(&pristine);
	world = pristine;
	native_open(&world);
	in_kernel = !kernel_open(&pristine);
	if (!in_kernel)
		fprintf(stderr, "not root: the kernel's own programs are left out\n");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t before = native_counts()->beat.replies;

	if (size < WORLD_LEAST || size > WORLD_MOST)
		return 0;
	for (enum program program = 0; program < PROGRAM_MAX; program++) {
		run_program(program, data, size);
		if (program == PROGRAM_REPLY || program == PROGRAM_STAMP)
			run_again(program, data, size);
		memcpy(world.state, pristine.state, sizeof(world.state));
	}
	if (in_kernel) {
		compare_counts();
		kernel_forget();
		if (native_counts()->beat.replies != before)
			kernel_restore(&pristine);
	}
	native_forget();
	return 0;
}
