// SPDX-License-Identifier: GPL-2.0-only
#include "conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "draft.h"
#include "syntax.h"

/** struct top - the sections, as they stand in the text */
struct top {
	const yaml_node_t *gateway;
	const yaml_node_t *heartbeat;
	const yaml_node_t *servers;
	const yaml_node_t *pools;
	const yaml_node_t *services;
	const yaml_node_t *hooks;
	const yaml_node_t *loss;
	const yaml_node_t *dns;
};

#define MAX_SERVICES 65535

enum { TOP_GATEWAY, TOP_HEARTBEAT, TOP_SERVERS, TOP_POOLS, TOP_SERVICES, TOP_HOOKS, TOP_LOSS, TOP_DNS };

static const struct reader_key top_keys[] = {
	[TOP_GATEWAY] = {"gateway", "{name: gw1, client-interfaces: [eth0], server-interfaces: [eth1]}", reader_node,
			 offsetof(struct top, gateway), 0, 0, NULL, true},
	[TOP_HEARTBEAT] = {"heartbeat", "{interval: 10ms}", reader_node, offsetof(struct top, heartbeat),
			   0, 0, NULL, false},
	[TOP_SERVERS] = {"servers", "[{name: s1, address: 192.0.2.11}]", reader_node, offsetof(struct top, servers),
			 1, DFB_MAX_SERVERS, NULL, true},
	[TOP_POOLS] = {"pools", "[{name: app, servers: [s1, s2]}]", reader_node, offsetof(struct top, pools), 0,
		       DFB_MAX_POOLS, NULL, false},
	[TOP_SERVICES] = {"services", "[{name: web, pool: app, address: 198.51.100.1}]", reader_node,
			  offsetof(struct top, services), 0, MAX_SERVICES, NULL, false},
	[TOP_HOOKS] = {"hooks", "[{run: [/usr/local/bin/page], on: [failover]}]", reader_node,
		       offsetof(struct top, hooks), 0, POLICY_MAX_HOOKS, NULL, false},
	[TOP_LOSS] = {"loss", "{blackout: auto, expire: 5m}", reader_node, offsetof(struct top, loss), 0, 0, NULL,
		      false},
	[TOP_DNS] = {"dns", "{zone: example.org, server: 192.0.2.53, key: /etc/defib/keys/dns.key}", reader_node,
		     offsetof(struct top, dns), 0, 0, NULL, false},
	{"mirrors", "", NULL, 0, 0, 0, NULL, false},
	{"nodes", "", NULL, 0, 0, 0, NULL, false},
	{"vms", "", NULL, 0, 0, 0, NULL, false},
	{"fencing", "", NULL, 0, 0, 0, NULL, false},
	{"cluster", "", NULL, 0, 0, 0, NULL, false},
	{"http", "", NULL, 0, 0, 0, NULL, false},
	{"history", "", NULL, 0, 0, 0, NULL, false},
};
READER_TABLE(top_table, "the configuration", top_keys);

/* --- the draft ------------------------------------------------------------------------------- */

static void free_hooks(struct policy_hook *hooks, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t a = 0; a < POLICY_HOOK_ARGS; a++)
			free(hooks[i].argv[a]);
	}
}

static void free_checks(struct policy_service *service)
{
	for (uint32_t i = 0; i < service->n_checks; i++) {
		for (uint32_t t = 0; t < CHECK_TEXT_MAX; t++)
			free(service->checks[i].text[t]);
		for (uint32_t a = 0; a < POLICY_HOOK_ARGS; a++)
			free(service->checks[i].argv[a]);
	}
	free(service->checks);
}

static void draft_init(struct draft *d)
{
	memset(d, 0, sizeof(*d));
	d->gateway.mark_mask = POLICY_DEFAULT_MARK_MASK;
	d->gateway.table_base = POLICY_DEFAULT_TABLE_BASE;
	d->gateway.rule_priority = POLICY_DEFAULT_RULE_PRIORITY;
	d->gateway.zone_base = POLICY_DEFAULT_ZONE_BASE;
	d->gateway.max_servers = POLICY_DEFAULT_MAX_SERVERS;
	d->heartbeat_ok = true;
	draft_loss_defaults(&d->loss);
	draft_dns_defaults(&d->dns);
	draft_heartbeat_defaults(&d->heartbeat);
}

static void draft_fini(struct draft *d)
{
	free_hooks(d->hooks, d->n_hooks);
	for (uint32_t i = 0; d->services && i < d->n_services; i++) {
		free(d->services[i].out.dns);
		free_checks(&d->services[i].out);
	}
	free(d->servers);
	free(d->pools);
	free(d->services);
	reader_fini(&d->r);
}

void *draft_calloc(struct draft *d, size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		d->r.no_memory = true;
	return p;
}

static void read_sections(struct draft *d, const yaml_node_t *root)
{
	struct top top = {NULL};

	reader_mapping(&d->r, &top_table, root, &top);
	if (top.gateway)
		draft_gateway(d, top.gateway);
	if (top.loss)
		draft_loss(d, top.loss);
	if (top.heartbeat)
		draft_heartbeat(d, top.heartbeat);
	if (top.servers)
		draft_servers(d, &top_keys[TOP_SERVERS], top.servers);
	if (top.pools)
		draft_pools(d, &top_keys[TOP_POOLS], top.pools);
	if (top.dns)
		draft_dns(d, top.dns);
	if (top.services)
		draft_services(d, &top_keys[TOP_SERVICES], top.services);
	if (top.hooks)
		draft_hooks(d, &top_keys[TOP_HOOKS], top.hooks);
	if (!d->r.no_memory)
		draft_check(d);
}

/* --- YAML ------------------------------------------------------------------------------------ */

static void read_document(struct draft *d, yaml_document_t *document)
{
	const yaml_node_t *root = yaml_document_get_root_node(document);
	const yaml_mark_t start = {0};

	d->r.document = document;
	if (root)
		read_sections(d, root);
	else
		reader_add(&d->r, &start, false,
			   "the configuration is empty, start with gateway: %s", top_keys[TOP_GATEWAY].example);
}

/* Only one document: a second one would be ignored in silence. */
static void refuse_more(struct draft *d, yaml_parser_t *parser, const char *text, size_t length)
{
	yaml_document_t document;
	const yaml_node_t *root;

	if (!yaml_parser_load(parser, &document)) {
		syntax_complain(&d->r, parser, text, length);
		return;
	}
	root = yaml_document_get_root_node(&document);
	if (root)
		reader_error(&d->r, root, "a second document begins here, remove the line '---' or this part");
	yaml_document_delete(&document);
}

static void read_text(struct draft *d, const char *text, size_t length)
{
	yaml_parser_t parser;
	yaml_document_t document;

	if (!yaml_parser_initialize(&parser)) {
		d->r.no_memory = true;
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	if (yaml_parser_load(&parser, &document)) {
		read_document(d, &document);
		if (yaml_document_get_root_node(&document))
			refuse_more(d, &parser, text, length);
		yaml_document_delete(&document);
	} else {
		syntax_complain(&d->r, &parser, text, length);
	}
	yaml_parser_delete(&parser);
}

/* --- the result ------------------------------------------------------------------------------ */

/* What hangs on it has a new owner. */
static struct policy_service take_service(struct draft_service *from)
{
	struct policy_service service = from->out;

	from->out.dns = NULL;
	from->out.checks = NULL;
	from->out.n_checks = 0;
	return service;
}

static int build_policy(struct draft *d, struct policy **ret_policy)
{
	struct policy *policy = draft_calloc(d, 1, sizeof(*policy));

	if (!policy)
		return -ENOMEM;
	policy->gateway = d->gateway;
	policy->loss = d->loss;
	policy->servers = draft_calloc(d, d->n_servers, sizeof(*policy->servers));
	policy->pools = draft_calloc(d, d->n_pools, sizeof(*policy->pools));
	policy->services = draft_calloc(d, d->n_services, sizeof(*policy->services));
	if (d->r.no_memory) {
		policy_free(policy);
		return -ENOMEM;
	}
	for (; policy->n_servers < d->n_servers; policy->n_servers++)
		policy->servers[policy->n_servers] = d->servers[policy->n_servers].out;
	for (; policy->n_pools < d->n_pools; policy->n_pools++)
		policy->pools[policy->n_pools] = d->pools[policy->n_pools].out;
	for (; policy->n_services < d->n_services; policy->n_services++)
		policy->services[policy->n_services] = take_service(&d->services[policy->n_services]);
	memcpy(policy->hooks, d->hooks, sizeof(policy->hooks));
	policy->n_hooks = d->n_hooks;
	d->n_hooks = 0; /* the arguments have a new owner */
	*ret_policy = policy;
	return 0;
}

static int compare_problems(const void *left, const void *right)
{
	const struct conf_problem *a = left, *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return strcmp(a->text, b->text);
}

static void hand_over_problems(struct conf_problems *problems, struct conf_problems *ret_problems)
{
	if (problems->n)
		qsort(problems->list, problems->n, sizeof(*problems->list), compare_problems);
	*ret_problems = *problems;
	*problems = (struct conf_problems){0};
}

int conf_parse(const char *text, size_t length, struct policy **ret_policy,
	       struct conf_problems *ret_problems)
{
	struct draft d;
	int err = 0;

	draft_init(&d);
	if (syntax_is_shallow(&d.r, text, length))
		read_text(&d, text, length);
	if (d.r.no_memory)
		err = -ENOMEM;
	else if (d.r.errors)
		err = -EINVAL;
	else
		err = build_policy(&d, ret_policy);
	if (err != -ENOMEM)
		hand_over_problems(&d.r.problems, ret_problems);
	draft_fini(&d);
	return err;
}

void conf_problems_free(struct conf_problems *problems)
{
	free(problems->list);
	*problems = (struct conf_problems){0};
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	free_hooks(policy->hooks, policy->n_hooks);
	for (uint32_t i = 0; i < policy->n_services; i++) {
		free(policy->services[i].dns);
		free_checks(&policy->services[i]);
	}
	free(policy->servers);
	free(policy->pools);
	free(policy->services);
	free(policy);
}
