// SPDX-License-Identifier: GPL-2.0-only
/*
 * stay serve NAME PORT             - keep TCP connections open: say NAME on each, and return what comes
 * stay ADDRESS PORT COUNT [PERIOD] - open COUNT connections, and listen; every PERIOD (10ms) say something
 *                                    on each of them, which must come back
 *
 * A client writes a line of JSON when all are open: {"mono_ns", "open", "from"}, and one for each that ends:
 * {"mono_ns", "ended", "said", "heard"}, with the error's name ("reset") or "closed"; `said` and `heard` are
 * bytes. It ends with its last connection, or by a signal, with a line of sums: {"open", "said", "heard"}.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/loop.h"
#include "base/text.h"

#define BATCH 64
#define NAME_MAX_LEN 32

struct connection {
	int fd;
	bool greeted;
	uint64_t said, heard;
};

static struct {
	int epoll;
	uint32_t n, open, greeted;
	struct connection *list;
	char from[NAME_MAX_LEN];
} all;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = number;
}

static int fail(const char *what)
{
	fprintf(stderr, "stay: %s: %s\n", what, strerror(errno));
	return 1;
}

static int watch(int fd, uint64_t data)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = data};

	return epoll_ctl(all.epoll, EPOLL_CTL_ADD, fd, &ev);
}

/* --- the server ------------------------------------------------------------------------------ */

static int listen_on(uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, off = 0;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	return bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 4096) ? -1 : fd;
}

static void take_all(int listener, const char *name)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (dprintf(fd, "%s\n", name) < 0 || watch(fd, (uint64_t)fd))
			close(fd);
	}
}

static void give_back(int fd)
{
	char data[4096];
	ssize_t n = read(fd, data, sizeof(data));

	if (n > 0)
		n = send(fd, data, (size_t)n, MSG_NOSIGNAL);
	if (!n || (n < 0 && errno != EAGAIN))
		close(fd);
}

static int serve(const char *name, uint16_t port)
{
	int listener = listen_on(port);
	struct epoll_event ready[BATCH];

	signal(SIGPIPE, SIG_IGN); /* a client that did not wait for the name */
	if (listener < 0 || watch(listener, (uint64_t)listener))
		return fail("listen");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(all.epoll, ready, BATCH, -1);

		for (int i = 0; i < n; i++) {
			if ((int)ready[i].data.u64 == listener)
				take_all(listener, name);
			else
				give_back((int)ready[i].data.u64);
		}
	}
}

/* --- the client ------------------------------------------------------------------------------ */

static int connect_to(const uint8_t address[16], uint16_t port)
{
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	bool ipv4 = address_is_ipv4(address);
	int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	memcpy(&to6.sin6_addr, address, 16);
	memcpy(&to4.sin_addr, address + 12, 4);
	if (fd < 0 || connect(fd, ipv4 ? (void *)&to4 : (void *)&to6, ipv4 ? sizeof(to4) : sizeof(to6)))
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void end(struct connection *c, const char *how)
{
	printf("{\"mono_ns\":%llu,\"ended\":\"%s\",\"said\":%llu,\"heard\":%llu}\n",
	       (unsigned long long)clock_now_ns(), how, (unsigned long long)c->said,
	       (unsigned long long)c->heard);
	fflush(stdout);
	close(c->fd);
	c->fd = -1;
	all.open--;
}

static void end_by_error(struct connection *c)
{
	end(c, errno == ECONNRESET ? "reset" : strerror(errno));
}

static void greet(struct connection *c, const char *data, ssize_t n)
{
	c->greeted = true;
	snprintf(all.from, sizeof(all.from), "%.*s", (int)n - 1, data);
	if (++all.greeted < all.n)
		return;
	printf("{\"mono_ns\":%llu,\"open\":%u,\"from\":\"%s\"}\n", (unsigned long long)clock_now_ns(), all.n,
	       all.from);
	fflush(stdout);
}

static void hear(struct connection *c)
{
	char data[4096];
	ssize_t n = read(c->fd, data, sizeof(data));

	if (n < 0 && errno != EAGAIN)
		end_by_error(c);
	else if (!n)
		end(c, "closed");
	else if (n > 0 && !c->greeted)
		greet(c, data, n);
	else if (n > 0)
		c->heard += (uint64_t)n;
}

static void say_all(void)
{
	for (uint32_t i = 0; i < all.n; i++) {
		struct connection *c = &all.list[i];

		if (c->fd < 0 || !c->greeted)
			continue;
		if (send(c->fd, "here\n", 5, MSG_NOSIGNAL) == 5)
			c->said += 5;
		else
			end_by_error(c);
	}
}

static int talk(uint64_t period_ns)
{
	struct epoll_event ready[BATCH];
	uint64_t said = 0, heard = 0, due = clock_now_ns() + period_ns;

	while (all.open && !stopped) {
		uint64_t now = clock_now_ns();
		int wait = !period_ns ? -1 : due > now ? (int)((due - now + 999999) / 1000000) : 0;
		int n = epoll_wait(all.epoll, ready, BATCH, wait);

		for (int i = 0; i < n; i++)
			hear(&all.list[ready[i].data.u64]);
		if (period_ns && clock_now_ns() >= due) {
			say_all();
			due = clock_now_ns() + period_ns;
		}
	}
	for (uint32_t i = 0; i < all.n; i++) {
		said += all.list[i].said;
		heard += all.list[i].heard;
	}
	printf("{\"open\":%u,\"said\":%llu,\"heard\":%llu}\n", all.open, (unsigned long long)said,
	       (unsigned long long)heard);
	return 0;
}

static int stay(const char *address, uint16_t port, uint32_t n, uint64_t period_ns)
{
	struct sigaction action = {.sa_handler = on_signal};
	uint8_t to[16];

	if (address_parse(address, to))
		return fail(address);
	sigaction(SIGTERM, &action, NULL);
	all.list = calloc(n, sizeof(*all.list));
	for (uint32_t i = 0; all.list && i < n; i++, all.n++, all.open++) {
		all.list[i].fd = connect_to(to, port);
		if (all.list[i].fd < 0 || watch(all.list[i].fd, i))
			return fail("connect");
	}
	return talk(period_ns);
}

int main(int argc, char **argv)
{
	struct rlimit files = {1 << 20, 1 << 20};
	uint64_t period_ns = 0;

	setrlimit(RLIMIT_NOFILE, &files);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	all.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(argv[2], (uint16_t)strtoul(argv[3], NULL, 10));
	if (argc < 4 || argc > 5 || (argc == 5 && duration_parse(argv[4], &period_ns))) {
		fprintf(stderr, "usage: stay serve NAME PORT | stay ADDRESS PORT COUNT [PERIOD]\n");
		return 2;
	}
	return stay(argv[1], (uint16_t)strtoul(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10),
		    period_ns);
}
