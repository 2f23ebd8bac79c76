// SPDX-License-Identifier: GPL-2.0-only
/* user/act/nat.h: the text of the table; user/act/nat_stale.h: what is of no more use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/nat.h"
#include "act/nat_stale.h"
#include "base/text.h"
#include "conf/conf.h"

#define HEAD                                                                                            \
	"gateway: {name: gw1, client-interfaces: [g0], server-interfaces: [e0, e1], zone-base: 500}\n"   \
	"servers:\n"                                                                                     \
	"  - {name: s1, address: [10.78.0.11, \"fd78::11\"]}\n"                                          \
	"  - {name: s2, address: 10.78.0.12}\n"                                                          \
	"pools: [{name: app, servers: [s1, s2]}, {name: other, servers: [s2, s1]}]\n"                    \
	"services:\n"                                                                                    \
	"  - {name: routed, pool: other, address: 10.79.0.200}\n"

static struct core core;

/* A configuration with these services, and ids in order. */
static struct policy *parse(const char *services)
{
	struct conf_problems problems = {0};
	struct policy *policy = NULL;
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", HEAD, services);
	assert_int_equal(conf_parse(text, strlen(text), &policy, &problems), 0);
	conf_problems_free(&problems);
	for (uint32_t i = 0; i < policy->n_servers; i++)
		policy->servers[i].id = i + 1;
	for (uint32_t i = 0; i < policy->n_pools; i++)
		policy->pools[i].id = i + 1;
	return policy;
}

static char *text_of(const char *services)
{
	struct policy *policy = parse(services);
	char *text = nat_text(policy, "defib");

	assert_non_null(text);
	policy_free(policy);
	return text;
}

static void expect_lines(const char *services, const char *const *lines)
{
	char *text = text_of(services);

	for (; *lines; lines++) {
		if (!strstr(text, *lines))
			fail_msg("'%s' is not in:\n%s", *lines, text);
	}
	free(text);
}

static void expect_none(const char *services, const char *what)
{
	char *text = text_of(services);

	if (strstr(text, what))
		fail_msg("'%s' is in:\n%s", what, text);
	free(text);
}

static void the_table_is_named_after_the_instance(void **state)
{
	char name[NAT_TABLE_LEN];

	(void)state;
	assert_string_equal(nat_table("main", name), "defib");
	assert_string_equal(nat_table("a-b_1", name), "defib_a-b_1");
	assert_string_equal(nat_table("0123456789012345678901234567890", name),
			    "defib_0123456789012345678901234567890");
}

static void without_translated_services_it_is_empty(void **state)
{
	char *text = text_of("");

	(void)state;
	assert_string_equal(text, "table inet defib {\n}\n");
	free(text);
}

static void the_whole_of_a_simple_one(void **state)
{
	char *text = text_of("  - {name: web, pool: app, address: 10.79.0.100, redirect: nat}\n");

	(void)state;
	assert_string_equal(text,
		"table inet defib {\n"
		"\tmap zone {\n\t\ttypeof meta mark : ct zone\n"
		"\t\telements = { 0x00010000 : 501,\n\t\t\t     0x00020000 : 502 }\n\t}\n\n"
		"\tmap server4 {\n\t\ttype mark : ipv4_addr\n"
		"\t\telements = { 0x00010000 : 10.78.0.11,\n\t\t\t     0x00020000 : 10.78.0.12 }\n\t}\n\n"
		"\tmap mark4 {\n\t\ttype ipv4_addr : mark\n"
		"\t\telements = { 10.78.0.11 : 0x00010000,\n\t\t\t     10.78.0.12 : 0x00020000 }\n\t}\n\n"
		"\tset service4 {\n\t\ttype ipv4_addr\n\t\telements = { 10.79.0.100 }\n\t}\n\n"
		"\tset whole4 {\n\t\ttype ipv4_addr\n\t\telements = { 10.79.0.100 }\n\t}\n\n"
		"\tchain zone {\n\t\tct original zone set meta mark & 0x3fff0000 map @zone\n\t}\n\n"
		"\tchain track {\n\t\tip daddr @whole4 jump zone\n"
		"\t\tip daddr @service4 meta l4proto icmp jump zone\n\t}\n\n"
		"\tchain track_forwarded {\n\t\ttype filter hook prerouting priority raw; policy accept;\n"
		"\t\tjump track\n\t}\n\n"
		"\tchain track_local {\n\t\ttype filter hook output priority raw; policy accept;\n"
		"\t\tip daddr @service4 meta mark set rt ip nexthop map @mark4\n"
		"\t\tjump track\n\t}\n\n"
		"\tchain translate {\n"
		"\t\tip daddr @whole4 dnat ip to meta mark & 0x3fff0000 map @server4\n"
		"\t\tip daddr @service4 icmp type echo-request dnat ip to meta mark & 0x3fff0000 map @server4\n"
		"\t}\n\n"
		"\tchain translate_forwarded {\n"
		"\t\ttype nat hook prerouting priority dstnat - 5; policy accept;\n\t\tjump translate\n\t}\n\n"
		"\tchain translate_local {\n"
		"\t\ttype nat hook output priority -105; policy accept;\n\t\tjump translate\n\t}\n\n"
		"\tchain refuse {\n\t\tct state invalid drop\n\t\tmeta l4proto tcp reject with tcp reset\n"
		"\t\treject\n\t}\n\n"
		"\tchain refuse_forwarded {\n\t\ttype filter hook forward priority filter - 5; policy accept;\n"
		"\t\tip daddr @service4 jump refuse\n\t}\n\n"
		"\tchain refuse_local {\n\t\ttype filter hook output priority filter - 5; policy accept;\n"
		"\t\tip daddr @service4 jump refuse\n\t}\n\n"
		"\tchain source {\n\t\ttype nat hook postrouting priority srcnat - 5; policy accept;\n\t}\n\n"
		"}\n");
	free(text);
}

static void both_families_each_with_the_servers_that_have_it(void **state)
{
	static const char web[] = "  - {name: web, pool: app, address: [10.79.0.100, \"fd79::100\"], redirect: nat}\n";

	(void)state;
	expect_lines(web, (const char *const[]){
		"map server6 {\n\t\ttype mark : ipv6_addr\n\t\telements = { 0x00010000 : fd78::11 }\n",
		"map mark6 {\n\t\ttype ipv6_addr : mark\n\t\telements = { fd78::11 : 0x00010000 }\n",
		"\t\tip6 daddr @whole6 jump zone\n",
		"\t\tip6 daddr @service6 meta l4proto ipv6-icmp jump zone\n", "\t\tip6 daddr @service6 jump refuse\n",
		"meta mark set rt ip6 nexthop map @mark6\n",
		"\t\tip6 daddr @whole6 dnat ip6 to meta mark & 0x3fff0000 map @server6\n",
		"icmpv6 type echo-request dnat ip6 to meta mark", NULL});
	expect_none(web, "10.79.0.200");
}

static void only_the_ports_that_are_named(void **state)
{
	static const char web[] = "  - {name: web, pool: app, address: [10.79.0.100, \"fd79::100\"], redirect: nat, "
				  "ports: [tcp/80, udp/9000]}\n";

	(void)state;
	expect_lines(web, (const char *const[]){
		"10.79.0.100 . tcp . 80,\n\t\t\t     10.79.0.100 . udp . 9000 }",
		"fd79::100 . tcp . 80,\n\t\t\t     fd79::100 . udp . 9000 }",
		"ip daddr . meta l4proto . th dport @port4 jump zone\n",
		"ip daddr . meta l4proto . th dport @port4 dnat ip to meta mark", NULL});
	expect_none(web, "whole");
}

static void a_port_of_the_servers_own(void **state)
{
	static const char web[] = "  - {name: web, pool: app, address: [10.79.0.100, \"fd79::100\"], redirect: nat, "
				  "ports: tcp/80, nat: {port: 8080}}\n";

	(void)state;
	expect_lines(web, (const char *const[]){
		"\t\tip daddr 10.79.0.100 tcp dport 80 dnat ip to meta mark & 0x3fff0000 map @server4:8080\n",
		"\t\tip6 daddr fd79::100 tcp dport 80 dnat ip6 to meta mark & 0x3fff0000 map @server6:8080\n", NULL});
	expect_none(web, "@whole");
}

static void services_of_one_address_are_in_a_set_once(void **state)
{
	static const char both[] = "  - {name: a, pool: app, address: 10.79.0.100, redirect: nat, ports: tcp/80}\n"
				   "  - {name: b, pool: app, address: 10.79.0.100, redirect: nat, ports: tcp/81}\n";

	(void)state;
	expect_lines(both, (const char *const[]){
		"set service4 {\n\t\ttype ipv4_addr\n\t\telements = { 10.79.0.100 }\n",
		"10.79.0.100 . tcp . 80,\n\t\t\t     10.79.0.100 . tcp . 81 }", NULL});
}

static void sources(void **state)
{
	static const char masquerade[] = "  - {name: a, pool: app, address: 10.79.0.100, redirect: nat, "
					 "nat: {source: masquerade, hairpin: true}}\n";

	(void)state;
	expect_lines(masquerade, (const char *const[]){
		"set masquerade4 {\n\t\ttype ipv4_addr\n\t\telements = { 10.79.0.100 }\n",
		"\t\tct status dnat ct original ip daddr @masquerade4 masquerade\n", NULL});
	expect_none(masquerade, "hairpin"); /* every source is ours already */
	expect_lines("  - {name: a, pool: app, address: [10.79.0.100, \"fd79::100\"], redirect: nat, "
		     "nat: {source: [\"fd78::1\", 10.78.0.1]}}\n", (const char *const[]){
		"\t\tct status dnat ct original ip daddr 10.79.0.100 snat ip to 10.78.0.1\n",
		"\t\tct status dnat ct original ip6 daddr fd79::100 snat ip6 to fd78::1\n", NULL});
	expect_lines("  - {name: a, pool: app, address: 10.79.0.100, redirect: nat, nat: {hairpin: true}}\n",
		     (const char *const[]){
		"set hairpin4 {\n\t\ttype ipv4_addr\n\t\telements = { 10.79.0.100 }\n",
		"@hairpin4 iifname . oifname { \"e0\" . \"e0\", \"e1\" . \"e1\" } masquerade\n", NULL});
}

static void hairpin_makes_clients_of_servers(void **state)
{
	struct policy *policy =
		parse("  - {name: a, pool: app, address: 10.79.0.100, redirect: nat, nat: {hairpin: true}}\n");

	(void)state;
	assert_int_equal(policy->gateway.n_client_interfaces, 3);
	assert_string_equal(policy->gateway.client_interfaces[1], "e0");
	assert_string_equal(policy->gateway.client_interfaces[2], "e1");
	policy_free(policy);
}

/* --- what is stale --------------------------------------------------------------------------- */

static struct conntrack_entry entry(uint16_t zone, const char *destination, const char *server)
{
	struct conntrack_entry e = {.zone = zone};

	assert_int_equal(address_parse(destination, e.destination), 0);
	assert_int_equal(address_parse(server, e.server), 0);
	return e;
}

#define STALE(zone, destination, server) \
	nat_is_stale(policy, &core, &(struct conntrack_entry[]){entry(zone, destination, server)}[0])

static void an_entry_is_stale_unless_it_leads_to_who_serves(void **state)
{
	struct policy *policy =
		parse("  - {name: a, pool: app, address: [10.79.0.100, \"fd79::100\"], redirect: nat}\n");

	(void)state;
	core_init(&core);
	for (uint32_t i = 0; i < policy->n_servers; i++)
		core.servers[i + 1].policy = &policy->servers[i];
	core.pools[1].share.slots[0] = 1;
	core.pools[2].share.slots[0] = 2;
	assert_false(STALE(501, "10.79.0.100", "10.78.0.11"));
	assert_false(STALE(501, "fd79::100", "fd78::11"));
	assert_true(STALE(502, "10.79.0.100", "10.78.0.12"));  /* another serves */
	assert_true(STALE(501, "10.79.0.100", "10.78.0.99"));  /* it had another address */
	assert_true(STALE(501, "10.79.0.101", "10.78.0.11"));  /* no service */
	assert_true(STALE(502, "10.79.0.200", "10.78.0.12"));  /* one that is not translated */
	assert_true(STALE(756, "10.79.0.100", "10.78.0.11"));  /* no server any more */
	assert_false(STALE(500, "10.79.0.100", "10.78.0.12")); /* no zones of ours */
	assert_false(STALE(757, "10.79.0.100", "10.78.0.12"));
	assert_false(STALE(0, "10.79.0.100", "10.78.0.12"));
	core.pools[1].share.slots[0] = 0; /* nobody is known to serve */
	assert_false(STALE(502, "10.79.0.100", "10.78.0.12"));
	core.pools[1].share.slots[0] = 2;
	assert_true(STALE(502, "fd79::100", "fd78::11"));      /* of a family that it does not have */
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_named_after_the_instance),
		cmocka_unit_test(without_translated_services_it_is_empty),
		cmocka_unit_test(the_whole_of_a_simple_one),
		cmocka_unit_test(both_families_each_with_the_servers_that_have_it),
		cmocka_unit_test(only_the_ports_that_are_named),
		cmocka_unit_test(a_port_of_the_servers_own),
		cmocka_unit_test(services_of_one_address_are_in_a_set_once),
		cmocka_unit_test(sources),
		cmocka_unit_test(hairpin_makes_clients_of_servers),
		cmocka_unit_test(an_entry_is_stale_unless_it_leads_to_who_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
