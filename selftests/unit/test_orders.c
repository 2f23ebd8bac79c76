// SPDX-License-Identifier: GPL-2.0-only
/* The file of operators' orders: what is written is what is read, in other terms of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "store/orders.h"

#define SECOND 1000000000ll
#define HOUR (3600 * SECOND)

static char folder[] = "/tmp/test_orders.XXXXXX";
static char path[64];

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void assert_near(int64_t a, int64_t b)
{
	assert_true(llabs(a - b) < SECOND);
}

static void what_is_written_is_read(void **state)
{
	int64_t now = (int64_t)clock_now_ns();
	struct core_order maintenance = {.on = true, .since_ns = now - 1000 * HOUR, .reason = "\"7\" ü"};
	struct core_order pause = {.on = true, .since_ns = now, .until_ns = (uint64_t)(now + HOUR)};
	struct orders orders = {0}, back;

	(void)state;
	assert_int_equal(orders_add(&orders, ORDERS_MAINTENANCE, "s1", &maintenance), 0);
	assert_int_equal(orders_add(&orders, ORDERS_PAUSED, "app", &pause), 0);
	assert_int_equal(orders_write(path, &orders), 0);
	assert_int_equal(orders_read(path, &back), 0);
	assert_null(back.mode);
	assert_int_equal(back.n, 2);
	assert_int_equal(back.list[0].kind, ORDERS_MAINTENANCE);
	assert_string_equal(back.list[0].name, "s1");
	assert_near(back.list[0].order.since_ns, maintenance.since_ns);
	assert_int_equal(back.list[0].order.until_ns, 0);
	assert_string_equal(back.list[0].order.reason, maintenance.reason);
	assert_int_equal(back.list[1].kind, ORDERS_PAUSED);
	assert_near((int64_t)back.list[1].order.until_ns, now + HOUR);
	orders_free(&orders);
	orders_free(&back);
	orders.mode = mode_names[POLICY_PASSIVE];
	assert_int_equal(orders_write(path, &orders), 0);
	assert_int_equal(orders_read(path, &back), 0);
	assert_int_equal(back.n, 0);
	assert_ptr_equal(back.mode, mode_names[POLICY_PASSIVE]);
}

static void a_limit_before_this_boot_is_over(void **state)
{
	struct orders back;

	(void)state;
	write_file("{\"schema\": 1, \"paused\": [{\"name\": \"app\", \"since\": \"2001-01-01T00:00:00Z\","
		   " \"until\": \"2001-01-01T01:00:00Z\", \"reason\": \"\"}]}");
	assert_int_equal(orders_read(path, &back), 0);
	assert_int_equal(back.n, 1);
	assert_true(back.list[0].order.since_ns < 0);
	assert_int_equal(back.list[0].order.until_ns, 1);
	orders_free(&back);
}

static void what_is_damaged_is_refused_as_a_whole(void **state)
{
	static const char *const texts[] = {
		"", "[]", "{}", "{\"schema\": 2}",
		"{\"schema\": 1, \"mode\": \"idle\"}", "{\"schema\": 1, \"paused\": [7]}",
		"{\"schema\": 1, \"paused\": [{\"name\": \"app\"}]}",
		"{\"schema\": 1, \"paused\": [{\"name\": \"a b\", \"since\": \"2001-01-01\"}]}",
		"{\"schema\": 1, \"paused\": [{\"name\": \"a\", \"since\": \"2001-01-01\","
		" \"until\": \"soon\"}]}",
		"{\"schema\": 1, \"paused\": [{\"name\": \"a\", \"since\": \"2001-01-01\"},"
		" {\"name\": \"b\"}]}",
	};
	struct orders back;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(texts[i]);
		assert_int_equal(orders_read(path, &back), -EBADMSG);
	}
	assert_int_equal(orders_write(path, &(struct orders){.n = 0}), 0);
	assert_int_equal(orders_read(path, &back), -ENOENT);
	assert_int_equal(orders_write(path, &(struct orders){.n = 0}), 0);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/orders.json", mkdtemp(folder) ? folder : "/nonexistent");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_limit_before_this_boot_is_over),
		cmocka_unit_test(what_is_damaged_is_refused_as_a_whole),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
