// SPDX-License-Identifier: GPL-2.0-only
/* dfb_steer: which of several servers gets a packet, by its client or by its flow. */
#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>

#include "groups.h"
#include "rig.h"

#define SERVICE4 "10.79.0.100"
#define SERVICE6 "fd79::100"
#define ROUTER4 "192.0.2.1"
#define ROUTER6 "2001:db8::1"
#define POOL 1
#define FIRST 100 /* slot i is server FIRST + i */
#define CLIENTS 1024
#define LEAST (CLIENTS / DFB_SLOTS / 2)

static uint32_t run(const uint8_t *packet, size_t size)
{
	struct rig_run run = {};

	rig_tc(rig.steer->progs.dfb_steer, packet, size, &run);
	assert_int_equal((int)run.verdict, TC_ACT_UNSPEC);
	assert_in_range(run.mark >> RIG_MARK_SHIFT, FIRST, FIRST + DFB_SLOTS - 1);
	return run.mark >> RIG_MARK_SHIFT;
}

static uint32_t server_of(struct frame frame, const char *client)
{
	uint8_t packet[FRAME_ROOM];

	frame.source = client;
	frame.destination = frame.ipv6 ? SERVICE6 : SERVICE4;
	return run(packet, frame_build(&frame, packet));
}

static const char *client_of(bool ipv6, uint32_t i)
{
	static char text[INET6_ADDRSTRLEN];

	if (ipv6)
		snprintf(text, sizeof(text), "2001:db8:%x::%x", i / 100, i % 100 + 1);
	else
		snprintf(text, sizeof(text), "10.%u.3.%u", i / 100, i % 100 + 1);
	return text;
}

static void order_spread(enum dfb_spread spread)
{
	struct dfb_plan plan = {.name = "p", .families = 3, .fast = 1, .active = 4, .spread = spread};

	rig_put(rig.beat->maps.plans, POOL, &plan);
}

/* --- by client ------------------------------------------------------------------------------- */

/* What one client may send; all of it has one server. */
static const struct frame sent[] = {
	{.sport = 1, .dport = 53},
	{.sport = 60000, .dport = 80},
	{.proto = IPPROTO_TCP, .sport = 4711},
	{.tags = 1, .sport = 2},
	{.tags = 2, .proto = IPPROTO_TCP, .sport = 3},
	{.fragment = IP_MF, .sport = 4},
	{.fragment = 99, .sport = 5},
};

static void all_that_a_client_sends_goes_one_way(void **state)
{
	(void)state;
	order_spread(DFB_SPREAD_CLIENT);
	for (uint32_t i = 0; i < CLIENTS; i += 64) {
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			const char *client = client_of(ipv6, i);
			uint32_t server = server_of((struct frame){.ipv6 = ipv6}, client);

			for (size_t k = 0; k < ARRAY_SIZE(sent); k++) {
				struct frame frame = sent[k];

				frame.ipv6 = ipv6;
				assert_int_equal(server_of(frame, client), server);
			}
			assert_int_equal(server_of((struct frame){.ipv6 = ipv6, .options = ipv6 ? 0 : 40,
							  .extension = ipv6}, client), server);
		}
	}
}

static void expect_even(const uint32_t seen[DFB_SLOTS])
{
	for (uint32_t i = 0; i < DFB_SLOTS; i++) {
		if (seen[i] < LEAST || seen[i] > 4 * LEAST)
			fail_msg("slot %u has %u of %u", i, seen[i], CLIENTS);
	}
}

static void clients_fall_evenly(void **state)
{
	(void)state;
	order_spread(DFB_SPREAD_CLIENT);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		uint32_t seen[DFB_SLOTS] = {0};

		for (uint32_t i = 0; i < CLIENTS; i++)
			seen[server_of((struct frame){.ipv6 = ipv6}, client_of(ipv6, i)) - FIRST]++;
		expect_even(seen);
	}
}

/* --- by flow --------------------------------------------------------------------------------- */

static void flows_of_a_client_fall_evenly(void **state)
{
	(void)state;
	order_spread(DFB_SPREAD_FLOW);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		uint32_t seen[DFB_SLOTS] = {0};

		for (uint16_t i = 0; i < CLIENTS; i++)
			seen[server_of((struct frame){.ipv6 = ipv6, .sport = (uint16_t)(32768 + i)},
				       client_of(ipv6, 1)) - FIRST]++;
		expect_even(seen);
	}
}

static void a_flow_keeps_its_server(void **state)
{
	(void)state;
	order_spread(DFB_SPREAD_FLOW);
	for (uint16_t port = 1000; port < 1064; port++) {
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			struct frame frame = {.ipv6 = ipv6, .proto = IPPROTO_TCP, .sport = port};
			const char *client = client_of(ipv6, port);
			uint32_t server = server_of(frame, client);

			frame.tags = 2;
			frame.length = 700;
			assert_int_equal(server_of(frame, client), server);
			frame.options = ipv6 ? 0 : 8;
			assert_int_equal(server_of(frame, client), server);
		}
	}
}

/* Of fragments only the first one has ports, and they must meet again; behind an extension header none are
 * looked for. */
static void what_shows_no_ports_goes_by_client(void **state)
{
	(void)state;
	order_spread(DFB_SPREAD_FLOW);
	for (uint16_t port = 1000; port < 1064; port++) {
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			struct frame first = {.ipv6 = ipv6, .sport = port, .fragment = ipv6 ? 1 : IP_MF};
			struct frame later = {.ipv6 = ipv6, .sport = 9, .fragment = ipv6 ? 0x100 : 32};
			uint32_t server = server_of(later, client_of(ipv6, 7));

			assert_int_equal(server_of(first, client_of(ipv6, 7)), server);
			first.extension = ipv6;
			assert_int_equal(server_of(first, client_of(ipv6, 7)), server);
		}
	}
}

/* --- what routers say ------------------------------------------------------------------------ */

/* The head of a packet from the service to a client, as a router on the way quotes it. */
static void quote(uint8_t *at, bool ipv6, const char *client, uint16_t client_port, uint16_t fragment)
{
	uint16_t ports[2] = {htons(FRAME_TCP_PORT), htons(client_port)};

	if (ipv6) {
		struct ip6_hdr *ip = (void *)at;

		*ip = (struct ip6_hdr){.ip6_vfc = 0x60, .ip6_nxt = IPPROTO_TCP};
		inet_pton(AF_INET6, SERVICE6, &ip->ip6_src);
		inet_pton(AF_INET6, client, &ip->ip6_dst);
	} else {
		struct ip *ip = (void *)at;

		*ip = (struct ip){.ip_v = 4, .ip_hl = 5, .ip_p = IPPROTO_TCP, .ip_off = htons(fragment)};
		inet_pton(AF_INET, SERVICE4, &ip->ip_src);
		inet_pton(AF_INET, client, &ip->ip_dst);
	}
	memcpy(at + (ipv6 ? 40 : 20), ports, sizeof(ports));
}

struct told {
	bool ipv6;
	uint8_t type;
	uint8_t tags;
	uint16_t fragment;
};

static uint32_t server_told(const struct told *told, const char *client, uint16_t port)
{
	struct frame frame = {.ipv6 = told->ipv6, .tags = told->tags, .icmp = told->type, .length = 48,
			      .proto = told->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			      .source = told->ipv6 ? ROUTER6 : ROUTER4,
			      .destination = told->ipv6 ? SERVICE6 : SERVICE4};
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(&frame, packet);
	size_t inner = frame_l3(packet) + (told->ipv6 ? 40 : 20) + 8;

	quote(packet + inner, told->ipv6, client, port, told->fragment);
	return run(packet, size);
}

static const struct told told[] = {
	{.type = ICMP_UNREACH},
	{.type = ICMP_UNREACH, .tags = 2},
	{.type = ICMP_TIMXCEED},
	{.ipv6 = true, .type = ICMP6_DST_UNREACH},
	{.ipv6 = true, .type = ICMP6_PACKET_TOO_BIG, .tags = 1},
	{.ipv6 = true, .type = ICMP6_TIME_EXCEEDED},
};

/* A server must learn of the path's MTU, whoever tells it (RFC 1191, RFC 8201). */
static void an_error_reaches_the_server_that_it_is_about(void **state)
{
	(void)state;
	for (int spread = 0; spread < DFB_SPREAD_MAX; spread++) {
		order_spread(spread);
		for (uint16_t port = 1000; port < 1064; port++) {
			for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
				bool ipv6 = told[i].ipv6;
				struct frame flow = {.ipv6 = ipv6, .proto = IPPROTO_TCP, .sport = port};
				const char *client = client_of(ipv6, port);
				uint32_t server = server_of(flow, client);

				assert_int_equal(server_told(&told[i], client, port), server);
			}
		}
	}
}

static void an_error_about_a_fragment_goes_by_client(void **state)
{
	struct told later = {.type = ICMP_UNREACH, .fragment = 99};

	(void)state;
	order_spread(DFB_SPREAD_FLOW);
	for (uint16_t port = 1000; port < 1064; port++)
		assert_int_equal(server_told(&later, client_of(false, 7), port),
				 server_of((struct frame){.fragment = 99}, client_of(false, 7)));
}

/* Who asks is the client, whatever the question quotes. */
static void an_echo_request_is_no_error(void **state)
{
	struct told four = {.type = ICMP_ECHO}, six = {.ipv6 = true, .type = ICMP6_ECHO_REQUEST};

	(void)state;
	order_spread(DFB_SPREAD_CLIENT);
	for (uint32_t i = 0; i < 32; i++) {
		assert_int_equal(server_told(&four, client_of(false, i), 1),
				 server_of((struct frame){0}, ROUTER4));
		assert_int_equal(server_told(&six, client_of(true, i), 1),
				 server_of((struct frame){.ipv6 = true}, ROUTER6));
	}
}

/* Cut anywhere, it goes somewhere, and nothing beyond its end is read. */
static void a_cut_error_is_marked_all_the_same(void **state)
{
	(void)state;
	order_spread(DFB_SPREAD_FLOW);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct frame frame = {.ipv6 = ipv6, .length = 48,
				      .icmp = ipv6 ? ICMP6_DST_UNREACH : ICMP_UNREACH,
				      .proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				      .destination = ipv6 ? SERVICE6 : SERVICE4};
		uint8_t packet[FRAME_ROOM];
		size_t size = frame_build(&frame, packet), l4 = frame_l3(packet) + (ipv6 ? 40 : 20);

		for (size_t cut = l4; cut < size; cut++)
			run(packet, cut);
	}
}

/* --- all of it ------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = POOL};

	rig_open(state);
	for (uint32_t i = 0; i < DFB_SLOTS; i++)
		order.slots[i] = FIRST + i;
	assert_int_equal(rig_order(order), 0);
	rig_service("::ffff:" SERVICE4, POOL);
	rig_service(SERVICE6, POOL);
	return 0;
}

int spread_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_a_client_sends_goes_one_way),
		cmocka_unit_test(clients_fall_evenly),
		cmocka_unit_test(flows_of_a_client_fall_evenly),
		cmocka_unit_test(a_flow_keeps_its_server),
		cmocka_unit_test(what_shows_no_ports_goes_by_client),
		cmocka_unit_test(an_error_reaches_the_server_that_it_is_about),
		cmocka_unit_test(an_error_about_a_fragment_goes_by_client),
		cmocka_unit_test(an_echo_request_is_no_error),
		cmocka_unit_test(a_cut_error_is_marked_all_the_same),
	};

	return cmocka_run_group_tests_name("spread", tests, set_up, rig_close);
}
