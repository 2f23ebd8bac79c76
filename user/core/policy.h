/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the operator wants: the configuration after parsing, with nothing left to interpret.
 * Made by conf/, given ids by core/ids, read by everybody, changed by nobody.
 * Addresses are 16 bytes in network byte order, IPv4 as ::ffff:a.b.c.d; times are nanoseconds.
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <defib/abi.h>
#include <defib/check.h>

#define POLICY_MAX_INTERFACES 32
#define POLICY_MAX_HOOKS 16
#define POLICY_HOOK_ARGS 16
#define POLICY_IFNAME 16 /* IFNAMSIZ */

#define POLICY_DEFAULT_MARK_MASK 0x3fff0000u
#define POLICY_DEFAULT_TABLE_BASE 780000u
#define POLICY_DEFAULT_RULE_PRIORITY 780u
#define POLICY_DEFAULT_MAX_SERVERS 256u
#define POLICY_DEFAULT_ZONE_BASE 7800u

/** struct policy_heartbeat - how a server is probed; the fields are those of struct dfb_target */
struct policy_heartbeat {
	enum dfb_probe_kind probe;
	uint16_t port;
	uint64_t interval_ns;
	uint64_t idle_interval_ns; /* 0: no other */
	uint64_t timeout_ns;	   /* 0: automatic */
	uint64_t timeout_min_ns;
	uint64_t timeout_max_ns;
	uint32_t misses;
	uint32_t confirm_probes;
	uint64_t confirm_spacing_ns;
	uint32_t recover_replies;
	uint64_t recover_hold_ns;
	uint64_t half_life_ns; /* 0: damping off */
	uint32_t suppress;
	uint32_t reuse;
	uint64_t userland_ns; /* a userland that does not run for longer hangs; 0: nobody cares */
};

/* How much of a server a service needs to be well, besides what its checks ask. */
enum policy_needs {
	POLICY_NEEDS_ECHO, /* its kernel answers */
	POLICY_NEEDS_USERLAND,
	POLICY_NEEDS_MAX,
};

struct policy_server {
	char name[DFB_NAME_LEN];
	uint32_t id;			    /* 0 until ids_assign() */
	bool has[DFB_FAMILIES];		    /* an address of this family */
	uint8_t address[DFB_FAMILIES][16];
	struct policy_heartbeat heartbeat;
	unsigned int pace_line, pace_column; /* where `misses` or `interval` is written, for advice; from 1 */
};

enum policy_when_none {
	POLICY_KEEP,
	POLICY_WITHDRAW,
	POLICY_UNREACHABLE,
	POLICY_WHEN_NONE_MAX,
};

/**
 * struct policy_pool - servers that stand in for each other
 * @origin: of a pool that was split off for services with checks: one more than the index of the one that
 *	the configuration names; 0: it is one that the configuration names
 * @checked: services of it have checks
 * @userland: services of it need a server's userland
 */
struct policy_pool {
	char name[DFB_NAME_LEN];
	uint32_t origin;
	bool checked;
	bool userland;
	uint32_t id;
	uint32_t n_servers;
	uint32_t servers[DFB_CANDIDATES]; /* indices into policy.servers, in promotion order */
	uint32_t active;		  /* how many serve at once, up to DFB_SLOTS; 0: one */
	enum dfb_spread spread;
	enum policy_when_none when_none;
	bool fast;	  /* the same for all services of a pool */
	uint8_t families; /* bit DFB_FAMILY_*: what its services use */
	uint8_t vips;	  /* likewise, those with `redirect: vip` */
};

/** struct policy_port - a service's port; for the record only where packets are routed */
struct policy_port {
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t port;
};

/* Whose address a server sees in translated packets. */
enum policy_source {
	POLICY_SOURCE_OFF,	  /* the client's: it answers through the gateway */
	POLICY_SOURCE_MASQUERADE, /* that of the interface that leads to the server */
	POLICY_SOURCE_ADDRESS,	  /* one that is given, for each family */
};

/**
 * struct policy_nat - how a service with DFB_REDIRECT_NAT is translated
 * @has, @address: for POLICY_SOURCE_ADDRESS: of each family in which the service has addresses
 * @hairpin: clients in the servers' network are served, too
 * @port: of the servers; 0: the service's
 */
struct policy_nat {
	enum policy_source source;
	bool has[DFB_FAMILIES];
	uint8_t address[DFB_FAMILIES][16];
	bool hairpin;
	uint16_t port;
};

/** struct policy_tsig - what signs messages to a name server (RFC 8945); @secret: in base64 */
struct policy_tsig {
	char name[256];
	char algorithm[16]; /* as nsupdate(1) calls it: hmac-sha256 */
	char secret[256];
};

#define POLICY_DNS_NAMES 16
#define POLICY_DNS_SERVERS 4
#define POLICY_DNS_NAME_LEN 256 /* with the closing NUL; RFC 1035, 2.3.4 */
#define POLICY_DNS_KEY_LEN 256
#define POLICY_MAX_PUBLICATIONS 256 /* name servers of all services, those of peers included */

/**
 * struct policy_dns - where a service's names are kept; all names end with a dot
 * @zone: that holds @names
 * @names: what clients look up
 * @servers: name servers to update, each of which has the zone as its own
 * @peers: other gateways' name servers, which are only read
 * @port: of all of them
 * @key_path: file with @key
 * @key_line, @key_column: where that is written, from 1
 * @key: read from @key_path by who loads the configuration
 * @ttl_s: of the names' addresses
 * @dispute_ns: how long another gateway may name another server before it is told
 */
struct policy_dns {
	char zone[POLICY_DNS_NAME_LEN];
	uint32_t n_names;
	char names[POLICY_DNS_NAMES][POLICY_DNS_NAME_LEN];
	uint32_t n_servers;
	uint8_t servers[POLICY_DNS_SERVERS][16];
	uint32_t n_peers;
	uint8_t peers[POLICY_DNS_SERVERS][16];
	uint16_t port;
	char key_path[POLICY_DNS_KEY_LEN];
	unsigned int key_line, key_column;
	struct policy_tsig key;
	uint32_t ttl_s;
	uint64_t dispute_ns;
};

/**
 * struct policy_check - how to find out whether a service works on a server; the fields are those of
 *	struct check_order
 * @text: by enum check_text; owned, NULL: not given
 * @argv: of a script; owned, NULL-terminated
 */
struct policy_check {
	enum check_kind kind;
	uint16_t port;
	uint16_t status;
	bool verify;
	uint32_t rise;
	uint32_t fall;
	uint64_t every_ns;
	uint64_t fast_ns;
	uint64_t timeout_ns;
	char *text[CHECK_TEXT_MAX];
	char *argv[POLICY_HOOK_ARGS + 1];
};

#define POLICY_SERVICE_CHECKS 8
#define POLICY_SERVICE_ADDRESSES 16
#define POLICY_SERVICE_PORTS 16

struct policy_service {
	char name[DFB_NAME_LEN];
	uint32_t pool; /* index into policy.pools */
	enum dfb_redirect redirect;
	uint32_t n_addresses;
	uint8_t address[POLICY_SERVICE_ADDRESSES][16];
	uint32_t n_ports; /* 0: every port */
	struct policy_port ports[POLICY_SERVICE_PORTS];
	struct policy_nat nat;
	enum policy_needs needs;
	uint32_t n_checks;
	struct policy_check *checks; /* owned */
	uint64_t blackout_budget_ns; /* what a failover may cost its clients; 0: nobody says */
	struct policy_dns *dns;	     /* owned; NULL but for DFB_REDIRECT_DNS */
};

/** struct policy_hook - a program to run on events: the event as JSON on standard input */
struct policy_hook {
	char *argv[POLICY_HOOK_ARGS + 1]; /* owned, NULL-terminated */
	uint32_t on;			  /* bit enum report_kind; 0: every event */
	uint64_t deadline_ns;
};

enum policy_mode {
	POLICY_ACTIVE,
	POLICY_PASSIVE, /* it watches and judges, and steers nothing */
	POLICY_MODE_MAX,
};

struct policy_gateway {
	char name[DFB_NAME_LEN];
	uint32_t n_client_interfaces;
	char client_interfaces[POLICY_MAX_INTERFACES][POLICY_IFNAME];
	uint32_t n_server_interfaces;
	char server_interfaces[POLICY_MAX_INTERFACES][POLICY_IFNAME];
	enum policy_mode mode;
	uint32_t mark_mask;	/* contiguous bits */
	uint32_t table_base;	/* a server's table is table_base + id */
	uint32_t rule_priority; /* of our rules */
	uint32_t max_servers;	/* capacity of the maps */
	uint32_t zone_base;	/* packets to a server are tracked in zone zone_base + id */
};

/**
 * struct policy_loss - the accounts of streams
 * @off: none are kept
 * @blackout_ns: silence that is a blackout; 0: what the kernel takes for one, see defib/loss.h
 * @expire_ns: a stream is forgotten after so long a silence
 */
struct policy_loss {
	bool off;
	uint64_t blackout_ns;
	uint64_t expire_ns;
};

/** struct policy - owned by whoever called conf_parse(); free with policy_free() */
struct policy {
	struct policy_gateway gateway;
	struct policy_loss loss;
	uint32_t n_servers;
	struct policy_server *servers;
	uint32_t n_pools;
	struct policy_pool *pools;
	uint32_t n_services;
	struct policy_service *services;
	uint32_t n_hooks;
	struct policy_hook hooks[POLICY_MAX_HOOKS];
};

#endif
