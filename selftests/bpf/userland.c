// SPDX-License-Identifier: GPL-2.0-only
/* What the responder tells of its host's userland, and what the gateway makes of it. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>

#include "groups.h"
#include "rig.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define TICK_NS (10 * MS) /* the clock that an answer looks at may be behind by so much */
#define UNITS(ns) ((ns) >> DFB_USERLAND_SHIFT)

/* --- the responder --------------------------------------------------------------------------- */

/** struct age - @ago_ns: when the agent ran; @never: there is none; @least, @most: told */
struct age {
	const char *name;
	bool never;
	int64_t ago_ns;
	uint32_t least, most;
};

static const struct age ages[] = {
	{"no agent", true, 0, 0, 0},
	{"it ran just now", false, 0, 1, 1 + UNITS(SECOND)},
	{"it ran a moment after the tick", false, -(int64_t)TICK_NS, 1, 1 + UNITS(SECOND)},
	{"it ran long ago", false, 20 * SECOND, 1 + UNITS(20 * SECOND - TICK_NS), 1 + UNITS(21 * SECOND)},
	{"just not too long", false, 67 * SECOND, 1 + UNITS(67 * SECOND - TICK_NS), 1 + UNITS(68 * SECOND)},
	{"too long ago for the field", false, 70 * SECOND, DFB_USERLAND_MAX, DFB_USERLAND_MAX},
	{"much too long ago", false, 700000 * SECOND, DFB_USERLAND_MAX, DFB_USERLAND_MAX},
};

/* Whatever the prober wrote there. */
static void ask_responder(const struct age *age, int variant)
{
	struct dfb_agent agent = {.alive_ns = age->never ? 0 : rig_now() - (uint64_t)age->ago_ns};
	struct frame in = {.ipv6 = variant & 1, .tags = (uint8_t)(variant / 4), .probe.userland = 0xffff};
	const struct bpf_program *alone = rig.echo->progs.dfb_echo;
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];
	uint32_t said;

	rig_put(rig.echo->maps.echo_userland, 0, &agent);
	rig_xdp(variant & 2 ? rig.root->progs.dfb_root : alone, packet, frame_build(&in, packet), &run);
	assert_int_equal(run.verdict, XDP_TX);
	assert_true(frame_is_sound(run.out, run.size));
	said = ntohs(frame_probe(run.out)->userland);
	if (said < age->least || said > age->most)
		fail_msg("%s (variant %d): it tells %u, not %u to %u", age->name, variant, said, age->least, age->most);
}

static void an_answer_tells_how_long_the_agent_did_not_run(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ages); i++) {
		for (int variant = 0; variant < 12; variant++)
			ask_responder(&ages[i], variant);
	}
}

static void allow(const char *address, uint32_t length)
{
	struct dfb_prefix key = {.length = length};
	uint32_t yes = 1;

	assert_int_equal(inet_pton(AF_INET6, address, key.address), 1);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig.echo->maps.echo_allow), &key, &yes, BPF_ANY), 0);
}

static int set_up_responder(void **state)
{
	struct dfb_xdp_conf conf = {.echo_port = DFB_ECHO_PORT};
	int prog;

	rig_open(state);
	prog = bpf_program__fd(rig.echo->progs.dfb_echo);
	allow("::ffff:10.78.0.0", 96 + 16);
	allow("fd78::", 64);
	rig_put(rig.root->maps.xdp_conf, 0, &conf);
	rig_put(rig.root->maps.xdp_slots, DFB_XDP_ECHO, &prog);
	return 0;
}

/* --- the gateway ----------------------------------------------------------------------------- */

/* The targets, see set_up(). */
#define UDP4 2
#define UDP6 3
#define ICMP4 4
#define OTHER 6

/** struct word - what a reply says next, and what is made of it; @plain: it lacks the bit of a responder */
struct word {
	const char *name;
	uint64_t age_ns;
	bool silent;
	bool plain;
	enum dfb_userland_state state;
	bool told;
};

static const struct word words[] = {
	{"nothing, as ever", 0, true, false, DFB_USERLAND_UNKNOWN, false},
	{"it runs", 0, false, false, DFB_USERLAND_WELL, true},
	{"it runs late", 999 * MS, false, false, DFB_USERLAND_WELL, false},
	{"it hangs", 1010 * MS, false, false, DFB_USERLAND_HUNG, true},
	{"it still hangs", 2000 * MS, false, false, DFB_USERLAND_HUNG, false},
	{"it is hardly better", 700 * MS, false, false, DFB_USERLAND_HUNG, false},
	{"it runs once", 400 * MS, false, false, DFB_USERLAND_HUNG, false},
	{"it is hardly better again", 700 * MS, false, false, DFB_USERLAND_HUNG, false},
	{"it runs one time", 400 * MS, false, false, DFB_USERLAND_HUNG, false},
	{"it runs two times", 400 * MS, false, false, DFB_USERLAND_WELL, true},
	{"the agent ended", 0, true, false, DFB_USERLAND_GONE, true},
	{"it is still gone", 0, true, false, DFB_USERLAND_GONE, false},
	{"it hangs as soon as it is there", 30 * SECOND, false, false, DFB_USERLAND_HUNG, true},
	{"the agent ended while it hung", 0, true, false, DFB_USERLAND_GONE, true},
	{"it runs again", 0, false, false, DFB_USERLAND_WELL, true},
	{"another responder echoes", 0, false, true, DFB_USERLAND_GONE, true},
};

static struct dfb_userland userland_of(uint32_t target)
{
	struct dfb_target_run run;

	rig_get(rig.beat->maps.state, target, &run);
	return run.userland;
}

static void answer(struct frame f, uint32_t said, bool plain)
{
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];

	f.probe.userland = htons((uint16_t)said);
	f.probe.flags = plain ? 0 : DFB_PROBE_REPLY;
	rig_xdp(rig.beat->progs.dfb_reply, packet, frame_build(&f, packet), &run);
	assert_int_equal(run.verdict, XDP_DROP);
}

static void hear(uint32_t target, uint32_t said, bool plain, uint8_t tags)
{
	struct frame f;

	rig_probe(target);
	f = rig_reply(target);
	f.tags = tags;
	answer(f, said, plain);
}

/* Since it was asked last. */
static uint32_t count_told(uint32_t target)
{
	uint32_t n = 0;

	rig_wait();
	for (uint32_t i = 0; i < rig.n_events; i++)
		n += rig.events[i].kind == DFB_EVENT_USERLAND && rig.events[i].target == target;
	rig.n_events = 0;
	return n;
}

static void limit(uint32_t target, uint64_t limit_ns)
{
	struct dfb_target cfg = rig_config(target);

	cfg.userland_ns = limit_ns;
	rig_configure(target, &cfg);
}

static void forget(uint32_t target)
{
	const uint64_t never = 0;

	assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_RESET, .id = target}), 0);
	rig_put(rig.beat->maps.hung, 0, &never);
	rig_wait();
	rig.n_events = 0;
}

static void run_words(uint32_t target, uint8_t tags)
{
	forget(target);
	limit(target, SECOND);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const struct word *w = &words[i];
		struct dfb_userland before = userland_of(target), u;
		uint64_t begin = rig_now();

		hear(target, w->silent ? 0 : 1 + (uint32_t)UNITS(w->age_ns), w->plain, tags);
		u = userland_of(target);
		if (u.state != w->state)
			fail_msg("%s (target %u, %u tags): state %u, not %u", w->name, target, tags, u.state, w->state);
		if (count_told(target) != w->told)
			fail_msg("%s (target %u, %u tags): %s", w->name, target, tags,
				 w->told ? "it is not told" : "it is told");
		if (u.state != before.state)
			assert_in_range(u.since_ns, begin, rig_now());
		else
			assert_int_equal(u.since_ns, before.since_ns);
		if (!w->silent && !w->plain)
			assert_in_range(u.alive_ns, begin - w->age_ns - 2 * MS, rig_now() - w->age_ns);
	}
}

static void edges_are_told_and_nothing_else(void **state)
{
	(void)state;
	for (uint8_t tags = 0; tags < 3; tags++) {
		run_words(UDP4, tags);
		run_words(UDP6, tags);
	}
}

static void replies_of_icmp_tell_nothing(void **state)
{
	(void)state;
	forget(ICMP4);
	limit(ICMP4, SECOND);
	hear(ICMP4, 1, true, 0);
	assert_int_equal(userland_of(ICMP4).state, DFB_USERLAND_UNKNOWN);
	assert_int_equal(count_told(ICMP4), 0);
}

static void without_a_limit_nobody_cares(void **state)
{
	(void)state;
	forget(UDP4);
	limit(UDP4, 0);
	hear(UDP4, 60000, false, 0);
	assert_int_equal(userland_of(UDP4).state, DFB_USERLAND_UNKNOWN);
	limit(UDP4, SECOND);
	hear(UDP4, 60000, false, 0);
	assert_int_equal(userland_of(UDP4).state, DFB_USERLAND_HUNG);
	limit(UDP4, 0);
	hear(UDP4, 60000, false, 0);
	assert_int_equal(userland_of(UDP4).state, DFB_USERLAND_UNKNOWN);
	assert_int_equal(count_told(UDP4), 2);
}

static void a_reply_that_was_overtaken_tells_nothing(void **state)
{
	struct frame first;

	(void)state;
	forget(UDP6);
	limit(UDP6, SECOND);
	rig_probe(UDP6);
	first = rig_reply(UDP6);
	hear(UDP6, 1, false, 0);
	answer(first, 60000, false);
	assert_int_equal(userland_of(UDP6).state, DFB_USERLAND_WELL);
	assert_int_equal(count_told(UDP6), 1);
}

/* The field is full after 68 s, the time of the last sign of life stays. */
static void what_is_too_long_for_the_field_is_not_taken_for_a_sign_of_life(void **state)
{
	uint64_t alive_ns;

	(void)state;
	forget(UDP4);
	limit(UDP4, SECOND);
	hear(UDP4, DFB_USERLAND_MAX, false, 0);
	alive_ns = userland_of(UDP4).alive_ns;
	assert_true(alive_ns && rig_now() - alive_ns > 68 * SECOND);
	hear(UDP4, DFB_USERLAND_MAX, false, 0);
	assert_int_equal(userland_of(UDP4).alive_ns, alive_ns);
}

/* When somebody's hangs, the others tell once that they have run since: no sooner, and not again. */
static void who_ran_since_somebody_hung_says_so_once(void **state)
{
	uint64_t begin;

	(void)state;
	forget(UDP4);
	forget(OTHER);
	limit(UDP4, SECOND);
	limit(OTHER, SECOND);
	hear(OTHER, 1, false, 0);
	hear(UDP4, 1, false, 0);
	assert_int_equal(count_told(OTHER), 1);
	hear(UDP4, 2000, false, 0);
	begin = rig_now();
	hear(OTHER, 500, false, 0); /* half a second before */
	assert_int_equal(count_told(OTHER), 0);
	while (rig_now() < begin + 5 * MS)
		rig_wait();
	hear(OTHER, 1, false, 0);
	assert_int_equal(count_told(OTHER), 1);
	hear(OTHER, 1, false, 0);
	hear(OTHER, 500, false, 0);
	hear(UDP4, 2000, false, 0);
	hear(OTHER, 1, false, 0);
	assert_int_equal(count_told(OTHER), 0);
}

static int set_up(void **state)
{
	static const uint32_t targets[] = {UDP4, UDP6, ICMP4, OTHER};

	rig_open(state);
	for (int i = 0; i < 3; i++)
		rig_server();
	rig_target(1, DFB_FAMILY_IPV6, DFB_PROBE_ECHO);
	rig_target(2, DFB_FAMILY_IPV4, DFB_PROBE_ICMP);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) { /* nobody is judged here */
		struct dfb_target cfg = rig_config(targets[i]);

		cfg.interval_ns = cfg.timeout_ns = 1000 * SECOND;
		rig_configure(targets[i], &cfg);
	}
	return 0;
}

int userland_tests(void)
{
	const struct CMUnitTest responder[] = {
		cmocka_unit_test(an_answer_tells_how_long_the_agent_did_not_run),
	};
	const struct CMUnitTest gateway[] = {
		cmocka_unit_test(edges_are_told_and_nothing_else),
		cmocka_unit_test(replies_of_icmp_tell_nothing),
		cmocka_unit_test(without_a_limit_nobody_cares),
		cmocka_unit_test(a_reply_that_was_overtaken_tells_nothing),
		cmocka_unit_test(what_is_too_long_for_the_field_is_not_taken_for_a_sign_of_life),
		cmocka_unit_test(who_ran_since_somebody_hung_says_so_once),
	};

	return cmocka_run_group_tests_name("dfb_echo, userland", responder, set_up_responder, rig_close) +
	       cmocka_run_group_tests_name("dfb_reply, userland", gateway, set_up, rig_close);
}
