// SPDX-License-Identifier: GPL-2.0-only
/* How a service's packets are translated, and what cannot be. */
#include <string.h>

#include "base/text.h"
#include "core/core.h"
#include "draft.h"

#define LAST_ZONE 65535u

static const char *const source_names[] = {"off", "masquerade", NULL};

_Static_assert(ARRAY_SIZE(source_names) == POLICY_SOURCE_ADDRESS + 1, "an address has no name");

/* --- the mapping ----------------------------------------------------------------------------- */

static bool read_source_word(const char *text, struct policy_nat *nat)
{
	for (unsigned int i = 0; source_names[i]; i++) {
		if (strcmp(text, source_names[i]))
			continue;
		nat->source = (enum policy_source)i;
		return true;
	}
	return false;
}

static void add_source(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
		       struct draft_service *service)
{
	const char *text = reader_text(r, key, node);
	uint8_t address[16];
	uint32_t family;

	if (text && address_parse(text, address)) {
		reader_error(r, node, "%s is no source, write off, masquerade, or addresses such as 192.0.2.1",
			     reader_quote(text).text);
		return;
	}
	if (!text || draft_address(r, key, node, address))
		return;
	family = draft_family(address);
	if (service->source_at[family]) {
		reader_error(r, node, "a second %s source, give one address of each family",
			     draft_family_names[family]);
		return;
	}
	service->source_at[family] = node;
	service->out.nat.source = POLICY_SOURCE_ADDRESS;
	service->out.nat.has[family] = true;
	memcpy(service->out.nat.address[family], address, 16);
}

static void read_source(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct draft_service *service = field;
	uint32_t n = reader_list(r, key, node);

	if (n == 1) {
		const char *text = reader_scalar(reader_item(r, node, 0));

		if (text && read_source_word(text, &service->out.nat))
			return;
	}
	for (uint32_t i = 0; i < n; i++)
		add_source(r, key, reader_item(r, node, i), service);
}

#define FIELD(name) offsetof(struct draft_service, out.nat.name)

static const struct reader_key nat_keys[] = {
	{"source", "masquerade", read_source, 0, 1, DFB_FAMILIES, NULL, false},
	{"hairpin", "true", reader_bool, FIELD(hairpin), 0, 0, NULL, false},
	{"port", "8080", reader_port, FIELD(port), 1, 65535, NULL, false},
};
READER_TABLE(nat_table, "nat", nat_keys);

/* --- what cannot work ------------------------------------------------------------------------ */

static bool has_family(const struct policy_service *service, uint32_t family)
{
	for (uint32_t i = 0; i < service->n_addresses; i++) {
		if (draft_family(service->address[i]) == family)
			return true;
	}
	return false;
}

static void check_sources(struct draft *d, const struct draft_service *service, const yaml_node_t *at)
{
	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		const yaml_node_t *source = service->source_at[f];
		bool used = has_family(&service->out, f);

		if (service->out.nat.source == POLICY_SOURCE_ADDRESS && used && !source)
			reader_error(&d->r, at, "the service has an %s address and 'source' has none, add one",
				     draft_family_names[f]);
		else if (source && !used)
			reader_error(&d->r, source, "the service has no %s address, remove this source",
				     draft_family_names[f]);
	}
}

static void check_port(struct draft *d, const struct draft_service *service, const yaml_node_t *at)
{
	const yaml_node_t *port = reader_find(&d->r, at, "port");

	if (port && service->out.nat.port && service->out.n_ports != 1)
		reader_error(&d->r, port, "'port' is for a service with one port, and 'ports' names %u here, name one",
			     service->out.n_ports);
}

void draft_nat(struct draft_service *service)
{
	struct draft *d = service->draft;
	const yaml_node_t *at = service->nat_at;

	if (!at)
		return;
	if (service->out.redirect != DFB_REDIRECT_NAT) {
		reader_error(&d->r, at, "nothing is translated with 'redirect: %s', write redirect: nat or remove this",
			     redirect_names[service->out.redirect]);
		return;
	}
	reader_mapping(&d->r, &nat_table, at, service);
	check_sources(d, service, at);
	check_port(d, service, at);
}

/* --- across services ------------------------------------------------------------------------- */

bool draft_nat_agree(const struct policy_service *a, const struct policy_service *b)
{
	return a->redirect == b->redirect && a->nat.source == b->nat.source &&
	       a->nat.hairpin == b->nat.hairpin &&
	       !memcmp(a->nat.address, b->nat.address, sizeof(a->nat.address));
}

static void check_source_is_free(struct draft *d, const struct draft_service *service, uint32_t family)
{
	const uint8_t *source = service->out.nat.address[family];
	const yaml_node_t *at = service->source_at[family];
	char text[ADDRESS_TEXT_LEN];

	for (uint32_t i = 0; i < d->n_servers; i++) {
		const struct policy_server *s = &d->servers[i].out;

		if (s->has[family] && !memcmp(s->address[family], source, 16))
			reader_error(&d->r, at, "%s is server '%s', give an address of the gateway",
				     address_format(source, text), s->name);
	}
	for (uint32_t i = 0; i < d->n_services; i++) {
		const struct policy_service *s = &d->services[i].out;

		for (uint32_t a = 0; a < s->n_addresses; a++) {
			if (!memcmp(s->address[a], source, 16))
				reader_error(&d->r, at, "%s is an address of service '%s', give one of the gateway's own",
					     address_format(source, text), s->name);
		}
	}
}

/* In hairpin mode servers are clients. */
static void listen_to_servers(struct draft *d, const struct draft_service *service)
{
	struct policy_gateway *gateway = &d->gateway;

	for (uint32_t i = 0; i < gateway->n_server_interfaces; i++) {
		uint32_t k = 0;

		while (k < gateway->n_client_interfaces &&
		       strcmp(gateway->client_interfaces[k], gateway->server_interfaces[i]))
			k++;
		if (k < gateway->n_client_interfaces)
			continue;
		if (k == POLICY_MAX_INTERFACES) {
			reader_error(&d->r, service->nat_at, "with 'hairpin' there are more than %d client interfaces",
				     POLICY_MAX_INTERFACES);
			return;
		}
		text_copy(gateway->client_interfaces[gateway->n_client_interfaces++], POLICY_IFNAME,
			  gateway->server_interfaces[i]);
	}
}

static void check_zones(struct draft *d)
{
	const yaml_node_t *at = reader_find(&d->r, d->gateway_at, "zone-base");

	if (d->gateway.zone_base + d->gateway.max_servers > LAST_ZONE)
		reader_error(&d->r, at ? at : d->gateway_at,
			     "'zone-base' %u and 'max-servers' %u make more than %u, the last zone; lower one",
			     d->gateway.zone_base, d->gateway.max_servers, LAST_ZONE);
}

void draft_check_nat(struct draft *d)
{
	bool any = false;

	for (uint32_t i = 0; i < d->n_services; i++) {
		const struct draft_service *service = &d->services[i];

		if (service->out.redirect != DFB_REDIRECT_NAT)
			continue;
		for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
			if (service->source_at[f])
				check_source_is_free(d, service, f);
		}
		if (service->out.nat.hairpin)
			listen_to_servers(d, service);
		any = true;
	}
	if (any)
		check_zones(d);
}
