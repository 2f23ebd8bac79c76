// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood udp ADDRESS PORT RATE        - datagrams, from the namespace that we are in
 * flood echo DEV MAC ADDRESS RATE    - echo requests out of DEV to a server with that MAC and IPv4
 *                                      address, from 10.78.0.200, which the responders allow
 * flood forge DEV COUNT              - for every probe that comes in at DEV, COUNT forged replies go out
 *                                      there: the server's addresses, and nonce, number or target wrong
 *
 * RATE: packets per second. Until SIGTERM, or the parent's end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <defib/wire.h>

#include "base/loop.h"
#include "base/text.h"

#define BATCH 32
#define PAYLOAD 32
#define FRAME_MAX 256

static void wait_until_ns(uint64_t due)
{
	struct timespec t = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* What could not be sent in time is not made up for. */
static int pour(int fd, const struct iovec *one, uint64_t rate)
{
	struct mmsghdr batch[BATCH] = {0};
	uint64_t due = clock_now_ns(), period = BATCH * 1000000000ull / rate, now;

	for (int i = 0; i < BATCH; i++)
		batch[i].msg_hdr = (struct msghdr){.msg_iov = (struct iovec *)one, .msg_iovlen = 1};
	for (;;) {
		sendmmsg(fd, batch, BATCH, 0); /* refused, or no room: the next batch may pass */
		now = clock_now_ns();
		due = due + period > now ? due + period : now;
		if (due > now)
			wait_until_ns(due);
	}
	return 0;
}

static int flood_udp(char **argv)
{
	uint8_t address[16], payload[PAYLOAD] = {0};
	struct iovec one = {payload, sizeof(payload)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
	uint64_t rate = strtoull(argv[2], NULL, 10);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!rate || address_parse(argv[0], address) || !address_is_ipv4(address))
		return 2;
	memcpy(&to.sin_addr, address + 12, 4);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return 1;
	return pour(fd, &one, rate);
}

/* --- raw frames ------------------------------------------------------------------------------ */

static int open_device(const char *name, int protocol)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)protocol),
				 .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		fprintf(stderr, "flood: %s: %s\n", name, strerror(at.sll_ifindex ? errno : ENODEV));
		return -1;
	}
	return fd;
}

struct echo_frame {
	struct ether_header eth;
	struct ip ip;
	struct udphdr udp;
	uint8_t payload[PAYLOAD];
} __attribute__((packed));

static uint16_t ip_checksum(const struct ip *ip)
{
	const uint16_t *word = (const void *)ip;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*ip) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static int own_mac(const char *device, uint8_t ret_mac[ETH_ALEN])
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

	text_copy(request.ifr_name, sizeof(request.ifr_name), device);
	error = fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) ? -errno : 0;
	if (!error)
		memcpy(ret_mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
	return error;
}

/* The UDP checksum is left out, as IPv4 permits (RFC 768). */
static int flood_echo(char **argv)
{
	struct echo_frame frame = {
		.eth.ether_type = htons(ETHERTYPE_IP),
		.ip = {.ip_v = 4, .ip_hl = 5, .ip_len = htons(sizeof(frame) - sizeof(frame.eth)),
		       .ip_ttl = 64, .ip_p = IPPROTO_UDP, .ip_src.s_addr = htonl(0x0a4e00c8)},
		.udp = {.uh_sport = htons(40000), .uh_dport = htons(DFB_ECHO_PORT),
			.uh_ulen = htons(sizeof(frame.udp) + PAYLOAD)},
	};
	struct iovec one = {&frame, sizeof(frame)};
	struct ether_addr *to = ether_aton(argv[1]);
	uint64_t rate = strtoull(argv[3], NULL, 10);
	int fd = open_device(argv[0], 0);
	struct ip ip;

	if (!to || !rate || inet_pton(AF_INET, argv[2], &frame.ip.ip_dst) != 1)
		return 2;
	if (fd < 0 || own_mac(argv[0], frame.eth.ether_shost))
		return 1;
	memcpy(frame.eth.ether_dhost, to, ETH_ALEN);
	ip = frame.ip;
	frame.ip.ip_sum = ip_checksum(&ip);
	return pour(fd, &one, rate);
}

/* --- forged replies -------------------------------------------------------------------------- */

static void swap(void *a, void *b, size_t size)
{
	uint8_t kept[16];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

/* Where the probe is in the frame; NULL: it is something else. */
static struct dfb_probe *find_probe(uint8_t *frame, size_t size, struct udphdr **ret_udp)
{
	struct ether_header *eth = (void *)frame;
	struct ip *ip = (void *)(eth + 1);
	struct ip6_hdr *ip6 = (void *)(eth + 1);
	bool v6 = eth->ether_type == htons(ETHERTYPE_IPV6);
	size_t head = sizeof(*eth) + (v6 ? sizeof(*ip6) : sizeof(*ip));
	struct dfb_probe *probe = (void *)(frame + head + sizeof(struct udphdr));

	if (size < head + sizeof(struct udphdr) + sizeof(*probe) ||
	    (v6 ? ip6->ip6_nxt : ip->ip_p) != IPPROTO_UDP)
		return NULL;
	*ret_udp = (void *)(frame + head);
	if ((*ret_udp)->uh_dport != htons(DFB_ECHO_PORT) || probe->magic != htonl(DFB_PROBE_MAGIC))
		return NULL;
	return probe;
}

/* As if the server had answered. Nobody checks the checksum before the gateway's program. */
static void turn_round(uint8_t *frame, struct udphdr *udp, struct dfb_probe *probe)
{
	struct ether_header *eth = (void *)frame;
	struct ip *ip = (void *)(eth + 1);
	struct ip6_hdr *ip6 = (void *)(eth + 1);

	swap(eth->ether_dhost, eth->ether_shost, ETH_ALEN);
	if (eth->ether_type == htons(ETHERTYPE_IPV6))
		swap(&ip6->ip6_src, &ip6->ip6_dst, sizeof(ip6->ip6_src));
	else
		swap(&ip->ip_src, &ip->ip_dst, sizeof(ip->ip_src));
	swap(&udp->uh_sport, &udp->uh_dport, sizeof(udp->uh_sport));
	udp->uh_sum = 0;
	probe->flags |= DFB_PROBE_REPLY;
}

/* Never the truth: who has seen a probe could answer it as well as the server. */
static void forge(struct dfb_probe *probe, const struct dfb_probe *model, unsigned int kind)
{
	*probe = *model;
	switch (kind % 4) {
	case 0: probe->nonce = ((__be64)random() << 32 | (__be64)random()) ^ model->nonce ^ 1; break;
	case 1: probe->seq = htonl(ntohl(model->seq) - 1 - kind / 4); break;
	case 2: probe->seq = htonl(ntohl(model->seq) + 1 + kind / 4); break;
	default: probe->target = htonl(ntohl(model->target) ^ 1); break;
	}
}

static int flood_forge(char **argv)
{
	unsigned int count = (unsigned int)atoi(argv[1]);
	int fd = open_device(argv[0], ETH_P_ALL), on = 1;
	uint8_t frame[FRAME_MAX];

	if (fd < 0 || !count)
		return 1;
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	for (;;) {
		ssize_t size = recv(fd, frame, sizeof(frame), 0);
		struct dfb_probe *probe, model;
		struct udphdr *udp;

		probe = size > 0 ? find_probe(frame, (size_t)size, &udp) : NULL;
		if (!probe)
			continue;
		turn_round(frame, udp, probe);
		model = *probe;
		for (unsigned int i = 0; i < count; i++) {
			forge(probe, &model, i);
			send(fd, frame, (size_t)size, 0);
		}
	}
	return 0;
}

static const struct kind {
	const char *name;
	int words;
	int (*run)(char **argv);
} kinds[] = {{"udp", 3, flood_udp}, {"echo", 4, flood_echo}, {"forge", 2, flood_forge}};

int main(int argc, char **argv)
{
	int status = 2;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (argc > 1 && !strcmp(argv[1], kinds[i].name) && argc - 2 == kinds[i].words)
			status = kinds[i].run(argv + 2);
	}
	if (status == 2)
		fprintf(stderr, "usage: flood udp ADDRESS PORT RATE | echo DEV MAC ADDRESS RATE |"
				" forge DEV COUNT\n");
	return status;
}
