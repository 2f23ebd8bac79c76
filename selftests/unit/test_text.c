// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clean.h"
#include "base/text.h"

static void addresses_go_both_ways(void **state)
{
	static const char *const texts[] = {
		"10.78.0.11", "255.255.255.255", "0.0.0.0", "fd78::11", "::1", "::",
	};
	char text[ADDRESS_TEXT_LEN];
	uint8_t address[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(address_parse(texts[i], address), 0);
		assert_string_equal(address_format(address, text), texts[i]);
		assert_int_equal(address_is_ipv4(address), !strchr(texts[i], ':'));
	}
}

static void an_ipv4_address_is_mapped(void **state)
{
	static const uint8_t expected[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 78, [15] = 11};
	uint8_t address[16];

	(void)state;
	assert_int_equal(address_parse("10.78.0.11", address), 0);
	assert_memory_equal(address, expected, 16);
	assert_int_equal(address_parse("::ffff:10.78.0.11", address), 0);
	assert_memory_equal(address, expected, 16);
}

static void bad_addresses_change_nothing(void **state)
{
	static const char *const texts[] = {
		"", "10.0.0", "10.0.0.256", "10.0.0.1/24", " 10.0.0.1", "fd00::1%e0", "fd00::g",
		"host", "1:2:3:4:5:6:7:8:9",
	};
	uint8_t address[16], before[16];

	(void)state;
	memset(address, 0xa5, sizeof(address));
	memcpy(before, address, sizeof(address));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(address_parse(texts[i], address), -EINVAL);
		assert_memory_equal(address, before, 16);
	}
}

static void durations_need_a_number_and_a_unit(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t ns;
	} rows[] = {
		{"250us", 0, 250000},
		{"10ms", 0, 10000000},
		{"1.5s", 0, 1500000000},
		{"0.1ms", 0, 100000},
		{"2m", 0, 120000000000},
		{"1h", 0, 3600000000000},
		{"7ns", 0, 7},
		{"0s", 0, 0},
		{"010ms", 0, 10000000},
		{"2000000h", 0, 7200000000000000000},
		{"3000000h", -ERANGE, 0},
		{"99999999999999999999999999h", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"10", -EINVAL, 0},
		{"ms", -EINVAL, 0},
		{"10 ms", -EINVAL, 0},
		{" 10ms", -EINVAL, 0},
		{"10ms ", -EINVAL, 0},
		{"-1ms", -EINVAL, 0},
		{"+1ms", -EINVAL, 0},
		{".5s", -EINVAL, 0},
		{"5.s", -EINVAL, 0},
		{"1.2.3s", -EINVAL, 0},
		{"1,5s", -EINVAL, 0},
		{"10MS", -EINVAL, 0},
		{"10msec", -EINVAL, 0},
		{"0x10ms", -EINVAL, 0},
		{"1e3ms", -EINVAL, 0},
		{"infs", -EINVAL, 0},
		{"nans", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t ns = 77;
		int err = duration_parse(rows[i].text, &ns);

		if (err != rows[i].err || ns != (err ? 77 : rows[i].ns))
			fail_msg("%s: %d, %llu ns", rows[i].text, err, (unsigned long long)ns);
	}
}

static void durations_are_shown_in_a_readable_unit(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, "0 ns"},
		{999, "999 ns"},
		{1000, "1.00 us"},
		{31000, "31.0 us"},
		{2310000, "2.31 ms"},
		{9999000, "10.0 ms"},
		{99960000, "100 ms"},
		{999400000, "999 ms"},
		{999999000, "1.00 s"},
		{999999, "1.00 ms"},
		{3600000000000, "3600 s"},
		{UINT64_MAX, "18446744074 s"},
	};
	char text[DURATION_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(duration_format(rows[i].ns, text), rows[i].text);
}

static void times_are_rfc_3339_in_utc(void **state)
{
	char text[TIME_TEXT_LEN], date[24];
	struct timespec mono, wall;
	struct tm tm = {0};
	unsigned int us;
	time_t shown;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	time_format((uint64_t)mono.tv_sec * 1000000000u + (uint64_t)mono.tv_nsec, text);
	clock_gettime(CLOCK_REALTIME, &wall);
	assert_int_equal(strlen(text), 27);
	assert_int_equal(sscanf(text, "%19s.%6uZ", date, &us), 2);
	assert_non_null(strptime(date, "%Y-%m-%dT%H:%M:%S", &tm));
	shown = timegm(&tm);
	assert_true(shown <= wall.tv_sec && shown + 2 >= wall.tv_sec);
}

static void the_order_of_times_survives_formatting(void **state)
{
	char a[TIME_TEXT_LEN], b[TIME_TEXT_LEN];

	(void)state;
	time_format(1000000000, a);
	time_format(1010000000, b);
	assert_true(strcmp(a, b) < 0);
}

static void copies_are_cut_and_terminated(void **state)
{
	char text[4] = "???";

	(void)state;
	text_copy(text, sizeof(text), "abcdef");
	assert_string_equal(text, "abc");
	text_copy(text, sizeof(text), "");
	assert_string_equal(text, "");
}

static void names_are_short_and_plain(void **state)
{
	static const char *const good[] = {"a", "s1", "web-1.example_2", "0123456789012345678901234567890"};
	static const char *const bad[] = {"", "a b", "a/b", "a:b", "caf\xc3\xa9", "01234567890123456789012345678901"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(name_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(name_is_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_go_both_ways),
		cmocka_unit_test(an_ipv4_address_is_mapped),
		cmocka_unit_test(bad_addresses_change_nothing),
		cmocka_unit_test(durations_need_a_number_and_a_unit),
		cmocka_unit_test(durations_are_shown_in_a_readable_unit),
		cmocka_unit_test(times_are_rfc_3339_in_utc),
		cmocka_unit_test(the_order_of_times_survives_formatting),
		cmocka_unit_test(copies_are_cut_and_terminated),
		cmocka_unit_test(names_are_short_and_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
