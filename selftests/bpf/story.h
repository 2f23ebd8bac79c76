/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Servers that answer and servers that die, told so that a stalled test process changes nothing:
 * who is to die has a short timeout, who is to live a long one.
 */
#ifndef SELFTESTS_STORY_H
#define SELFTESTS_STORY_H

#include "rig.h"

/** story_target() - the IPv4 target of a server. */
static inline uint32_t story_target(uint32_t server)
{
	return dfb_target_id(server, DFB_FAMILY_IPV4);
}

/** story_up() - a target answers until it is up; from then on it is patient. */
void story_up(uint32_t target);

/** story_servers() - servers with IPv4 targets that are up. */
void story_servers(uint32_t *ret_servers, uint32_t n);

/** story_patience() - a target's timeout: short, or longer than any test. */
void story_patience(uint32_t target, bool patient);

/** story_live() - one probe, answered at once. */
void story_live(uint32_t target);

/** story_silence() - three probes of a target expire while the others answer one each. */
void story_silence(uint32_t dead, const uint32_t *living, uint32_t n);

/** story_unsent() - the same, but the probes never leave. */
void story_unsent(uint32_t dead, const uint32_t *living, uint32_t n);

/** story_die() - a server does while these live: silence, and its verdict. */
void story_die(uint32_t server, const uint32_t *living, uint32_t n);

/** story_judged() - wait until all probes of a target are judged. */
void story_judged(uint32_t target);

/** story_serving() - who serves a pool. */
uint32_t story_serving(uint32_t pool);

/** story_flag() - DFB_SERVER_* of a server. */
void story_flag(uint32_t server, uint32_t flags);

/** story_find() - an event of a kind about a target; NULL: there was none yet. @nth: from 0. */
const struct dfb_event *story_find(enum dfb_event_kind kind, uint32_t target, uint32_t nth);

#endif
