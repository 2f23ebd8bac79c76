/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel is to know: the policy, with ids, as values of the configuration maps. */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "action.h"
#include "policy.h"

/**
 * plan_target() - one address of a server
 * @old: what the map holds; @ret_new may be the same
 * Return: true if the id means another address or kind of probe now: it must start anew. Then the
 * generation has been raised.
 */
bool plan_target(const struct policy_server *server, uint32_t family, const struct dfb_target *old,
		 struct dfb_target *ret_new);

/** plan_no_target() - an id that is no longer used. */
void plan_no_target(const struct dfb_target *old, struct dfb_target *ret_new);

/**
 * plan_server() - @index: into policy->servers
 * Its flags and its drain_ns are kept while its name is the same.
 */
void plan_server(const struct policy *policy, uint32_t index, const struct dfb_server *old,
		 struct dfb_server *ret_new);

/**
 * plan_pool() - @index: into policy->pools
 * Whether it is held or paused, whether it drains, and who is unfit, is kept while its name is the same.
 */
void plan_pool(const struct policy *policy, uint32_t index, const struct dfb_plan *old,
	       struct dfb_plan *ret_new);

/** plan_is_unfit() - did it fail a check of the pool's services when that was last known? */
bool plan_is_unfit(const struct dfb_plan *plan, uint32_t server);

/** plan_set_fit() - a candidate passes, or fails, the checks of the pool's services. Return: is that new? */
bool plan_set_fit(struct dfb_plan *plan, uint32_t server, bool fit);

/** plan_service() - the value for each address of a service; @index: into policy->services */
void plan_service(const struct policy *policy, uint32_t index, struct dfb_service *ret_service);

/** plan_order() - what an ACTION_STEER asks the kernel for. */
struct dfb_order plan_order(const struct action *steer);

/** plan_has_server(), plan_has_pool() - does the policy still name it? */
bool plan_has_server(const struct policy *policy, const char *name);
bool plan_has_pool(const struct policy *policy, const char *name);

#endif
