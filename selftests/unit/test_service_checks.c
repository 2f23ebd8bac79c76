// SPDX-License-Identifier: GPL-2.0-only
/* Checks of services: what a configuration becomes, whose pool is whose, and what is asked of whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"
#include "conf/conf.h"
#include "core/plan.h"
#include "sense/check_order.h"

#define MS 1000000ull
#define SECOND 1000000000ull

#define HEAD                                                                          \
	"gateway: {name: gw1, client-interfaces: [g0], server-interfaces: [e0]}\n"    \
	"servers:\n"                                                                  \
	"  - {name: s1, address: [10.78.0.11, \"fd78::11\"]}\n"                        \
	"  - {name: s2, address: 10.78.0.12}\n"                                       \
	"pools: [{name: app, servers: [s1, s2], when-none: withdraw}]\n"              \
	"services:\n"

static struct policy *parse(const char *text)
{
	struct conf_problems problems = {0};
	struct policy *policy = NULL;

	assert_int_equal(conf_parse(text, strlen(text), &policy, &problems), 0);
	conf_problems_free(&problems);
	return policy;
}

/* "web in app:web, mail in app" */
static const char *pools(const struct policy *policy, char text[256])
{
	text[0] = '\0';
	for (uint32_t i = 0; i < policy->n_services; i++)
		snprintf(text + strlen(text), 256 - strlen(text), "%s%s in %s%s", i ? ", " : "",
			 policy->services[i].name, policy->pools[policy->services[i].pool].name,
			 policy->pools[policy->services[i].pool].checked ? "!" : "");
	return text;
}

static void expect_pools(const char *services, const char *expected)
{
	char text[2048], got[256];
	struct policy *policy;

	snprintf(text, sizeof(text), "%s%s", HEAD, services);
	policy = parse(text);
	assert_string_equal(pools(policy, got), expected);
	policy_free(policy);
}

#define TCP ", checks: [{kind: tcp, port: 80}]"

static void a_checked_service_has_a_pool_of_its_own(void **state)
{
	(void)state;
	expect_pools("  - {name: web, pool: app, address: 10.79.0.1" TCP "}\n", "web in app!");
	expect_pools("  - {name: web, pool: app, address: 10.79.0.1" TCP "}\n"
		     "  - {name: mail, pool: app, address: 10.79.0.2}\n", "web in app:web!, mail in app");
	expect_pools("  - {name: web, pool: app, address: 10.79.0.1" TCP "}\n"
		     "  - {name: mail, pool: app, address: 10.79.0.2" TCP "}\n", "web in app:web!, mail in app:mail!");
	expect_pools("  - {name: web, pool: app, address: 10.79.0.1}\n"
		     "  - {name: mail, pool: app, address: 10.79.0.2}\n", "web in app, mail in app");
}

/* Also over two corners: b shares with a, c shares with b. */
static void who_shares_an_address_goes_with_it(void **state)
{
	(void)state;
	expect_pools("  - {name: a, pool: app, address: 10.79.0.1, ports: [tcp/1]}\n"
		     "  - {name: b, pool: app, address: [10.79.0.1, 10.79.0.2], ports: [tcp/2]}\n"
		     "  - {name: c, pool: app, address: 10.79.0.2, ports: [tcp/3]" TCP "}\n"
		     "  - {name: d, pool: app, address: 10.79.0.3}\n", "a in app:a!, b in app:a!, c in app:a!, d in app");
	expect_pools("  - {name: a, pool: app, address: 10.79.0.1, ports: [tcp/1]}\n"
		     "  - {name: b, pool: app, address: 10.79.0.1, ports: [tcp/2]" TCP "}\n", "a in app!, b in app!");
}

static void a_pool_that_is_split_off_is_like_its_origin(void **state)
{
	struct policy *policy = parse(HEAD "  - {name: web, pool: app, address: 10.79.0.1, fast: false" TCP "}\n"
					   "  - {name: mail, pool: app, address: \"fd79::1\"}\n");
	const struct policy_pool *app = &policy->pools[0], *web = &policy->pools[1];

	(void)state;
	assert_int_equal(policy->n_pools, 2);
	assert_string_equal(web->name, "app:web");
	assert_int_equal(web->origin, 1);
	assert_int_equal(app->origin, 0);
	assert_int_equal(web->n_servers, 2);
	assert_memory_equal(web->servers, app->servers, sizeof(app->servers));
	assert_int_equal(web->when_none, POLICY_WITHDRAW);
	assert_int_equal(web->families, 1u << DFB_FAMILY_IPV4);
	assert_int_equal(app->families, 1u << DFB_FAMILY_IPV6);
	assert_false(web->fast);
	assert_true(app->fast);
	policy_free(policy);
}

static void what_is_not_given_has_a_default(void **state)
{
	struct policy *policy = parse(HEAD
		"  - {name: web, pool: app, address: 10.79.0.1, checks: [{kind: http}, {kind: https, every: 100ms},\n"
		"     {kind: dns, name: a.example}, {kind: smtp}, {kind: tcp, port: 80, every: 1s, rise: 1, fall: 9}]}\n");
	const struct policy_check *c = policy->services[0].checks;
	static const uint16_t ports[] = {80, 443, 53, 25, 80};

	(void)state;
	assert_int_equal(policy->services[0].n_checks, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(c[i].port, ports[i]);
	assert_int_equal(c[0].every_ns, 2 * SECOND);
	assert_int_equal(c[0].fast_ns, 250 * MS);
	assert_int_equal(c[0].timeout_ns, SECOND);
	assert_int_equal(c[0].rise, 2);
	assert_int_equal(c[0].fall, 2);
	assert_int_equal(c[1].fast_ns, 100 * MS);
	assert_string_equal(c[2].text[CHECK_TEXT_NAME], "a.example");
	assert_int_equal(c[4].every_ns, SECOND);
	assert_int_equal(c[4].rise, 1);
	assert_int_equal(c[4].fall, 9);
	policy_free(policy);
}

/* Each server, in each family that it and the service have. */
static void each_server_is_asked_at_its_own_addresses(void **state)
{
	struct policy *policy = parse(HEAD "  - {name: web, pool: app, address: [10.79.0.1, \"fd79::1\"], checks: "
		"[{kind: http, host: a.example}, {kind: script, run: [/bin/x, y]}]}\n");
	static const char *const subjects[] = {
		"http 10.78.0.11:80", "http [fd78::11]:80", "http 10.78.0.12:80",
		"script /bin/x 10.78.0.11", "script /bin/x fd78::11", "script /bin/x 10.78.0.12"};
	struct check_subject list[6];
	char text[CHECK_SUBJECT_LEN];

	(void)state;
	assert_int_equal(check_count(policy), 6);
	check_subjects(policy, list);
	for (int i = 0; i < 6; i++) {
		CLEAN_FREE struct check_order *order = check_order_new(policy, &list[i], "main");
		CLEAN_FREE struct check_order *other = check_order_new(policy, &list[(i + 1) % 6], "main");

		assert_string_equal(check_order_subject(order, text), subjects[i]);
		assert_int_equal(check_order_compare(order, order), 0);
		assert_int_not_equal(check_order_compare(order, other), 0);
		assert_int_equal(check_order_compare(order, other) < 0,
				 check_order_compare(other, order) > 0);
		assert_int_equal(order->argc, i < 3 ? 0 : 2);
		if (i >= 3)
			assert_string_equal(order->texts + sizeof("/bin/x") + sizeof("y"),
					    "DEFIB_SERVICE=web");
	}
	policy_free(policy);
}

/* 64 servers with two addresses each; @n services with eight checks each. Return: the caller's. */
static char *many_checks(uint32_t n)
{
	static const char eight[] = "[{kind: http}, {kind: https}, {kind: smtp}, {kind: tcp, port: 1}, {kind: tcp, port: 2}, "
				    "{kind: tcp, port: 3}, {kind: tcp, port: 4}, {kind: tcp, port: 5}]";
	size_t size = 65536;
	char *text = malloc(size), *at = text;

	at += sprintf(at, "gateway: {name: gw1, client-interfaces: [g0], server-interfaces: [e0]}\nservers:\n");
	for (int i = 1; i <= 64; i++)
		at += sprintf(at, "  - {name: s%d, address: [10.78.0.%d, \"fd78::%d\"]}\n", i, i, i);
	at += sprintf(at, "pools: [{name: app, servers: [");
	for (int i = 1; i <= 64; i++)
		at += sprintf(at, "%ss%d", i > 1 ? ", " : "", i);
	at += sprintf(at, "]}]\nservices:\n");
	for (uint32_t i = 1; i <= n; i++)
		at += sprintf(at, "  - {name: w%u, pool: app, address: [10.79.0.%u, \"fd79::%u\"], checks: %s}\n", i, i,
			      i, eight);
	assert_true(at < text + size);
	return text;
}

static void more_checks_than_can_be_made_are_an_error(void **state)
{
	struct conf_problems problems = {0};
	CLEAN_FREE char *enough = many_checks(16);
	CLEAN_FREE char *many = many_checks(18);
	struct policy *policy = parse(enough);

	(void)state;
	assert_int_equal(check_count(policy), CHECK_MAX);
	policy_free(policy);
	policy = NULL;
	assert_int_equal(conf_parse(many, strlen(many), &policy, &problems), -EINVAL);
	assert_null(policy);
	assert_int_equal(problems.n, 1);
	assert_int_equal(problems.list[0].line, 2 + 64 + 2 + 17);
	assert_string_equal(problems.list[0].text,
			    "there are 18432 checks together, of each service on each address of each server, and at most 16384 "
			    "can be made; give services fewer checks or smaller pools");
	conf_problems_free(&problems);
}

static void arguments_that_are_too_long_are_an_error(void **state)
{
	struct conf_problems problems = {0};
	struct policy *policy = NULL;
	char text[16384];

	(void)state;
	snprintf(text, sizeof(text), "%s  - {name: web, pool: app, address: 10.79.0.1, checks: [{kind: script, run: "
		 "[/bin/x, %08180d]}]}\n", HEAD, 0);
	policy = parse(text);
	policy_free(policy);
	policy = NULL;
	snprintf(text, sizeof(text), "%s  - {name: web, pool: app, address: 10.79.0.1, checks: [{kind: script, run: "
		 "[/bin/x, %08190d]}]}\n", HEAD, 0);
	assert_int_equal(conf_parse(text, strlen(text), &policy, &problems), -EINVAL);
	assert_string_equal(problems.list[0].text, "'run' has 8198 bytes, at most 8192 are possible; put them into a "
						   "file that the program reads");
	conf_problems_free(&problems);
}

static void a_plan_remembers_who_failed(void **state)
{
	struct policy *policy = parse(HEAD "  - {name: web, pool: app, address: 10.79.0.1" TCP "}\n");
	struct dfb_plan plan = {}, other;

	(void)state;
	policy->servers[0].id = 7;
	policy->servers[1].id = 8;
	policy->pools[0].id = 1;
	plan_pool(policy, 0, &plan, &plan);
	assert_true(plan_set_fit(&plan, 8, false));
	assert_false(plan_set_fit(&plan, 8, false));
	assert_false(plan_set_fit(&plan, 9, false));
	assert_true(plan_is_unfit(&plan, 8));
	policy->pools[0].servers[0] = 1;
	policy->pools[0].servers[1] = 0;
	plan_pool(policy, 0, &plan, &other);
	assert_true(plan_is_unfit(&other, 8));
	assert_false(plan_is_unfit(&other, 7));
	policy->pools[0].checked = false;
	plan_pool(policy, 0, &plan, &other);
	assert_false(plan_is_unfit(&other, 8));
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checked_service_has_a_pool_of_its_own),
		cmocka_unit_test(who_shares_an_address_goes_with_it),
		cmocka_unit_test(a_pool_that_is_split_off_is_like_its_origin),
		cmocka_unit_test(what_is_not_given_has_a_default),
		cmocka_unit_test(each_server_is_asked_at_its_own_addresses),
		cmocka_unit_test(more_checks_than_can_be_made_are_an_error),
		cmocka_unit_test(arguments_that_are_too_long_are_an_error),
		cmocka_unit_test(a_plan_remembers_who_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
