// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any text as a configuration: it is a policy that the rest of the program can trust, or it has problems
 * that point into the text.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf.h"
#include "core/ids.h"
#include "core/plan.h"
#include "fuzz.h"


/* --- problems -------------------------------------------------------------------------------- */

/* Length of the line break here, as YAML 1.1 knows them (5.4); 0: there is none. */
static size_t break_at(const uint8_t *at, const uint8_t *end)
{
	size_t left = (size_t)(end - at);

	if (at[0] == '\n')
		return 1;
	if (at[0] == '\r')
		return left > 1 && at[1] == '\n' ? 2 : 1;
	if (left > 1 && at[0] == 0xc2 && at[1] == 0x85)
		return 2;
	return left > 2 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9) ? 3 : 0;
}

/* Characters of a line, from 1; 0: there is no such line. The end of the text has a place, too, and the
 * library takes a last line without a break for one with it. */
static size_t columns_of(const uint8_t *text, size_t size, unsigned int line)
{
	const uint8_t *at = text, *end = text + size;
	size_t columns = 1, n;

	for (; at < end; at += n ? n : 1) {
		n = break_at(at, end);
		if (n && !--line)
			return columns;
		columns = n ? 1 : columns + ((*at & 0xc0) != 0x80);
	}
	return line == 1 ? columns : line == 2;
}

static bool is_utf16(const uint8_t *text, size_t size)
{
	return size > 1 && ((text[0] == 0xff && text[1] == 0xfe) || (text[0] == 0xfe && text[1] == 0xff));
}

static void check_problem(const struct conf_problem *p, const uint8_t *text, size_t size)
{
	assert(p->line && p->column);
	assert(p->text[0] && memchr(p->text, 0, sizeof(p->text)));
	assert(!strpbrk(p->text, "\r\n"));
	if (!is_utf16(text, size))
		assert(p->column <= columns_of(text, size, p->line));
}

static void check_problems(const struct conf_problems *problems, int err, const uint8_t *text, size_t size)
{
	bool serious = false;

	for (size_t i = 0; i < problems->n; i++) {
		check_problem(&problems->list[i], text, size);
		serious = serious || !problems->list[i].warning;
		assert(!i || problems->list[i].line >= problems->list[i - 1].line);
	}
	assert(serious == (err != 0));
}

/* --- the policy ------------------------------------------------------------------------------ */

static void check_heartbeat(const struct policy_heartbeat *h)
{
	uint64_t longest = h->timeout_ns ? h->timeout_ns : h->timeout_max_ns;

	assert(h->probe < DFB_PROBE_KIND_MAX && h->port && h->interval_ns && longest);
	assert(h->misses >= 1 && h->misses <= DFB_WINDOW / 2);
	assert(longest <= DFB_WINDOW / 2 * h->interval_ns);
	assert(h->timeout_ns || h->timeout_min_ns <= h->timeout_max_ns);
	assert(!h->half_life_ns || h->reuse < h->suppress);
}

static void check_servers(const struct policy *p)
{
	assert(p->n_servers && p->n_servers < p->gateway.max_servers);
	for (uint32_t i = 0; i < p->n_servers; i++) {
		const struct policy_server *s = &p->servers[i];

		assert(name_is_valid(s->name));
		assert(s->has[DFB_FAMILY_IPV4] || s->has[DFB_FAMILY_IPV6]);
		for (uint32_t family = 0; family < DFB_FAMILIES; family++)
			assert(!s->has[family] || address_is_ipv4(s->address[family]) == !family);
		for (uint32_t k = 0; k < i; k++)
			assert(strcmp(s->name, p->servers[k].name));
		check_heartbeat(&s->heartbeat);
	}
}

static void check_pool(const struct policy *p, const struct policy_pool *pool)
{
	assert(name_is_valid(pool->name));
	assert(pool->n_servers && pool->n_servers <= DFB_CANDIDATES);
	assert(pool->when_none < POLICY_WHEN_NONE_MAX);
	assert(!(pool->families >> DFB_FAMILIES));
	for (uint32_t i = 0; i < pool->n_servers; i++) {
		assert(pool->servers[i] < p->n_servers);
		for (uint32_t k = 0; k < i; k++)
			assert(pool->servers[i] != pool->servers[k]);
	}
}

static void check_service(const struct policy *p, const struct policy_service *s)
{
	bool named = s->redirect == DFB_REDIRECT_DNS;

	assert(name_is_valid(s->name) && s->pool < p->n_pools);
	assert(s->redirect < DFB_REDIRECT_MAX && named == !s->n_addresses && named == !!s->dns);
	assert(s->n_addresses <= POLICY_SERVICE_ADDRESSES && s->n_checks <= POLICY_SERVICE_CHECKS);
	assert(s->n_ports <= POLICY_SERVICE_PORTS);
	for (uint32_t i = 0; i < s->n_addresses; i++)
		assert(p->pools[s->pool].families & (address_is_ipv4(s->address[i]) ? 1 : 2));
}

static void check_gateway(const struct policy_gateway *g)
{
	uint32_t mask = g->mark_mask;

	assert(name_is_valid(g->name));
	assert(g->n_client_interfaces && g->n_client_interfaces <= POLICY_MAX_INTERFACES);
	assert(g->n_server_interfaces && g->n_server_interfaces <= POLICY_MAX_INTERFACES);
	assert(g->max_servers && g->max_servers <= DFB_MAX_SERVERS + 1);
	assert(mask && !((mask + (mask & -mask)) & mask)); /* one run of bits */
	assert(mask / (mask & -mask) >= g->max_servers - 1);
}

/* What is made of it next must fit, too. */
static void check_plans(struct policy *p)
{
	static char servers[DFB_MAX_SERVERS + 1][DFB_NAME_LEN], pools[DFB_MAX_POOLS + 1][DFB_NAME_LEN];
	struct ids_taken server_ids = {.n = p->gateway.max_servers, .name = servers};
	struct ids_taken pool_ids = {.n = DFB_MAX_POOLS + 1, .name = pools};
	struct dfb_server server = {};
	struct dfb_plan plan = {};

	memset(servers, 0, DFB_NAME_LEN * p->gateway.max_servers);
	memset(pools, 0, sizeof(pools));
	assert(!ids_assign(p, &server_ids, &pool_ids));
	for (uint32_t i = 0; i < p->n_servers; i++)
		plan_server(p, i, &server, &server);
	for (uint32_t i = 0; i < p->n_pools; i++)
		plan_pool(p, i, &plan, &plan);
}

static void check_policy(struct policy *p)
{
	check_gateway(&p->gateway);
	check_servers(p);
	assert(p->n_pools <= DFB_MAX_POOLS && p->n_hooks <= POLICY_MAX_HOOKS);
	for (uint32_t i = 0; i < p->n_pools; i++)
		check_pool(p, &p->pools[i]);
	for (uint32_t i = 0; i < p->n_services; i++)
		check_service(p, &p->services[i]);
	for (uint32_t i = 0; i < p->n_hooks; i++)
		assert(p->hooks[i].argv[0] && p->hooks[i].argv[0][0]);
	check_plans(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_problems problems = {0};
	struct policy *policy = NULL;
	int err = conf_parse((const char *)data, size, &policy, &problems);

	assert(!err || err == -EINVAL);
	assert(!policy == (err != 0));
	check_problems(&problems, err, data, size);
	if (policy)
		check_policy(policy);
	policy_free(policy);
	conf_problems_free(&problems);
	return 0;
}
