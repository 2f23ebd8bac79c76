// SPDX-License-Identifier: GPL-2.0-only
/* Does the gateway steer, or only watch? An operator's word counts until the configuration's changes. */
#include <stdio.h>

#include "private.h"

const char *const mode_names[POLICY_MODE_MAX + 1] = {
	[POLICY_ACTIVE] = "active",
	[POLICY_PASSIVE] = "passive",
};

/* Marks go at once, routes and translation with the next comparison; who asks for an address on the clients'
 * segment is answered by the gateway that steers, and the others hear of it. */
static void change(struct step *s, bool passive)
{
	if (passive == s->core->passive)
		return;
	s->core->passive = passive;
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++)
		s->core->pools[id].held_known = false;
	snprintf(tell(s, REPORT_MODE)->to, DFB_NAME_LEN, "%s", mode_names[passive]);
	pool_review_all(s);
	for (uint32_t id = 1; id <= DFB_MAX_POOLS; id++)
		vip_announce(s, id);
	step_sync(s);
}

void mode_on_policy(struct step *s, const struct policy *old)
{
	bool passive = s->core->policy->gateway.mode == POLICY_PASSIVE;

	if (old && s->core->policy->gateway.mode != old->gateway.mode)
		s->core->mode_ordered = false;
	if (!s->core->mode_ordered)
		change(s, passive);
}

/* One of a former life is heard before the policy, so that nothing is steered meanwhile. */
void mode_on_order(struct step *s, const struct event_operator *op)
{
	if (!s->core->policy) {
		s->core->passive = op->on;
		s->core->mode_ordered = true;
		return;
	}
	s->core->mode_ordered = op->on != (s->core->policy->gateway.mode == POLICY_PASSIVE);
	if (op->request)
		step_action(s, ACTION_KEEP);
	change(s, op->on);
	answer(s, op->request, 0, "the gateway is %s", mode_names[op->on]);
}
