// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the policy to the text of the table. A packet's way through it:
 *
 *   raw prerouting   zone: the mark's           raw output   the mark of the committed route's server
 *   nat prerouting   to the mark's server       nat output   the same
 *   forward, output  what still has a service's address was not translated, and is refused
 *   nat postrouting  the source, where that is wanted
 *
 * The zone is that of the original direction only: replies are found in the default zone, by the
 * server's address, and a server's own connections stay where they would be without us.
 * What is looked up per packet is a set or a map; there are rules of a service's own only where it
 * changes the port or has a source.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "base/text.h"
#include "nat.h"

/* How nft(8) calls a family's things. */
static const struct {
	const char *ip;
	const char *type;
	const char *icmp;
	const char *icmp_protocol;
	char digit;
} families[DFB_FAMILIES] = {
	[DFB_FAMILY_IPV4] = { "ip", "ipv4_addr", "icmp", "icmp", '4' },
	[DFB_FAMILY_IPV6] = { "ip6", "ipv6_addr", "icmpv6", "ipv6-icmp", '6' },
};

/* Before what others do in the same place. */
#define BEFORE "- 5"
#define BEFORE_DSTNAT "-105" /* nft(8) has no name for it in output */

struct writer {
	FILE *out;
	const struct policy *policy;
	uint32_t mask;
	uint32_t shift;
	bool used[DFB_FAMILIES];
};

char *nat_table(const char *instance, char name[NAT_TABLE_LEN])
{
	bool main = strcmp(instance, PATHS_DEFAULT_INSTANCE) == 0;

	snprintf(name, NAT_TABLE_LEN, main ? "defib" : "defib_%s", instance);
	return name;
}

static uint32_t family_of(const uint8_t address[16])
{
	return address_is_ipv4(address) ? DFB_FAMILY_IPV4 : DFB_FAMILY_IPV6;
}

static bool is_translated(const struct policy_service *service)
{
	return service->redirect == DFB_REDIRECT_NAT;
}

bool nat_is_used(const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->n_services; i++) {
		if (is_translated(&policy->services[i]))
			return true;
	}
	return false;
}

/* --- sets and maps --------------------------------------------------------------------------- */

/* One element of a set or map; the first opens it. */
static void element(struct writer *w, unsigned int *n, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void element(struct writer *w, unsigned int *n, const char *format, ...)
{
	va_list args;

	fputs((*n)++ ? ",\n\t\t\t     " : "\t\telements = { ", w->out);
	va_start(args, format);
	vfprintf(w->out, format, args);
	va_end(args);
}

static void close_set(struct writer *w, unsigned int n)
{
	fputs(n ? " }\n\t}\n\n" : "\t}\n\n", w->out);
}

static uint32_t mark_of(const struct writer *w, const struct policy_server *server)
{
	return server->id << w->shift & w->mask;
}

static void write_zones(struct writer *w)
{
	const struct policy *policy = w->policy;
	unsigned int n = 0;

	fputs("\tmap zone {\n\t\ttypeof meta mark : ct zone\n", w->out);
	for (uint32_t i = 0; i < policy->n_servers; i++)
		element(w, &n, "0x%08x : %u", mark_of(w, &policy->servers[i]),
			policy->gateway.zone_base + policy->servers[i].id);
	close_set(w, n);
}

/* Where a mark leads to, and which mark leads to an address. */
/* From mark to server, or the other way. */
static void write_map(struct writer *w, uint32_t family, bool by_mark)
{
	const struct policy *policy = w->policy;
	const char *type = families[family].type;
	char text[ADDRESS_TEXT_LEN];
	unsigned int n = 0;

	fprintf(w->out, "\tmap %s%c {\n\t\ttype %s : %s\n", by_mark ? "server" : "mark",
		families[family].digit, by_mark ? "mark" : type, by_mark ? type : "mark");
	for (uint32_t i = 0; i < policy->n_servers; i++) {
		const struct policy_server *s = &policy->servers[i];

		if (!s->has[family])
			continue;
		address_format(s->address[family], text);
		if (by_mark)
			element(w, &n, "0x%08x : %s", mark_of(w, s), text);
		else
			element(w, &n, "%s : 0x%08x", text, mark_of(w, s));
	}
	close_set(w, n);
}

static void write_servers(struct writer *w, uint32_t family)
{
	write_map(w, family, true);
	write_map(w, family, false);
}

static bool is_first(const struct policy *policy, uint32_t service, uint32_t address)
{
	const uint8_t *wanted = policy->services[service].address[address];

	for (uint32_t i = 0; i < service; i++) {
		const struct policy_service *s = &policy->services[i];

		for (uint32_t a = 0; is_translated(s) && a < s->n_addresses; a++) {
			if (!memcmp(s->address[a], wanted, 16))
				return false;
		}
	}
	return true;
}

typedef bool pick_fn(const struct policy_service *service);

static bool pick_all(const struct policy_service *service)
{
	return is_translated(service);
}

static bool pick_whole(const struct policy_service *service)
{
	return is_translated(service) && !service->n_ports;
}

static bool pick_masquerade(const struct policy_service *service)
{
	return is_translated(service) && service->nat.source == POLICY_SOURCE_MASQUERADE;
}

static bool pick_hairpin(const struct policy_service *service)
{
	return is_translated(service) && service->nat.hairpin && service->nat.source == POLICY_SOURCE_OFF;
}

static bool pick_ports(const struct policy_service *service)
{
	return is_translated(service) && service->n_ports;
}

static bool is_any(const struct writer *w, uint32_t family, pick_fn *pick)
{
	for (uint32_t i = 0; i < w->policy->n_services; i++) {
		const struct policy_service *s = &w->policy->services[i];

		for (uint32_t a = 0; pick(s) && a < s->n_addresses; a++) {
			if (family_of(s->address[a]) == family)
				return true;
		}
	}
	return false;
}

/* Addresses of the services that are picked; services that share one agree on all but ports. */
static void write_addresses(struct writer *w, uint32_t family, const char *name, pick_fn *pick)
{
	const struct policy *policy = w->policy;
	char text[ADDRESS_TEXT_LEN];
	unsigned int n = 0;

	if (!is_any(w, family, pick))
		return;
	fprintf(w->out, "\tset %s%c {\n\t\ttype %s\n", name, families[family].digit, families[family].type);
	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];

		for (uint32_t a = 0; pick(s) && a < s->n_addresses; a++) {
			bool again = pick != pick_whole && !is_first(policy, i, a);

			if (family_of(s->address[a]) == family && !again)
				element(w, &n, "%s", address_format(s->address[a], text));
		}
	}
	close_set(w, n);
}

static const char *protocol(const struct policy_port *port)
{
	return port->protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static void write_ports(struct writer *w, uint32_t family)
{
	const struct policy *policy = w->policy;
	char text[ADDRESS_TEXT_LEN];
	unsigned int n = 0;

	if (!is_any(w, family, pick_ports))
		return;
	fprintf(w->out, "\tset port%c {\n\t\ttype %s . inet_proto . inet_service\n", families[family].digit,
		families[family].type);
	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];

		for (uint32_t a = 0; pick_ports(s) && a < s->n_addresses; a++) {
			for (uint32_t p = 0; family_of(s->address[a]) == family && p < s->n_ports; p++)
				element(w, &n, "%s . %s . %u", address_format(s->address[a], text),
					protocol(&s->ports[p]), s->ports[p].port);
		}
	}
	close_set(w, n);
}

static void write_sets(struct writer *w)
{
	write_zones(w);
	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		if (!w->used[f])
			continue;
		write_servers(w, f);
		write_addresses(w, f, "service", pick_all);
		write_addresses(w, f, "whole", pick_whole);
		write_ports(w, f);
		write_addresses(w, f, "masquerade", pick_masquerade);
		write_addresses(w, f, "hairpin", pick_hairpin);
	}
}

/* --- chains ---------------------------------------------------------------------------------- */

static void open_chain(struct writer *w, const char *name, const char *hook)
{
	fprintf(w->out, "\tchain %s {\n", name);
	if (hook)
		fprintf(w->out, "\t\ttype %s; policy accept;\n", hook);
}

static void close_chain(struct writer *w)
{
	fputs("\t}\n\n", w->out);
}

/* What will be translated, and what ICMP has to say about it. */
static void write_track(struct writer *w, uint32_t family)
{
	const char *ip = families[family].ip;
	char digit = families[family].digit;

	if (is_any(w, family, pick_ports))
		fprintf(w->out, "\t\t%s daddr . meta l4proto . th dport @port%c jump zone\n", ip, digit);
	if (is_any(w, family, pick_whole))
		fprintf(w->out, "\t\t%s daddr @whole%c jump zone\n", ip, digit);
	fprintf(w->out, "\t\t%s daddr @service%c meta l4proto %s jump zone\n", ip, digit,
		families[family].icmp_protocol);
}

static void write_zone_chains(struct writer *w)
{
	open_chain(w, "zone", NULL);
	fprintf(w->out, "\t\tct original zone set meta mark & 0x%08x map @zone\n", w->mask);
	close_chain(w);
	open_chain(w, "track", NULL);
	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		if (w->used[f])
			write_track(w, f);
	}
	close_chain(w);
	open_chain(w, "track_forwarded", "filter hook prerouting priority raw");
	fputs("\t\tjump track\n", w->out);
	close_chain(w);
	open_chain(w, "track_local", "filter hook output priority raw");
	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		if (w->used[f])
			fprintf(w->out, "\t\t%s daddr @service%c meta mark set rt %s nexthop map @mark%c\n",
				families[f].ip, families[f].digit, families[f].ip, families[f].digit);
	}
	fputs("\t\tjump track\n", w->out);
	close_chain(w);
}

static void write_dnat(struct writer *w, uint32_t family, uint16_t port)
{
	fprintf(w->out, " dnat %s to meta mark & 0x%08x map @server%c", families[family].ip, w->mask,
		families[family].digit);
	if (port)
		fprintf(w->out, ":%u", port);
	fputc('\n', w->out);
}

/* To another port: a rule of its own. */
static void write_moved_port(struct writer *w, const struct policy_service *service, uint32_t address)
{
	uint32_t family = family_of(service->address[address]);
	char text[ADDRESS_TEXT_LEN];

	fprintf(w->out, "\t\t%s daddr %s %s dport %u", families[family].ip,
		address_format(service->address[address], text), protocol(&service->ports[0]),
		service->ports[0].port);
	write_dnat(w, family, service->nat.port);
}

static void write_translations(struct writer *w, uint32_t family)
{
	const char *ip = families[family].ip;
	char digit = families[family].digit;

	if (is_any(w, family, pick_ports)) {
		fprintf(w->out, "\t\t%s daddr . meta l4proto . th dport @port%c", ip, digit);
		write_dnat(w, family, 0);
	}
	if (is_any(w, family, pick_whole)) {
		fprintf(w->out, "\t\t%s daddr @whole%c", ip, digit);
		write_dnat(w, family, 0);
	}
	fprintf(w->out, "\t\t%s daddr @service%c %s type echo-request", ip, digit, families[family].icmp);
	write_dnat(w, family, 0);
}

static void write_translate(struct writer *w)
{
	const struct policy *policy = w->policy;

	open_chain(w, "translate", NULL);
	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];

		for (uint32_t a = 0; is_translated(s) && s->nat.port && a < s->n_addresses; a++)
			write_moved_port(w, s, a);
	}
	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		if (w->used[f])
			write_translations(w, f);
	}
	close_chain(w);
	open_chain(w, "translate_forwarded", "nat hook prerouting priority dstnat " BEFORE);
	fputs("\t\tjump translate\n", w->out);
	close_chain(w);
	open_chain(w, "translate_local", "nat hook output priority " BEFORE_DSTNAT);
	fputs("\t\tjump translate\n", w->out);
	close_chain(w);
}

static void refuse_each(struct writer *w)
{
	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		if (w->used[f])
			fprintf(w->out, "\t\t%s daddr @service%c jump refuse\n", families[f].ip, families[f].digit);
	}
}

static void write_refuse(struct writer *w)
{
	open_chain(w, "refuse", NULL);
	fputs("\t\tct state invalid drop\n\t\tmeta l4proto tcp reject with tcp reset\n\t\treject\n", w->out);
	close_chain(w);
	open_chain(w, "refuse_forwarded", "filter hook forward priority filter " BEFORE);
	refuse_each(w);
	close_chain(w);
	open_chain(w, "refuse_local", "filter hook output priority filter " BEFORE);
	refuse_each(w);
	close_chain(w);
}

/* --- sources --------------------------------------------------------------------------------- */

static void write_source(struct writer *w, const struct policy_service *service, uint32_t address)
{
	uint32_t family = family_of(service->address[address]);
	char to[ADDRESS_TEXT_LEN], from[ADDRESS_TEXT_LEN];

	fprintf(w->out, "\t\tct status dnat ct original %s daddr %s snat %s to %s\n", families[family].ip,
		address_format(service->address[address], to), families[family].ip,
		address_format(service->nat.address[family], from));
}

/* A server answers a client of its own network directly, and that one would not know it. */
static void write_hairpin(struct writer *w, uint32_t family)
{
	const struct policy_gateway *gateway = &w->policy->gateway;

	if (!is_any(w, family, pick_hairpin))
		return;
	fprintf(w->out, "\t\tct status dnat ct original %s daddr @hairpin%c iifname . oifname { ",
		families[family].ip, families[family].digit);
	for (uint32_t i = 0; i < gateway->n_server_interfaces; i++)
		fprintf(w->out, "%s\"%s\" . \"%s\"", i ? ", " : "", gateway->server_interfaces[i],
			gateway->server_interfaces[i]);
	fputs(" } masquerade\n", w->out);
}

static void write_sources(struct writer *w)
{
	const struct policy *policy = w->policy;

	open_chain(w, "source", "nat hook postrouting priority srcnat " BEFORE);
	for (uint32_t i = 0; i < policy->n_services; i++) {
		const struct policy_service *s = &policy->services[i];

		if (!is_translated(s) || s->nat.source != POLICY_SOURCE_ADDRESS)
			continue;
		for (uint32_t a = 0; a < s->n_addresses; a++) {
			if (is_first(policy, i, a))
				write_source(w, s, a);
		}
	}
	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		if (is_any(w, f, pick_masquerade))
			fprintf(w->out, "\t\tct status dnat ct original %s daddr @masquerade%c masquerade\n",
				families[f].ip, families[f].digit);
		write_hairpin(w, f);
	}
	close_chain(w);
}

/* --- the table ------------------------------------------------------------------------------- */

static void find_families(struct writer *w)
{
	for (uint32_t i = 0; i < w->policy->n_services; i++) {
		const struct policy_service *s = &w->policy->services[i];

		for (uint32_t a = 0; is_translated(s) && a < s->n_addresses; a++)
			w->used[family_of(s->address[a])] = true;
	}
}

char *nat_text(const struct policy *policy, const char *table)
{
	uint32_t mask = policy->gateway.mark_mask;
	struct writer w = {
		.policy = policy,
		.mask = mask,
		.shift = mask ? (uint32_t)__builtin_ctz(mask) : 0,
	};
	char *text = NULL;
	size_t size;
	bool failed;

	w.out = open_memstream(&text, &size);
	if (!w.out)
		return NULL;
	find_families(&w);
	fprintf(w.out, "table inet %s {\n", table);
	if (nat_is_used(policy)) {
		write_sets(&w);
		write_zone_chains(&w);
		write_translate(&w);
		write_refuse(&w);
		write_sources(&w);
	}
	fputs("}\n", w.out);
	failed = ferror(w.out);
	if (fclose(w.out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}
