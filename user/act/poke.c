// SPDX-License-Identifier: GPL-2.0-only
#include "poke.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/clean.h"
#include "base/text.h"

#define POKE_TTL 64
#define POKE_MAPPED 12 /* bytes before the IPv4 address in a mapped one */
#define POKE_BUFFER (4 << 20)

struct poke {
	int fd[DFB_FAMILIES];
};

/* --- the packet ------------------------------------------------------------------------------ */

/* RFC 1071; @size is even. */
static uint32_t add_sum(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void put_tcp(const struct dfb_flow_key *flow, uint32_t seq, uint32_t ack, struct tcphdr *tcp)
{
	size_t skip = address_is_ipv4(flow->client) ? POKE_MAPPED : 0;
	uint32_t sum = IPPROTO_TCP + sizeof(*tcp);

	tcp->th_sport = htons(flow->service_port);
	tcp->th_dport = htons(flow->client_port);
	tcp->th_seq = htonl(seq);
	tcp->th_ack = htonl(ack);
	tcp->th_off = sizeof(*tcp) / 4;
	tcp->th_flags = TH_ACK;
	sum = add_sum(sum, flow->service + skip, sizeof(flow->service) - skip);
	sum = add_sum(sum, flow->client + skip, sizeof(flow->client) - skip);
	tcp->th_sum = fold(add_sum(sum, tcp, sizeof(*tcp)));
}

static uint32_t put_ip4(const struct dfb_flow_key *flow, struct ip *ip)
{
	*ip = (struct ip){
		.ip_v = IPVERSION,
		.ip_hl = sizeof(*ip) / 4,
		.ip_len = htons(sizeof(*ip) + sizeof(struct tcphdr)),
		.ip_off = htons(IP_DF),
		.ip_ttl = POKE_TTL,
		.ip_p = IPPROTO_TCP,
	};
	memcpy(&ip->ip_src, flow->service + POKE_MAPPED, sizeof(ip->ip_src));
	memcpy(&ip->ip_dst, flow->client + POKE_MAPPED, sizeof(ip->ip_dst));
	return sizeof(*ip);
}

static uint32_t put_ip6(const struct dfb_flow_key *flow, struct ip6_hdr *ip)
{
	*ip = (struct ip6_hdr){.ip6_plen = htons(sizeof(struct tcphdr))};
	ip->ip6_vfc = 6 << 4;
	ip->ip6_nxt = IPPROTO_TCP;
	ip->ip6_hlim = POKE_TTL;
	memcpy(&ip->ip6_src, flow->service, sizeof(ip->ip6_src));
	memcpy(&ip->ip6_dst, flow->client, sizeof(ip->ip6_dst));
	return sizeof(*ip);
}

uint32_t poke_build(const struct dfb_flow_key *flow, uint32_t seq, uint32_t ack,
		    uint8_t ret_packet[POKE_ROOM])
{
	uint32_t ip;

	memset(ret_packet, 0, POKE_ROOM);
	ip = address_is_ipv4(flow->client) ? put_ip4(flow, (struct ip *)ret_packet) :
					     put_ip6(flow, (struct ip6_hdr *)ret_packet);
	put_tcp(flow, seq, ack, (struct tcphdr *)(ret_packet + ip));
	return ip + (uint32_t)sizeof(struct tcphdr);
}

/* --- the sockets ----------------------------------------------------------------------------- */

/* For IPPROTO_RAW the header is the sender's own: its source is whom it speaks for. */
static int open_raw(int domain)
{
	int fd = socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW), size = POKE_BUFFER;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

int poke_new(struct poke **ret_poke)
{
	struct poke *poke = calloc(1, sizeof(*poke));

	if (!poke)
		return -ENOMEM;
	poke->fd[DFB_FAMILY_IPV4] = open_raw(AF_INET);
	poke->fd[DFB_FAMILY_IPV6] = open_raw(AF_INET6);
	if (poke->fd[DFB_FAMILY_IPV4] < 0) {
		int err = poke->fd[DFB_FAMILY_IPV4];

		poke_free(poke);
		return err;
	}
	*ret_poke = poke;
	return 0;
}

void poke_free(struct poke *poke)
{
	if (!poke)
		return;
	for (uint32_t family = 0; family < DFB_FAMILIES; family++)
		clean_close(&poke->fd[family]);
	free(poke);
}

static int send_to(int fd, const struct dfb_flow_key *flow, const uint8_t *packet, uint32_t size)
{
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	bool ipv4 = address_is_ipv4(flow->client);
	const struct sockaddr *to = ipv4 ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6;

	memcpy(&to4.sin_addr, flow->client + POKE_MAPPED, sizeof(to4.sin_addr));
	memcpy(&to6.sin6_addr, flow->client, sizeof(to6.sin6_addr));
	return sendto(fd, packet, size, 0, to, ipv4 ? sizeof(to4) : sizeof(to6)) < 0 ? -errno : 0;
}

int poke_send(struct poke *poke, const struct dfb_flow_key *flow)
{
	int fd = poke->fd[address_is_ipv4(flow->client) ? DFB_FAMILY_IPV4 : DFB_FAMILY_IPV6];
	uint32_t numbers[2] = {0};
	uint8_t packet[POKE_ROOM] __attribute__((aligned(4)));

	if (fd < 0)
		return -EAFNOSUPPORT;
	getrandom(numbers, sizeof(numbers), GRND_NONBLOCK);
	return send_to(fd, flow, packet, poke_build(flow, numbers[0], numbers[1], packet));
}
