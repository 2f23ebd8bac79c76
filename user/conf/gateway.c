// SPDX-License-Identifier: GPL-2.0-only
/* The gateway itself: its interfaces, and which marks, tables and rules are ours. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/core.h"
#include "draft.h"

#define FIRST_FREE_TABLE 256	   /* below are local, main, default and what people name by hand */
#define LAST_TABLE_BASE (UINT32_MAX - DFB_MAX_SERVERS)
#define LAST_ZONE_BASE 65534u	   /* zones have 16 bits */
#define LAST_RULE_PRIORITY 32765u  /* the main table's rule is 32766 */

#define FIELD(name) offsetof(struct policy_gateway, name)

/* As the kernel's dev_valid_name(). */
static bool is_interface_name(const char *name)
{
	size_t n = strlen(name);

	if (!n || n >= POLICY_IFNAME || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c == '/' || c == ':' || isspace(c) || iscntrl(c))
			return false;
	}
	return true;
}

static bool is_listed(char list[][POLICY_IFNAME], uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!strcmp(list[i], name))
			return true;
	}
	return false;
}

static uint32_t read_interfaces(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
				char list[][POLICY_IFNAME])
{
	uint32_t items = reader_list(r, key, node);
	uint32_t n = 0;

	for (uint32_t i = 0; i < items; i++) {
		const yaml_node_t *item = reader_item(r, node, i);
		const char *name = reader_text(r, key, item);

		if (!name)
			continue;
		if (!is_interface_name(name))
			reader_error(r, item, "%s cannot be an interface, use 1 to %d characters without space, / and :",
				     reader_quote(name).text, POLICY_IFNAME - 1);
		else if (is_listed(list, n, name))
			reader_error(r, item, "interface %s is listed twice in '%s', remove one",
				     reader_quote(name).text, key->name);
		else
			text_copy(list[n++], POLICY_IFNAME, name);
	}
	return n;
}

static void read_clients(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct policy_gateway *gateway = field;

	gateway->n_client_interfaces = read_interfaces(r, key, node, gateway->client_interfaces);
}

static void read_servers(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct policy_gateway *gateway = field;

	gateway->n_server_interfaces = read_interfaces(r, key, node, gateway->server_interfaces);
}

static const struct reader_key gateway_keys[] = {
	{"name", "gw1", reader_name, FIELD(name), 0, 0, NULL, true},
	{"mode", "active", reader_word, FIELD(mode), 0, 0, mode_names, false},
	{"client-interfaces", "[eth0]", read_clients, 0, 1, POLICY_MAX_INTERFACES, NULL, true},
	{"server-interfaces", "[eth1]", read_servers, 0, 1, POLICY_MAX_INTERFACES, NULL, true},
	{"mark-mask", "0x3fff0000", reader_mask, FIELD(mark_mask), 0, 0, NULL, false},
	{"table-base", "780000", reader_number, FIELD(table_base), FIRST_FREE_TABLE, LAST_TABLE_BASE, NULL,
	 false},
	{"rule-priority", "780", reader_number, FIELD(rule_priority), 1, LAST_RULE_PRIORITY, NULL, false},
	{"zone-base", "7800", reader_number, FIELD(zone_base), 1, LAST_ZONE_BASE, NULL, false},
	{"max-servers", "256", reader_number, FIELD(max_servers), 1, DFB_MAX_SERVERS, NULL, false},
};
READER_TABLE(gateway_table, "gateway", gateway_keys);

static const yaml_node_t *place(struct draft *d, const char *name)
{
	const yaml_node_t *at = reader_find(&d->r, d->gateway_at, name);

	return at ? at : d->gateway_at;
}

static void check_mask(struct draft *d)
{
	uint32_t mask = d->gateway.mark_mask;
	uint32_t most = mask >> __builtin_ctz(mask);

	if (most & (most + 1))
		reader_error(&d->r, place(d, "mark-mask"),
			     "'mark-mask' 0x%x has a gap, its bits must be neighbours, such as 0x3fff0000", mask);
	else if (most < d->gateway.max_servers)
		reader_error(&d->r, place(d, "mark-mask"),
			     "'mark-mask' 0x%x can name %u servers and 'max-servers' is %u, widen it or lower that",
			     mask, most, d->gateway.max_servers);
}

void draft_gateway(struct draft *d, const yaml_node_t *node)
{
	size_t errors = d->r.errors;

	d->gateway_at = node;
	reader_mapping(&d->r, &gateway_table, node, &d->gateway);
	if (d->r.errors == errors)
		check_mask(d);
}
