// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/text.h"
#include "core/trace.h"
#include "ctl/report.h"

static struct report failover(void)
{
	return (struct report){
		.kind = REPORT_FAILOVER,
		.time_ns = clock_now_ns(),
		.server = "s1",
		.pool = "app",
		.service = "web",
		.from = "s1",
		.to = "s2",
		.epoch = 4,
		.reason = "3 probes expired, s2 answered",
		.detect_ns = 2310400,
		.switch_ns = 30600,
		.commit_ns = 210000,
	};
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static long long number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void a_full_report_has_every_key(void **state)
{
	struct report r = failover();
	json_t *o = report_json(&r);
	char now[TIME_TEXT_LEN];

	(void)state;
	assert_non_null(o);
	assert_int_equal(number(o, "schema"), 1);
	assert_int_equal(number(o, "mono_ns"), (long long)r.time_ns);
	time_format(r.time_ns, now);
	assert_memory_equal(text(o, "time"), now, strlen("2026-01-01T00:00:00."));
	assert_int_equal(strlen(text(o, "time")), strlen("2026-01-01T00:00:00.000000Z"));
	assert_string_equal(text(o, "kind"), "failover");
	assert_string_equal(text(o, "server"), "s1");
	assert_string_equal(text(o, "pool"), "app");
	assert_string_equal(text(o, "service"), "web");
	assert_string_equal(text(o, "from"), "s1");
	assert_string_equal(text(o, "to"), "s2");
	assert_string_equal(text(o, "reason"), "3 probes expired, s2 answered");
	assert_int_equal(number(o, "epoch"), 4);
	assert_int_equal(number(o, "detect_us"), 2310);
	assert_int_equal(number(o, "switch_us"), 31);
	assert_int_equal(number(o, "commit_us"), 210);
	assert_int_equal(json_object_size(o), 14);
	json_decref(o);
}

static void what_is_empty_is_left_out(void **state)
{
	struct report r = {.kind = REPORT_RELOAD, .time_ns = 1000};
	json_t *o = report_json(&r);

	(void)state;
	assert_non_null(o);
	assert_int_equal(json_object_size(o), 4);
	json_decref(o);
}

static void every_kind_has_its_name(void **state)
{
	(void)state;
	for (int kind = 0; kind < REPORT_KIND_MAX; kind++) {
		struct report r = {.kind = (enum report_kind)kind};
		json_t *o = report_json(&r);

		assert_string_equal(text(o, "kind"), report_kind_names[kind]);
		json_decref(o);
	}
}

static void bytes_that_are_no_utf8_do_not_lose_the_report(void **state)
{
	struct report r = {.kind = REPORT_HOOK_FAILED};
	json_t *o;

	(void)state;
	text_copy(r.reason, sizeof(r.reason), "caf\xc3\xa9");
	o = report_json(&r);
	assert_string_equal(text(o, "reason"), "caf\xc3\xa9");
	json_decref(o);
	text_copy(r.reason, sizeof(r.reason), "cut caf\xc3");
	o = report_json(&r);
	assert_string_equal(text(o, "reason"), "cut caf?");
	json_decref(o);
}

static void a_line_says_it_in_one_sentence(void **state)
{
	struct report r = failover();
	char line[REPORT_LINE_LEN];
	int length = report_line(&r, line, sizeof(line));

	(void)state;
	assert_int_equal(length, strlen(line));
	assert_string_equal(
		line, "failover: service web, pool app, server s1: s1 -> s2, epoch 4: 3 probes expired, "
		      "s2 answered (detected in 2.31 ms, switched in 30.6 us, committed in 210 us)");
	r = (struct report){.kind = REPORT_SERVER_STATE, .server = "s2", .from = "up", .to = "suspect"};
	report_line(&r, line, sizeof(line));
	assert_string_equal(line, "server-state: server s2: up -> suspect");
	r = (struct report){.kind = REPORT_RELOAD, .reason = "2 servers added"};
	report_line(&r, line, sizeof(line));
	assert_string_equal(line, "reload: 2 servers added");
}

static void a_line_stays_within_its_buffer(void **state)
{
	struct report r = failover();
	char whole[REPORT_LINE_LEN], line[REPORT_LINE_LEN];
	int length = report_line(&r, whole, sizeof(whole));

	(void)state;
	for (int size = 1; size <= length; size++) {
		memset(line, 'x', sizeof(line));
		assert_int_equal(report_line(&r, line, (size_t)size), size - 1);
		assert_int_equal(strlen(line), size - 1);
		assert_memory_equal(line, whole, (size_t)size - 1);
		assert_int_equal(line[size], 'x');
	}
	assert_int_equal(report_line(&r, line, 0), 0);
}

static void the_longest_report_fits_a_line(void **state)
{
	struct report r = {.kind = REPORT_COMMIT_FAILED,
			   .epoch = UINT64_MAX,
			   .detect_ns = 9e18,
			   .switch_ns = 9e18,
			   .commit_ns = 9e18};
	char line[REPORT_LINE_LEN];

	(void)state;
	memset(r.server, 's', sizeof(r.server) - 1);
	memset(r.pool, 'p', sizeof(r.pool) - 1);
	memset(r.service, 'v', sizeof(r.service) - 1);
	memset(r.from, 'f', sizeof(r.from) - 1);
	memset(r.to, 't', sizeof(r.to) - 1);
	memset(r.reason, 'r', sizeof(r.reason) - 1);
	assert_true(report_line(&r, line, sizeof(line)) < (int)sizeof(line) - 1);
	assert_int_equal(line[strlen(line) - 1], ')');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_report_has_every_key),
		cmocka_unit_test(what_is_empty_is_left_out),
		cmocka_unit_test(every_kind_has_its_name),
		cmocka_unit_test(bytes_that_are_no_utf8_do_not_lose_the_report),
		cmocka_unit_test(a_line_says_it_in_one_sentence),
		cmocka_unit_test(a_line_stays_within_its_buffer),
		cmocka_unit_test(the_longest_report_fits_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
