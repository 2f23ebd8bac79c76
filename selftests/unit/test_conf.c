// SPDX-License-Identifier: GPL-2.0-only
/* What a right configuration becomes: defaults, inheritance, what is derived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"
#include "conf/conf.h"
#include "core/action.h"

#define US 1000ull
#define MS 1000000ull
#define SECOND 1000000000ull

#define GATEWAY "gateway: {name: gw1, client-interfaces: [g0], server-interfaces: [e0]}\n"
#define SERVERS                                                        \
	"servers:\n"                                                   \
	"  - {name: s1, address: [10.78.0.11, \"fd78::11\"]}\n"         \
	"  - {name: s2, address: [10.78.0.12, \"fd78::12\"]}\n"
#define POOLS "pools: [{name: app, servers: [s1, s2]}]\n"
#define SERVICES "services: [{name: web, pool: app, address: 10.79.0.100}]\n"
#define MINIMAL GATEWAY SERVERS POOLS SERVICES

/* Parse what must be right; problems, which can only be warnings, go to @problems or nowhere. */
static struct policy *parse(const char *text, struct conf_problems *problems)
{
	struct conf_problems list = {0};
	struct policy *policy = NULL;
	int err = conf_parse(text, strlen(text), &policy, &list);

	for (size_t i = 0; err && i < list.n; i++)
		print_error("%u:%u: %s\n", list.list[i].line, list.list[i].column, list.list[i].text);
	assert_int_equal(err, 0);
	assert_non_null(policy);
	if (problems)
		*problems = list;
	else
		conf_problems_free(&list);
	return policy;
}

/* Parse what must be right and quiet. */
static struct policy *parse_quiet(const char *text)
{
	struct conf_problems problems;
	struct policy *policy = parse(text, &problems);

	for (size_t i = 0; i < problems.n; i++)
		print_error("%s\n", problems.list[i].text);
	assert_int_equal(problems.n, 0);
	conf_problems_free(&problems);
	return policy;
}

static void assert_address(const uint8_t address[16], const char *expected)
{
	char text[ADDRESS_TEXT_LEN];

	assert_string_equal(address_format(address, text), expected);
}

static void defaults_are_those_of_the_manual(void **state)
{
	struct policy *policy = parse_quiet(MINIMAL);
	const struct policy_heartbeat *hb = &policy->servers[0].heartbeat;

	(void)state;
	assert_int_equal(hb->probe, DFB_PROBE_ECHO);
	assert_int_equal(hb->port, 7);
	assert_int_equal(hb->interval_ns, 10 * MS);
	assert_int_equal(hb->timeout_ns, 0);
	assert_int_equal(hb->timeout_min_ns, 300 * US);
	assert_int_equal(hb->timeout_max_ns, 50 * MS);
	assert_int_equal(hb->misses, 3);
	assert_int_equal(hb->confirm_probes, 2);
	assert_int_equal(hb->confirm_spacing_ns, MS);
	assert_int_equal(hb->recover_replies, 10);
	assert_int_equal(hb->recover_hold_ns, SECOND);
	assert_int_equal(hb->half_life_ns, 15 * SECOND);
	assert_int_equal(hb->suppress, 2000);
	assert_int_equal(hb->reuse, 750);
	assert_int_equal(hb->userland_ns, SECOND);
	assert_int_equal(policy->gateway.mark_mask, POLICY_DEFAULT_MARK_MASK);
	assert_int_equal(policy->gateway.table_base, POLICY_DEFAULT_TABLE_BASE);
	assert_int_equal(policy->gateway.rule_priority, POLICY_DEFAULT_RULE_PRIORITY);
	assert_int_equal(policy->gateway.max_servers, POLICY_DEFAULT_MAX_SERVERS);
	assert_int_equal(policy->pools[0].when_none, POLICY_KEEP);
	assert_true(policy->pools[0].fast);
	assert_int_equal(policy->n_hooks, 0);
	policy_free(policy);
}

static const char everything[] =
	"gateway:\n"
	"  name: gw1\n"
	"  client-interfaces: [g0, g1]\n"
	"  server-interfaces: [e0, g0]\n"
	"  mark-mask: 0xff00\n"
	"  table-base: 1000\n"
	"  rule-priority: 99\n"
	"  max-servers: 255\n"
	"heartbeat:\n"
	"  probe: icmp\n"
	"  port: 4007\n"
	"  interval: 250us\n"
	"  timeout: 3ms\n"
	"  misses: 16\n"
	"  confirm: {probes: 0, spacing: 100us}\n"
	"  recover: {replies: 1000, hold: 1h}\n"
	"  damping: {half-life: 1s, suppress: 3000, reuse: 2999}\n" SERVERS
	"pools: [{name: app, servers: [s2, s1], active: 1, when-none: unreachable}]\n"
	"services:\n"
	"  - name: web\n"
	"    pool: app\n"
	"    address: [10.79.0.100, \"fd79::100\"]\n"
	"    ports: [tcp/80, udp/65535]\n"
	"    redirect: route\n"
	"    fast: false\n";

static void every_key_of_the_gateway_arrives(void **state)
{
	struct policy *policy = parse_quiet(everything);

	(void)state;
	assert_string_equal(policy->gateway.name, "gw1");
	assert_int_equal(policy->gateway.n_client_interfaces, 2);
	assert_string_equal(policy->gateway.client_interfaces[1], "g1");
	assert_int_equal(policy->gateway.n_server_interfaces, 2);
	assert_string_equal(policy->gateway.server_interfaces[0], "e0");
	assert_int_equal(policy->gateway.mark_mask, 0xff00);
	assert_int_equal(policy->gateway.table_base, 1000);
	assert_int_equal(policy->gateway.rule_priority, 99);
	assert_int_equal(policy->gateway.max_servers, 255);
	policy_free(policy);
}

static void every_key_of_the_heartbeat_arrives(void **state)
{
	struct policy *policy = parse_quiet(everything);
	const struct policy_heartbeat *hb = &policy->servers[1].heartbeat;

	(void)state;
	assert_int_equal(hb->probe, DFB_PROBE_ICMP);
	assert_int_equal(hb->port, 4007);
	assert_int_equal(hb->interval_ns, 250 * US);
	assert_int_equal(hb->timeout_ns, 3 * MS);
	assert_int_equal(hb->misses, 16);
	assert_int_equal(hb->confirm_probes, 0);
	assert_int_equal(hb->confirm_spacing_ns, 100 * US);
	assert_int_equal(hb->recover_replies, 1000);
	assert_int_equal(hb->recover_hold_ns, 3600 * SECOND);
	assert_int_equal(hb->half_life_ns, SECOND);
	assert_int_equal(hb->suppress, 3000);
	assert_int_equal(hb->reuse, 2999);
	policy_free(policy);
}

static void servers_pools_and_services_arrive(void **state)
{
	struct policy *policy = parse_quiet(everything);

	(void)state;
	assert_int_equal(policy->n_servers, 2);
	assert_string_equal(policy->servers[0].name, "s1");
	assert_int_equal(policy->servers[0].id, 0);
	assert_true(policy->servers[0].has[DFB_FAMILY_IPV4] && policy->servers[0].has[DFB_FAMILY_IPV6]);
	assert_address(policy->servers[0].address[DFB_FAMILY_IPV4], "10.78.0.11");
	assert_address(policy->servers[0].address[DFB_FAMILY_IPV6], "fd78::11");
	assert_int_equal(policy->n_pools, 1);
	assert_int_equal(policy->pools[0].n_servers, 2);
	assert_int_equal(policy->pools[0].servers[0], 1);
	assert_int_equal(policy->pools[0].servers[1], 0);
	assert_int_equal(policy->pools[0].when_none, POLICY_UNREACHABLE);
	assert_false(policy->pools[0].fast);
	assert_int_equal(policy->pools[0].families, 3);
	assert_int_equal(policy->n_services, 1);
	assert_int_equal(policy->services[0].n_addresses, 2);
	assert_address(policy->services[0].address[1], "fd79::100");
	assert_int_equal(policy->services[0].n_ports, 2);
	assert_int_equal(policy->services[0].ports[0].protocol, IPPROTO_TCP);
	assert_int_equal(policy->services[0].ports[0].port, 80);
	assert_int_equal(policy->services[0].ports[1].protocol, IPPROTO_UDP);
	assert_int_equal(policy->services[0].ports[1].port, 65535);
	policy_free(policy);
}

static void the_order_of_sections_does_not_matter(void **state)
{
	struct policy *policy = parse_quiet(SERVICES POOLS SERVERS "heartbeat: {misses: 5}\n" GATEWAY);

	(void)state;
	assert_int_equal(policy->servers[1].heartbeat.misses, 5);
	policy_free(policy);
}

static void a_list_of_one_may_be_written_as_the_item_alone(void **state)
{
	struct policy *policy = parse_quiet("gateway: {name: g, client-interfaces: g0, server-interfaces: e0}\n"
					    "servers: [{name: s1, address: 10.78.0.11}]\n"
					    "pools: [{name: app, servers: s1}]\n"
					    "services: [{name: web, pool: app, address: 10.79.0.1, ports: tcp/80}]\n"
					    "hooks: [{run: [/bin/true], on: failover}]\n");

	(void)state;
	assert_string_equal(policy->gateway.client_interfaces[0], "g0");
	assert_int_equal(policy->pools[0].n_servers, 1);
	assert_int_equal(policy->services[0].n_ports, 1);
	assert_int_equal(policy->hooks[0].on, 1u << REPORT_FAILOVER);
	policy_free(policy);
}

static void a_server_overrides_single_keys_of_the_heartbeat(void **state)
{
	struct policy *policy = parse_quiet(
		GATEWAY "heartbeat: {misses: 4, confirm: {probes: 5}, damping: off}\n"
			"servers:\n"
			"  - {name: s1, address: 10.78.0.11, heartbeat: {confirm: {spacing: 2ms}, timeout: 7ms}}\n"
			"  - {name: s2, address: 10.78.0.12, heartbeat: {damping: {suppress: 5000}, probe: icmp}}\n"
			"  - {name: s3, address: 10.78.0.13}\n"
			"pools: [{name: app, servers: [s1, s2, s3]}]\n" SERVICES);
	const struct policy_heartbeat *s1 = &policy->servers[0].heartbeat;
	const struct policy_heartbeat *s2 = &policy->servers[1].heartbeat;
	const struct policy_heartbeat *s3 = &policy->servers[2].heartbeat;

	(void)state;
	assert_int_equal(s1->misses, 4);
	assert_int_equal(s1->confirm_probes, 5);
	assert_int_equal(s1->confirm_spacing_ns, 2 * MS);
	assert_int_equal(s1->timeout_ns, 7 * MS);
	assert_int_equal(s1->half_life_ns, 0);
	assert_int_equal(s2->half_life_ns, 15 * SECOND);
	assert_int_equal(s2->suppress, 5000);
	assert_int_equal(s2->reuse, 750);
	assert_int_equal(s2->probe, DFB_PROBE_ICMP);
	assert_int_equal(s3->probe, DFB_PROBE_ECHO);
	assert_int_equal(s3->timeout_ns, 0);
	assert_int_equal(s3->confirm_spacing_ns, MS);
	policy_free(policy);
}

static void a_server_may_go_back_to_an_automatic_timeout(void **state)
{
	struct policy *policy = parse_quiet(
		GATEWAY "heartbeat: {timeout: 3ms}\n"
			"servers:\n"
			"  - {name: s1, address: 10.78.0.11, heartbeat: {timeout: auto}}\n"
			"  - {name: s2, address: 10.78.0.12, heartbeat: {timeout: {max: 20ms}}}\n" POOLS SERVICES);

	(void)state;
	assert_int_equal(policy->servers[0].heartbeat.timeout_ns, 0);
	assert_int_equal(policy->servers[0].heartbeat.timeout_max_ns, 50 * MS);
	assert_int_equal(policy->servers[1].heartbeat.timeout_ns, 0);
	assert_int_equal(policy->servers[1].heartbeat.timeout_min_ns, 300 * US);
	assert_int_equal(policy->servers[1].heartbeat.timeout_max_ns, 20 * MS);
	policy_free(policy);
}

/* The kernel's window of probes holds no timeout beyond half of it. */
static void a_default_or_inherited_ceiling_follows_the_interval(void **state)
{
	struct policy *policy = parse_quiet(
		GATEWAY "heartbeat: {interval: 1ms}\n"
			"servers:\n"
			"  - {name: s1, address: 10.78.0.11, heartbeat: {interval: 250us}}\n"
			"  - {name: s2, address: 10.78.0.12}\n" POOLS SERVICES);

	(void)state;
	assert_int_equal(policy->servers[0].heartbeat.timeout_max_ns, 4 * MS);
	assert_int_equal(policy->servers[1].heartbeat.timeout_max_ns, 16 * MS);
	policy_free(policy);
	policy = parse_quiet(GATEWAY "heartbeat: {timeout: {max: 160ms}}\n"
				     "servers:\n"
				     "  - {name: s1, address: 10.78.0.11, heartbeat: {interval: 1ms}}\n"
				     "  - {name: s2, address: 10.78.0.12}\n" POOLS SERVICES);
	assert_int_equal(policy->servers[0].heartbeat.timeout_max_ns, 16 * MS);
	assert_int_equal(policy->servers[1].heartbeat.timeout_max_ns, 160 * MS);
	policy_free(policy);
}

static void a_ceiling_that_was_lowered_for_the_defaults_is_not_raised_for_a_server(void **state)
{
	struct policy *policy = parse_quiet(
		GATEWAY "heartbeat: {interval: 1ms}\n"
			"servers:\n"
			"  - {name: s1, address: 10.78.0.11, heartbeat: {interval: 10ms}}\n"
			"  - {name: s2, address: 10.78.0.12}\n" POOLS SERVICES);

	(void)state;
	assert_int_equal(policy->servers[0].heartbeat.timeout_max_ns, 50 * MS);
	assert_int_equal(policy->servers[1].heartbeat.timeout_max_ns, 16 * MS);
	policy_free(policy);
}

static void families_of_a_pool_are_those_of_its_services(void **state)
{
	struct policy *policy =
		parse_quiet(GATEWAY SERVERS "pools: [{name: a, servers: [s1]}, {name: b, servers: [s2]},"
					    " {name: c, servers: [s1, s2]}]\n"
					    "services:\n"
					    "  - {name: w, pool: a, address: 10.79.0.1}\n"
					    "  - {name: x, pool: b, address: \"fd79::1\"}\n"
					    "  - {name: y, pool: c, address: 10.79.0.2, fast: false}\n"
					    "  - {name: z, pool: c, address: \"fd79::2\", fast: false}\n");

	(void)state;
	assert_int_equal(policy->pools[0].families, 1u << DFB_FAMILY_IPV4);
	assert_int_equal(policy->pools[1].families, 1u << DFB_FAMILY_IPV6);
	assert_int_equal(policy->pools[2].families, 3);
	assert_true(policy->pools[0].fast);
	assert_false(policy->pools[2].fast);
	assert_int_equal(policy->services[3].pool, 2);
	policy_free(policy);
}

static void services_of_one_pool_may_share_an_address(void **state)
{
	struct policy *policy = parse_quiet(
		GATEWAY SERVERS POOLS "services:\n"
				      "  - {name: web, pool: app, address: 10.79.0.1, ports: tcp/80}\n"
				      "  - {name: dns, pool: app, address: 10.79.0.1, ports: [udp/53, tcp/53]}\n"
				      "  - {name: rest, pool: app, address: 10.79.0.1}\n");

	(void)state;
	assert_int_equal(policy->n_services, 3);
	assert_int_equal(policy->services[2].n_ports, 0);
	policy_free(policy);
}

static void hooks_own_their_arguments(void **state)
{
	struct policy *policy = parse_quiet(MINIMAL "hooks:\n"
						    "  - {run: [/bin/echo, a b, \"\\u00e9\"]}\n"
						    "  - {run: [/bin/true], on: [failover, server-state],"
						    " deadline: 250ms}\n");

	(void)state;
	assert_int_equal(policy->n_hooks, 2);
	assert_string_equal(policy->hooks[0].argv[0], "/bin/echo");
	assert_string_equal(policy->hooks[0].argv[1], "a b");
	assert_string_equal(policy->hooks[0].argv[2], "\xc3\xa9");
	assert_null(policy->hooks[0].argv[3]);
	assert_int_equal(policy->hooks[0].on, 0);
	assert_int_equal(policy->hooks[0].deadline_ns, 5 * SECOND);
	assert_int_equal(policy->hooks[1].on, (1u << REPORT_FAILOVER) | (1u << REPORT_SERVER_STATE));
	assert_int_equal(policy->hooks[1].deadline_ns, 250 * MS);
	policy_free(policy);
}

static void anchors_and_other_encodings_are_plain_yaml(void **state)
{
	static const char utf16[] = "\xff\xfe{\0}\0";
	struct conf_problems problems = {0};
	struct policy *policy = parse_quiet(
		"%YAML 1.1\n---\n" GATEWAY "servers:\n"
		"  - {name: s1, address: 10.78.0.11, heartbeat: &quick {interval: 5ms}}\n"
		"  - {name: \"s2\", address: '10.78.0.12', heartbeat: *quick}\n" POOLS SERVICES "...\n");

	(void)state;
	assert_int_equal(policy->servers[1].heartbeat.interval_ns, 5 * MS);
	policy_free(policy);
	policy = NULL;
	assert_int_equal(conf_parse(utf16, sizeof(utf16) - 1, &policy, &problems), -EINVAL);
	assert_null(policy);
	assert_int_equal(problems.n, 2); /* both sections that must be there */
	conf_problems_free(&problems);
}

/* --- warnings -------------------------------------------------------------------------------- */

static void assert_warning(const char *text, unsigned int line, const char *expected)
{
	struct conf_problems problems;
	struct policy *policy = parse(text, &problems);

	assert_int_equal(problems.n, 1);
	assert_true(problems.list[0].warning);
	assert_int_equal(problems.list[0].line, line);
	assert_string_equal(problems.list[0].text, expected);
	conf_problems_free(&problems);
	policy_free(policy);
}

static void what_nobody_uses_is_a_warning(void **state)
{
	(void)state;
	assert_warning(GATEWAY SERVERS "pools: [{name: app, servers: [s2]}]\n" SERVICES, 3,
		       "no pool uses server 's1', it is only watched");
	assert_warning(GATEWAY SERVERS POOLS, 5, "no service uses pool 'app', add one or remove the pool");
}

static void a_missing_family_is_a_warning_while_another_server_has_it(void **state)
{
	(void)state;
	assert_warning(GATEWAY "servers:\n"
			       "  - {name: s1, address: [10.78.0.11, \"fd78::11\"]}\n"
			       "  - {name: s2, address: 10.78.0.12}\n" POOLS
			       "services: [{name: web, pool: app, address: \"fd79::1\"}]\n",
		       4, "server 's2' has no IPv6 address, which services of pool 'app' use; add one");
}

static void a_risky_detection_time_is_a_warning(void **state)
{
	struct policy *policy;

	(void)state;
	assert_warning(MINIMAL "heartbeat: {interval: 900us, misses: 2}\n", 7,
		       "2 missed probes every 900us: 1800us of packet loss looks like a dead server; "
		       "3 misses are safer");
	assert_warning(MINIMAL "heartbeat: {interval: 1ms, misses: 1}\n", 7,
		       "1 missed probe every 1ms: 1ms of packet loss looks like a dead server; 3 misses are safer");
	policy = parse_quiet(MINIMAL "heartbeat: {interval: 1ms, misses: 2}\n");
	policy_free(policy);
	policy = parse_quiet(MINIMAL "heartbeat: {interval: 100us, misses: 3}\n");
	policy_free(policy);
}

static void a_risk_of_all_servers_is_told_once(void **state)
{
	(void)state;
	assert_warning(GATEWAY "heartbeat: {interval: 1ms, misses: 1}\n"
			       "servers:\n"
			       "  - {name: s1, address: 10.78.0.11, heartbeat: {probe: icmp}}\n"
			       "  - {name: s2, address: 10.78.0.12}\n" POOLS SERVICES,
		       2, "1 missed probe every 1ms: 1ms of packet loss looks like a dead server; 3 misses are safer");
}

/* --- limits ---------------------------------------------------------------------------------- */

/* @servers servers, all in one pool if they fit. */
static char *many_servers(unsigned int servers, const char *max)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fprintf(f, "gateway: {name: g, client-interfaces: g0, server-interfaces: e0, max-servers: %s}\nservers:\n",
		max);
	for (unsigned int i = 0; i < servers; i++)
		fprintf(f, "- {name: s%u, address: 10.%u.%u.%u}\n", i, i >> 16, i >> 8 & 255, i & 255);
	fclose(f);
	return text;
}

static void the_most_servers_that_a_mark_can_name_are_read(void **state)
{
	CLEAN_FREE char *text = many_servers(DFB_MAX_SERVERS, "16383");
	struct policy *policy = parse(text, NULL);

	(void)state;
	assert_int_equal(policy->n_servers, DFB_MAX_SERVERS);
	assert_string_equal(policy->servers[DFB_MAX_SERVERS - 1].name, "s16382");
	policy_free(policy);
}

static void more_servers_than_the_maps_hold_are_refused(void **state)
{
	CLEAN_FREE char *text = many_servers(11, "10");
	struct conf_problems problems = {0};
	struct policy *policy = NULL;

	(void)state;
	assert_int_equal(conf_parse(text, strlen(text), &policy, &problems), -EINVAL);
	assert_int_equal(problems.n, 1);
	assert_string_equal(problems.list[0].text,
			    "there are 11 servers and 'max-servers' of the gateway is 10, raise it");
	assert_int_equal(problems.list[0].line, 1);
	conf_problems_free(&problems);
}

/* A pool's and a server's arrays are of fixed size: the last that fits, and the first that does not. */
static int parse_pools(unsigned int pools, unsigned int servers_each, char *ret_text, size_t size)
{
	CLEAN_FREE char *head = many_servers(servers_each, "256"), *text = NULL;
	struct conf_problems problems = {0};
	struct policy *policy = NULL;
	size_t length;
	int err;
	FILE *f = open_memstream(&text, &length);

	assert_non_null(f);
	fprintf(f, "%spools:\n", head);
	for (unsigned int p = 0; p < pools; p++) {
		fprintf(f, "- {name: p%u, servers: [s0", p);
		for (unsigned int i = 1; i < servers_each; i++)
			fprintf(f, ", s%u", i);
		fputs("]}\n", f);
	}
	fclose(f);
	err = conf_parse(text, length, &policy, &problems);
	text_copy(ret_text, size, err ? problems.list[0].text : "");
	assert_true(!err == !!policy);
	policy_free(policy);
	conf_problems_free(&problems);
	return err;
}

static void counts_are_limited_by_the_maps(void **state)
{
	char text[240];

	(void)state;
	assert_int_equal(parse_pools(1, DFB_CANDIDATES, text, sizeof(text)), 0);
	assert_int_equal(parse_pools(1, DFB_CANDIDATES + 1, text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "'servers' has 65 items, this version takes at most 64");
	assert_int_equal(parse_pools(DFB_SERVER_POOLS, 1, text, sizeof(text)), 0);
	assert_int_equal(parse_pools(DFB_SERVER_POOLS + 1, 1, text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "server 's0' is in more than 64 pools, merge pools: services may share one");
	assert_int_equal(parse_pools(DFB_MAX_POOLS + 1, 1, text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "'pools' has 256 items, this version takes at most 255");
}

/* --- the way out ----------------------------------------------------------------------------- */

static void freeing_nothing_is_fine(void **state)
{
	struct conf_problems none = {0};

	(void)state;
	policy_free(NULL);
	conf_problems_free(&none);
	conf_problems_free(&none);
}

/* Every prefix of a good text: no crash, and a complaint with a place unless it is complete. */
static void a_text_may_end_anywhere(void **state)
{
	static const char text[] = MINIMAL "hooks: [{run: [/bin/true], on: [failover]}]\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct conf_problems problems = {0};
		struct policy *policy = NULL;
		int err = conf_parse(text, n, &policy, &problems);

		assert_true(!err == !!policy);
		assert_true(!err || (err == -EINVAL && problems.n && problems.list[0].line));
		policy_free(policy);
		conf_problems_free(&problems);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(every_key_of_the_gateway_arrives),
		cmocka_unit_test(every_key_of_the_heartbeat_arrives),
		cmocka_unit_test(servers_pools_and_services_arrive),
		cmocka_unit_test(the_order_of_sections_does_not_matter),
		cmocka_unit_test(a_list_of_one_may_be_written_as_the_item_alone),
		cmocka_unit_test(a_server_overrides_single_keys_of_the_heartbeat),
		cmocka_unit_test(a_server_may_go_back_to_an_automatic_timeout),
		cmocka_unit_test(a_default_or_inherited_ceiling_follows_the_interval),
		cmocka_unit_test(a_ceiling_that_was_lowered_for_the_defaults_is_not_raised_for_a_server),
		cmocka_unit_test(families_of_a_pool_are_those_of_its_services),
		cmocka_unit_test(services_of_one_pool_may_share_an_address),
		cmocka_unit_test(hooks_own_their_arguments),
		cmocka_unit_test(anchors_and_other_encodings_are_plain_yaml),
		cmocka_unit_test(what_nobody_uses_is_a_warning),
		cmocka_unit_test(a_missing_family_is_a_warning_while_another_server_has_it),
		cmocka_unit_test(a_risky_detection_time_is_a_warning),
		cmocka_unit_test(a_risk_of_all_servers_is_told_once),
		cmocka_unit_test(the_most_servers_that_a_mark_can_name_are_read),
		cmocka_unit_test(more_servers_than_the_maps_hold_are_refused),
		cmocka_unit_test(counts_are_limited_by_the_maps),
		cmocka_unit_test(freeing_nothing_is_fine),
		cmocka_unit_test(a_text_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
