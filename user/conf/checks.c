// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks across sections. What must be unique is collected as claims: one per name, address or
 * port, as text with its place. Sorted, equal claims are neighbours; the first one stands, the
 * others are complained about.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/core.h"
#include "draft.h"

#define CLAIM_TEXT 64

/** struct claim - @service: NULL for a server's; @owner: its name */
struct claim {
	char text[CLAIM_TEXT];
	const yaml_node_t *at;
	const char *owner;
	const struct draft_service *service;
};

struct claims {
	size_t n;
	struct claim *list;
};

static void claim(struct claims *claims, const char *text, const yaml_node_t *at, const char *owner)
{
	struct claim *c = &claims->list[claims->n++];

	text_copy(c->text, sizeof(c->text), text);
	c->at = at;
	c->owner = owner;
}

static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = strcmp(a->text, b->text);
	size_t left_at, right_at;

	if (order)
		return order;
	if (!a->service != !b->service)
		return a->service ? 1 : -1;
	left_at = a->at->start_mark.index;
	right_at = b->at->start_mark.index;
	return (left_at > right_at) - (left_at < right_at);
}

static void sort_claims(struct claims *claims)
{
	if (claims->n)
		qsort(claims->list, claims->n, sizeof(*claims->list), compare_claims);
}

/* --- names ----------------------------------------------------------------------------------- */

/* Names that were missing or wrong are empty, and no complaint of ours. */
static void check_names(struct draft *d, struct claims *names, const char *what)
{
	sort_claims(names);
	for (size_t i = 1, first = 0; i < names->n; i++) {
		const struct claim *c = &names->list[i];

		if (!c->text[0] || strcmp(c->text, names->list[first].text))
			first = i;
		else
			reader_error(&d->r, c->at, "%s '%s' is there already in line %u, names are unique", what,
				     c->text, reader_line(names->list[first].at));
	}
}

static void claim_name(struct draft *d, struct claims *names, const yaml_node_t *at, const char *name)
{
	const yaml_node_t *value = reader_find(&d->r, at, "name");

	claim(names, name, value ? value : at, name);
}

static void check_all_names(struct draft *d)
{
	size_t most = (size_t)d->n_servers + d->n_pools + d->n_services;
	CLEAN_FREE struct claim *list = draft_calloc(d, most, sizeof(*list));
	struct claims names = {.list = list};

	if (!list)
		return;
	for (uint32_t i = 0; i < d->n_servers; i++)
		claim_name(d, &names, d->servers[i].at, d->servers[i].out.name);
	check_names(d, &names, "server");
	names.n = 0;
	for (uint32_t i = 0; i < d->n_pools; i++)
		claim_name(d, &names, d->pools[i].at, d->pools[i].out.name);
	check_names(d, &names, "pool");
	names.n = 0;
	for (uint32_t i = 0; i < d->n_services; i++)
		claim_name(d, &names, d->services[i].at, d->services[i].out.name);
	check_names(d, &names, "service");
}

/* --- addresses ------------------------------------------------------------------------------- */

static void claim_addresses(struct draft *d, struct claims *claims)
{
	char text[ADDRESS_TEXT_LEN];

	for (uint32_t i = 0; i < d->n_servers; i++) {
		const struct draft_server *server = &d->servers[i];

		for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
			if (!server->out.has[f])
				continue;
			address_format(server->out.address[f], text);
			claim(claims, text, server->address_at[f], server->out.name);
		}
	}
	for (uint32_t i = 0; i < d->n_services; i++) {
		const struct draft_service *service = &d->services[i];

		for (uint32_t a = 0; a < service->out.n_addresses; a++) {
			address_format(service->out.address[a], text);
			claim(claims, text, service->address_at[a], service->out.name);
			claims->list[claims->n - 1].service = service;
		}
	}
}

/* Servers sort first: @first is a service's only where no server has the address. */
static void check_shared_address(struct draft *d, const struct claim *first, const struct claim *c)
{
	if (!c->service)
		reader_error(&d->r, c->at, "address %s is server '%s' already (line %u), give each its own", c->text,
			     first->owner, reader_line(first->at));
	else if (!first->service)
		reader_error(&d->r, c->at,
			     "address %s is server '%s' itself (line %u), a service needs one of its own that can move",
			     c->text, first->owner, reader_line(first->at));
	else if (c->service->pool && first->service->pool && c->service->pool != first->service->pool)
		reader_error(&d->r, c->at,
			     "service '%s' has address %s too (line %u), but in another pool; use one pool or two addresses",
			     first->owner, c->text, reader_line(first->at));
	else if (!draft_nat_agree(&c->service->out, &first->service->out))
		reader_error(&d->r, c->at,
			     "service '%s' has address %s too (line %u), but another redirect, source or hairpin; make them agree",
			     first->owner, c->text, reader_line(first->at));
}

static size_t count_addresses(const struct draft *d)
{
	size_t n = (size_t)d->n_servers * DFB_FAMILIES;

	for (uint32_t i = 0; i < d->n_services; i++)
		n += d->services[i].out.n_addresses;
	return n;
}

static void check_addresses(struct draft *d)
{
	CLEAN_FREE struct claim *list = draft_calloc(d, count_addresses(d), sizeof(*list));
	struct claims claims = {.list = list};

	if (!list)
		return;
	claim_addresses(d, &claims);
	sort_claims(&claims);
	for (size_t i = 1, first = 0; i < claims.n; i++) {
		if (strcmp(list[i].text, list[first].text))
			first = i;
		else
			check_shared_address(d, &list[first], &list[i]);
	}
}

/* --- ports ----------------------------------------------------------------------------------- */

static void claim_ports(struct draft *d, struct claims *claims, const struct draft_service *service,
			uint32_t a)
{
	char address[ADDRESS_TEXT_LEN], text[CLAIM_TEXT];

	address_format(service->out.address[a], address);
	if (!reader_find(&d->r, service->at, "ports")) {
		snprintf(text, sizeof(text), "every port of %s", address);
		claim(claims, text, service->address_at[a], service->out.name);
	}
	for (uint32_t p = 0; p < service->out.n_ports; p++) {
		const struct policy_port *port = &service->out.ports[p];

		snprintf(text, sizeof(text), "%s/%u of %s", port->protocol == IPPROTO_TCP ? "tcp" : "udp",
			 port->port, address);
		claim(claims, text, service->address_at[a], service->out.name);
	}
}

static size_t count_ports(const struct draft *d)
{
	size_t n = 0;

	for (uint32_t i = 0; i < d->n_services; i++)
		n += (size_t)d->services[i].out.n_addresses * (d->services[i].out.n_ports + 1);
	return n;
}

static void check_ports(struct draft *d)
{
	CLEAN_FREE struct claim *list = draft_calloc(d, count_ports(d), sizeof(*list));
	struct claims claims = {.list = list};

	if (!list)
		return;
	for (uint32_t i = 0; i < d->n_services; i++) {
		for (uint32_t a = 0; a < d->services[i].out.n_addresses; a++)
			claim_ports(d, &claims, &d->services[i], a);
	}
	sort_claims(&claims);
	for (size_t i = 1, first = 0; i < claims.n; i++) {
		if (strcmp(list[i].text, list[first].text))
			first = i;
		else
			reader_error(&d->r, list[i].at, "%s is service '%s' already (line %u), remove it from one",
				     list[i].text, list[first].owner, reader_line(list[first].at));
	}
}

/* --- pools and what hangs on them ------------------------------------------------------------- */

static uint8_t families_of(const struct draft_service *service)
{
	uint8_t families = 0;

	for (uint32_t a = 0; a < service->out.n_addresses; a++)
		families |= (uint8_t)(1u << draft_family(service->out.address[a]));
	return families;
}

/* Names resolve to whatever addresses their server has. */
static uint8_t families_of_servers(const struct draft *d, const struct draft_pool *pool)
{
	uint8_t families = 0;

	for (uint32_t i = 0; i < pool->out.n_servers; i++) {
		for (uint32_t f = 0; f < DFB_FAMILIES; f++)
			families |= (uint8_t)(d->servers[pool->out.servers[i]].out.has[f] << f);
	}
	return families;
}

/* Whether it is idle cannot be seen where its clients' packets do not pass. */
static void keep_awake(struct draft *d, const struct draft_pool *pool)
{
	for (uint32_t i = 0; i < pool->out.n_servers; i++)
		d->servers[pool->out.servers[i]].out.heartbeat.idle_interval_ns = 0;
}

static void join_pool(struct draft *d, const struct draft_service *service)
{
	struct draft_pool *pool = service->pool;
	const yaml_node_t *at = reader_find(&d->r, service->at, "fast");

	pool->out.families |= families_of(service);
	if (service->out.redirect == DFB_REDIRECT_VIP)
		pool->out.vips |= families_of(service);
	if (service->out.redirect == DFB_REDIRECT_DNS)
		pool->out.families |= families_of_servers(d, pool);
	if (service->out.redirect == DFB_REDIRECT_VIP || service->out.redirect == DFB_REDIRECT_DNS)
		keep_awake(d, pool);
	if (!pool->n_services++) {
		pool->first = service;
		pool->out.fast = service->fast;
	} else if (service->fast != pool->out.fast) {
		reader_error(&d->r, at ? at : service->at,
			     "fast is %s here and %s in service '%s' (line %u), services of one pool must agree",
			     service->fast ? "true" : "false", pool->out.fast ? "true" : "false",
			     pool->first->out.name, reader_line(pool->first->at));
	}
}

/* A server without any address was complained about already. */
static bool lacks(const struct draft *d, uint32_t server, uint32_t family)
{
	const bool *has = d->servers[server].out.has;

	return !has[family] && has[!family];
}

static void check_family(struct draft *d, const struct draft_pool *pool, uint32_t family)
{
	uint32_t missing = 0;

	for (uint32_t i = 0; i < pool->out.n_servers; i++)
		missing += lacks(d, pool->out.servers[i], family);
	if (missing && missing == pool->out.n_servers)
		reader_error(&d->r, pool->at, "pool '%s' has %s services and no server with an %s address, add one",
			     pool->out.name, draft_family_names[family], draft_family_names[family]);
	for (uint32_t i = 0; missing < pool->out.n_servers && i < pool->out.n_servers; i++) {
		const struct draft_server *server = &d->servers[pool->out.servers[i]];

		if (lacks(d, pool->out.servers[i], family))
			reader_warn(&d->r, server->at,
				    "server '%s' has no %s address, which services of pool '%s' use; add one",
				    server->out.name, draft_family_names[family], pool->out.name);
	}
}

/* Only in an otherwise right configuration: the rest is often what an error left over. */
static void warn_unused(struct draft *d)
{
	for (uint32_t i = 0; i < d->n_pools; i++) {
		if (!d->pools[i].n_services && !d->pools[i].split)
			reader_warn(&d->r, d->pools[i].at, "no service uses pool '%s', add one or remove the pool",
				    d->pools[i].out.name);
	}
	for (uint32_t i = 0; i < d->n_servers; i++) {
		if (!d->servers[i].n_pools)
			reader_warn(&d->r, d->servers[i].at, "no pool uses server '%s', it is only watched",
				    d->servers[i].out.name);
	}
}

/* An address on the clients' segment, and a name that follows the server, are one server's. */
static void check_alone(struct draft *d, const struct draft_service *service)
{
	enum dfb_redirect redirect = service->out.redirect;

	if (service->pool->out.active > 1 && (redirect == DFB_REDIRECT_VIP || redirect == DFB_REDIRECT_DNS))
		reader_error(&d->r, service->at, "pool '%s' has several active servers, which only route and nat know:"
			     " write active: 1", service->pool->out.name);
}

static void check_pools(struct draft *d)
{
	draft_split(d);
	for (uint32_t i = 0; i < d->n_services; i++) {
		if (!d->services[i].pool)
			continue;
		join_pool(d, &d->services[i]);
		check_alone(d, &d->services[i]);
	}
	for (uint32_t i = 0; i < d->n_pools; i++) {
		const struct draft_pool *pool = &d->pools[i];

		for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
			if (pool->out.families & (1u << f))
				check_family(d, pool, f);
		}
	}
}

/* What the heartbeat of a server can never tell would never be known. */
static void check_needs(struct draft *d, const struct draft_service *service)
{
	const yaml_node_t *at = reader_find(&d->r, service->at, "needs");

	for (uint32_t i = 0; service->pool && i < service->pool->out.n_servers; i++) {
		const struct draft_server *server = &d->servers[service->pool->out.servers[i]];
		const struct policy_heartbeat *hb = &server->out.heartbeat;

		if (hb->probe != DFB_PROBE_ECHO)
			reader_error(&d->r, at, "service '%s' needs the userland of server '%s' (line %u), of which replies to "
				     "probe: icmp tell nothing; use probe: echo", service->out.name, server->out.name,
				     reader_line(server->at));
		else if (!hb->userland_ns)
			reader_error(&d->r, at, "service '%s' needs the userland of server '%s' (line %u), whose heartbeat has "
				     "userland: off; write a time there, for example userland: 1s", service->out.name,
				     server->out.name, reader_line(server->at));
	}
}

static void check_all_needs(struct draft *d)
{
	for (uint32_t i = 0; i < d->n_services; i++) {
		if (d->services[i].out.needs == POLICY_NEEDS_USERLAND)
			check_needs(d, &d->services[i]);
	}
}

static bool shares_interface(const struct policy_gateway *gw)
{
	for (uint32_t i = 0; i < gw->n_client_interfaces; i++) {
		for (uint32_t k = 0; k < gw->n_server_interfaces; k++) {
			if (!strcmp(gw->client_interfaces[i], gw->server_interfaces[k]))
				return true;
		}
	}
	return false;
}

static void check_vips(struct draft *d)
{
	const struct policy_gateway *gw = &d->gateway;

	if (!gw->n_client_interfaces || !gw->n_server_interfaces || shares_interface(gw))
		return;
	for (uint32_t i = 0; i < d->n_services; i++) {
		const yaml_node_t *at = reader_find(&d->r, d->services[i].at, "redirect");

		if (d->services[i].out.redirect == DFB_REDIRECT_VIP && at)
			reader_error(&d->r, at, "'redirect: vip' needs clients and servers on one segment, name its "
				     "interface in both 'client-interfaces' and 'server-interfaces'");
	}
}

static void check_capacity(struct draft *d)
{
	const yaml_node_t *at = reader_find(&d->r, d->gateway_at, "max-servers");

	if (d->n_servers > d->gateway.max_servers)
		reader_error(&d->r, at ? at : d->servers[d->gateway.max_servers].at,
			     "there are %u servers and 'max-servers' of the gateway is %u, raise it", d->n_servers,
			     d->gateway.max_servers);
}

void draft_check(struct draft *d)
{
	check_all_names(d);
	check_addresses(d);
	check_ports(d);
	if (!d->r.no_memory)
		check_pools(d);
	draft_count_checks(d);
	check_all_needs(d);
	check_vips(d);
	draft_check_dns(d);
	check_capacity(d);
	draft_check_nat(d);
	if (!d->r.errors)
		warn_unused(d);
}
