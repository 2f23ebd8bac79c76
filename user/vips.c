// SPDX-License-Identifier: GPL-2.0-only
#include "vips.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon.h"

void vips_station(struct daemon *d, const struct action *a)
{
	int err = kern_station(d->kern, a->station.server, a->station.family, &a->station.at);

	if (err)
		log_error("cannot write a kernel map: %s", strerror(-err));
}

/* Return: whether it is known where the server is. */
static bool fill_item(const struct core_server *server, const uint8_t address[16], struct announce_item *item)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint32_t family = memcmp(address, mapped, sizeof(mapped)) ? DFB_FAMILY_IPV6 : DFB_FAMILY_IPV4;
	const struct dfb_station *at = &server->station[family];

	item->ifindex = (int)at->ifindex;
	memcpy(item->own, at->own, sizeof(item->own));
	memcpy(item->station, at->address, sizeof(item->station));
	memcpy(item->address, address, sizeof(item->address));
	return at->ifindex;
}

/* Return: how many of a service's addresses are announced with the pool. */
static uint32_t addresses_of(const struct daemon *d, const struct policy_service *s, uint32_t pool)
{
	return s->redirect == DFB_REDIRECT_VIP && d->policy->pools[s->pool].id == pool ? s->n_addresses : 0;
}

void vips_announce(struct daemon *d, const struct action *a)
{
	const struct core_server *server = &d->core.servers[a->announce.server];
	struct announce_item *items;
	size_t n = 0, room = 0;
	int err;

	for (uint32_t i = 0; i < d->policy->n_services; i++)
		room += addresses_of(d, &d->policy->services[i], a->announce.pool);
	items = calloc(room + 1, sizeof(*items));
	for (uint32_t i = 0; items && i < d->policy->n_services; i++) {
		const struct policy_service *s = &d->policy->services[i];

		for (uint32_t k = 0; k < addresses_of(d, s, a->announce.pool); k++)
			n += fill_item(server, s->address[k], &items[n]);
	}
	err = announce_start(d->announce, a->announce.pool, items, n);
	if (err)
		log_warning("a pool's addresses are announced, but not everywhere: %s", strerror(-err));
}
