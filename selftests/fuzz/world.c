// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "programs.h"

#define HOUR_NS 3600000000000ull

static void address(const char *text, uint8_t *ret_address)
{
	assert(inet_pton(AF_INET6, text, ret_address) == 1);
}

/* The nonce of a probe is eight times its number. */
static void make_target(struct world *w, uint32_t server, uint32_t family, enum dfb_probe_kind kind,
			const char *where)
{
	uint32_t id = dfb_target_id(server, family);
	struct dfb_detect *d = &w->state[id].detect;

	w->targets[id] = (struct dfb_target){.server = server, .probe = kind, .port = 7, .misses = 3,
					     .interval_ns = HOUR_NS, .timeout_ns = HOUR_NS, .generation = 1};
	address(where, w->targets[id].address);
	d->generation = 1;
	d->state = DFB_STATE_UP;
	d->stamped = WORLD_SEQ;
	d->judged = WORLD_SEQ - DFB_WINDOW / 2;
	for (uint32_t seq = WORLD_SEQ - DFB_WINDOW + 1; seq <= WORLD_SEQ; seq++) {
		struct dfb_slot *slot = &d->slots[seq % DFB_WINDOW];

		slot->seq = seq;
		slot->stamp_ns = seq;
		memset(&slot->nonce, (int)seq, sizeof(slot->nonce));
	}
}

static void make_pool(struct world *w, uint32_t id, uint32_t server, bool held, const char *service)
{
	w->plans[id] = (struct dfb_plan){.name = "pool", .families = 3, .fast = 1, .held = held,
					 .n_candidates = 2, .candidates = {1, 2}};
	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		w->pools[id].slots[i] = server;
	address(service, w->service_address[id].address);
	w->service[id].pool = id;
}

void world_make(struct world *ret_world)
{
	struct world *w = ret_world;

	memset(w, 0, sizeof(*w));
	make_target(w, 1, DFB_FAMILY_IPV4, DFB_PROBE_ECHO, "::ffff:10.78.0.11");
	make_target(w, 1, DFB_FAMILY_IPV6, DFB_PROBE_ECHO, "fd78::11");
	make_target(w, 2, DFB_FAMILY_IPV4, DFB_PROBE_ICMP, "::ffff:10.78.0.12");
	make_target(w, 2, DFB_FAMILY_IPV6, DFB_PROBE_ICMP, "fd78::12");
	make_pool(w, 1, 1, false, "::ffff:10.79.0.100");
	make_pool(w, 2, 2, true, "::ffff:10.79.0.101");
	make_pool(w, 3, 0, false, "::ffff:10.79.0.102");
	address("fd79::100", w->service_address[0].address);
	w->service[0].pool = 1;
	w->allowed[0].length = 120;
	address("::ffff:10.78.0.0", w->allowed[0].address);
	w->allowed[1].length = 64;
	address("fd78::", w->allowed[1].address);
	w->prober.cookies[2] = WORLD_COOKIE;
}
