// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of a service with one or two gateways: whose decision stands, and that none undoes another's. The
 * name server is a record with a number: who writes without knowing the number is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "core/core.h"

#define S 1000000000ull

struct name_server {
	struct publish_record record;
	uint64_t version;
	uint64_t writes;
	int error; /* of everything that is asked of it */
};

struct gateway {
	struct core core;
	struct actions actions;
	struct policy policy;
	struct policy_server servers[3];
	struct policy_pool pool;
	struct policy_service service;
	struct policy_dns dns;
	struct name_server *ns[2]; /* to write, and to read */
	uint64_t known[2];
	uint64_t epoch;
	uint32_t told[REPORT_KIND_MAX];
	struct action waiting[8];
	uint32_t n_waiting;
	bool patient; /* answers are given by answer() */
};

/* --- the gateway ----------------------------------------------------------------------------- */

static void step(struct gateway *g, struct event ev);

static void answer(struct gateway *g, const struct action *a)
{
	uint32_t at = g->core.publications[a->publish.publication].server;
	struct name_server *ns = g->ns[at];
	struct event ev = {.time_ns = g->core.now + 1000, .kind = EVENT_PUBLISHED};

	ev.published.publication = a->publish.publication;
	ev.published.turn = a->publish.turn;
	ev.published.wrote = a->publish.write;
	ev.published.error = ns->error;
	if (!ns->error && a->publish.write && g->known[at] != ns->version) {
		ev.published.error = -ESTALE;
	} else if (!ns->error && a->publish.write) {
		ns->record = a->publish.record;
		ns->version++;
		ns->writes++;
	}
	if (!ev.published.error)
		g->known[at] = ns->version;
	ev.published.record = ns->record;
	step(g, ev);
}

static void answer_all(struct gateway *g)
{
	struct action list[8];
	uint32_t n = g->n_waiting;

	memcpy(list, g->waiting, sizeof(list));
	g->n_waiting = 0;
	for (uint32_t i = 0; i < n; i++)
		answer(g, &list[i]);
}

static void step(struct gateway *g, struct event ev)
{
	core_step(&g->core, &ev, &g->actions);
	for (uint32_t i = 0; i < g->actions.n; i++) {
		const struct action *a = &g->actions.action[i];

		if (a->kind == ACTION_REPORT)
			g->told[a->report.kind]++;
		if (a->kind == ACTION_PUBLISH)
			g->waiting[g->n_waiting++] = *a;
		assert_true(g->n_waiting < ARRAY_SIZE(g->waiting));
	}
	if (!g->patient)
		answer_all(g);
}

/* --- what it hears --------------------------------------------------------------------------- */

static void tick(struct gateway *g, uint64_t time_ns)
{
	uint64_t due;

	step(g, (struct event){.time_ns = time_ns, .kind = EVENT_TICK});
	due = core_deadline(&g->core);
	assert_true(!due || due > time_ns || g->core.pools[1].settle_ns);
}

/* Once a second. */
static void tick_both(struct gateway *a, struct gateway *b, uint64_t from_s, uint64_t to_s)
{
	for (uint64_t s = from_s; s < to_s; s++) {
		tick(a, s * S);
		tick(b, s * S);
	}
}

static void target(struct gateway *g, uint64_t time_ns, uint32_t server, enum dfb_target_state state)
{
	struct event ev = {.time_ns = time_ns, .kind = EVENT_TARGET};

	ev.target.target = dfb_target_id(server, DFB_FAMILY_IPV4);
	ev.target.state = state;
	ev.target.since_ns = time_ns;
	step(g, ev);
}

static void serve(struct gateway *g, uint64_t time_ns, uint32_t server, enum dfb_reason reason)
{
	struct event ev = {.time_ns = time_ns, .kind = EVENT_POOL};

	ev.pool.pool = 1;
	for (int i = 0; i < DFB_SLOTS; i++)
		ev.pool.share.slots[i] = server;
	ev.pool.epoch = ++g->epoch;
	ev.pool.last.from = g->core.pools[1].share.slots[0];
	ev.pool.last.to = server;
	ev.pool.last.reason = reason;
	ev.pool.last.switched_ns = time_ns;
	step(g, ev);
}

static void fail_over(struct gateway *g, uint64_t time_ns, uint32_t from, uint32_t to)
{
	target(g, time_ns, from, DFB_STATE_DOWN);
	serve(g, time_ns, to, DFB_REASON_EXPIRED);
}

static void load(struct gateway *g, uint64_t time_ns)
{
	step(g, (struct event){.time_ns = time_ns, .kind = EVENT_POLICY, .policy = &g->policy});
}

static struct gateway *new_gateway(const char *name, struct name_server *own, struct name_server *peer)
{
	struct gateway *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	strcpy(g->policy.gateway.name, name);
	g->policy.n_servers = 3;
	g->policy.servers = g->servers;
	g->policy.n_pools = g->policy.n_services = 1;
	g->policy.pools = &g->pool;
	g->policy.services = &g->service;
	g->pool = (struct policy_pool){
		.name = "app",
		.id = 1,
		.n_servers = 3,
		.servers = {0, 1, 2},
		.families = 1,
		.when_none = POLICY_WITHDRAW,
	};
	for (uint32_t i = 0; i < 3; i++)
		g->servers[i] = (struct policy_server){
			.name = {'s', (char)('1' + i)},
			.id = i + 1,
			.has = {true},
			.heartbeat = {.interval_ns = 10000000, .timeout_ns = 5000000, .misses = 3},
		};
	g->service = (struct policy_service){.name = "web", .redirect = DFB_REDIRECT_DNS, .dns = &g->dns};
	g->dns = (struct policy_dns){
		.n_servers = 1,
		.n_peers = peer != NULL,
		.dispute_ns = 10 * S,
		.servers = {{1}},
		.peers = {{2}},
	};
	g->ns[0] = own;
	g->ns[1] = peer;
	core_init(&g->core);
	load(g, S);
	return g;
}

/* All are up, and @server is the first. */
static void begin(struct gateway *g, uint64_t time_ns, uint32_t server)
{
	for (uint32_t i = 1; i <= 3; i++)
		target(g, time_ns, i, DFB_STATE_UP);
	serve(g, time_ns, server, DFB_REASON_INITIAL);
}

/* --- one gateway ----------------------------------------------------------------------------- */

static void names_follow_each_decision_and_are_told_once(void **state)
{
	struct name_server ns = {.version = 1};
	CLEAN_FREE struct gateway *g = new_gateway("gw1", &ns, NULL);

	(void)state;
	begin(g, 2 * S, 1);
	assert_string_equal(ns.record.server, "s1");
	assert_string_equal(ns.record.gateway, "gw1");
	assert_int_equal(ns.record.epoch, 1);
	fail_over(g, 5 * S, 1, 2);
	assert_string_equal(ns.record.server, "s2");
	assert_int_equal(ns.record.epoch, 2);
	assert_true(ns.record.time_ns == 5 * S);
	for (uint64_t s = 6; s < 60; s++)
		tick(g, s * S);
	assert_int_equal(ns.writes, 2);
	assert_int_equal(g->told[REPORT_DNS], 2);
	assert_int_equal(g->told[REPORT_DNS_FAILED], 0);
}

static void a_restart_writes_the_names_once_more(void **state)
{
	const struct publish_record old = {true, "s2", "gw1", 9, S};
	struct name_server ns = {.version = 1, .record = old};
	CLEAN_FREE struct gateway *g = new_gateway("gw1", &ns, NULL);

	(void)state;
	begin(g, 2 * S, 2);
	assert_int_equal(ns.writes, 1);
	load(g, 3 * S);
	assert_int_equal(ns.writes, 2);
	assert_string_equal(ns.record.server, "s2");
	assert_int_equal(g->told[REPORT_DNS], 1);
}

static void a_failure_is_told_once_retried_with_pauses_and_told_when_it_is_over(void **state)
{
	struct name_server ns = {.version = 1};
	CLEAN_FREE struct gateway *g = new_gateway("gw1", &ns, NULL);
	uint32_t asked = 0;

	(void)state;
	begin(g, 2 * S, 1);
	ns.error = -EIO;
	fail_over(g, 5 * S, 1, 2);
	for (uint64_t ms = 5001; ms < 30000; ms++) {
		uint64_t turn = g->core.turn;

		tick(g, ms * 1000000);
		asked += g->core.turn != turn;
	}
	assert_in_range(asked, 8, 12);
	assert_int_equal(g->told[REPORT_DNS_FAILED], 1);
	ns.error = 0;
	tick(g, 36 * S);
	assert_string_equal(ns.record.server, "s2");
	assert_int_equal(g->told[REPORT_DNS_FAILED], 1);
	assert_int_equal(g->told[REPORT_DNS], 2);
}

static void when_nobody_is_left_the_names_have_no_addresses(void **state)
{
	struct name_server ns = {.version = 1};
	CLEAN_FREE struct gateway *g = new_gateway("gw1", &ns, NULL);

	(void)state;
	begin(g, 2 * S, 1);
	for (uint32_t i = 3; i; i--)
		target(g, 3 * S, i, DFB_STATE_DOWN);
	assert_true(ns.record.there);
	assert_string_equal(ns.record.server, "");
	target(g, 4 * S, 1, DFB_STATE_UP);
	assert_string_equal(ns.record.server, "s1");
}

static void what_an_earlier_turn_brings_is_ignored(void **state)
{
	struct name_server ns = {.version = 1};
	CLEAN_FREE struct gateway *g = new_gateway("gw1", &ns, NULL);
	struct action old;

	(void)state;
	begin(g, 2 * S, 1);
	g->patient = true;
	fail_over(g, 3 * S, 1, 2);
	assert_int_equal(g->n_waiting, 1);
	old = g->waiting[0];
	load(g, 4 * S); /* looks again */
	assert_int_equal(g->n_waiting, 2);
	answer(g, &old);
	assert_false(g->core.publications[0].read);
	g->n_waiting = 0;
}

/* --- two gateways, one name server ----------------------------------------------------------- */

static void two_with_the_same_evidence_write_once(void **state)
{
	struct name_server ns = {.version = 1};
	CLEAN_FREE struct gateway *a = new_gateway("gw1", &ns, NULL), *b = new_gateway("gw2", &ns, NULL);
	uint64_t writes;

	(void)state;
	begin(a, 2 * S, 1);
	begin(b, 2 * S, 1);
	tick(a, 15 * S);
	tick(b, 15 * S);
	writes = ns.writes;
	a->patient = b->patient = true;
	fail_over(a, 20 * S, 1, 2);
	fail_over(b, 20 * S + 3000000, 1, 2);
	a->patient = b->patient = false;
	answer_all(b);
	answer_all(a);
	assert_int_equal(ns.writes, writes + 1);
	assert_string_equal(ns.record.server, "s2");
	tick_both(a, b, 21, 90);
	assert_int_equal(ns.writes, writes + 1);
	assert_int_equal(a->told[REPORT_DNS_DISPUTED] + b->told[REPORT_DNS_DISPUTED], 0);
	assert_int_equal(a->told[REPORT_DNS], 2);
	assert_int_equal(b->told[REPORT_DNS], 2);
}

static void an_older_decision_does_not_undo_a_later_one(void **state)
{
	struct name_server ns = {.version = 1};
	CLEAN_FREE struct gateway *a = new_gateway("gw1", &ns, NULL), *b = new_gateway("gw2", &ns, NULL);

	(void)state;
	begin(a, 2 * S, 1);
	begin(b, 2 * S, 1);
	a->patient = true; /* its update is under way for long */
	fail_over(a, 20 * S, 1, 2);
	fail_over(b, 20 * S, 1, 2);
	fail_over(b, 25 * S, 2, 3);
	assert_string_equal(ns.record.server, "s3");
	a->patient = false;
	answer_all(a);
	tick_both(a, b, 26, 90);
	assert_string_equal(ns.record.server, "s3");
	assert_string_equal(ns.record.gateway, "gw2");
	assert_int_equal(a->told[REPORT_DNS_DISPUTED], 1);
	assert_int_equal(b->told[REPORT_DNS_DISPUTED], 0);
	fail_over(a, 91 * S, 2, 3); /* now it sees it, too */
	assert_int_equal(a->told[REPORT_DNS_DISPUTED], 2);
}

/* Each sees the other's server dead: the last evidence wins, and that is that. */
static void two_that_see_different_things_do_not_quarrel(void **state)
{
	struct name_server ns = {.version = 1};
	CLEAN_FREE struct gateway *a = new_gateway("gw1", &ns, NULL), *b = new_gateway("gw2", &ns, NULL);
	uint64_t writes;

	(void)state;
	begin(a, 2 * S, 1);
	begin(b, 2 * S, 1);
	target(b, 19 * S, 2, DFB_STATE_DOWN);
	fail_over(a, 20 * S, 1, 2);
	writes = ns.writes;
	tick_both(a, b, 21, 200);
	assert_true(ns.writes <= writes + 1);
	assert_int_equal(a->told[REPORT_DNS_DISPUTED] + b->told[REPORT_DNS_DISPUTED], 1);
}

static void the_first_server_after_a_start_is_no_evidence(void **state)
{
	struct name_server ns = {.version = 1};
	CLEAN_FREE struct gateway *a = new_gateway("gw1", &ns, NULL), *b = NULL;

	(void)state;
	begin(a, 2 * S, 1);
	fail_over(a, 20 * S, 1, 2);
	b = new_gateway("gw2", &ns, NULL);
	begin(b, 30 * S, 1); /* where it has come back meanwhile */
	assert_string_equal(ns.record.server, "s2");
	target(b, 40 * S, 2, DFB_STATE_DOWN); /* but this is */
	assert_string_equal(ns.record.server, "s1");
	assert_string_equal(ns.record.gateway, "gw2");
}

static void a_clock_that_is_ahead_does_not_hold_off_evidence(void **state)
{
	const struct publish_record ahead = {true, "s1", "gw2", 9, 9999 * S};
	struct name_server ns = {.version = 1, .record = ahead};
	CLEAN_FREE struct gateway *g = new_gateway("gw1", &ns, NULL);

	(void)state;
	begin(g, 2 * S, 1);
	fail_over(g, 20 * S, 1, 2);
	assert_string_equal(ns.record.server, "s2");
}

/* --- a name server each ---------------------------------------------------------------------- */

static void a_peer_that_names_another_server_is_told_when_it_lasts(void **state)
{
	struct name_server own = {.version = 1}, peer = {.version = 1};
	CLEAN_FREE struct gateway *g = new_gateway("gw1", &own, &peer);

	(void)state;
	peer.record = (struct publish_record){.there = true, .server = "s1", .gateway = "gw2", .epoch = 1};
	begin(g, 2 * S, 1);
	fail_over(g, 20 * S, 1, 2);
	tick(g, 29 * S);
	assert_int_equal(g->told[REPORT_DNS_DISPUTED], 0);
	tick(g, 40 * S);
	tick(g, 60 * S);
	assert_int_equal(g->told[REPORT_DNS_DISPUTED], 1);
	strcpy(peer.record.server, "s2");
	tick(g, 80 * S);
	tick(g, 100 * S);
	assert_int_equal(g->told[REPORT_DNS_DISPUTED], 2);
	assert_int_equal(peer.writes, 0);
	assert_string_equal(own.record.server, "s2");
}

static void a_peer_that_is_away_is_told_and_hinders_nothing(void **state)
{
	struct name_server own = {.version = 1}, peer = {.version = 1, .error = -EIO};
	CLEAN_FREE struct gateway *g = new_gateway("gw1", &own, &peer);

	(void)state;
	begin(g, 2 * S, 1);
	fail_over(g, 20 * S, 1, 2);
	for (uint64_t s = 21; s < 60; s++)
		tick(g, s * S);
	assert_string_equal(own.record.server, "s2");
	assert_int_equal(g->told[REPORT_DNS_FAILED], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_each_decision_and_are_told_once),
		cmocka_unit_test(a_restart_writes_the_names_once_more),
		cmocka_unit_test(a_failure_is_told_once_retried_with_pauses_and_told_when_it_is_over),
		cmocka_unit_test(when_nobody_is_left_the_names_have_no_addresses),
		cmocka_unit_test(what_an_earlier_turn_brings_is_ignored),
		cmocka_unit_test(two_with_the_same_evidence_write_once),
		cmocka_unit_test(an_older_decision_does_not_undo_a_later_one),
		cmocka_unit_test(two_that_see_different_things_do_not_quarrel),
		cmocka_unit_test(the_first_server_after_a_start_is_no_evidence),
		cmocka_unit_test(a_clock_that_is_ahead_does_not_hold_off_evidence),
		cmocka_unit_test(a_peer_that_names_another_server_is_told_when_it_lasts),
		cmocka_unit_test(a_peer_that_is_away_is_told_and_hinders_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
