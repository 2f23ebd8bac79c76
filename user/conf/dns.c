// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names that lead to a service: what the section says holds for all services of `redirect: dns`, what
 * a service says itself comes before it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "draft.h"

#define SECOND_NS 1000000000ull
#define PORT_DEFAULT 53
#define TTL_DEFAULT_S 5
#define TTL_MIN_NS SECOND_NS
#define TTL_MAX_NS 604800000000000ull /* a week: RFC 1035, 7, hints at no more */
#define DISPUTE_DEFAULT_NS 10000000000ull
#define DISPUTE_MIN_NS 1000000000ull
#define DISPUTE_MAX_NS 3600000000000ull
#define LABEL_MAX 63 /* RFC 1035, 2.3.4 */

/* The record beside a name is this much longer. */
#define RECORD_PREFIX "_defib."

/** struct draft_dns - one mapping being read; @service: NULL: of all */
struct draft_dns {
	struct policy_dns out;
	uint64_t ttl_ns;
	const yaml_node_t *names;
	struct draft_service *service;
};

/* --- names ----------------------------------------------------------------------------------- */

/* Of host names, RFC 1123, 2.1, and the underscore of those that name services, RFC 8552. */
static bool is_label(const char *label, size_t n)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	if (!n || n > LABEL_MAX || label[0] == '-' || label[n - 1] == '-')
		return false;
	return strspn(label, allowed) >= n;
}

static bool is_domain(const char *name)
{
	size_t length = strlen(name);

	if (!length || length >= POLICY_DNS_NAME_LEN - sizeof(RECORD_PREFIX))
		return false;
	while (*name) {
		size_t n = strcspn(name, ".");

		if (!is_label(name, n))
			return false;
		name += n + (name[n] == '.');
	}
	return true;
}

static void read_zone(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);

	if (!text)
		return;
	if (!is_domain(text)) {
		reader_error(r, node, "%s is not a zone, write for example zone: example.org",
			     reader_quote(text).text);
		return;
	}
	snprintf(field, POLICY_DNS_NAME_LEN, "%s%s", text, text[strlen(text) - 1] == '.' ? "" : ".");
}

/* Is it the zone itself, or below it? Names are alike in either case: RFC 4343. */
static bool is_in_zone(const char *name, const char *zone)
{
	size_t n = strlen(name), m = strlen(zone);

	if (n < m || strcasecmp(name + n - m, zone))
		return false;
	return n == m || name[n - m - 1] == '.';
}

/* Without a dot at its end a name is within the zone. */
static bool complete(const char *text, const char *zone, char name[POLICY_DNS_NAME_LEN])
{
	bool absolute = text[strlen(text) - 1] == '.';
	int n = snprintf(name, POLICY_DNS_NAME_LEN, "%s%s%s", text, absolute ? "" : ".",
			 absolute ? "" : zone);

	return n > 0 && n < POLICY_DNS_NAME_LEN - (int)sizeof(RECORD_PREFIX);
}

static void add_name(struct draft_service *service, struct policy_dns *dns, const yaml_node_t *node,
		     const char *text)
{
	struct reader *r = &service->draft->r;
	char name[POLICY_DNS_NAME_LEN];

	if (!is_domain(text) || !complete(text, dns->zone, name)) {
		reader_error(r, node, "%s is not a name, write for example www, or www.example.org. with a dot at its end",
			     reader_quote(text).text);
	} else if (!is_in_zone(name, dns->zone)) {
		reader_error(r, node, "%s is not in the zone %.120s", reader_quote(text).text, dns->zone);
	} else {
		service->name_at[dns->n_names] = node;
		memcpy(dns->names[dns->n_names++], name, sizeof(name));
	}
}

static const struct reader_key names_key = {"names", "[www]", NULL, 0, 1, POLICY_DNS_NAMES, NULL, false};

static void read_names(struct draft_service *service, struct policy_dns *dns, const yaml_node_t *node)
{
	struct reader *r = &service->draft->r;
	uint32_t n = reader_list(r, &names_key, node);

	for (uint32_t i = 0; i < n; i++) {
		const yaml_node_t *item = reader_item(r, node, i);
		const char *text = reader_text(r, &names_key, item);

		if (text)
			add_name(service, dns, item, text);
	}
}

/* --- name servers ---------------------------------------------------------------------------- */

/* May be on this very machine. */
static uint32_t read_addresses(struct reader *r, const struct reader_key *key, const yaml_node_t *node,
			       uint8_t list[][16])
{
	uint32_t items = reader_list(r, key, node), n = 0;

	for (uint32_t i = 0; i < items; i++) {
		const yaml_node_t *item = reader_item(r, node, i);
		const char *text = reader_text(r, key, item);
		bool twice = false;

		if (text && address_parse(text, list[n])) {
			reader_error(r, item, "%s is not an address, write for example 192.0.2.53 or \"2001:db8::53\"",
				     reader_quote(text).text);
			continue;
		}
		for (uint32_t k = 0; text && k < n; k++)
			twice |= !memcmp(list[k], list[n], sizeof(list[n]));
		if (twice)
			reader_error(r, item, "address %s is listed twice, remove one", reader_quote(text).text);
		else if (text)
			n++;
	}
	return n;
}

static void read_servers(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct draft_dns *dns = field;

	dns->out.n_servers = read_addresses(r, key, node, dns->out.servers);
}

static void read_peers(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	struct draft_dns *dns = field;

	dns->out.n_peers = read_addresses(r, key, node, dns->out.peers);
}

/* Whether it can be used is seen by who reads files. */
static void read_key(struct reader *r, const struct reader_key *key, const yaml_node_t *node, void *field)
{
	const char *text = reader_text(r, key, node);
	struct draft_dns *dns = field;

	if (!text)
		return;
	if (text[0] != '/' || strlen(text) >= sizeof(dns->out.key_path)) {
		reader_error(r, node, "%s is not an absolute path, write for example key: %s",
			     reader_quote(text).text, key->example);
		return;
	}
	text_copy(dns->out.key_path, sizeof(dns->out.key_path), text);
	dns->out.key_line = reader_line(node);
	dns->out.key_column = reader_column(node);
}

/* --- the mapping ----------------------------------------------------------------------------- */

#define FIELD(name) offsetof(struct draft_dns, name)

static const struct reader_key dns_keys[] = {
	{"zone", "example.org", read_zone, FIELD(out.zone), 0, 0, NULL, false},
	{"names", "[www]", reader_node, FIELD(names), 0, 0, NULL, false},
	{"server", "192.0.2.53", read_servers, 0, 1, POLICY_DNS_SERVERS, NULL, false},
	{"peers", "[192.0.2.54]", read_peers, 0, 1, POLICY_DNS_SERVERS, NULL, false},
	{"port", "53", reader_port, FIELD(out.port), 1, 65535, NULL, false},
	{"key", "/etc/defib/keys/dns.key", read_key, 0, 0, 0, NULL, false},
	{"ttl", "5s", reader_duration, FIELD(ttl_ns), TTL_MIN_NS, TTL_MAX_NS, NULL, false},
	{"dispute", "10s", reader_duration, FIELD(out.dispute_ns), DISPUTE_MIN_NS, DISPUTE_MAX_NS, NULL,
	 false},
};
READER_TABLE(dns_table, "dns", dns_keys);

void draft_dns_defaults(struct policy_dns *dns)
{
	*dns = (struct policy_dns){
		.port = PORT_DEFAULT,
		.ttl_s = TTL_DEFAULT_S,
		.dispute_ns = DISPUTE_DEFAULT_NS,
	};
}

static void read_mapping(struct draft *d, const yaml_node_t *node, struct draft_dns *dns)
{
	dns->ttl_ns = dns->out.ttl_s * SECOND_NS;
	reader_mapping(&d->r, &dns_table, node, dns);
	if (dns->ttl_ns % SECOND_NS)
		reader_error(&d->r, reader_find(&d->r, node, "ttl"), "'ttl' must be whole seconds, such as 5s");
	dns->out.ttl_s = (uint32_t)(dns->ttl_ns / SECOND_NS);
}

void draft_dns(struct draft *d, const yaml_node_t *node)
{
	struct draft_dns dns = {.out = d->dns};

	read_mapping(d, node, &dns);
	if (dns.names)
		reader_error(&d->r, dns.names, "names belong to a service, write them into its own dns: {names: [www]}");
	d->dns = dns.out;
}

static void require(struct draft *d, const yaml_node_t *node, bool there, const char *what,
		    const char *example)
{
	if (!there)
		reader_error(&d->r, node, "dns lacks '%s', add for example %s: %s, here or in the section dns", what,
			     what, example);
}

static void read_service(struct draft_service *service, struct policy_dns *ret_dns)
{
	struct draft *d = service->draft;
	struct draft_dns dns = {.out = d->dns, .service = service};
	size_t errors = d->r.errors;

	read_mapping(d, service->dns_at, &dns);
	if (d->r.errors == errors) {
		require(d, service->dns_at, dns.out.zone[0], "zone", "example.org");
		require(d, service->dns_at, dns.out.n_servers, "server", "192.0.2.53");
		require(d, service->dns_at, dns.out.key_path[0], "key", "/etc/defib/keys/dns.key");
	}
	if (!dns.names && service->dns_at->type == YAML_MAPPING_NODE)
		reader_error(&d->r, service->dns_at, "dns lacks 'names', add for example names: [www]");
	if (dns.names && dns.out.zone[0])
		read_names(service, &dns.out, dns.names);
	*ret_dns = dns.out;
}

void draft_service_dns(struct draft_service *service)
{
	struct draft *d = service->draft;
	bool wanted = service->out.redirect == DFB_REDIRECT_DNS;

	if (wanted && !service->dns_at)
		reader_error(&d->r, service->at, "with redirect: dns a service has names, add for example dns: {names: [www]}");
	if (!wanted && service->dns_at)
		reader_error(&d->r, service->dns_at, "dns is for services with redirect: dns, write that or remove it");
	if (!wanted || !service->dns_at)
		return;
	service->out.dns = draft_calloc(d, 1, sizeof(*service->out.dns));
	if (service->out.dns)
		read_service(service, service->out.dns);
}

/* --- across services ------------------------------------------------------------------------- */

struct claim {
	const char *name;
	const yaml_node_t *at;
	const struct draft_service *service;
};

static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = strcasecmp(a->name, b->name);

	if (order)
		return order;
	return (a->at->start_mark.index > b->at->start_mark.index) -
	       (a->at->start_mark.index < b->at->start_mark.index);
}

static size_t claim_names(struct draft *d, struct claim *claims)
{
	size_t n = 0;

	for (uint32_t i = 0; i < d->n_services; i++) {
		const struct draft_service *s = &d->services[i];

		for (uint32_t k = 0; s->out.dns && k < s->out.dns->n_names; k++)
			claims[n++] = (struct claim){s->out.dns->names[k], s->name_at[k], s};
	}
	return n;
}

static void check_names(struct draft *d, uint32_t n_services)
{
	size_t most = (size_t)n_services * POLICY_DNS_NAMES;
	CLEAN_FREE struct claim *claims = draft_calloc(d, most, sizeof(*claims));
	size_t n = claims ? claim_names(d, claims) : 0;

	if (n)
		qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (strcasecmp(claims[i].name, claims[first].name))
			first = i;
		else
			reader_error(&d->r, claims[i].at, "%s is a name of service '%s' already (line %u), remove one",
				     reader_quote(claims[i].name).text, claims[first].service->out.name,
				     reader_line(claims[first].at));
	}
}

void draft_check_dns(struct draft *d)
{
	uint32_t publications = 0, n = 0;

	for (uint32_t i = 0; i < d->n_services; i++) {
		const struct draft_service *s = &d->services[i];

		if (!s->out.dns)
			continue;
		n++;
		publications += s->out.dns->n_servers + s->out.dns->n_peers;
		if (publications <= POLICY_MAX_PUBLICATIONS)
			continue;
		reader_error(&d->r, s->dns_at, "services have more than %u name servers together, give services more names"
			     " instead", POLICY_MAX_PUBLICATIONS);
		break;
	}
	if (n)
		check_names(d, n);
}
