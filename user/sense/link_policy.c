// SPDX-License-Identifier: GPL-2.0-only
/* What of the configuration matters here, and what outlives a change of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"
#include "link_state.h"

static struct link_interface *add_interface(struct link_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		if (strcmp(policy->interfaces[i].name, name) == 0)
			return &policy->interfaces[i];
	}
	text_copy(policy->interfaces[policy->n_interfaces].name, POLICY_IFNAME, name);
	return &policy->interfaces[policy->n_interfaces++];
}

/* Of what begins with an address. */
static int order(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static int order_ids(const void *a, const void *b)
{
	const struct link_server *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void read_addresses(struct link_policy *ours)
{
	for (uint32_t i = 0; i < ours->n_servers; i++) {
		for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
			const struct link_path *path = &ours->servers[i].path[family];
			struct link_address *to = &ours->addresses[ours->n_addresses];

			if (!path->has)
				continue;
			memcpy(to->address, path->address, sizeof(to->address));
			to->server = i;
			to->family = family;
			ours->n_addresses++;
		}
	}
}

/* @vips: of each server, the families of addresses that it must be on the clients' segment for */
static void read_servers(const struct policy *policy, struct link_policy *ours, const uint8_t *vips)
{
	for (uint32_t i = 0; i < policy->n_servers; i++) {
		struct link_server *server = &ours->servers[ours->n_servers++];

		server->id = policy->servers[i].id;
		server->stale = true;
		for (int family = 0; family < DFB_FAMILIES; family++) {
			struct link_path *path = &server->path[family];

			path->has = policy->servers[i].has[family];
			path->vip = vips[i] & (1u << family);
			path->last = -1;
			memcpy(path->address, policy->servers[i].address[family], sizeof(path->address));
		}
	}
	qsort(ours->servers, ours->n_servers, sizeof(*ours->servers), order_ids);
	read_addresses(ours);
	qsort(ours->addresses, ours->n_addresses, sizeof(*ours->addresses), order);
}

static void find_vips(const struct policy *policy, uint8_t *vips)
{
	for (uint32_t i = 0; i < policy->n_pools; i++) {
		const struct policy_pool *pool = &policy->pools[i];

		for (uint32_t k = 0; k < pool->n_servers; k++)
			vips[pool->servers[k]] |= pool->vips;
	}
}

static void read_services(const struct policy *policy, struct link_policy *ours)
{
	for (uint32_t i = 0; i < policy->n_services; i++) {
		for (uint32_t k = 0; k < policy->services[i].n_addresses; k++)
			memcpy(ours->services[ours->n_services++], policy->services[i].address[k], 16);
	}
	qsort(ours->services, ours->n_services, 16, order);
}

int link_policy_read(const struct policy *policy, struct link_policy *ret_policy)
{
	const struct policy_gateway *gateway = &policy->gateway;
	struct link_policy ours = {
		.table_base = gateway->table_base,
		.rule_priority = gateway->rule_priority,
	};
	CLEAN_FREE uint8_t *vips = calloc(policy->n_servers + 1, sizeof(*vips));
	size_t n_addresses = 0;

	for (uint32_t i = 0; i < policy->n_services; i++)
		n_addresses += policy->services[i].n_addresses;
	ours.servers = calloc(policy->n_servers + 1, sizeof(*ours.servers));
	ours.addresses = calloc((size_t)policy->n_servers * DFB_FAMILIES + 1, sizeof(*ours.addresses));
	ours.services = calloc(n_addresses + 1, sizeof(*ours.services));
	if (!ours.servers || !ours.addresses || !ours.services || !vips) {
		link_policy_fini(&ours);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < gateway->n_server_interfaces; i++)
		add_interface(&ours, gateway->server_interfaces[i])->server = true;
	for (uint32_t i = 0; i < gateway->n_client_interfaces; i++)
		add_interface(&ours, gateway->client_interfaces[i])->client = true;
	find_vips(policy, vips);
	read_servers(policy, &ours, vips);
	read_services(policy, &ours);
	*ret_policy = ours;
	return 0;
}

void link_policy_fini(struct link_policy *policy)
{
	free(policy->servers);
	free(policy->addresses);
	free(policy->services);
	memset(policy, 0, sizeof(*policy));
}

static void inherit_interfaces(struct link_policy *policy, const struct link_policy *old)
{
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		for (size_t k = 0; k < old->n_interfaces; k++) {
			if (strcmp(policy->interfaces[i].name, old->interfaces[k].name) == 0)
				policy->interfaces[i].told = old->interfaces[k].told;
		}
	}
}

static int same_interface(const struct link_policy *policy, const struct link_policy *old, int last)
{
	for (size_t i = 0; last >= 0 && i < policy->n_interfaces; i++) {
		if (strcmp(policy->interfaces[i].name, old->interfaces[last].name) == 0)
			return (int)i;
	}
	return -1;
}

static void inherit_server(struct link_policy *policy, struct link_server *server,
			   const struct link_policy *old, const struct link_server *was)
{
	server->told = was->told;
	server->said = was->said;
	memcpy(server->said_ifindex, was->said_ifindex, sizeof(server->said_ifindex));
	for (int family = 0; family < DFB_FAMILIES; family++) {
		struct link_path *path = &server->path[family];

		if (memcmp(path->address, was->path[family].address, sizeof(path->address)) != 0)
			continue;
		path->silent = was->path[family].silent;
		path->said = was->path[family].said;
		memcpy(path->station, was->path[family].station, sizeof(path->station));
		path->last = same_interface(policy, old, was->path[family].last);
	}
}

void link_policy_inherit(struct link_policy *policy, const struct link_policy *old)
{
	inherit_interfaces(policy, old);
	for (size_t i = 0; i < policy->n_servers; i++) {
		size_t was = link_server_at(old, policy->servers[i].id);

		if (was < old->n_servers)
			inherit_server(policy, &policy->servers[i], old, &old->servers[was]);
	}
}

size_t link_server_at(const struct link_policy *policy, uint32_t id)
{
	const struct link_server name = { .id = id }, *found = NULL;

	if (policy->n_servers)
		found = bsearch(&name, policy->servers, policy->n_servers, sizeof(name), order_ids);
	return found ? (size_t)(found - policy->servers) : policy->n_servers;
}

const struct link_address *link_address_at(const struct link_policy *policy, const uint8_t address[16])
{
	return policy->n_addresses ? bsearch(address, policy->addresses, policy->n_addresses,
					     sizeof(*policy->addresses), order) : NULL;
}

struct link_interface *link_interface_at(struct link_policy *policy, int ifindex)
{
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		if (ifindex && policy->interfaces[i].ifindex == ifindex)
			return &policy->interfaces[i];
	}
	return NULL;
}
