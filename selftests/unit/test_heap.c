// SPDX-License-Identifier: GPL-2.0-only
/* user/base/heap.h against a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"

#define IDS 200u

static void each_one_comes_when_it_is_due(void **state)
{
	static const uint64_t due[] = {50, 10, 40, 10, 30, UINT64_MAX, 0, 20};
	struct heap heap;
	uint64_t last = 0;

	(void)state;
	assert_int_equal(heap_init(&heap, 8), 0);
	for (uint32_t id = 0; id < 8; id++)
		heap_set(&heap, id, due[id]);
	for (uint32_t n = 8; n; n--) {
		uint32_t id = heap.item[0];

		assert_int_equal(heap.n, n);
		assert_true(heap.due_ns[id] >= last);
		last = heap.due_ns[id];
		heap_remove(&heap, id);
		assert_int_equal(heap.place[id], HEAP_NOWHERE);
	}
	assert_int_equal(last, UINT64_MAX);
	heap_fini(&heap);
}

static void who_is_not_there_can_be_removed(void **state)
{
	struct heap heap;

	(void)state;
	assert_int_equal(heap_init(&heap, 3), 0);
	heap_remove(&heap, 1);
	heap_set(&heap, 2, 5);
	heap_remove(&heap, 1);
	assert_int_equal(heap.n, 1);
	heap_remove(&heap, 2);
	heap_remove(&heap, 2);
	assert_int_equal(heap.n, 0);
	heap_fini(&heap);
}

static void who_is_set_again_moves(void **state)
{
	struct heap heap;

	(void)state;
	assert_int_equal(heap_init(&heap, 3), 0);
	for (uint32_t id = 0; id < 3; id++)
		heap_set(&heap, id, 10 + id);
	heap_set(&heap, 0, 20);
	assert_int_equal(heap.item[0], 1);
	heap_set(&heap, 2, 1);
	assert_int_equal(heap.item[0], 2);
	assert_int_equal(heap.n, 3);
	heap_fini(&heap);
}

static void check(const struct heap *heap, const uint64_t *due, const bool *there)
{
	uint64_t earliest = UINT64_MAX;
	uint32_t n = 0;

	for (uint32_t id = 0; id < IDS; id++) {
		if (!there[id]) {
			assert_int_equal(heap->place[id], HEAP_NOWHERE);
			continue;
		}
		n++;
		earliest = due[id] < earliest ? due[id] : earliest;
		assert_int_equal(heap->item[heap->place[id]], id);
		assert_int_equal(heap->due_ns[id], due[id]);
	}
	assert_int_equal(heap->n, n);
	if (n)
		assert_int_equal(heap->due_ns[heap->item[0]], earliest);
}

static void any_order_of_changes_keeps_the_earliest_first(void **state)
{
	uint64_t due[IDS] = {}, random = 88172645463325252ull;
	bool there[IDS] = {};
	struct heap heap;

	(void)state;
	assert_int_equal(heap_init(&heap, IDS), 0);
	for (int i = 0; i < 20000; i++) {
		uint32_t id;

		random ^= random << 13; /* xorshift (Marsaglia 2003) */
		random ^= random >> 7;
		random ^= random << 17;
		id = (uint32_t)(random >> 8) % IDS;
		there[id] = random % 3;
		due[id] = (random >> 40) % 1000;
		if (there[id])
			heap_set(&heap, id, due[id]);
		else
			heap_remove(&heap, id);
		check(&heap, due, there);
	}
	heap_fini(&heap);
	assert_null(heap.item);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_one_comes_when_it_is_due),
		cmocka_unit_test(who_is_not_there_can_be_removed),
		cmocka_unit_test(who_is_set_again_moves),
		cmocka_unit_test(any_order_of_changes_keeps_the_earliest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
