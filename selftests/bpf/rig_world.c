// SPDX-License-Identifier: GPL-2.0-only
/* Servers, pools and their probes: what the controller, the prober and the servers would do. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <unistd.h>

#include "rig.h"

#define INTERVAL_NS 10000000ull
#define TIMEOUT_NS 20000000ull
#define HOUR_NS 3600000000000ull
#define TIMER_TRIES 1000

static void make_address(uint32_t server, uint32_t family, uint8_t *ret_address)
{
	char text[64];

	if (family == DFB_FAMILY_IPV6)
		snprintf(text, sizeof(text), "fd78::%x", 0x100 + server);
	else
		snprintf(text, sizeof(text), "::ffff:10.78.1.%u", server);
	assert_int_equal(inet_pton(AF_INET6, text, ret_address), 1);
}

/* An allocation that may wait helps the timers' slab out, as in user/sense/kern_config.c: kernel 6.18 never
 * waits for a timer's memory. */
static void arm(uint32_t target)
{
	const struct dfb_order order = {.kind = DFB_ORDER_ARM, .id = target};
	int err = rig_order(order), fds[2];

	for (int i = 0; err == -ENOMEM && i < TIMER_TRIES; i++) {
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		close(fds[0]);
		close(fds[1]);
		err = rig_order(order);
	}
	assert_int_equal(err, 0);
}

/* Nothing here depends on how long the values are: short ones make the tests quick. */
uint32_t rig_target(uint32_t server, uint32_t family, enum dfb_probe_kind kind)
{
	uint32_t id = dfb_target_id(server, family);
	struct dfb_target cfg = {
		.server = server,
		.probe = (uint16_t)kind,
		.port = DFB_ECHO_PORT,
		.interval_ns = INTERVAL_NS,
		.timeout_ns = TIMEOUT_NS,
		.timeout_min_ns = TIMEOUT_NS,
		.timeout_max_ns = HOUR_NS,
		.half_life_ns = HOUR_NS,
		.misses = 3,
		.confirm_probes = 2,
		.confirm_spacing_ns = 1000000,
		.recover_replies = 2,
		.suppress = 5000,
		.reuse = 750,
		.generation = 1,
	};

	make_address(server, family, cfg.address);
	rig.attempts[id].generation = cfg.generation;
	rig_configure(id, &cfg);
	rig_put(rig.beat->maps.attempts, id, &rig.attempts[id]);
	assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_RESET, .id = id}), 0);
	arm(id);
	return id;
}

uint32_t rig_server(void)
{
	uint32_t id = ++rig.n_servers;
	struct dfb_server who = {};

	assert_true(id < RIG_SERVERS);
	snprintf(who.name, sizeof(who.name), "s%u", id);
	rig_put(rig.beat->maps.servers, id, &who);
	rig_target(id, DFB_FAMILY_IPV4, DFB_PROBE_ECHO);
	return id;
}

uint32_t rig_pool(const uint32_t *candidates, uint32_t n)
{
	uint32_t id = ++rig.n_pools;
	struct dfb_plan plan = {.families = 1u << DFB_FAMILY_IPV4, .fast = 1, .n_candidates = n};

	snprintf(plan.name, sizeof(plan.name), "p%u", id);
	for (uint32_t i = 0; i < n; i++) {
		struct dfb_server who;

		plan.candidates[i] = (uint16_t)candidates[i];
		rig_get(rig.beat->maps.servers, candidates[i], &who);
		who.pools[who.n_pools++] = (uint16_t)id;
		rig_put(rig.beat->maps.servers, candidates[i], &who);
	}
	rig_put(rig.beat->maps.plans, id, &plan);
	assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_SWITCH, .id = id, .to = candidates[0],
						      .reason = DFB_REASON_INITIAL}), 0);
	return id;
}

void rig_service(const char *address, uint32_t pool)
{
	struct dfb_service service = {.pool = pool, .name = "web"};
	int fd = bpf_map__fd(rig.beat->maps.services);
	struct dfb_service_key key;

	assert_int_equal(inet_pton(AF_INET6, address, key.address), 1);
	assert_int_equal(bpf_map_update_elem(fd, &key, &service, BPF_ANY), 0);
}

struct dfb_target rig_config(uint32_t target)
{
	struct dfb_target cfg;

	rig_get(rig.beat->maps.targets, target, &cfg);
	return cfg;
}

void rig_configure(uint32_t target, const struct dfb_target *cfg)
{
	rig_put(rig.beat->maps.targets, target, cfg);
}

/* --- probes ---------------------------------------------------------------------------------- */

struct frame rig_request(uint32_t target)
{
	static char text[8][INET6_ADDRSTRLEN];
	static unsigned int turn;
	char *address = text[turn++ % 8];
	bool ipv6 = dfb_target_family(target) == DFB_FAMILY_IPV6;
	struct dfb_target cfg = rig_config(target);
	struct frame f = {
		.ipv6 = ipv6,
		.destination = address,
		.probe = {
			.target = htonl(target),
			.seq = htonl(rig.attempts[target].seq),
			.nonce = rig.nonce[target],
		},
	};

	inet_ntop(ipv6 ? AF_INET6 : AF_INET, cfg.address + (ipv6 ? 0 : 12), address, INET6_ADDRSTRLEN);
	if (cfg.probe == DFB_PROBE_ICMP) {
		f.proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		f.icmp = ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	}
	return f;
}

struct frame rig_reply(uint32_t target)
{
	struct frame f = rig_request(target);

	f.source = f.destination;
	f.destination = f.ipv6 ? FRAME_SOURCE6 : FRAME_SOURCE4;
	f.to = FRAME_PEER;
	f.from = FRAME_STATION;
	f.sport = DFB_ECHO_PORT;
	f.dport = FRAME_PORT;
	if (f.proto)
		f.icmp = f.ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
	else
		f.probe.flags = DFB_PROBE_REPLY;
	return f;
}

static void publish(uint32_t target)
{
	struct dfb_attempts *a = &rig.attempts[target];

	a->at_ns[a->seq % DFB_WINDOW] = rig_now();
	a->generation = rig_config(target).generation;
	rig_put(rig.beat->maps.attempts, target, a);
}

void rig_attempt(uint32_t target)
{
	rig.attempts[target].seq++;
	publish(target);
}

void rig_probe(uint32_t target)
{
	uint8_t packet[FRAME_ROOM];
	struct frame f;

	rig.attempts[target].seq++;
	rig.nonce[target] = rig_now() * 0x9e3779b97f4a7c15u | 1;
	f = rig_request(target);
	rig_send(rig.prober, packet, frame_build(&f, packet));
	publish(target);
}

void rig_answer(uint32_t target)
{
	struct frame f = rig_reply(target);
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];

	rig_xdp(rig.beat->progs.dfb_reply, packet, frame_build(&f, packet), &run);
	assert_int_equal(run.verdict, XDP_DROP);
}

struct dfb_detect rig_detect(uint32_t target)
{
	struct dfb_target_run run;

	rig_get(rig.beat->maps.state, target, &run);
	return run.detect;
}

struct dfb_pool rig_pool_state(uint32_t pool)
{
	int fd = bpf_map__fd(rig.beat->maps.pools);
	struct dfb_pool value;

	assert_int_equal(bpf_map_lookup_elem_flags(fd, &pool, &value, BPF_F_LOCK), 0);
	return value;
}
