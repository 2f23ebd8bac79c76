/* SPDX-License-Identifier: GPL-2.0-only */
/* What link knows; private to sense/link*. */
#ifndef SENSE_LINK_STATE_H
#define SENSE_LINK_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/netlink.h"
#include "base/netobject.h"
#include "core/policy.h"
#include "link.h"

#define LINK_PORTS 4
#define LINK_TEXT 128

/**
 * struct link_interface - one that is configured
 * @server: servers are reached through it
 * @client: clients come through it
 * @own: its MAC address; all 0: it has none
 * @ifindex: 0: does not exist
 * @told: the ifindex that was last told to the callback
 */
struct link_interface {
	char name[POLICY_IFNAME];
	bool server;
	bool client;
	bool up;
	bool carrier;
	uint8_t own[6];
	int ifindex;
	int told;
};

/**
 * struct link_path - one address of a server
 * @vip: it must be on the clients' own segment
 * @silent: its neighbour entry is FAILED, and was not valid since
 * @ifindex: through which it is on-link now, 0: it is not
 * @last: the interface (index into link.interfaces) through which it was last on-link, -1: never
 * @station: the neighbour's MAC address as last seen; all 0: not yet
 * @said: where it is on the clients' segment, as told
 */
struct link_path {
	bool has;
	bool vip;
	bool silent;
	uint8_t address[16];
	uint8_t station[6];
	int ifindex;
	int last;
	struct dfb_station said;
};

/**
 * struct link_server
 * @told: @said and @said_ifindex were told
 * @stale: ask again
 * @now: the answer
 */
struct link_server {
	uint32_t id;
	bool told;
	bool stale;
	struct link_path path[DFB_FAMILIES];
	struct event_routable now;
	struct event_routable said;
	int said_ifindex[DFB_FAMILIES];
};

/** struct link_address - which server and family it is; no two have the same */
struct link_address {
	uint8_t address[16];
	uint32_t server; /* index */
	uint32_t family;
};

/**
 * struct link_policy - what of the configuration matters here; owned
 * @servers: sorted by id
 * @addresses: of all servers, sorted
 * @services: their addresses, 16 bytes each, sorted
 */
struct link_policy {
	uint32_t table_base;
	uint32_t rule_priority;
	size_t n_interfaces;
	struct link_interface interfaces[2 * POLICY_MAX_INTERFACES];
	size_t n_servers;
	struct link_server *servers;
	size_t n_addresses;
	struct link_address *addresses;
	size_t n_services;
	uint8_t (*services)[16];
};

/**
 * struct link
 * @requests: asks; @news: listens
 * @lost: notifications were lost, and not all is read yet that was queued
 * @changes: how many there were of what is ours since the last report; @change: the first
 */
struct link {
	struct loop *loop;
	link_emit *emit;
	void *arg;
	link_interfaces_fn *interfaces_fn;
	void *interfaces_arg;
	struct netlink *requests;
	struct netlink *news;
	bool watching;
	bool lost;
	size_t n_ports;
	uint32_t ports[LINK_PORTS];
	unsigned int changes;
	char change[LINK_TEXT];
	struct link_policy policy;
};

/** link_policy_read() - take over what matters. Return: 0 or -ENOMEM; link_policy_fini() it. */
int link_policy_read(const struct policy *policy, struct link_policy *ret_policy);

void link_policy_fini(struct link_policy *policy);

/** link_policy_inherit() - what is known about the same addresses and interfaces stays known. */
void link_policy_inherit(struct link_policy *policy, const struct link_policy *old);

/** link_server_at() - Return: the index of the server with this id, or policy->n_servers. */
size_t link_server_at(const struct link_policy *policy, uint32_t id);

/** link_address_at() - Return: whose address this is, or NULL: of no server. */
const struct link_address *link_address_at(const struct link_policy *policy, const uint8_t address[16]);

/** link_interface_at() - Return: the configured interface with this index, or NULL. */
struct link_interface *link_interface_at(struct link_policy *policy, int ifindex);

/** link_changed() - note a change of what is ours, to be reported once all is read. */
void link_changed(struct link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** link_look_again() - ask about all servers once all is read. */
void link_look_again(struct link *link);

/** link_judge() - ask about servers where needed, and emit what is different. */
void link_judge(struct link *link);

/** link_heed() - one notification, or one message of a dump. A netlink_fn; @arg: struct link. */
void link_heed(void *arg, struct nlmsghdr *message);

#endif
