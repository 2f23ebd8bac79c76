// SPDX-License-Identifier: GPL-2.0-only
/* user/act/poke.c: what is sent is an ACK in the service's name that its client takes for a whole packet. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "act/poke.h"
#include "base/text.h"

#define SEQ 0xfedcba98u
#define ACK 0x01234567u

static struct dfb_flow_key flow(const char *client, const char *service)
{
	struct dfb_flow_key key = {.client_port = 54321, .service_port = 443};

	assert_int_equal(address_parse(client, key.client), 0);
	assert_int_equal(address_parse(service, key.service), 0);
	return key;
}

static void check_tcp(const struct tcphdr *tcp)
{
	assert_int_equal(ntohs(tcp->th_sport), 443);
	assert_int_equal(ntohs(tcp->th_dport), 54321);
	assert_int_equal(ntohl(tcp->th_seq), SEQ);
	assert_int_equal(ntohl(tcp->th_ack), ACK);
	assert_int_equal(tcp->th_off, 5);
	assert_int_equal(tcp->th_flags, TH_ACK);
}

/* RFC 9293, 3.1: over both addresses, the protocol, the length and all of the segment; @addresses: bytes. */
static uint16_t sum(const uint8_t *from, size_t addresses, const struct tcphdr *tcp)
{
	const uint8_t *segment = (const uint8_t *)tcp;
	uint32_t all = IPPROTO_TCP + sizeof(*tcp);

	for (size_t i = 0; i < addresses; i++)
		all += i % 2 ? from[i] : (uint32_t)from[i] << 8;
	for (size_t i = 0; i < sizeof(*tcp); i++)
		all += i % 2 ? segment[i] : (uint32_t)segment[i] << 8;
	return (uint16_t)((all & 0xffff) + (all >> 16));
}

static void one_over_ipv4(void **state)
{
	struct dfb_flow_key key = flow("10.77.0.2", "10.79.0.100");
	uint8_t packet[POKE_ROOM];
	const struct ip *ip = (struct ip *)packet;
	const struct tcphdr *tcp = (struct tcphdr *)(ip + 1);

	(void)state;
	assert_int_equal(poke_build(&key, SEQ, ACK, packet), 40);
	assert_int_equal(ip->ip_v, 4);
	assert_int_equal(ip->ip_hl, 5);
	assert_int_equal(ntohs(ip->ip_len), 40);
	assert_int_equal(ip->ip_p, IPPROTO_TCP);
	assert_string_equal(inet_ntoa(ip->ip_src), "10.79.0.100");
	assert_string_equal(inet_ntoa(ip->ip_dst), "10.77.0.2");
	check_tcp(tcp);
	assert_int_equal(sum((const uint8_t *)&ip->ip_src, 8, tcp), 0xffff);
}

static void one_over_ipv6(void **state)
{
	struct dfb_flow_key key = flow("fd77::2", "fd79::100");
	uint8_t packet[POKE_ROOM];
	const struct ip6_hdr *ip = (struct ip6_hdr *)packet;
	const struct tcphdr *tcp = (struct tcphdr *)(ip + 1);

	(void)state;
	assert_int_equal(poke_build(&key, SEQ, ACK, packet), 60);
	assert_int_equal(ip->ip6_vfc >> 4, 6);
	assert_int_equal(ntohs(ip->ip6_plen), 20);
	assert_int_equal(ip->ip6_nxt, IPPROTO_TCP);
	assert_true(ip->ip6_hlim > 1);
	assert_memory_equal(&ip->ip6_src, key.service, 16);
	assert_memory_equal(&ip->ip6_dst, key.client, 16);
	check_tcp(tcp);
	assert_int_equal(sum((const uint8_t *)&ip->ip6_src, 32, tcp), 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_over_ipv4),
		cmocka_unit_test(one_over_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
