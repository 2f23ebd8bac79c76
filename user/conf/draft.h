/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy in the making: what was read, and where it stood in the text, so that checks across
 * sections complain at the right place. Positions are nodes of the document and die with it.
 *
 * The order of work is fixed, whatever the order of the text: gateway, heartbeat, servers, pools,
 * services, hooks, then the checks across them.
 */
#ifndef CONF_DRAFT_H
#define CONF_DRAFT_H

#include "base/clean.h"
#include "reader.h"

/** struct draft_server - @address_at: by family, NULL without one; @n_pools: that name it */
struct draft_server {
	struct policy_server out;
	struct draft *draft;
	const yaml_node_t *at;
	const yaml_node_t *address_at[DFB_FAMILIES];
	const yaml_node_t *heartbeat_at;
	uint32_t n_pools;
};

/** struct draft_pool - @split: others came from it; @n_services: that it has; @first: the first of them */
struct draft_pool {
	struct policy_pool out;
	struct draft *draft;
	const yaml_node_t *at;
	bool split;
	uint32_t n_services;
	const struct draft_service *first;
};

/** struct draft_service - @pool: NULL where its name was wrong; @source_at: of nat.source, by family */
struct draft_service {
	struct policy_service out;
	struct draft *draft;
	struct draft_pool *pool;
	const yaml_node_t *at;
	const yaml_node_t *address_at[POLICY_SERVICE_ADDRESSES];
	const yaml_node_t *nat_at;
	const yaml_node_t *source_at[DFB_FAMILIES];
	const yaml_node_t *dns_at;
	const yaml_node_t *name_at[POLICY_DNS_NAMES];
	bool fast;
};

struct draft {
	struct reader r;
	struct policy_gateway gateway;
	const yaml_node_t *gateway_at;
	struct policy_loss loss;
	struct policy_heartbeat heartbeat; /* defaults of all servers */
	bool heartbeat_ok;
	const yaml_node_t *pace_at; /* its `misses` or `interval`; NULL: neither is written */
	uint32_t n_servers;
	struct draft_server *servers;
	uint32_t n_pools;
	struct draft_pool *pools;
	uint32_t n_services;
	struct draft_service *services;
	struct policy_dns dns; /* defaults of all services */
	uint32_t n_hooks;
	struct policy_hook hooks[POLICY_MAX_HOOKS]; /* argv is owned */
};

/** draft_service_checks() - a reader_fn of a struct draft_service */
reader_fn draft_service_checks;

/** draft_arguments() - a reader_fn: a program with an absolute path and its arguments; char *argv[], owned */
reader_fn draft_arguments;

/* Sections: each reads one value of the top level; heartbeat.c also a server's own. */
void draft_gateway(struct draft *d, const yaml_node_t *node);
void draft_loss(struct draft *d, const yaml_node_t *node);
void draft_heartbeat(struct draft *d, const yaml_node_t *node);
void draft_server_heartbeat(struct draft_server *server);
void draft_servers(struct draft *d, const struct reader_key *key, const yaml_node_t *node);
void draft_pools(struct draft *d, const struct reader_key *key, const yaml_node_t *node);
void draft_services(struct draft *d, const struct reader_key *key, const yaml_node_t *node);
void draft_dns(struct draft *d, const yaml_node_t *node);
void draft_hooks(struct draft *d, const struct reader_key *key, const yaml_node_t *node);

/** draft_nat() - how a service is translated; needs its addresses, ports and redirect. */
void draft_nat(struct draft_service *service);

/** draft_nat_agree() - can two services have the same address? */
bool draft_nat_agree(const struct policy_service *a, const struct policy_service *b);

/** draft_check_nat() - what concerns translated services and others; hairpin adds client interfaces. */
void draft_check_nat(struct draft *d);

/** draft_heartbeat_defaults() - as documented in defib.yaml(5). */
void draft_heartbeat_defaults(struct policy_heartbeat *heartbeat);

/** draft_loss_defaults() - likewise. */
void draft_loss_defaults(struct policy_loss *loss);

/** draft_dns_defaults() - likewise. */
void draft_dns_defaults(struct policy_dns *dns);

/** draft_service_dns() - a service's own `dns`, which goes with `redirect: dns` only. */
void draft_service_dns(struct draft_service *service);

/** draft_check_dns() - what no service can see alone. */
void draft_check_dns(struct draft *d);

/** draft_pace() - where a server's heartbeat says, or inherits, how it is probed; or the server itself */
const yaml_node_t *draft_pace(struct draft_server *server);

/** draft_heartbeat_fit() - lower what follows from the interval, once that is final. */
void draft_heartbeat_fit(struct policy_heartbeat *heartbeat);

/** draft_address() - an address that a host can have. Return: 0, or -EINVAL after a complaint. */
int draft_address(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
		  uint8_t ret_address[16]);

/** draft_family() - DFB_FAMILY_* of an address. */
uint32_t draft_family(const uint8_t address[16]);

/** draft_calloc() - an array, or NULL, which the reader remembers. */
void *draft_calloc(struct draft *d, size_t n, size_t size);

/** draft_split() - services with checks get pools of their own where they share one. */
void draft_split(struct draft *d);

/** draft_count_checks() - all services' together, once it is known which families a pool has. */
void draft_count_checks(struct draft *d);

/** draft_check() - what no section can see alone. */
void draft_check(struct draft *d);

extern const char *const draft_family_names[DFB_FAMILIES];
extern const char *const draft_probe_names[];	   /* by enum dfb_probe_kind, then NULL */
extern const char *const draft_spread_names[];	   /* by enum dfb_spread, then NULL */
extern const char *const draft_when_none_names[]; /* by enum policy_when_none, then NULL */

#endif
