// SPDX-License-Identifier: GPL-2.0-only
/*
 * What replies tell of a server's userland. All its targets have the same to tell: the latest news count.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

const char *const userland_state_names[DFB_USERLAND_STATE_MAX] = {
	[DFB_USERLAND_UNKNOWN] = "unknown",
	[DFB_USERLAND_WELL] = "well",
	[DFB_USERLAND_HUNG] = "hung",
	[DFB_USERLAND_GONE] = "gone",
};

const char *const needs_names[POLICY_NEEDS_MAX + 1] = {
	[POLICY_NEEDS_ECHO] = "echo",
	[POLICY_NEEDS_USERLAND] = "userland",
};

bool userland_hangs(const struct core_server *server)
{
	return server->userland.state == DFB_USERLAND_HUNG;
}

/* Well when it ran at the earliest: who hangs, too, and is not known to yet, has not run since then. */
struct core_answer userland_answer(const struct core_server *server)
{
	const struct event_userland *u = &server->userland;
	struct core_answer answer = {.good_ns = u->alive_ns};

	if (u->state == DFB_USERLAND_WELL) {
		answer.state = CHECK_PASS;
	} else if (u->state == DFB_USERLAND_HUNG) {
		answer.state = CHECK_FAIL;
		answer.bad_ns = u->since_ns;
	}
	return answer;
}

void userland_explain(const struct core_server *server, char *text, size_t size)
{
	const struct event_userland *u = &server->userland;
	uint64_t idle_ms = (u->since_ns > u->alive_ns ? u->since_ns - u->alive_ns : 0) / 1000000;

	if (u->state == DFB_USERLAND_HUNG)
		snprintf(text, size, "%s hangs: no sign of life for %llu ms, while its kernel answers",
			 server->policy->name, (unsigned long long)idle_ms);
	else if (u->state == DFB_USERLAND_WELL)
		snprintf(text, size, "its agent runs");
	else
		snprintf(text, size, "replies tell nothing of it: no agent runs, or another responder answers");
}

void userland_on_news(struct step *s, const struct event_userland *u)
{
	uint32_t id = dfb_target_server(u->target);
	struct core_server *server = server_of(s->core, id);
	enum dfb_userland_state old;
	uint64_t since_ns;

	if (!server || u->state >= DFB_USERLAND_STATE_MAX || u->heard_ns < server->userland.heard_ns)
		return;
	old = server->userland.state;
	since_ns = server->userland.since_ns;
	server->userland = *u;
	if (u->state == old)
		server->userland.since_ns = since_ns;
	else
		tell_userland(s, server, old);
	check_on_userland(s, id);
}
