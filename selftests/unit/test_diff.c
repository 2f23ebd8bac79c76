// SPDX-License-Identifier: GPL-2.0-only
/* Two configurations as text, and what is said of their difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "change.h"
#include "conf/conf.h"
#include "conf/diff.h"

#define GATEWAY "gateway: {name: gw1, client-interfaces: [g0], server-interfaces: [e0]}\n"
#define SERVERS                                                        \
	"servers:\n"                                                   \
	"  - {name: s1, address: [10.78.0.11, \"fd78::11\"]}\n"         \
	"  - {name: s2, address: [10.78.0.12, \"fd78::12\"]}\n"         \
	"  - {name: s3, address: 10.78.0.13}\n"
#define POOLS "pools: [{name: app, servers: [s1, s2]}, {name: post, servers: [s2, s3]}]\n"
#define SERVICES                                                       \
	"services:\n"                                                  \
	"  - {name: web, pool: app, address: [10.79.0.100, \"fd79::100\"]}\n" \
	"  - {name: mail, pool: post, address: 10.79.0.101, ports: [tcp/25]}\n"
#define ALL GATEWAY SERVERS POOLS SERVICES

static struct policy *parse(const char *text)
{
	struct conf_problems problems = {0};
	struct policy *policy = NULL;
	int err = conf_parse(text, strlen(text), &policy, &problems);

	for (size_t i = 0; err && i < problems.n; i++)
		print_error("line %u: %s\n", problems.list[i].line, problems.list[i].text);
	assert_int_equal(err, 0);
	conf_problems_free(&problems);
	return policy;
}

/* app is served by s1, post by s2, farm by both. */
static const char *serving(void *arg, const char *pool, uint32_t index)
{
	bool farm = !strcmp(pool, "farm");

	(void)arg;
	if (index > farm)
		return "";
	if (farm)
		return index ? "s2" : "s1";
	return !strcmp(pool, "app") ? "s1" : !strcmp(pool, "post") ? "s2" : "";
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* The difference, a line for each change and effect. */
static const char *compare(const char *old, const char *new)
{
	static char text[8192];
	struct policy *a = parse(old), *b = parse(new);
	struct diff diff;
	size_t n = 0;

	assert_int_equal(diff_policies(a, b, serving, NULL, &diff), 0);
	text[0] = '\0';
	for (size_t i = 0; i < diff.n_changes; i++) {
		const struct diff_change *c = &diff.changes[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s %s %s|%s|%s%s\n",
				      diff_how_names[c->how], c->section, c->name, c->field,
				      or_empty(c->from), or_empty(c->to), c->restart ? " restart" : "");
	}
	for (size_t i = 0; i < diff.n_effects; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s: %s\n", diff.effects[i].service,
				      diff_meaning_names[diff.effects[i].meaning], diff.effects[i].why);
	diff_free(&diff);
	policy_free(a);
	policy_free(b);
	return text;
}

/* The configuration with one part of it replaced. */
static const char *with(const char *part, const char *other)
{
	static char text[8192];
	const char *at = strstr(ALL, part);

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - ALL), ALL, other, at + strlen(part));
	return text;
}

static void what_means_the_same_is_no_change(void **state)
{
	(void)state;
	assert_string_equal(compare(ALL, ALL), "");
	assert_string_equal(compare(ALL, "heartbeat: {interval: 10000us, misses: 3}\n" ALL), "");
	assert_string_equal(compare(ALL, with("address: 10.78.0.13", "address: [10.78.0.13]")), "");
}

static void every_key_is_compared(void **state)
{
	static const struct {
		const char *part, *other, *said;
	} rows[] = {
		{"name: gw1", "name: gw2", "edited gateway  name|gw1|gw2\n"},
		{"client-interfaces: [g0]", "client-interfaces: [g0, g1]",
		 "edited gateway  client-interfaces|g0|g0, g1\n"},
		{"server-interfaces: [e0]", "server-interfaces: [e1]", "edited gateway  server-interfaces|e0|e1\n"},
		{"name: gw1", "name: gw1, mode: passive", "edited gateway  mode|active|passive\n"},
		{"ports: [tcp/25]", "redirect: nat, ports: [tcp/25]",
		 "edited service mail redirect|route|nat\nedited service mail nat||source off\n"
		 "mail interrupted: clients come to its server in another way\n"},
		{"name: gw1", "name: gw1, mark-mask: 0xfff00000",
		 "edited gateway  mark-mask|0x3fff0000|0xfff00000 restart\n"},
		{"name: gw1", "name: gw1, table-base: 1000", "edited gateway  table-base|780000|1000 restart\n"},
		{"name: gw1", "name: gw1, rule-priority: 9", "edited gateway  rule-priority|780|9 restart\n"},
		{"name: gw1", "name: gw1, max-servers: 99", "edited gateway  max-servers|256|99 restart\n"},
		{"servers:", "loss: {blackout: 5ms, expire: 1m}\nservers:",
		 "edited loss  blackout|auto|5ms\nedited loss  expire|5m|1m\n"},
		{"servers:", "loss: off\nservers:", "edited loss  loss|on|off\n"},
		{"servers:", "hooks: [{run: [/bin/x, a], on: [failover], deadline: 2s}]\nservers:",
		 "edited hooks  hooks||/bin/x a on failover within 2s\n"},
		{"10.78.0.13", "10.78.0.13, heartbeat: {probe: icmp}", "edited server s3 probe|echo|icmp\n"},
		{"10.78.0.13", "10.78.0.13, heartbeat: {port: 77}", "edited server s3 port|7|77\n"},
		{"10.78.0.13", "10.78.0.13, heartbeat: {interval: 20ms}", "edited server s3 interval|10ms|20ms\n"},
		{"10.78.0.13", "10.78.0.13, heartbeat: {misses: 4}", "edited server s3 misses|3|4\n"},
		{"10.78.0.13", "10.78.0.13, heartbeat: {timeout: 2500us}",
		 "edited server s3 timeout|auto, 300us to 50ms|2500us\n"},
		{"10.78.0.13", "10.78.0.13, heartbeat: {confirm: {probes: 1}}",
		 "edited server s3 confirm|2 probes, spacing 1ms|1 probes, spacing 1ms\n"},
		{"10.78.0.13", "10.78.0.13, heartbeat: {recover: {hold: 2s}}",
		 "edited server s3 recover|10 replies, hold 1s|10 replies, hold 2s\n"},
		{"10.78.0.13", "10.78.0.13, heartbeat: {damping: off}",
		 "edited server s3 damping|half-life 15s, suppress 2000, reuse 750|off\n"},
		{"[s2, s3]}", "[s2, s3], when-none: withdraw}", "edited pool post when-none|keep|withdraw\n"},
		{"[s2, s3]}", "[s3, s2]}", "edited pool post servers|s2, s3|s3, s2\n"},
		{"ports: [tcp/25]", "fast: false, ports: [tcp/25]", "edited pool post fast|true|false\n"},
		{"ports: [tcp/25]", "ports: [tcp/25, udp/9]", "edited service mail ports|tcp/25|tcp/25, udp/9\n"},
		{", ports: [tcp/25]", "", "edited service mail ports|tcp/25|\n"},
		{"ports: [tcp/25]", "ports: [tcp/25], blackout-budget: 50ms",
		 "edited service mail blackout-budget||50ms\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(compare(ALL, with(rows[i].part, rows[i].other)), rows[i].said);
}

static void who_is_concerned_is_told(void **state)
{
	static const struct {
		const char *part, *other, *said;
	} rows[] = {
		{"servers: [s1, s2]}", "servers: [s2]}",
		 "edited pool app servers|s1, s2|s2\nweb moves: s1, which serves it, leaves pool app\n"},
		{"servers: [s1, s2]}", "servers: [s1]}", "edited pool app servers|s1, s2|s1\n"},
		{"[10.78.0.11, \"fd78::11\"]", "[10.78.0.21, \"fd78::11\"]",
		 "edited server s1 address|10.78.0.11, fd78::11|10.78.0.21, fd78::11\n"
		 "web interrupted: s1, which serves it, has another address\n"},
		{"address: 10.78.0.13", "address: 10.78.0.23", "edited server s3 address|10.78.0.13|10.78.0.23\n"},
		{"[10.79.0.100, \"fd79::100\"]", "10.79.0.100",
		 "edited service web address|10.79.0.100, fd79::100|10.79.0.100\n"
		 "web ends: its address fd79::100 is served no more\n"},
		{"{name: web, pool: app", "{name: web, pool: post",
		 "edited service web pool|app|post\nweb moves: from s1 to s2, which has pool post\n"},
		{"name: mail", "name: smtp",
		 "removed service mail ||\nadded service smtp ||\nmail ends: it is configured no more\n"},
		{"  - {name: s3", "  - {name: s4, address: 10.78.0.14}\n  - {name: s3", "added server s4 ||\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(compare(ALL, with(rows[i].part, rows[i].other)), rows[i].said);
}

static void of_several_who_serve_each_is_told(void **state)
{
#define FARM(more) GATEWAY SERVERS "pools: [{name: farm, " more "}, {name: app, servers: [s1]}]\n" \
	"services: [{name: web, pool: farm, address: 10.79.0.100}, {name: mail, pool: app, address: 10.79.0.101}]\n"
	static const struct {
		const char *farm, *said;
	} rows[] = {
		{FARM("active: 2, servers: [s1, s2, s3]"), "edited pool farm servers|s1, s2|s1, s2, s3\n"},
		{FARM("active: 2, servers: [s1, s3]"), "edited pool farm servers|s1, s2|s1, s3\n"
		 "web moves: s2, which serves it, leaves pool farm\n"},
		{FARM("active: 1, servers: [s1, s2]"), "edited pool farm active|2|1\n"
		 "web moves: some of its clients, as only 1 of pool farm will serve at once\n"},
		{FARM("active: 2, spread: flow, servers: [s1, s2]"), "edited pool farm spread|client|flow\n"
		 "web moves: most of its clients, as they are spread in another way\n"},
	};
	static const char before[] = FARM("active: 2, servers: [s1, s2]");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(compare(before, rows[i].farm), rows[i].said);
}

static void as_json_names_are_null_where_there_is_none(void **state)
{
	struct policy *a = parse(ALL), *b = parse(with("name: gw1", "name: gw1, max-servers: 99"));
	struct diff diff;
	json_t *doc, *change;

	(void)state;
	assert_int_equal(diff_policies(a, b, NULL, NULL, &diff), 0);
	doc = change_json(&diff);
	assert_string_equal(json_string_value(json_object_get(doc, "restart")), "max-servers");
	change = json_array_get(json_object_get(doc, "changes"), 0);
	assert_true(json_is_null(json_object_get(change, "name")));
	assert_string_equal(json_string_value(json_object_get(change, "to")), "99");
	assert_true(json_is_true(json_object_get(change, "restart")));
	json_decref(doc);
	diff_free(&diff);
	policy_free(a);
	policy_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_means_the_same_is_no_change),
		cmocka_unit_test(every_key_is_compared),
		cmocka_unit_test(who_is_concerned_is_told),
		cmocka_unit_test(of_several_who_serve_each_is_told),
		cmocka_unit_test(as_json_names_are_null_where_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
