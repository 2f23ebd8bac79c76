// SPDX-License-Identifier: GPL-2.0-only
/* dfb_order: what the controller may change, and what it is refused. */
#include <errno.h>

#include "groups.h"
#include "rig.h"

static uint32_t two_candidates(uint32_t servers[2])
{
	servers[0] = rig_server();
	servers[1] = rig_server();
	return rig_pool(servers, 2);
}

static void commit(uint32_t pool)
{
	struct dfb_order order = {.kind = DFB_ORDER_COMMITTED, .id = pool, .epoch = 1};

	assert_int_equal(rig_order(order), 0);
}

static void a_pool_moves_if_its_epoch_is_the_expected_one(void **state)
{
	uint32_t servers[2], pool = two_candidates(servers);
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = pool, .to = servers[1],
				  .reason = DFB_REASON_OPERATOR, .epoch = 1};
	uint64_t begin = rig_now();
	struct dfb_pool p;

	(void)state;
	assert_int_equal(rig_order(order), 0);
	p = rig_pool_state(pool);
	for (int i = 0; i < DFB_SLOTS; i++)
		assert_int_equal(p.slots[i], servers[1]);
	assert_int_equal(p.epoch, 2);
	assert_int_equal(p.last.from, servers[0]);
	assert_int_equal(p.last.to, servers[1]);
	assert_int_equal(p.last.reason, DFB_REASON_OPERATOR);
	assert_in_range(p.last.verdict_ns, begin, p.last.switched_ns);
	assert_in_range(p.last.switched_ns, begin, rig_now());
}

static void an_order_of_another_epoch_is_stale(void **state)
{
	uint32_t servers[2], pool = two_candidates(servers);
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = pool, .to = servers[1]};
	struct dfb_pool before = rig_pool_state(pool), after;
	const uint64_t epochs[] = {0, 2, 1ull << 32 | 1, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(epochs); i++) {
		order.epoch = epochs[i];
		assert_int_equal(rig_order(order), ESTALE);
	}
	after = rig_pool_state(pool);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void an_order_to_stay_changes_nothing(void **state)
{
	uint32_t servers[2], pool = two_candidates(servers);
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = pool, .to = servers[0], .epoch = 1};
	struct dfb_pool before = rig_pool_state(pool), after;

	(void)state;
	assert_int_equal(rig_order(order), 0);
	after = rig_pool_state(pool);
	assert_memory_equal(&before, &after, sizeof(before));
	order.epoch = 0;
	assert_int_equal(rig_order(order), ESTALE);
}

static void what_was_committed_is_noted(void **state)
{
	uint32_t servers[2], pool = two_candidates(servers);
	uint64_t begin = rig_now();
	struct dfb_pool p;

	(void)state;
	commit(pool);
	p = rig_pool_state(pool);
	assert_int_equal(p.committed, 1);
	assert_in_range(p.committed_ns, begin, rig_now());
	assert_int_equal(p.epoch, 1);
	assert_int_equal(p.slots[0], servers[0]);
}

static void a_forgotten_pool_is_as_new(void **state)
{
	uint32_t servers[2], pool = two_candidates(servers);
	const struct dfb_pool new = {};
	struct dfb_pool p;

	(void)state;
	commit(pool);
	assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_FORGET_POOL, .id = pool}), 0);
	p = rig_pool_state(pool);
	assert_memory_equal(&p, &new, sizeof(new));
}

static void what_does_not_exist_takes_no_orders(void **state)
{
	static const uint32_t beyond = 1u << 30;
	const enum dfb_order_kind kinds[] = {DFB_ORDER_SWITCH, DFB_ORDER_COMMITTED, DFB_ORDER_FORGET_POOL,
					     DFB_ORDER_ARM, DFB_ORDER_RESET};
	uint32_t free_id = (RIG_SERVERS - 1) * DFB_FAMILIES;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_int_equal(rig_order((struct dfb_order){.kind = kinds[i], .id = beyond}), ENOENT);
	assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_ARM, .id = free_id}), ENOENT);
	assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_KIND_MAX}), EINVAL);
	assert_int_equal(rig_order((struct dfb_order){.kind = UINT32_MAX}), EINVAL);
}

static void half_an_order_is_none(void **state)
{
	struct dfb_order order = {.kind = DFB_ORDER_FORGET_POOL, .id = 1};
	uint8_t packet[DFB_ORDER_OFFSET + sizeof(order)] = {};

	(void)state;
	memcpy(packet + DFB_ORDER_OFFSET, &order, sizeof(order));
	for (size_t size = DFB_ORDER_OFFSET; size < sizeof(packet); size++) {
		struct rig_run run = {};

		rig_tc(rig.beat->progs.dfb_order, packet, size, &run);
		assert_int_equal(run.verdict, EINVAL);
	}
}

static uint32_t round_trips(uint32_t target)
{
	struct dfb_rtt hist;
	uint32_t sum = 0;

	rig_get(rig.beat->maps.rtt, target, &hist);
	for (int i = 0; i < DFB_RTT_BUCKETS; i++)
		sum += hist.count[i];
	return sum;
}

static void a_reset_target_is_as_new(void **state)
{
	uint32_t target = dfb_target_id(rig_server(), DFB_FAMILY_IPV4);
	const struct dfb_slot empty[DFB_WINDOW] = {};
	struct dfb_detect d;

	(void)state;
	for (int i = 0; i < DFB_WINDOW + 3; i++) {
		rig_probe(target);
		rig_answer(target);
	}
	RIG_UNTIL(rig_detect(target).judged == rig.attempts[target].seq);
	assert_true(round_trips(target) > 0);
	assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_RESET, .id = target}), 0);
	d = rig_detect(target);
	assert_int_equal(d.state, DFB_STATE_UNKNOWN);
	assert_int_equal(d.judged, rig.attempts[target].seq);
	assert_int_equal(d.stamped, rig.attempts[target].seq);
	assert_int_equal(d.generation, rig_config(target).generation);
	assert_int_equal(d.answered + d.expired + d.srtt_ns + d.sent, 0);
	assert_memory_equal(d.slots, empty, sizeof(empty));
	assert_int_equal(round_trips(target), 0);
	rig_answer(target); /* to a probe of the old address */
	assert_int_equal(rig_detect(target).answered, 0);
}

static void a_target_armed_again_goes_on(void **state)
{
	uint32_t target = dfb_target_id(rig_server(), DFB_FAMILY_IPV4);

	(void)state;
	for (int i = 0; i < 5; i++) {
		rig_probe(target);
		rig_answer(target);
		assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_ARM, .id = target}), 0);
	}
	RIG_UNTIL(rig_detect(target).answered == 5);
	assert_int_equal(rig_detect(target).expired, 0);
}

/* The controller may die between the new address and the reset. */
static void a_target_armed_for_another_address_starts_anew(void **state)
{
	uint32_t target = dfb_target_id(rig_server(), DFB_FAMILY_IPV4);
	struct dfb_target cfg = rig_config(target);

	(void)state;
	rig_probe(target);
	rig_answer(target);
	RIG_UNTIL(rig_detect(target).state == DFB_STATE_UP);
	cfg.generation++;
	rig_configure(target, &cfg);
	assert_int_equal(rig_order((struct dfb_order){.kind = DFB_ORDER_ARM, .id = target}), 0);
	assert_int_equal(rig_detect(target).state, DFB_STATE_UNKNOWN);
	assert_int_equal(rig_detect(target).generation, cfg.generation);
	rig_probe(target);
	rig_answer(target);
	RIG_UNTIL(rig_detect(target).state == DFB_STATE_UP);
}

static void a_removed_target_rests(void **state)
{
	uint32_t target = dfb_target_id(rig_server(), DFB_FAMILY_IPV4);
	const struct dfb_target nobody = {};
	struct dfb_target_run run;

	(void)state;
	rig_configure(target, &nobody);
	RIG_UNTIL((rig_get(rig.beat->maps.state, target, &run), run.armed_ns == 0));
}

int order_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_pool_moves_if_its_epoch_is_the_expected_one, rig_clear),
		cmocka_unit_test_teardown(an_order_of_another_epoch_is_stale, rig_clear),
		cmocka_unit_test_teardown(an_order_to_stay_changes_nothing, rig_clear),
		cmocka_unit_test_teardown(what_was_committed_is_noted, rig_clear),
		cmocka_unit_test_teardown(a_forgotten_pool_is_as_new, rig_clear),
		cmocka_unit_test_teardown(what_does_not_exist_takes_no_orders, rig_clear),
		cmocka_unit_test_teardown(half_an_order_is_none, rig_clear),
		cmocka_unit_test_teardown(a_reset_target_is_as_new, rig_clear),
		cmocka_unit_test_teardown(a_target_armed_again_goes_on, rig_clear),
		cmocka_unit_test_teardown(a_target_armed_for_another_address_starts_anew, rig_clear),
		cmocka_unit_test_teardown(a_removed_target_rests, rig_clear),
	};

	return cmocka_run_group_tests_name("dfb_order", tests, rig_open, rig_close);
}
