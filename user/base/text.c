// SPDX-License-Identifier: GPL-2.0-only
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <defib/abi.h>

#define OFFSET_DRIFT_NS 1000000

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool address_is_ipv4(const uint8_t address[16])
{
	return !memcmp(address, ipv4_prefix, sizeof(ipv4_prefix));
}

int address_parse(const char *text, uint8_t ret_address[16])
{
	uint8_t address[16];

	if (inet_pton(AF_INET, text, address + 12) == 1)
		memcpy(address, ipv4_prefix, sizeof(ipv4_prefix));
	else if (inet_pton(AF_INET6, text, address) != 1)
		return -EINVAL;
	memcpy(ret_address, address, 16);
	return 0;
}

char *address_format(const uint8_t address[16], char text[ADDRESS_TEXT_LEN])
{
	if (address_is_ipv4(address))
		inet_ntop(AF_INET, address + 12, text, ADDRESS_TEXT_LEN);
	else
		inet_ntop(AF_INET6, address, text, ADDRESS_TEXT_LEN);
	return text;
}

/* Digits, and perhaps a point with more: strtod() alone also knows 0x10, 1e3 and 5. */
static size_t number_length(const char *text)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits), fraction;

	if (!whole || text[whole] != '.')
		return whole;
	fraction = strspn(text + whole + 1, digits);
	return fraction ? whole + 1 + fraction : 0;
}

int duration_parse(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	size_t n = number_length(text);
	double value;

	if (!n)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + n, units[i].unit))
			continue;
		value = strtod(text, NULL) * units[i].ns;
		if (!isfinite(value) || value > 9e18)
			return -ERANGE;
		*ret_ns = (uint64_t)(value + 0.5);
		return 0;
	}
	return -EINVAL;
}

char *duration_format(uint64_t ns, char text[DURATION_TEXT_LEN])
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double value = (double)ns / units[i].ns;

		if (value < 0.9995) /* what rounds to 1.00 is one */
			continue;
		snprintf(text, DURATION_TEXT_LEN, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value,
			 units[i].unit);
		return text;
	}
	snprintf(text, DURATION_TEXT_LEN, "%u ns", (unsigned int)ns);
	return text;
}

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/*
 * Of CLOCK_REALTIME to CLOCK_MONOTONIC. We may be interrupted between the readings: the closest ones
 * count. A moment is printed alike each time: the offset is kept until the clock was set, or has
 * drifted by a millisecond.
 */
static int64_t wall_offset(void)
{
	static int64_t kept;
	int64_t best = INT64_MAX, offset = 0;

	for (int i = 0; i < 5; i++) {
		int64_t before = read_clock(CLOCK_MONOTONIC);
		int64_t wall = read_clock(CLOCK_REALTIME);
		int64_t after = read_clock(CLOCK_MONOTONIC);

		if (after - before >= best)
			continue;
		best = after - before;
		offset = wall - before - best / 2;
	}
	if (llabs(offset - kept) > OFFSET_DRIFT_NS)
		kept = offset;
	return kept;
}

char *time_format(uint64_t mono_ns, char text[TIME_TEXT_LEN])
{
	int64_t ns = wall_offset() + (int64_t)mono_ns;
	time_t seconds = (time_t)(ns / 1000000000ll);
	struct tm tm;
	char date[24];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, TIME_TEXT_LEN, "%s.%06uZ", date, (unsigned int)(ns % 1000000000ll / 1000));
	return text;
}

int time_parse(const char *text, uint64_t *ret_mono_ns)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	char *end;
	long us;
	int64_t ns;

	if (!rest || *rest != '.' || strspn(rest + 1, "0123456789") != 6)
		return -EINVAL;
	us = strtol(rest + 1, &end, 10);
	if (strcmp(end, "Z"))
		return -EINVAL;
	ns = (int64_t)timegm(&tm) * 1000000000ll + us * 1000ll - wall_offset();
	*ret_mono_ns = ns > 0 ? (uint64_t)ns : 0;
	return 0;
}

void text_copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

bool name_is_valid(const char *name)
{
	size_t n = strlen(name);

	return n && n < DFB_NAME_LEN &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}
