// SPDX-License-Identifier: GPL-2.0-only
#include "shout.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHOUT_TOS IPTOS_CLASS_CS6 /* network control (RFC 4594) */
#define SHOUT_ROOM (1 << 29) /* bytes; the queues are the limit */

static const struct {
	int family, type, protocol;
} kinds[SHOUT_SOCKETS] = {
	{AF_INET, SOCK_DGRAM, IPPROTO_UDP},
	{AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
	{AF_INET, SOCK_RAW, IPPROTO_ICMP},
	{AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
};

/* Nobody reads these sockets: let the kernel forget what comes. */
static int make_deaf(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &nothing};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int set_class(int fd, int family)
{
	int tos = SHOUT_TOS, on = 1;

	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

/* Probes to a neighbour whose MAC address is looked for wait in its queue, some 200 kB for each, and count
 * against the socket that all targets of the family share: with the usual room, one server that is gone
 * would stop the probes of all others for seconds. */
static int set_room(int fd)
{
	int room = SHOUT_ROOM;

	return setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

/* A source port of the ephemeral range: responders refuse those below 1024. */
static int bind_any(int fd, int family)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in6 six;
	} any = {.sa.sa_family = (sa_family_t)family};

	return bind(fd, &any.sa,
		    family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
}

static int open_one(int i, uint64_t *ret_cookie)
{
	socklen_t length = sizeof(*ret_cookie);
	int fd = socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC | SOCK_NONBLOCK, kinds[i].protocol);

	if (fd < 0)
		return -errno;
	if (make_deaf(fd) || set_room(fd) || set_class(fd, kinds[i].family) ||
	    (kinds[i].type == SOCK_DGRAM && bind_any(fd, kinds[i].family)) ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, ret_cookie, &length)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int shout_open(struct shout *s, uint64_t ret_cookies[SHOUT_SOCKETS])
{
	for (int i = 0; i < SHOUT_SOCKETS; i++)
		s->fd[i] = -1;
	s->ident = htons((uint16_t)getpid());
	for (int i = 0; i < SHOUT_SOCKETS; i++) {
		ret_cookies[i] = 0;
		s->fd[i] = open_one(i, &ret_cookies[i]);
		if (s->fd[i] < 0 && s->fd[i] != -EAFNOSUPPORT) {
			int err = s->fd[i];

			shout_close(s);
			return err;
		}
	}
	return 0;
}

void shout_close(struct shout *s)
{
	for (int i = 0; i < SHOUT_SOCKETS; i++) {
		if (s->fd[i] >= 0)
			close(s->fd[i]);
		s->fd[i] = -1;
	}
}

struct shout_icmp {
	uint8_t type;
	uint8_t code;
	uint16_t check;
	uint16_t id;
	uint16_t seq;
	struct dfb_probe probe;
};

/* RFC 1071; the kernel does it for ICMPv6 only. */
static uint16_t checksum(const void *data, size_t size)
{
	const uint16_t *word = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < size / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static socklen_t fill_address(const struct dfb_target *t, bool ipv6, bool udp, struct sockaddr_in6 *ret_to)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret_to;
	uint16_t port = udp ? htons(t->port) : 0;

	if (ipv6) {
		ret_to->sin6_family = AF_INET6;
		ret_to->sin6_port = port;
		memcpy(&ret_to->sin6_addr, t->address, 16);
		return sizeof(*ret_to);
	}
	four->sin_family = AF_INET;
	four->sin_port = port;
	memcpy(&four->sin_addr, t->address + 12, 4);
	return sizeof(*four);
}

static bool is_ipv6(const struct dfb_target *t)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(t->address, mapped, sizeof(mapped)) != 0;
}

int shout_send(struct shout *s, const struct dfb_target *t, const struct dfb_probe *probe)
{
	bool ipv6 = is_ipv6(t), udp = t->probe == DFB_PROBE_ECHO;
	int fd = s->fd[(udp ? 0 : 2) + ipv6];
	struct shout_icmp icmp = {
		.type = ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.id = s->ident,
		.seq = htons((uint16_t)ntohl(probe->seq)),
		.probe = *probe,
	};
	struct sockaddr_in6 to = {};
	socklen_t length = fill_address(t, ipv6, udp, &to);
	const void *data = udp ? (const void *)probe : &icmp;
	size_t size = udp ? sizeof(*probe) : sizeof(icmp);

	if (fd < 0)
		return -EAFNOSUPPORT;
	if (!udp && !ipv6)
		icmp.check = checksum(&icmp, sizeof(icmp));
	return sendto(fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&to, length) < 0 ? -errno : 0;
}
