// SPDX-License-Identifier: GPL-2.0-only
/* Text as ip(8) prints it, so that what we name can be found and pasted. */
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "netobject.h"
#include "text.h"

static void append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, NETOBJECT_TEXT_LEN - used, format, args);
	va_end(args);
}

static void append_table(char *text, const char *word, uint32_t table)
{
	static const char *const names[] = { "default", "main", "local" };

	if (table >= RT_TABLE_DEFAULT && table <= RT_TABLE_LOCAL)
		append(text, " %s %s", word, names[table - RT_TABLE_DEFAULT]);
	else
		append(text, " %s %u", word, table);
}

/* The names of Debian's /etc/iproute2/rt_protos that one meets; `boot` is what ip does not print. */
static void append_protocol(char *text, uint8_t protocol)
{
	static const struct {
		uint8_t protocol;
		const char *name;
	} names[] = {
		{ RTPROT_REDIRECT, "redirect" }, { RTPROT_KERNEL, "kernel" }, { RTPROT_STATIC, "static" },
		{ RTPROT_RA, "ra" },	 { RTPROT_ZEBRA, "zebra" }, { RTPROT_BIRD, "bird" },
		{ RTPROT_DHCP, "dhcp" }, { RTPROT_KEEPALIVED, "keepalived" }, { RTPROT_BGP, "bgp" },
		{ RTPROT_OSPF, "ospf" },
	};

	if (protocol == RTPROT_UNSPEC || protocol == RTPROT_BOOT)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].protocol == protocol) {
			append(text, " proto %s", names[i].name);
			return;
		}
	}
	append(text, " proto %u", protocol);
}

static void append_via(char *text, const struct netobject *object)
{
	char address[ADDRESS_TEXT_LEN];
	char name[IF_NAMESIZE];

	if (object->has_gateway)
		append(text, " via %s", address_format(object->gateway, address));
	if (object->ifindex && if_indextoname((unsigned int)object->ifindex, name))
		append(text, " dev %s", name);
	else if (object->ifindex)
		append(text, " dev if%d", object->ifindex);
}

static void rule_format(const struct netobject *rule, char *text)
{
	append(text, "%u: from %s", rule->priority, rule->odd ? "..." : "all");
	if (rule->mask == ~0u)
		append(text, " fwmark %#x", rule->mark);
	else if (rule->mask)
		append(text, " fwmark %#x/%#x", rule->mark, rule->mask);
	if (rule->type == FR_ACT_GOTO)
		append(text, " goto %u", rule->target);
	else if (rule->type == FR_ACT_NOP)
		append(text, " nop");
	else if (rule->type == FR_ACT_TO_TBL)
		append_table(text, "lookup", rule->table);
	append_protocol(text, rule->protocol);
}

static void append_scope(char *text, const struct netobject *object)
{
	if (object->family != AF_INET)
		return;
	if (object->scope == RT_SCOPE_LINK)
		append(text, " scope link");
	else if (object->scope == RT_SCOPE_HOST)
		append(text, " scope host");
}

static void route_format(const struct netobject *route, char *text)
{
	static const char *const types[] = {
		[RTN_LOCAL] = "local ", [RTN_BROADCAST] = "broadcast ", [RTN_ANYCAST] = "anycast ",
		[RTN_MULTICAST] = "multicast ", [RTN_BLACKHOLE] = "blackhole ",
		[RTN_UNREACHABLE] = "unreachable ", [RTN_PROHIBIT] = "prohibit ", [RTN_THROW] = "throw ",
	};
	char address[ADDRESS_TEXT_LEN];

	if (route->type < sizeof(types) / sizeof(types[0]) && types[route->type])
		append(text, "%s", types[route->type]);
	append(text, "%s", route->prefix ? address_format(route->address, address) : "default");
	if (route->prefix && route->prefix != (route->family == AF_INET ? 32 : 128))
		append(text, "/%u", route->prefix);
	if (route->nexthop)
		append(text, " nhid %u", route->nexthop);
	append_via(text, route);
	if (route->table != RT_TABLE_MAIN && route->table != RT_TABLE_UNSPEC)
		append_table(text, "table", route->table);
	append_protocol(text, route->protocol);
	append_scope(text, route);
	if (route->priority)
		append(text, " metric %u", route->priority);
	if (route->onlink)
		append(text, " onlink");
}

static void nexthop_format(const struct netobject *nexthop, char *text)
{
	append(text, "id %u", nexthop->nexthop);
	for (uint8_t i = 0; i < nexthop->n_members; i++) {
		append(text, "%s%u", i ? "/" : " group ", nexthop->member[i].nexthop);
		if (nexthop->member[i].weight > 1)
			append(text, ",%u", nexthop->member[i].weight);
	}
	append_via(text, nexthop);
	append_scope(text, nexthop);
	append_protocol(text, nexthop->protocol);
	if (nexthop->onlink)
		append(text, " onlink");
}

char *netobject_format(const struct netobject *object, char text[NETOBJECT_TEXT_LEN])
{
	text[0] = '\0';
	if (object->kind == NETOBJECT_RULE)
		rule_format(object, text);
	else if (object->kind == NETOBJECT_ROUTE)
		route_format(object, text);
	else
		nexthop_format(object, text);
	return text;
}
