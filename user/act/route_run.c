// SPDX-License-Identifier: GPL-2.0-only
/* The whole of it: rules and tables of servers here, pools in route_pool.c. */
#include "route_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>

void route_run_problem(struct route_run *run, int error, const char *format, ...)
{
	struct route_result *result = run->result;
	va_list args;

	if (!run->error)
		run->error = error;
	if (result->n_problems < ROUTE_PROBLEMS) {
		va_start(args, format);
		vsnprintf(result->problem[result->n_problems], ROUTE_PROBLEM_LEN, format, args);
		va_end(args);
	}
	result->n_problems++;
}

/* A priority alone would name any of the rules that have it. */
static const char *after_selector(const char *text)
{
	static const char all[] = " from all";
	const char *at = strstr(text, all);

	return at ? at + sizeof(all) - 1 : "";
}

void route_run_in_the_way(struct route_run *run, const struct netobject *object, const char *what)
{
	const char *inet6 = object->family == AF_INET6 && object->kind != NETOBJECT_NEXTHOP ? "-6 " : "";
	const char *kind = netobject_kind_name(object->kind);
	char text[NETOBJECT_TEXT_LEN];
	char name[NETOBJECT_TEXT_LEN];

	netobject_format(object, text);
	if (object->kind == NETOBJECT_ROUTE)
		snprintf(name, sizeof(name), "%s", text);
	else if (object->kind == NETOBJECT_RULE)
		snprintf(name, sizeof(name), "priority %u%s", object->priority, after_selector(text));
	else
		snprintf(name, sizeof(name), "id %u", object->nexthop);
	route_run_problem(run, -EEXIST, "%s: %s `%s` is not ours and in the way: `ip %s%s del %s`?", what, kind,
			  text, inet6, kind, name);
}

int route_run_put(struct route_run *run, const struct netobject *object, bool *ret_done)
{
	struct netobject *there = route_set_find(&run->found.ours, object);
	bool done = !there || !netobject_same(there, object);
	int flags = there ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL;
	int err = 0;

	if (there)
		there->tag = ROUTE_KEPT;
	if (done)
		err = netlink_request(run->route->netlink, netobject_message(object, false, flags));
	if (err)
		return err;
	if (done && there)
		run->result->changed++;
	else if (done)
		run->result->added++;
	if (ret_done)
		*ret_done = done;
	return 0;
}

void route_run_remove(struct route_run *run, const struct netobject *object)
{
	int err = netlink_request(run->route->netlink, netobject_message(object, true, 0));
	char text[NETOBJECT_TEXT_LEN];

	if (!err)
		run->result->removed++;
	else if (err != -ENOENT && err != -ESRCH)
		route_run_problem(run, err, "cannot remove %s `%s`: %s", netobject_kind_name(object->kind),
				  netobject_format(object, text), netlink_error(run->route->netlink));
}

/* Would packets with the mark of @rule find this one first? */
static bool takes_the_mark(const struct netobject *foreign, const struct netobject *rule)
{
	return foreign->kind == NETOBJECT_RULE && foreign->family == rule->family &&
	       foreign->priority <= rule->priority && foreign->mask == rule->mask &&
	       foreign->mark == rule->mark && rule->mask;
}

/* Return: false: leave the rule out; one of others that does just the same is as good. */
static bool rule_has_room(struct route_run *run, const struct netobject *rule)
{
	const struct route_set *foreign = &run->found.foreign;
	char what[64];

	if (rule->type != FR_ACT_TO_TBL)
		return true;
	for (size_t i = 0; i < foreign->n; i++) {
		if (!takes_the_mark(&foreign->at[i], rule))
			continue;
		if (netobject_order(&foreign->at[i], rule) == 0)
			return false;
		snprintf(what, sizeof(what), "mark 0x%x does not lead to table %u", rule->mark, rule->table);
		route_run_in_the_way(run, &foreign->at[i], what);
		return false;
	}
	return true;
}

static void put_server_object(struct route_run *run, const struct netobject *object)
{
	char text[NETOBJECT_TEXT_LEN];
	int err;

	if (object->kind == NETOBJECT_RULE && !rule_has_room(run, object))
		return;
	err = route_run_put(run, object, NULL);
	if (err)
		route_run_problem(run, err, "cannot set %s `%s`: %s", netobject_kind_name(object->kind),
				  netobject_format(object, text), netlink_error(run->route->netlink));
}

/* Somebody else's shortcut, most likely another instance's, past rules of ours. */
static void check_jumps(struct route_run *run)
{
	uint32_t priority = run->want->rule_priority;
	const struct route_set *foreign = &run->found.foreign;

	for (size_t i = 0; i < foreign->n; i++) {
		const struct netobject *rule = &foreign->at[i];

		if (rule->kind == NETOBJECT_RULE && rule->type == FR_ACT_GOTO && rule->priority <= priority &&
		    rule->target > priority)
			route_run_in_the_way(run, rule, "our rules may be jumped over (give each instance its own "
							"rule-priority)");
	}
}

static void run_servers(struct route_run *run)
{
	CLEAN_ROUTE_SET struct route_set plan = { 0 };

	for (uint32_t i = 0; i < run->want->n_servers; i++) {
		if (!route_plan_fits(run->want, run->want->servers[i].id))
			route_run_problem(run, -ERANGE, "server id %u does not fit into mark 0x%x",
					  run->want->servers[i].id, run->want->mark_mask);
	}
	route_plan_servers(run->want, &run->found.foreign, &plan);
	if (plan.error)
		route_run_problem(run, plan.error, "%s", strerror(-plan.error));
	for (size_t i = 0; i < plan.n; i++)
		put_server_object(run, &plan.at[i]);
	check_jumps(run);
}

/* Of all servers, so that a commit finds those it needs. */
static void run_members(struct route_run *run)
{
	bool any = false;

	for (uint32_t i = 0; i < run->want->n_pools; i++)
		any |= run->want->pools[i].group;
	for (uint32_t i = 0; any && i < run->want->n_servers; i++)
		route_run_members(run, &run->want->servers[i]);
}

static bool belongs_to(const struct route_want *want, const struct netobject *object,
		       const struct route_pool *pool)
{
	uint32_t first = netobject_nexthop_base(want->table_base) + pool->id * DFB_FAMILIES;
	uint32_t groups = netobject_member_base(want->table_base) + NETOBJECT_MEMBERS;
	uint32_t group = groups + pool->id * DFB_FAMILIES;

	if (object->kind == NETOBJECT_RULE)
		return false;
	if (object->nexthop)
		return object->nexthop - first < DFB_FAMILIES || object->nexthop - group < DFB_FAMILIES;
	for (uint32_t i = 0; i < pool->n_addresses; i++) {
		if (object->prefix && !memcmp(pool->addresses[i], object->address, 16))
			return true;
	}
	return false;
}

/*
 * In the order of the set: rules, routes, nexthop objects. The kernel would remove the routes of a
 * nexthop object with it, without a word.
 */
static void run_removals(struct route_run *run, const struct route_pool *only)
{
	for (size_t i = 0; i < run->found.ours.n; i++) {
		const struct netobject *object = &run->found.ours.at[i];

		if (object->tag != ROUTE_KEPT && (!only || belongs_to(run->want, object, only)))
			route_run_remove(run, object);
	}
}

static int run_all(struct route_run *run, const struct route_pool *only)
{
	int err = route_found_read(run->route->netlink, run->want, &run->found);

	if (err) {
		route_run_problem(run, err, "cannot read rules and routes: %s", strerror(-err));
		return err;
	}
	if (only) {
		route_run_pool(run, only);
	} else {
		memset(run->route->ready, 0, sizeof(run->route->ready));
		run_servers(run);
		run_members(run);
		for (uint32_t i = 0; i < run->want->n_pools; i++)
			route_run_pool(run, &run->want->pools[i]);
	}
	run_removals(run, only);
	route_found_fini(&run->found);
	return run->error;
}

int route_run_one_pool(struct route *route, const struct route_want *want, const struct route_pool *pool,
		       struct route_result *ret_result)
{
	struct route_run run = { .route = route, .want = want, .result = ret_result };

	memset(ret_result, 0, sizeof(*ret_result));
	return run_all(&run, pool);
}

int route_sync(struct route *route, const struct route_want *want, struct route_result *ret_result)
{
	struct route_run run = { .route = route, .want = want, .result = ret_result };

	memset(ret_result, 0, sizeof(*ret_result));
	return run_all(&run, NULL);
}

int route_teardown(struct route *route, const struct route_want *want, bool keep_routes,
		   struct route_result *ret_result)
{
	struct route_run run = { .route = route, .want = want, .result = ret_result };
	int err;

	memset(ret_result, 0, sizeof(*ret_result));
	memset(route->ready, 0, sizeof(route->ready));
	err = route_found_read(route->netlink, want, &run.found);
	if (err)
		return err;
	for (size_t i = 0; keep_routes && i < run.found.ours.n; i++) {
		struct netobject *object = &run.found.ours.at[i];

		if (object->kind == NETOBJECT_NEXTHOP || (object->kind == NETOBJECT_ROUTE && object->prefix))
			object->tag = ROUTE_KEPT;
	}
	run_removals(&run, NULL);
	route_found_fini(&run.found);
	return run.error;
}
