// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses on the clients' own segment. The kernel answers who asks for one; who knew it before is told by
 * announcements: at a switch, when its server gets another MAC address, and when somebody else claims it.
 *
 * A defender that is too eager makes a duel of two hosts a storm. RFC 5227, 2.4, has it wait ten seconds
 * between two defences and then give up. But the address is not ours to give up, and its clients are without
 * service meanwhile: so it is announced again at once, then once a second at most, while it is claimed.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

#define DEFEND_NS 1000000000ull
#define TELL_NS 10000000000ull

void vip_announce(struct step *s, uint32_t id)
{
	const struct core_pool *pool = pool_of(s->core, id);
	struct action *a;

	if (!pool || !pool->policy->vips || !pool->share.slots[0] || pool->held || s->core->passive)
		return;
	a = step_action(s, ACTION_ANNOUNCE);
	a->announce.pool = id;
	a->announce.server = pool->share.slots[0];
}

void vip_on_station(struct step *s, const struct event_station *e)
{
	struct core_server *server = server_of(s->core, e->server);
	struct action *a;

	if (!server || e->family >= DFB_FAMILIES || !server->policy->has[e->family])
		return;
	server->station[e->family] = e->at;
	a = step_action(s, ACTION_STATION);
	a->station.server = e->server;
	a->station.family = e->family;
	a->station.at = e->at;
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++) {
		if (s->core->pools[id].known && share_has(&s->core->pools[id].share, e->server))
			vip_announce(s, id);
	}
}

/* --- claims ---------------------------------------------------------------------------------- */

/* A server that answers for the address itself is the most likely mistake. */
static const char *server_at(const struct core *core, const uint8_t station[6])
{
	for (uint32_t i = 0; i < core->policy->n_servers; i++) {
		const struct core_server *server = &core->servers[core->policy->servers[i].id];

		for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
			const struct dfb_station *at = &server->station[family];

			if (at->ifindex && !memcmp(at->address, station, sizeof(at->address)))
				return server->policy->name;
		}
	}
	return "";
}

static const struct policy_service *service_at(const struct core *core, const struct dfb_claim *claim)
{
	for (uint32_t i = 0; i < core->policy->n_services; i++) {
		const struct policy_service *service = &core->policy->services[i];

		for (uint32_t k = 0; k < service->n_addresses; k++) {
			if (!memcmp(service->address[k], claim->address, sizeof(claim->address)))
				return service;
		}
	}
	return NULL;
}

#define ADDRESS_LEN 40

static void write_address(const uint8_t a[16], char text[ADDRESS_LEN])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	int n = 0;

	if (!memcmp(a, mapped, sizeof(mapped))) {
		snprintf(text, ADDRESS_LEN, "%u.%u.%u.%u", a[12], a[13], a[14], a[15]);
		return;
	}
	for (int i = 0; i < 16; i += 2)
		n += snprintf(text + n, (size_t)(ADDRESS_LEN - n), i ? ":%x" : "%x", a[i] << 8 | a[i + 1]);
}

static void tell_claim(struct step *s, const struct core_pool *pool, const struct dfb_claim *claim)
{
	const struct policy_service *service = service_at(s->core, claim);
	struct report *r = tell(s, REPORT_CLAIMED);
	const uint8_t *mac = claim->station;
	char address[ADDRESS_LEN];

	write_address(claim->address, address);
	snprintf(r->server, sizeof(r->server), "%s", server_at(s->core, mac));
	snprintf(r->pool, sizeof(r->pool), "%s", pool->policy->name);
	snprintf(r->service, sizeof(r->service), "%s", service ? service->name : "");
	snprintf(r->reason, sizeof(r->reason),
		 "%s is claimed by %02x:%02x:%02x:%02x:%02x:%02x, %s (heard %u times); it is announced again",
		 address, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
		 r->server[0] ? "a server, which must hold it silently" : "a stranger", pool->claims);
}

void vip_on_claim(struct step *s, const struct dfb_claim *claim)
{
	struct core_pool *pool = pool_of(s->core, claim->pool);
	uint64_t now = s->core->now;

	if (!pool || !pool->policy->vips)
		return;
	pool->claims++;
	if (!pool->announced_ns || now - pool->announced_ns >= DEFEND_NS) {
		pool->announced_ns = now;
		vip_announce(s, claim->pool);
	}
	if (pool->claim_told_ns && now - pool->claim_told_ns < TELL_NS)
		return;
	tell_claim(s, pool, claim);
	pool->claim_told_ns = now;
	pool->claims = 0;
}
