// SPDX-License-Identifier: GPL-2.0-only
/* Services: what clients use. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "draft.h"

#define NAMES_SHOWN 16
#define MAX_BUDGET_NS 3600000000000ull

static void complain_pool(struct draft *d, const yaml_node_t *node)
{
	const char *names[NAMES_SHOWN + 1];
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_pools && n < NAMES_SHOWN; i++) {
		if (d->pools[i].out.name[0])
			names[n++] = d->pools[i].out.name;
	}
	names[n] = NULL;
	reader_unknown(&d->r, node, "pool", names);
}

static void read_pool(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct draft_service *service = field;
	struct draft *d = service->draft;
	const char *name = reader_text(r, key, node);

	for (uint32_t i = 0; name && i < d->n_pools; i++) {
		if (strcmp(d->pools[i].out.name, name))
			continue;
		service->pool = &d->pools[i];
		service->out.pool = i;
		return;
	}
	if (name)
		complain_pool(d, node);
}

static void add_address(struct reader *r, const yaml_node_t *node, struct draft_service *service,
			const uint8_t address[16])
{
	for (uint32_t i = 0; i < service->out.n_addresses; i++) {
		if (memcmp(service->out.address[i], address, 16))
			continue;
		reader_error(r, node, "address %s is listed twice, remove one",
			     reader_quote((char *)node->data.scalar.value).text);
		return;
	}
	service->address_at[service->out.n_addresses] = node;
	memcpy(service->out.address[service->out.n_addresses++], address, 16);
}

static void read_address(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	uint32_t n = reader_list(r, key, node);
	uint8_t address[16];

	for (uint32_t i = 0; i < n; i++) {
		const yaml_node_t *item = reader_item(r, node, i);

		if (!draft_address(r, key, item, address))
			add_address(r, item, field, address);
	}
}

/* "tcp/80" */
static int parse_port(const char *text, struct policy_port *ret_port)
{
	const char *digits = text + 4;
	unsigned long port;
	bool tcp = !strncmp(text, "tcp/", 4);

	if (!tcp && strncmp(text, "udp/", 4))
		return -EINVAL;
	if (!*digits || strlen(digits) > 5 || digits[strspn(digits, "0123456789")] || digits[0] == '0')
		return -EINVAL;
	port = strtoul(digits, NULL, 10);
	if (port > 65535)
		return -EINVAL;
	*ret_port = (struct policy_port){.protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP, .port = (uint16_t)port};
	return 0;
}

static void add_port(struct reader *r, const yaml_node_t *node, struct draft_service *service,
		     const char *text)
{
	struct policy_port port;

	if (parse_port(text, &port)) {
		reader_error(r, node, "%s is not a port, write for example tcp/80 or udp/9000 (1 to 65535)",
			     reader_quote(text).text);
		return;
	}
	for (uint32_t i = 0; i < service->out.n_ports; i++) {
		const struct policy_port *other = &service->out.ports[i];

		if (other->protocol != port.protocol || other->port != port.port)
			continue;
		reader_error(r, node, "port %s is listed twice, remove one", text);
		return;
	}
	service->out.ports[service->out.n_ports++] = port;
}

static void read_ports(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	uint32_t n = reader_list(r, key, node);

	for (uint32_t i = 0; i < n; i++) {
		const yaml_node_t *item = reader_item(r, node, i);
		const char *text = reader_text(r, key, item);

		if (text)
			add_port(r, item, field, text);
	}
}

#define FIELD(name) offsetof(struct draft_service, name)

static const struct reader_key service_keys[] = {
	{"name", "web", reader_name, FIELD(out.name), 0, 0, NULL, true},
	{"pool", "app", read_pool, 0, 0, 0, NULL, true},
	{"address", "198.51.100.1", read_address, 0, 1, POLICY_SERVICE_ADDRESSES, NULL, false},
	{"ports", "[tcp/80, udp/9000]", read_ports, 0, 1, POLICY_SERVICE_PORTS, NULL, false},
	{"redirect", "route", reader_word, FIELD(out.redirect), 0, 0, redirect_names, false},
	{"nat", "{source: masquerade}", reader_node, FIELD(nat_at), 0, 0, NULL, false},
	{"dns", "{names: [www]}", reader_node, FIELD(dns_at), 0, 0, NULL, false},
	{"fast", "true", reader_bool, FIELD(fast), 0, 0, NULL, false},
	{"blackout-budget", "50ms", reader_duration, FIELD(out.blackout_budget_ns), 1000, MAX_BUDGET_NS, NULL,
	 false},
	{"needs", "userland", reader_word, FIELD(out.needs), 0, 0, needs_names, false},
	{"checks", "[{kind: tcp, port: 80, every: 1s}]", draft_service_checks, 0, 1, POLICY_SERVICE_CHECKS, NULL,
	 false},
};
READER_TABLE(service_table, "a service", service_keys);

/* Clients of names need none. */
static void require_address(struct draft_service *service)
{
	struct reader *r = &service->draft->r;
	const yaml_node_t *at = reader_find(r, service->at, "address");

	if (service->at->type != YAML_MAPPING_NODE)
		return;
	if (service->out.redirect != DFB_REDIRECT_DNS && !at)
		reader_error(r, service->at, "a service lacks 'address', add for example address: 198.51.100.1");
	if (service->out.redirect == DFB_REDIRECT_DNS && at)
		reader_error(r, at, "with redirect: dns a service has no address, its names resolve to its server's own;"
			     " remove it");
}

void draft_services(struct draft *d, const struct reader_key *key, const yaml_node_t *node)
{
	uint32_t n = reader_list(&d->r, key, node);

	d->services = draft_calloc(d, n, sizeof(*d->services));
	for (uint32_t i = 0; d->services && i < n; i++) {
		struct draft_service *service = &d->services[d->n_services++];

		service->draft = d;
		service->at = reader_item(&d->r, node, i);
		service->fast = true;
		reader_mapping(&d->r, &service_table, service->at, service);
		require_address(service);
		draft_nat(service);
		draft_service_dns(service);
	}
}
