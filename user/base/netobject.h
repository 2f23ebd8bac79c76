/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A routing rule, a route or a nexthop object: from and to netlink messages, and to the text that
 * ip(8) prints. Only what we ever use; anything beyond it makes an object `odd`.
 * Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d.
 */
#ifndef BASE_NETOBJECT_H
#define BASE_NETOBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netlink/msg.h>

/* rtnetlink's "protocol": marks rules, routes and nexthops as ours (`ip route show proto 223`). */
#define NETOBJECT_PROTOCOL 223

#define NETOBJECT_TEXT_LEN 160

/* The ids of one instance's nexthop objects; instances differ in the tables they use. */
#define NETOBJECT_NEXTHOPS 512u
#define NETOBJECT_TABLES 16384u

/* The ids of an instance's members of groups (one for each server and family), then those of its groups. */
#define NETOBJECT_MEMBERS 32768u
#define NETOBJECT_GROUPS 512u
#define NETOBJECT_GROUP_MAX 16

enum netobject_kind {
	NETOBJECT_RULE,
	NETOBJECT_ROUTE,
	NETOBJECT_NEXTHOP,
	NETOBJECT_KIND_MAX,
};

/** struct netobject_member - a nexthop object in a group, and its part of the packets, 1 to 256 */
struct netobject_member {
	uint32_t nexthop;
	uint16_t weight;
};

/**
 * struct netobject - see the `ip` commands rule, route and nexthop
 * @kind: enum netobject_kind
 * @family: AF_INET or AF_INET6
 * @prefix: route: length of the destination's prefix
 * @type: route: RTN_*; rule: FR_ACT_*
 * @protocol: whose it is
 * @has_gateway: @gateway is set
 * @onlink: the gateway needs no route to it
 * @odd: has something that objects of ours never have
 * @table: route: where it is; rule: where it leads
 * @priority: of a rule; metric of a route
 * @mark: rule: fwmark
 * @mask: rule: of the fwmark; 0: it does not look at the mark
 * @target: rule: priority to go to
 * @nexthop: nexthop: its id; route: the nexthop object it uses, 0: none
 * @ifindex: of the device, 0: none
 * @scope: route and nexthop: RT_SCOPE_*, for the text only
 * @tag: the user's; not compared
 * @address: route: destination
 * @gateway: next hop
 * @n_members: nexthop: it is a group of so many; @family is AF_UNSPEC
 */
struct netobject {
	uint8_t kind;
	uint8_t family;
	uint8_t prefix;
	uint8_t type;
	uint8_t protocol;
	bool has_gateway;
	bool onlink;
	bool odd;
	uint32_t table;
	uint32_t priority;
	uint32_t mark;
	uint32_t mask;
	uint32_t target;
	uint32_t nexthop;
	int ifindex;
	uint32_t tag;
	uint8_t scope;
	uint8_t address[16];
	uint8_t gateway[16];
	uint8_t n_members;
	struct netobject_member member[NETOBJECT_GROUP_MAX];
};

/**
 * netobject_nexthop_base() - first nexthop id of the instance with these tables
 *
 * Bases that are NETOBJECT_TABLES apart, as they must be, give ranges that do not overlap. All are
 * between 0xd8000000 and 0xe0000000, where no routing daemon looks for one.
 */
static inline uint32_t netobject_nexthop_base(uint32_t table_base)
{
	return 0xd8000000u + table_base / NETOBJECT_TABLES * NETOBJECT_NEXTHOPS;
}

/**
 * netobject_member_base() - first id of the instance's members of groups
 *
 * Its groups begin NETOBJECT_MEMBERS later. All are below the others, and so many that only every 2048th
 * instance could meet another.
 */
static inline uint32_t netobject_member_base(uint32_t table_base)
{
	return 0xd0000000u + table_base / NETOBJECT_TABLES % 2048 * 2 * NETOBJECT_MEMBERS;
}

/** netobject_nexthop_is_of() - is it an id of the instance with these tables? */
static inline bool netobject_nexthop_is_of(uint32_t nexthop, uint32_t table_base)
{
	return nexthop - netobject_nexthop_base(table_base) < NETOBJECT_NEXTHOPS ||
	       nexthop - netobject_member_base(table_base) < NETOBJECT_MEMBERS + NETOBJECT_GROUPS;
}

/**
 * netobject_parse() - from a RTM_{NEW,DEL}{RULE,ROUTE,NEXTHOP}
 * Return: 0; -ENOMSG: another kind of message or family; -EBADMSG: not well-formed.
 */
int netobject_parse(struct nlmsghdr *message, struct netobject *ret_object);

/**
 * netobject_message() - to a request
 * @remove: RTM_DEL* instead of RTM_NEW*
 * @flags: NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
 * Return: owned by the caller; NULL: out of memory.
 */
struct nl_msg *netobject_message(const struct netobject *object, bool remove, int flags);

/** netobject_dump_message() - ask for all objects of a kind; routes: of @protocol (0: any) only. */
struct nl_msg *netobject_dump_message(enum netobject_kind kind, uint8_t family, uint8_t protocol);

/**
 * netobject_lookup_message() - ask where a packet to @address goes
 * @match: ask for the route itself, as it is in its table, and not for the result
 */
struct nl_msg *netobject_lookup_message(const uint8_t address[16], bool match);

/** netobject_order() - by what names them: kind, family, table, ...; for sorting and finding. */
int netobject_order(const struct netobject *a, const struct netobject *b);

/** netobject_same() - the same name, and do they say the same? */
bool netobject_same(const struct netobject *a, const struct netobject *b);

/** netobject_format() - as ip(8) prints it. Return: @text. */
char *netobject_format(const struct netobject *object, char text[NETOBJECT_TEXT_LEN]);

/** netobject_kind_name() - "rule", "route", "nexthop". */
const char *netobject_kind_name(uint8_t kind);

#endif
