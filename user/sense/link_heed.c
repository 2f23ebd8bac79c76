// SPDX-License-Identifier: GPL-2.0-only
/* What a notification means to us: most of them nothing. */
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "base/text.h"
#include "link_state.h"

void link_changed(struct link *link, const char *format, ...)
{
	va_list args;

	if (link->changes++)
		return;
	va_start(args, format);
	vsnprintf(link->change, sizeof(link->change), format, args);
	va_end(args);
}

void link_look_again(struct link *link)
{
	for (size_t i = 0; i < link->policy.n_servers; i++)
		link->policy.servers[i].stale = true;
}

/* Left alone where there is none, or none of Ethernet. */
static void read_station(struct nlattr *attribute, uint8_t ret_station[6])
{
	if (attribute && nla_len(attribute) == 6)
		memcpy(ret_station, nla_data(attribute), 6);
}

/* --- interfaces ------------------------------------------------------------------------------ */

/* The kernel takes routes and nexthop objects with it, and does not say so. */
static void interface_becomes(struct link *link, struct link_interface *interface, int ifindex, bool up,
			      bool carrier)
{
	struct link_interface was = *interface;

	interface->ifindex = ifindex;
	interface->up = up;
	interface->carrier = carrier;
	if (was.ifindex == ifindex && was.up == up && was.carrier == carrier)
		return;
	link_look_again(link);
	if (!link->watching || !interface->server)
		return;
	if (!ifindex)
		link_changed(link, "interface %s is gone, and the routes through it", interface->name);
	else if (was.ifindex != ifindex)
		link_changed(link, "interface %s is here: routes through it are missing", interface->name);
	else if (!up || !carrier)
		link_changed(link, "interface %s %s: the kernel removes the routes through it", interface->name,
			     up ? "has no carrier" : "went down");
	else
		link_changed(link, "interface %s is up again: routes through it are missing", interface->name);
}

static void heed_link(struct link *link, struct nlmsghdr *message)
{
	struct nlattr *attributes[IFLA_MAX + 1] = { 0 };
	const struct ifinfomsg *header = nlmsg_data(message);
	bool gone = message->nlmsg_type == RTM_DELLINK;
	bool up = header->ifi_flags & IFF_UP;
	uint8_t own[6] = { 0 };
	const char *name = "";
	bool carrier;

	/* A bridge tells about its ports by the same message, and RTM_DELLINK means "no longer a port". */
	if (header->ifi_family != AF_UNSPEC ||
	    nlmsg_parse(message, sizeof(*header), attributes, IFLA_MAX, NULL) < 0)
		return;
	if (attributes[IFLA_IFNAME])
		name = nla_get_string(attributes[IFLA_IFNAME]);
	carrier = header->ifi_flags & IFF_RUNNING;
	if (attributes[IFLA_CARRIER])
		carrier = nla_get_u8(attributes[IFLA_CARRIER]);
	read_station(attributes[IFLA_ADDRESS], own);
	for (size_t i = 0; i < link->policy.n_interfaces; i++) {
		struct link_interface *interface = &link->policy.interfaces[i];
		bool same = strcmp(interface->name, name) == 0;

		if (same && !gone)
			memcpy(interface->own, own, sizeof(own));
		if (same && !gone)
			interface_becomes(link, interface, header->ifi_index, up, carrier);
		else if (interface->ifindex == header->ifi_index) /* removed, or renamed */
			interface_becomes(link, interface, 0, false, false);
	}
}

static void heed_address(struct link *link, struct nlmsghdr *message)
{
	const struct ifaddrmsg *header = nlmsg_data(message);
	const struct link_interface *interface = link_interface_at(&link->policy, (int)header->ifa_index);

	link_look_again(link);
	if (message->nlmsg_type == RTM_DELADDR && interface && interface->server)
		link_changed(link, "an address of interface %s was removed, and routes with it", interface->name);
}

/* --- neighbours ------------------------------------------------------------------------------ */

static void neighbour_becomes(struct link_server *server, struct link_path *path, bool failed, bool valid)
{
	bool silent = failed || (path->silent && !valid);

	if (path->silent == silent)
		return;
	path->silent = silent;
	server->stale = true;
}

#define NUD_VALID_STATES (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

/*
 * FAILED and INCOMPLETE take turns while somebody sends to a dead neighbour; only a valid state,
 * or the end of the entry, ends its silence.
 */
static void heed_neighbour(struct link *link, struct nlmsghdr *message)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct nlattr *attributes[NDA_MAX + 1] = { 0 };
	const struct ndmsg *header = nlmsg_data(message);
	uint32_t family = header->ndm_family == AF_INET ? DFB_FAMILY_IPV4 : DFB_FAMILY_IPV6;
	size_t size = family == DFB_FAMILY_IPV4 ? 4 : 16;
	bool gone = message->nlmsg_type == RTM_DELNEIGH;
	const struct link_address *who;
	struct link_server *server;
	struct link_path *path;
	uint8_t address[16];

	if ((header->ndm_family != AF_INET && header->ndm_family != AF_INET6) ||
	    nlmsg_parse(message, sizeof(*header), attributes, NDA_MAX, NULL) < 0 || !attributes[NDA_DST] ||
	    (size_t)nla_len(attributes[NDA_DST]) < size)
		return;
	memcpy(address, mapped, sizeof(mapped));
	memcpy(address + 16 - size, nla_data(attributes[NDA_DST]), size);
	who = link_address_at(&link->policy, address);
	if (!who)
		return;
	server = &link->policy.servers[who->server];
	path = &server->path[who->family];
	/* Before the first judgement no interface is known, and any entry tells. */
	if (path->ifindex && path->ifindex != header->ndm_ifindex)
		return;
	if (!gone && header->ndm_state & NUD_VALID_STATES)
		read_station(attributes[NDA_LLADDR], path->station);
	neighbour_becomes(server, path, !gone && header->ndm_state & NUD_FAILED,
			  gone || header->ndm_state & NUD_VALID_STATES);
}

/* --- rules, routes, nexthop objects ---------------------------------------------------------- */

static bool covers(const struct netobject *route, const uint8_t address[16])
{
	unsigned int bits = route->prefix + (route->family == AF_INET ? 96u : 0u);
	unsigned int whole = bits / 8;

	if (memcmp(route->address, address, whole) != 0)
		return false;
	return bits % 8 == 0 || (route->address[whole] ^ address[whole]) >> (8 - bits % 8) == 0;
}

static void look_again_where(struct link *link, const struct netobject *route)
{
	uint32_t family = route->family == AF_INET ? DFB_FAMILY_IPV4 : DFB_FAMILY_IPV6;

	for (size_t i = 0; i < link->policy.n_servers; i++) {
		struct link_server *server = &link->policy.servers[i];

		if (server->path[family].has && covers(route, server->path[family].address))
			server->stale = true;
	}
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static bool is_service(const struct link_policy *policy, const struct netobject *route)
{
	return route->prefix == (route->family == AF_INET ? 32 : 128) && policy->n_services &&
	       bsearch(route->address, policy->services, policy->n_services, 16, order);
}

static bool table_is_ours(const struct link_policy *policy, uint32_t table)
{
	return table > policy->table_base && table < policy->table_base + NETOBJECT_TABLES;
}

/* Is it ours, or where something of ours should be? */
static bool concerns_us(const struct link_policy *policy, const struct netobject *object)
{
	if (object->kind == NETOBJECT_NEXTHOP)
		return netobject_nexthop_is_of(object->nexthop, policy->table_base);
	if (object->kind == NETOBJECT_RULE && object->priority + 1 >= policy->rule_priority &&
	    object->priority <= policy->rule_priority + 1)
		return true;
	if (table_is_ours(policy, object->table))
		return true;
	return object->kind == NETOBJECT_ROUTE && is_service(policy, object);
}

static void note_change(struct link *link, const struct nlmsghdr *message, const struct netobject *object)
{
	bool removed = message->nlmsg_type == RTM_DELRULE || message->nlmsg_type == RTM_DELROUTE ||
		       message->nlmsg_type == RTM_DELNEXTHOP;
	const char *verb = removed ? "deleted" : message->nlmsg_flags & NLM_F_REPLACE ? "changed" : "added";
	const char *foreign = object->protocol == NETOBJECT_PROTOCOL ? "" : "foreign ";
	char text[NETOBJECT_TEXT_LEN];
	char who[48] = "the kernel";

	if (message->nlmsg_pid)
		snprintf(who, sizeof(who), "somebody (netlink port %u)", message->nlmsg_pid);
	/* Who and what comes first, as the text may be cut. */
	link_changed(link, "%s %s %s%s `%s`", who, verb, foreign, netobject_kind_name(object->kind),
		     netobject_format(object, text));
}

static bool is_own(const struct link *link, uint32_t port)
{
	for (size_t i = 0; i < link->n_ports; i++) {
		if (port && link->ports[i] == port)
			return true;
	}
	return false;
}

static void heed_object(struct link *link, struct nlmsghdr *message)
{
	struct netobject object;

	if (is_own(link, message->nlmsg_pid) || netobject_parse(message, &object) != 0)
		return;
	if (object.kind == NETOBJECT_RULE)
		link_look_again(link);
	else if (object.kind == NETOBJECT_ROUTE)
		look_again_where(link, &object);
	if (link->watching && concerns_us(&link->policy, &object))
		note_change(link, message, &object);
}

void link_heed(void *arg, struct nlmsghdr *message)
{
	struct link *link = arg;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		heed_link(link, message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		heed_address(link, message);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		heed_neighbour(link, message);
		break;
	default:
		heed_object(link, message);
	}
}
