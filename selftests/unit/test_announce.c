// SPDX-License-Identifier: GPL-2.0-only
/* user/act/announce_frame.c: byte for byte what a segment is told of an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "act/announce_frame.h"
#include "base/text.h"

#define OWN 0x02, 0xdf, 0x1b, 0x00, 0x00, 0xfe
#define SERVER 0x02, 0xdf, 0x1b, 0x00, 0x00, 0x07
#define ADDRESS4 10, 78, 0, 100
#define ADDRESS6 0xfd, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x00

static struct announce_item item_of(const char *address)
{
	struct announce_item item = {.ifindex = 3, .own = {OWN}, .station = {SERVER}};

	assert_int_equal(address_parse(address, item.address), 0);
	return item;
}

static void an_ipv4_address_is_announced_by_an_arp_request(void **state)
{
	static const uint8_t expected[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, OWN, 0x08, 0x06,
		0, 1, 0x08, 0, 6, 4, 0, 1,
		SERVER, ADDRESS4,
		0, 0, 0, 0, 0, 0, ADDRESS4,
	};
	struct announce_item item = item_of("10.78.0.100");
	uint8_t frame[ANNOUNCE_FRAME_LEN];

	(void)state;
	assert_int_equal(announce_frame(&item, frame), sizeof(expected));
	assert_memory_equal(frame, expected, sizeof(expected));
}

static void an_ipv6_address_is_advertised_to_all_nodes(void **state)
{
	static const uint8_t expected[] = {
		0x33, 0x33, 0, 0, 0, 1, OWN, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 32, 58, 255,
		ADDRESS6,
		0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		136, 0, 0, 0, 0x20, 0, 0, 0, /* override; not solicited, no router */
		ADDRESS6,
		2, 1, SERVER,
	};
	struct announce_item item = item_of("fd78::100");
	uint8_t frame[ANNOUNCE_FRAME_LEN];
	uint32_t sum = 32 + 58;

	(void)state;
	assert_int_equal(announce_frame(&item, frame), sizeof(expected));
	for (size_t i = 22; i < sizeof(frame); i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	memset(frame + 56, 0, 2);
	assert_memory_equal(frame, expected, sizeof(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_address_is_announced_by_an_arp_request),
		cmocka_unit_test(an_ipv6_address_is_advertised_to_all_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
