// SPDX-License-Identifier: GPL-2.0-only
/* The agent of a server's userland, and what its responder tells of it: user/sense/agent.c, bpf/echo.bpf.c */
#include <defib/wire.h>

#include "world.h"

#define AGENT_PERIOD_NS (100 * MS)
#define AGENT_PHASE_NS (17 * MS) /* of one server to the next */

/* When it ran last. */
static uint64_t last_run(const struct world *w, const struct world_server *s)
{
	uint64_t phase = (uint64_t)(s - w->servers) * AGENT_PHASE_NS;

	return s->agent == AGENT_RUNS ? w->now - (w->now + phase) % AGENT_PERIOD_NS : s->ran_ns;
}

uint32_t agent_says(const struct world *w, const struct world_server *s)
{
	uint64_t age;

	if (s->agent == AGENT_NONE)
		return 0;
	age = (w->now - last_run(w, s)) >> DFB_USERLAND_SHIFT;
	return age < DFB_USERLAND_MAX ? (uint32_t)age + 1 : DFB_USERLAND_MAX;
}

void agent_become(const struct world *w, struct world_server *s, enum agent_state state)
{
	s->ran_ns = last_run(w, s);
	s->agent = state;
}
