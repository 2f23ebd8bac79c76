// SPDX-License-Identifier: GPL-2.0-only
#include "netobject.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

static size_t address_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static void address_mapped(uint8_t to[16])
{
	memset(to, 0, 16);
	to[10] = 0xff;
	to[11] = 0xff;
}

static bool address_get(uint8_t family, struct nlattr *attribute, uint8_t ret_address[16])
{
	size_t size = address_size(family);

	if (!attribute || (size_t)nla_len(attribute) < size)
		return false;
	if (family == AF_INET)
		address_mapped(ret_address);
	memcpy(ret_address + 16 - size, nla_data(attribute), size);
	return true;
}

static int address_put(struct nl_msg *message, int type, uint8_t family, const uint8_t address[16])
{
	size_t size = address_size(family);

	return nla_put(message, type, (int)size, address + 16 - size);
}

static uint32_t get_u32(struct nlattr *attribute, uint32_t otherwise)
{
	return attribute && nla_len(attribute) >= 4 ? nla_get_u32(attribute) : otherwise;
}

static int rule_parse(struct nlmsghdr *message, struct netobject *rule)
{
	static const uint8_t odd[] = { FRA_IIFNAME, FRA_OIFNAME, FRA_TUN_ID, FRA_L3MDEV,
				       FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE };
	struct nlattr *attributes[FRA_MAX + 1] = { 0 };
	const struct fib_rule_hdr *header = nlmsg_data(message);

	if (nlmsg_parse(message, sizeof(*header), attributes, FRA_MAX, NULL) < 0)
		return -EBADMSG;
	rule->kind = NETOBJECT_RULE;
	rule->family = header->family;
	rule->type = header->action;
	rule->table = get_u32(attributes[FRA_TABLE], header->table);
	rule->priority = get_u32(attributes[FRA_PRIORITY], 0);
	rule->mark = get_u32(attributes[FRA_FWMARK], 0);
	rule->mask = get_u32(attributes[FRA_FWMASK], 0);
	rule->target = get_u32(attributes[FRA_GOTO], 0);
	if (attributes[FRA_PROTOCOL])
		rule->protocol = nla_get_u8(attributes[FRA_PROTOCOL]);
	rule->odd = header->src_len || header->dst_len || header->tos || header->flags & FIB_RULE_INVERT ||
		    get_u32(attributes[FRA_SUPPRESS_PREFIXLEN], ~0u) != ~0u ||
		    get_u32(attributes[FRA_SUPPRESS_IFGROUP], ~0u) != ~0u;
	for (size_t i = 0; i < sizeof(odd); i++)
		rule->odd |= !!attributes[odd[i]];
	return 0;
}

static bool via_get(struct nlattr *attribute, uint8_t ret_address[16])
{
	const struct rtvia *via = nla_data(attribute);
	size_t size = (size_t)nla_len(attribute);

	if (size < sizeof(*via) + 16 || via->rtvia_family != AF_INET6)
		return false;
	memcpy(ret_address, via->rtvia_addr, 16);
	return true;
}

static int route_parse(struct nlmsghdr *message, struct netobject *route)
{
	struct nlattr *attributes[RTA_MAX + 1] = { 0 };
	const struct rtmsg *header = nlmsg_data(message);

	if (nlmsg_parse(message, sizeof(*header), attributes, RTA_MAX, NULL) < 0)
		return -EBADMSG;
	route->kind = NETOBJECT_ROUTE;
	route->family = header->rtm_family;
	route->prefix = header->rtm_dst_len;
	route->type = header->rtm_type;
	route->scope = header->rtm_scope;
	route->protocol = header->rtm_protocol;
	route->onlink = !!(header->rtm_flags & RTNH_F_ONLINK);
	route->table = get_u32(attributes[RTA_TABLE], header->rtm_table);
	route->priority = get_u32(attributes[RTA_PRIORITY], 0);
	route->nexthop = get_u32(attributes[RTA_NH_ID], 0);
	/* IPv6 names the loopback device in routes that lead nowhere. */
	if (header->rtm_type == RTN_UNICAST || header->rtm_type == RTN_LOCAL)
		route->ifindex = (int)get_u32(attributes[RTA_OIF], 0);
	if (header->rtm_family == AF_INET)
		address_mapped(route->address);
	address_get(header->rtm_family, attributes[RTA_DST], route->address);
	route->has_gateway = address_get(header->rtm_family, attributes[RTA_GATEWAY], route->gateway);
	if (attributes[RTA_VIA]) /* IPv4 via an IPv6 neighbour: struct rtvia is a family and an address */
		route->has_gateway = via_get(attributes[RTA_VIA], route->gateway);
	route->odd = header->rtm_tos || header->rtm_src_len || attributes[RTA_MULTIPATH] ||
		     attributes[RTA_VIA] || attributes[RTA_ENCAP];
	return 0;
}

/* Return: whether all of it is known here. */
static bool group_get(struct nlattr *attribute, struct netobject *nexthop)
{
	const struct nexthop_grp *entry = nla_data(attribute);
	size_t n = (size_t)nla_len(attribute) / sizeof(*entry);

	for (size_t i = 0; i < n && i < NETOBJECT_GROUP_MAX; i++) {
		nexthop->member[i].nexthop = entry[i].id;
		nexthop->member[i].weight = (uint16_t)(entry[i].weight + 1);
		nexthop->n_members++;
	}
	return n <= NETOBJECT_GROUP_MAX;
}

static int group_put(struct nl_msg *message, const struct netobject *nexthop)
{
	struct nexthop_grp entry[NETOBJECT_GROUP_MAX] = {0};

	for (uint8_t i = 0; i < nexthop->n_members; i++) {
		entry[i].id = nexthop->member[i].nexthop;
		entry[i].weight = (uint8_t)(nexthop->member[i].weight - 1);
	}
	return nla_put(message, NHA_GROUP, (int)(nexthop->n_members * sizeof(entry[0])), entry);
}

static int nexthop_parse(struct nlmsghdr *message, struct netobject *nexthop)
{
	struct nlattr *attributes[NHA_MAX + 1] = { 0 };
	const struct nhmsg *header = nlmsg_data(message);
	uint16_t type;

	if (nlmsg_parse(message, sizeof(*header), attributes, NHA_MAX, NULL) < 0)
		return -EBADMSG;
	nexthop->kind = NETOBJECT_NEXTHOP;
	nexthop->family = header->nh_family;
	nexthop->protocol = header->nh_protocol;
	nexthop->scope = header->nh_scope;
	nexthop->onlink = !!(header->nh_flags & RTNH_F_ONLINK);
	nexthop->nexthop = get_u32(attributes[NHA_ID], 0);
	nexthop->ifindex = (int)get_u32(attributes[NHA_OIF], 0);
	nexthop->has_gateway = address_get(header->nh_family, attributes[NHA_GATEWAY], nexthop->gateway);
	type = attributes[NHA_GROUP_TYPE] ? nla_get_u16(attributes[NHA_GROUP_TYPE]) : NEXTHOP_GRP_TYPE_MPATH;
	nexthop->odd = (attributes[NHA_GROUP] && !group_get(attributes[NHA_GROUP], nexthop)) ||
		       type != NEXTHOP_GRP_TYPE_MPATH || attributes[NHA_BLACKHOLE] || attributes[NHA_ENCAP] ||
		       attributes[NHA_FDB];
	return 0;
}

int netobject_parse(struct nlmsghdr *message, struct netobject *ret_object)
{
	struct netobject object = { 0 };
	uint8_t family = *(const uint8_t *)nlmsg_data(message); /* comes first in all three */
	bool group = message->nlmsg_type == RTM_NEWNEXTHOP || message->nlmsg_type == RTM_DELNEXTHOP;
	int err;

	if (nlmsg_datalen(message) < 8)
		return -EBADMSG;
	if (family != AF_INET && family != AF_INET6 && !(group && family == AF_UNSPEC))
		return -ENOMSG;
	switch (message->nlmsg_type) {
	case RTM_NEWRULE:
	case RTM_DELRULE:
		err = rule_parse(message, &object);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		err = route_parse(message, &object);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		err = nexthop_parse(message, &object);
		break;
	default:
		return -ENOMSG;
	}
	if (!err)
		*ret_object = object;
	return err;
}

static int rule_put(struct nl_msg *message, const struct netobject *rule)
{
	struct fib_rule_hdr header = {
		.family = rule->family,
		.action = rule->type,
		.table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC,
	};
	int err = nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);

	err |= nla_put_u32(message, FRA_PRIORITY, rule->priority);
	err |= nla_put_u8(message, FRA_PROTOCOL, rule->protocol);
	if (rule->mask) {
		err |= nla_put_u32(message, FRA_FWMARK, rule->mark);
		err |= nla_put_u32(message, FRA_FWMASK, rule->mask);
	}
	if (rule->type == FR_ACT_TO_TBL)
		err |= nla_put_u32(message, FRA_TABLE, rule->table);
	if (rule->type == FR_ACT_GOTO)
		err |= nla_put_u32(message, FRA_GOTO, rule->target);
	return err;
}

static int route_put(struct nl_msg *message, const struct netobject *route, bool remove)
{
	struct rtmsg header = {
		.rtm_family = route->family,
		.rtm_dst_len = route->prefix,
		.rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_UNSPEC,
		.rtm_protocol = route->protocol,
		.rtm_scope = remove ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE,
		.rtm_type = route->type,
		.rtm_flags = route->onlink && !route->nexthop && !remove ? RTNH_F_ONLINK : 0,
	};
	int err = nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);

	err |= nla_put_u32(message, RTA_TABLE, route->table);
	err |= nla_put_u32(message, RTA_PRIORITY, route->priority);
	if (route->prefix)
		err |= address_put(message, RTA_DST, route->family, route->address);
	if (route->nexthop)
		return err | nla_put_u32(message, RTA_NH_ID, route->nexthop);
	if (route->has_gateway)
		err |= address_put(message, RTA_GATEWAY, route->family, route->gateway);
	if (route->ifindex)
		err |= nla_put_u32(message, RTA_OIF, (uint32_t)route->ifindex);
	return err;
}

static int nexthop_put(struct nl_msg *message, const struct netobject *nexthop, bool remove)
{
	struct nhmsg header = {
		.nh_family = remove ? AF_UNSPEC : nexthop->family,
		.nh_protocol = remove ? 0 : nexthop->protocol,
		.nh_flags = nexthop->onlink && !remove ? RTNH_F_ONLINK : 0,
	};
	int err = nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);

	err |= nla_put_u32(message, NHA_ID, nexthop->nexthop);
	if (remove)
		return err;
	if (nexthop->n_members)
		return err | group_put(message, nexthop);
	err |= nla_put_u32(message, NHA_OIF, (uint32_t)nexthop->ifindex);
	if (nexthop->has_gateway)
		err |= address_put(message, NHA_GATEWAY, nexthop->family, nexthop->gateway);
	return err;
}

static struct nl_msg *message_finish(struct nl_msg *message, int err)
{
	if (!err)
		return message;
	nlmsg_free(message);
	return NULL;
}

struct nl_msg *netobject_message(const struct netobject *object, bool remove, int flags)
{
	static const int types[NETOBJECT_KIND_MAX][2] = {
		[NETOBJECT_RULE] = { RTM_NEWRULE, RTM_DELRULE },
		[NETOBJECT_ROUTE] = { RTM_NEWROUTE, RTM_DELROUTE },
		[NETOBJECT_NEXTHOP] = { RTM_NEWNEXTHOP, RTM_DELNEXTHOP },
	};
	struct nl_msg *message = nlmsg_alloc_simple(types[object->kind][remove], flags);
	int err;

	if (!message)
		return NULL;
	if (object->kind == NETOBJECT_RULE)
		err = rule_put(message, object);
	else if (object->kind == NETOBJECT_ROUTE)
		err = route_put(message, object, remove);
	else
		err = nexthop_put(message, object, remove);
	return message_finish(message, err);
}

struct nl_msg *netobject_dump_message(enum netobject_kind kind, uint8_t family, uint8_t protocol)
{
	static const int types[NETOBJECT_KIND_MAX] = { RTM_GETRULE, RTM_GETROUTE, RTM_GETNEXTHOP };
	struct nl_msg *message = nlmsg_alloc_simple(types[kind], NLM_F_DUMP);
	struct fib_rule_hdr rule = { .family = family };
	struct rtmsg route = { .rtm_family = family, .rtm_protocol = protocol };
	struct nhmsg nexthop = { .nh_family = family };
	int err;

	if (!message)
		return NULL;
	if (kind == NETOBJECT_RULE)
		err = nlmsg_append(message, &rule, sizeof(rule), NLMSG_ALIGNTO);
	else if (kind == NETOBJECT_ROUTE)
		err = nlmsg_append(message, &route, sizeof(route), NLMSG_ALIGNTO);
	else
		err = nlmsg_append(message, &nexthop, sizeof(nexthop), NLMSG_ALIGNTO);
	return message_finish(message, err);
}

static bool is_ipv4(const uint8_t address[16])
{
	uint8_t mapped[16];

	address_mapped(mapped);
	return memcmp(address, mapped, 12) == 0;
}

struct nl_msg *netobject_lookup_message(const uint8_t address[16], bool match)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	struct rtmsg header = {
		.rtm_family = is_ipv4(address) ? AF_INET : AF_INET6,
		.rtm_dst_len = is_ipv4(address) ? 32 : 128,
	};
	int err;

	if (!message)
		return NULL;
	/* IPv6 always names the table, and refuses to be asked for it. */
	if (match)
		header.rtm_flags = RTM_F_FIB_MATCH | (header.rtm_family == AF_INET ? RTM_F_LOOKUP_TABLE : 0);
	err = nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
	err |= address_put(message, RTA_DST, header.rtm_family, address);
	return message_finish(message, err);
}

#define BY(a, b)                              \
	do {                                  \
		if ((a) != (b))               \
			return (a) < (b) ? -1 : 1; \
	} while (0)

int netobject_order(const struct netobject *a, const struct netobject *b)
{
	BY(a->kind, b->kind);
	BY(a->family, b->family);
	if (a->kind == NETOBJECT_NEXTHOP) {
		BY(a->nexthop, b->nexthop);
		return 0;
	}
	BY(a->priority, b->priority);
	BY(a->table, b->table);
	if (a->kind == NETOBJECT_ROUTE) {
		BY(a->prefix, b->prefix);
		return memcmp(a->address, b->address, sizeof(a->address));
	}
	/* A rule cannot be changed, only replaced: all of it is its name. */
	BY(a->mark, b->mark);
	BY(a->mask, b->mask);
	BY(a->type, b->type);
	BY(a->target, b->target);
	BY(a->odd, b->odd);
	return 0;
}

static bool same_members(const struct netobject *a, const struct netobject *b)
{
	for (uint8_t i = 0; i < a->n_members && i < b->n_members; i++) {
		if (a->member[i].nexthop != b->member[i].nexthop ||
		    a->member[i].weight != b->member[i].weight)
			return false;
	}
	return a->n_members == b->n_members;
}

bool netobject_same(const struct netobject *a, const struct netobject *b)
{
	if (netobject_order(a, b) != 0 || a->protocol != b->protocol || a->type != b->type ||
	    a->odd != b->odd)
		return false;
	if (a->kind == NETOBJECT_RULE)
		return true;
	if (a->kind == NETOBJECT_ROUTE && (a->nexthop || b->nexthop))
		return a->nexthop == b->nexthop;
	if (a->n_members || b->n_members)
		return same_members(a, b);
	return a->ifindex == b->ifindex && a->onlink == b->onlink && a->has_gateway == b->has_gateway &&
	       (!a->has_gateway || memcmp(a->gateway, b->gateway, sizeof(a->gateway)) == 0);
}

const char *netobject_kind_name(uint8_t kind)
{
	static const char *const names[NETOBJECT_KIND_MAX] = { "rule", "route", "nexthop" };

	return kind < NETOBJECT_KIND_MAX ? names[kind] : "object";
}
