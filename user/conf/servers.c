// SPDX-License-Identifier: GPL-2.0-only
/* Servers and the addresses that hosts can have. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "draft.h"

const char *const draft_family_names[] = {
	[DFB_FAMILY_IPV4] = "IPv4",
	[DFB_FAMILY_IPV6] = "IPv6",
};

_Static_assert(ARRAY_SIZE(draft_family_names) == DFB_FAMILIES, "every family has a name");

uint32_t draft_family(const uint8_t address[16])
{
	return address_is_ipv4(address) ? DFB_FAMILY_IPV4 : DFB_FAMILY_IPV6;
}

/* Why no host, or not one behind a gateway, has such an address; NULL: it may. RFC 6890. */
static const char *refuse_ipv4(const uint8_t *a)
{
	if (!a[0])
		return "is unspecified";
	if (a[0] == 127)
		return "is a loopback address";
	if (a[0] >= 224 && a[0] < 240)
		return "is multicast";
	return a[0] >= 240 ? "is reserved or broadcast" : NULL;
}

static const char *refuse_ipv6(const uint8_t *a)
{
	static const uint8_t zero[16];

	if (!memcmp(a, zero, 15) && a[15] < 2)
		return a[15] ? "is the loopback address" : "is unspecified";
	if (a[0] == 0xff)
		return "is multicast";
	if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
		return "is link-local, which means nothing without an interface";
	return NULL;
}

int draft_address(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
		  uint8_t ret_address[16])
{
	const char *text = reader_text(r, key, node);
	uint8_t address[16];
	const char *why;

	if (!text)
		return -EINVAL;
	if (address_parse(text, address)) {
		reader_error(r, node, "%s is not an address, write for example 192.0.2.11 or \"2001:db8::11\"%s",
			     reader_quote(text).text, strchr(text, '/') ? " (without a prefix length)" : "");
		return -EINVAL;
	}
	why = address_is_ipv4(address) ? refuse_ipv4(address + 12) : refuse_ipv6(address);
	if (why) {
		reader_error(r, node, "%s %s, give a unicast address that can be routed", reader_quote(text).text,
			     why);
		return -EINVAL;
	}
	memcpy(ret_address, address, 16);
	return 0;
}

static void add_address(struct reader *r, const yaml_node_t *node, struct draft_server *server,
			const uint8_t address[16])
{
	uint32_t family = draft_family(address);

	if (server->out.has[family]) {
		reader_error(r, node, "a second %s address, a server has at most one of each family",
			     draft_family_names[family]);
		return;
	}
	server->out.has[family] = true;
	memcpy(server->out.address[family], address, 16);
	server->address_at[family] = node;
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

#define FIELD(name) offsetof(struct draft_server, name)

static const struct reader_key server_keys[] = {
	{"name", "s1", reader_name, FIELD(out.name), 0, 0, NULL, true},
	{"address", "192.0.2.11", read_address, 0, 1, DFB_FAMILIES, NULL, true},
	{"heartbeat", "{interval: 10ms}", reader_node, FIELD(heartbeat_at), 0, 0, NULL, false},
};
READER_TABLE(server_table, "a server", server_keys);

void draft_servers(struct draft *d, const struct reader_key *key, const yaml_node_t *node)
{
	uint32_t n = reader_list(&d->r, key, node);

	d->servers = draft_calloc(d, n, sizeof(*d->servers));
	for (uint32_t i = 0; d->servers && i < n; i++) {
		struct draft_server *server = &d->servers[d->n_servers++];

		server->draft = d;
		server->at = reader_item(&d->r, node, i);
		server->out.heartbeat = d->heartbeat;
		reader_mapping(&d->r, &server_table, server->at, server);
		if (server->heartbeat_at)
			draft_server_heartbeat(server);
		draft_heartbeat_fit(&server->out.heartbeat);
		server->out.pace_line = reader_line(draft_pace(server));
		server->out.pace_column = reader_column(draft_pace(server));
	}
}
