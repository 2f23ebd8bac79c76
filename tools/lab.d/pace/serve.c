// SPDX-License-Identifier: GPL-2.0-only
/*
 * The servers' side: `pace serve` answers every request with its name, over UDP and TCP; `pace echo`
 * sends datagrams back unchanged (RFC 862). Both answer from the address that was asked, which with
 * several addresses (a service address on the loopback) only IP_PKTINFO can guarantee.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../pace.h"

struct server {
	uint16_t port;
	bool tcp;
	bool echo;
	char name[PACE_NAME_LEN];
};

static int bind_any(int fd, int family, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int on = 1;

	if (pace_address(family == AF_INET ? "0.0.0.0" : "::", port, &sa, &len))
		return -EINVAL;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&sa, len) ? -errno : 0;
}

static int open_udp(int family, uint16_t port)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int size = 4 << 20, on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	if (!bind_any(fd, family, port))
		return fd;
	close(fd);
	return -EADDRINUSE;
}

static int open_tcp(int family, uint16_t port)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (!bind_any(fd, family, port) && !listen(fd, 64))
		return fd;
	close(fd);
	return -EADDRINUSE;
}

/* The destination of the request becomes the source of the reply; the interface is left to routing. */
static void answer_from_asked(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);

			info->ipi_spec_dst = info->ipi_addr;
			info->ipi_ifindex = 0;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(c);

			info->ipi6_ifindex = 0;
		}
	}
}

static bool is_request(const struct server *s, void *data, size_t len)
{
	struct pace_packet *packet = data;

	if (s->echo)
		return true;
	if (len != sizeof(*packet) || packet->magic != PACE_MAGIC)
		return false;
	memcpy(packet->name, s->name, sizeof(packet->name));
	return true;
}

/* A sender on our own port, or below 1024, may be another reflector: two would never stop. */
static bool is_reflector(const struct server *s, const struct sockaddr_storage *from)
{
	uint16_t port = from->ss_family == AF_INET ? ((const struct sockaddr_in *)from)->sin_port
						   : ((const struct sockaddr_in6 *)from)->sin6_port;

	return ntohs(port) == s->port || ntohs(port) < 1024;
}

static void answer_datagrams(const struct server *s, int fd)
{
	static _Alignas(8) char data[65536];
	char control[256];
	struct sockaddr_storage from;
	ssize_t len;

	for (;;) {
		struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
		struct msghdr msg = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov,
				     .msg_iovlen = 1, .msg_control = control,
				     .msg_controllen = sizeof(control)};

		len = recvmsg(fd, &msg, 0);
		if (len < 0 && errno != EAGAIN && errno != EINTR)
			continue; /* an ICMP error about an earlier reply */
		if (len < 0)
			return;
		if (is_reflector(s, &from) || !is_request(s, data, (size_t)len))
			continue;
		iov.iov_len = (size_t)len;
		answer_from_asked(&msg);
		sendmsg(fd, &msg, MSG_NOSIGNAL);
	}
}

static void answer_connections(const struct server *s, int fd)
{
	int client;

	while ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		dprintf(client, "%s\n", s->name);
		close(client);
	}
}

static int open_all(const struct server *s, struct pollfd fds[4])
{
	static const int families[] = {AF_INET, AF_INET6};
	int n = 0;

	for (int i = 0; i < 2; i++) {
		fds[n++] = (struct pollfd){.fd = open_udp(families[i], s->port), .events = POLLIN};
		if (s->tcp)
			fds[n++] = (struct pollfd){.fd = open_tcp(families[i], s->port), .events = POLLIN};
	}
	for (int i = 0; i < n; i++) {
		if (fds[i].fd < 0) {
			fprintf(stderr, "pace: port %u: %s\n", s->port, strerror(-fds[i].fd));
			return -EADDRINUSE;
		}
	}
	return n;
}

static int run(const struct server *s)
{
	struct pollfd fds[4];
	int n = open_all(s, fds);

	if (n < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(fds, (nfds_t)n, -1) < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++) {
			if (!(fds[i].revents & POLLIN))
				continue;
			if (s->tcp && i % 2)
				answer_connections(s, fds[i].fd);
			else
				answer_datagrams(s, fds[i].fd);
		}
	}
}

int pace_serve(int argc, char **argv)
{
	static const struct option options[] = {
		{"name", required_argument, NULL, 'n'}, {"port", required_argument, NULL, 'p'}, {0}};
	struct server s = {.echo = !strcmp(argv[0], "echo")};
	int c;

	s.tcp = !s.echo;
	s.port = s.echo ? 7 : 9000;
	gethostname(s.name, sizeof(s.name) - 1);
	while ((c = getopt_long(argc, argv, "n:p:", options, NULL)) >= 0) {
		if (c == 'n')
			text_copy(s.name, sizeof(s.name), optarg);
		else if (c == 'p')
			s.port = (uint16_t)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (!s.port || optind != argc)
		return 2;
	signal(SIGPIPE, SIG_IGN); /* a client that did not wait for its answer */
	pace_prefer();
	return run(&s);
}
