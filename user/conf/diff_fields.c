// SPDX-License-Identifier: GPL-2.0-only
/* One line prints one field; a field that is new in the policy needs its line here. */
#include "diff_fields.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "core/core.h"
#include "core/trace.h"
#include "draft.h"

/* --- values ---------------------------------------------------------------------------------- */

static void add(struct diff_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct diff_text *t, const char *format, ...)
{
	size_t room = sizeof(t->text) - t->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->text + t->n, room, format, args);
	va_end(args);
	t->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void add_word(struct diff_text *t, const char *word)
{
	add(t, "%s%s", t->n ? ", " : "", word);
}

static void add_address(struct diff_text *t, const uint8_t address[16])
{
	char text[ADDRESS_TEXT_LEN];

	add_word(t, address_format(address, text));
}

/* As it is written in a configuration: the largest unit that leaves a whole number. */
static void add_time(struct diff_text *t, uint64_t ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{"h", 3600000000000ull}, {"m", 60000000000ull}, {"s", 1000000000ull}, {"ms", 1000000ull},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!ns || ns % units[i].ns)
			continue;
		add(t, "%llu%s", (unsigned long long)(ns / units[i].ns), units[i].unit);
		return;
	}
	if (ns % 1000)
		add(t, "%gus", (double)ns / 1e3);
	else
		add(t, "%lluus", (unsigned long long)(ns / 1000));
}

static void add_number(struct diff_text *t, uint64_t number)
{
	add(t, "%llu", (unsigned long long)number);
}

/* A function that prints a member of an object. */
#define PRINT(name, type, statement)                                                              \
	static void name(struct diff_text *t, const struct policy *policy, const void *object)    \
	{                                                                                         \
		const type *o = object;                                                           \
                                                                                                  \
		(void)policy;                                                                     \
		statement;                                                                        \
	}

/* --- gateway, loss, hooks -------------------------------------------------------------------- */

PRINT(gateway_name, struct policy_gateway, add(t, "%s", o->name))
PRINT(gateway_mode, struct policy_gateway, add(t, "%s", mode_names[o->mode]))
PRINT(mark_mask, struct policy_gateway, add(t, "0x%x", o->mark_mask))
PRINT(table_base, struct policy_gateway, add_number(t, o->table_base))
PRINT(rule_priority, struct policy_gateway, add_number(t, o->rule_priority))
PRINT(zone_base, struct policy_gateway, add_number(t, o->zone_base))
PRINT(max_servers, struct policy_gateway, add_number(t, o->max_servers))
PRINT(client_interfaces, struct policy_gateway,
      for (uint32_t i = 0; i < o->n_client_interfaces; i++) add_word(t, o->client_interfaces[i]))
PRINT(server_interfaces, struct policy_gateway,
      for (uint32_t i = 0; i < o->n_server_interfaces; i++) add_word(t, o->server_interfaces[i]))

const struct diff_field diff_gateway_fields[] = {
	{"name", gateway_name, false},
	{"mode", gateway_mode, false},
	{"client-interfaces", client_interfaces, false},
	{"server-interfaces", server_interfaces, false},
	{"mark-mask", mark_mask, true},
	{"table-base", table_base, true},
	{"rule-priority", rule_priority, true},
	{"zone-base", zone_base, true},
	{"max-servers", max_servers, true},
	{0},
};

PRINT(loss_counted, struct policy_loss, add(t, "%s", o->off ? "off" : "on"))
PRINT(loss_expire, struct policy_loss, add_time(t, o->expire_ns))
PRINT(loss_blackout, struct policy_loss,
      if (o->blackout_ns) add_time(t, o->blackout_ns); else add(t, "auto"))

const struct diff_field diff_loss_fields[] = {
	{"loss", loss_counted, false},
	{"blackout", loss_blackout, false},
	{"expire", loss_expire, false},
	{0},
};

static void add_hook(struct diff_text *t, const struct policy_hook *hook)
{
	add(t, "%s", t->n ? "; " : "");
	for (char *const *arg = hook->argv; *arg; arg++)
		add(t, "%s%s", arg == hook->argv ? "" : " ", *arg);
	add(t, " on");
	for (unsigned int kind = 0; kind < REPORT_KIND_MAX; kind++) {
		if (hook->on & 1u << kind)
			add(t, " %s", report_kind_names[kind]);
	}
	add(t, "%s within ", hook->on ? "" : " all");
	add_time(t, hook->deadline_ns);
}

PRINT(hooks, struct policy, for (uint32_t i = 0; i < o->n_hooks; i++) add_hook(t, &o->hooks[i]))

const struct diff_field diff_hooks_fields[] = {{"hooks", hooks, false}, {0}};

/* --- servers --------------------------------------------------------------------------------- */

static void server_address(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_server *o = object;

	(void)policy;
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (o->has[family])
			add_address(t, o->address[family]);
	}
}

static void server_timeout(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_heartbeat *h = &((const struct policy_server *)object)->heartbeat;

	(void)policy;
	if (h->timeout_ns) {
		add_time(t, h->timeout_ns);
		return;
	}
	add(t, "auto, ");
	add_time(t, h->timeout_min_ns);
	add(t, " to ");
	add_time(t, h->timeout_max_ns);
}

static void server_damping(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_heartbeat *h = &((const struct policy_server *)object)->heartbeat;

	(void)policy;
	if (!h->half_life_ns) {
		add(t, "off");
		return;
	}
	add(t, "half-life ");
	add_time(t, h->half_life_ns);
	add(t, ", suppress %u, reuse %u", h->suppress, h->reuse);
}

static void server_userland(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_heartbeat *h = &((const struct policy_server *)object)->heartbeat;

	(void)policy;
	if (h->userland_ns)
		add_time(t, h->userland_ns);
	else
		add(t, "off");
}

PRINT(server_probe, struct policy_server, add(t, "%s", draft_probe_names[o->heartbeat.probe]))
PRINT(server_port, struct policy_server, add_number(t, o->heartbeat.port))
PRINT(server_interval, struct policy_server, add_time(t, o->heartbeat.interval_ns))
PRINT(server_idle_interval, struct policy_server, add_time(t, o->heartbeat.idle_interval_ns))
PRINT(server_misses, struct policy_server, add_number(t, o->heartbeat.misses))
PRINT(server_confirm, struct policy_server, add(t, "%u probes, spacing ", o->heartbeat.confirm_probes);
      add_time(t, o->heartbeat.confirm_spacing_ns))
PRINT(server_recover, struct policy_server, add(t, "%u replies, hold ", o->heartbeat.recover_replies);
      add_time(t, o->heartbeat.recover_hold_ns))

const struct diff_field diff_server_fields[] = {
	{"address", server_address, false},
	{"probe", server_probe, false},
	{"port", server_port, false},
	{"interval", server_interval, false},
	{"timeout", server_timeout, false},
	{"idle-interval", server_idle_interval, false},
	{"misses", server_misses, false},
	{"confirm", server_confirm, false},
	{"recover", server_recover, false},
	{"damping", server_damping, false},
	{"userland", server_userland, false},
	{0},
};

/* --- pools and services ---------------------------------------------------------------------- */

static void pool_servers(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_pool *o = object;

	for (uint32_t i = 0; i < o->n_servers; i++)
		add_word(t, policy->servers[o->servers[i]].name);
}

PRINT(pool_when_none, struct policy_pool, add(t, "%s", draft_when_none_names[o->when_none]))
PRINT(pool_active, struct policy_pool, add(t, "%u", o->active))
PRINT(pool_spread, struct policy_pool, add(t, "%s", draft_spread_names[o->spread]))
PRINT(pool_fast, struct policy_pool, add(t, "%s", o->fast ? "true" : "false"))

const struct diff_field diff_pool_fields[] = {
	{"servers", pool_servers, false},
	{"active", pool_active, false},
	{"spread", pool_spread, false},
	{"when-none", pool_when_none, false},
	{"fast", pool_fast, false},
	{0},
};

static void service_pool(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_service *o = object;

	add(t, "%s", policy->pools[o->pool].name);
}

static void service_ports(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_service *o = object;

	(void)policy;
	for (uint32_t i = 0; i < o->n_ports; i++)
		add(t, "%s%s/%u", i ? ", " : "", o->ports[i].protocol == IPPROTO_TCP ? "tcp" : "udp",
		    o->ports[i].port);
}

static void service_nat(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_service *o = object;

	(void)policy;
	if (o->redirect != DFB_REDIRECT_NAT)
		return;
	add(t, "source %s", o->nat.source == POLICY_SOURCE_MASQUERADE ? "masquerade" :
			    o->nat.source == POLICY_SOURCE_OFF ? "off" : "given");
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		if (o->nat.source == POLICY_SOURCE_ADDRESS && o->nat.has[family])
			add_address(t, o->nat.address[family]);
	}
	add(t, "%s", o->nat.hairpin ? ", hairpin" : "");
	if (o->nat.port)
		add(t, ", port %u", o->nat.port);
}

PRINT(service_address, struct policy_service,
      for (uint32_t i = 0; i < o->n_addresses; i++) add_address(t, o->address[i]))
PRINT(service_redirect, struct policy_service, add(t, "%s", redirect_names[o->redirect]))
PRINT(service_hairpin, struct policy_service, if (o->nat.hairpin) add(t, "true"))
PRINT(service_nat_port, struct policy_service, if (o->nat.port) add_number(t, o->nat.port))
PRINT(service_budget, struct policy_service, if (o->blackout_budget_ns) add_time(t, o->blackout_budget_ns))

static void service_source(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_service *o = object;

	(void)policy;
	if (o->nat.source == POLICY_SOURCE_MASQUERADE)
		add(t, "masquerade");
	for (uint32_t i = 0; o->nat.source == POLICY_SOURCE_ADDRESS && i < DFB_FAMILIES; i++) {
		if (o->nat.has[i])
			add_address(t, o->nat.address[i]);
	}
}

static void dns_names(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_dns *dns = ((const struct policy_service *)object)->dns;

	(void)policy;
	for (uint32_t i = 0; dns && i < dns->n_names; i++)
		add_word(t, dns->names[i]);
}

static void dns_servers(struct diff_text *t, const struct policy *policy, const void *object)
{
	const struct policy_dns *dns = ((const struct policy_service *)object)->dns;

	(void)policy;
	for (uint32_t i = 0; dns && i < dns->n_servers; i++)
		add_address(t, dns->servers[i]);
	for (uint32_t i = 0; dns && i < dns->n_peers; i++)
		add_address(t, dns->peers[i]);
}

PRINT(dns_key, struct policy_service, if (o->dns) add(t, "%s", o->dns->key_path))
PRINT(dns_port, struct policy_service, if (o->dns) add_number(t, o->dns->port))
PRINT(dns_ttl, struct policy_service, if (o->dns) add_time(t, o->dns->ttl_s * 1000000000ull))
PRINT(dns_dispute, struct policy_service, if (o->dns) add_time(t, o->dns->dispute_ns))

static void add_check(struct diff_text *t, const struct policy_check *c)
{
	static const char *const names[CHECK_TEXT_MAX] = {
		[CHECK_TEXT_NAME] = "host", [CHECK_TEXT_PATH] = "path", [CHECK_TEXT_HEADER] = "header",
		[CHECK_TEXT_BODY] = "body", [CHECK_TEXT_CA] = "ca"};

	add(t, "%s%s", t->n ? "; " : "", check_kind_names[c->kind]);
	if (c->port)
		add(t, "/%u", c->port);
	add(t, " every ");
	add_time(t, c->every_ns);
	add(t, " fast ");
	add_time(t, c->fast_ns);
	add(t, " timeout ");
	add_time(t, c->timeout_ns);
	add(t, " rise %u fall %u", c->rise, c->fall);
	if (c->status)
		add(t, " status %u", c->status);
	if (c->verify)
		add(t, " verify");
	for (int i = 0; i < CHECK_TEXT_MAX; i++) {
		if (c->text[i])
			add(t, " %s '%s'", names[i], c->text[i]);
	}
	for (char *const *arg = c->argv; *arg; arg++)
		add(t, " %s", *arg);
}

PRINT(service_checks, struct policy_service,
      for (uint32_t i = 0; i < o->n_checks; i++) add_check(t, &o->checks[i]))

PRINT(service_needs, struct policy_service, add(t, "%s", needs_names[o->needs]))

const struct diff_field diff_service_fields[] = {
	{"pool", service_pool, false},
	{"address", service_address, false},
	{"ports", service_ports, false},
	{"redirect", service_redirect, false},
	{"nat source", service_source, false},
	{"nat hairpin", service_hairpin, false},
	{"nat port", service_nat_port, false},
	{"dns names", dns_names, false},
	{"dns server and peers", dns_servers, false},
	{"dns key", dns_key, false},
	{"dns port", dns_port, false},
	{"dns ttl", dns_ttl, false},
	{"dns dispute", dns_dispute, false},
	{"nat", service_nat, false},
	{"blackout-budget", service_budget, false},
	{"needs", service_needs, false},
	{"checks", service_checks, false},
	{0},
};
