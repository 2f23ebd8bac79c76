/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A network namespace of the test's own, without a name: it vanishes with the process, however
 * that ends. e0 and e1 face servers, g0 faces clients; each has its far end (e0p, ...) beside it,
 * which is up and says nothing.
 */
#ifndef SELFTESTS_NET_WORLD_H
#define SELFTESTS_NET_WORLD_H

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

/** shell() - run one line of sh(1); it must succeed. */
static inline void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void shell(const char *format, ...)
{
	char line[1024];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	status = system(line);
	if (status != 0)
		fail_msg("`%s` failed", line);
}

/** output() - what a line of sh(1) prints; freed by the caller. */
static inline char *output(const char *line)
{
	FILE *pipe = popen(line, "r");
	size_t size = 1 << 20;
	char *text = calloc(1, size);

	assert_non_null(pipe);
	assert_non_null(text);
	if (fread(text, 1, size - 1, pipe) == size - 1)
		fail_msg("`%s` prints too much", line);
	pclose(pipe);
	return text;
}

/** holds() - does the line of sh(1) succeed? */
static inline int holds(const char *line)
{
	return system(line) == 0;
}

#define EVERYTHING                                                                       \
	"{ ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; ip nexthop; } " \
	"| sed 's/ expires [0-9]*sec//'"

static inline int world_new(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		fprintf(stderr, "this test needs root and network namespaces: %s\n", strerror(errno));
		return -1;
	}
	shell("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0");
	shell("ip link set lo up");
	for (const char *const *name = (const char *const[]){ "e0", "e1", "g0", NULL }; *name; name++)
		shell("ip link add %s type veth peer name %sp && ip link set %s up && ip link set %sp up", *name,
		      *name, *name, *name);
	shell("ip addr add 10.78.0.1/24 dev e0 && ip addr add fd78::1/64 dev e0 nodad");
	shell("ip addr add 10.78.1.1/24 dev e1 && ip addr add fd78:1::1/64 dev e1 nodad");
	shell("ip addr add 10.77.0.1/24 dev g0 && ip addr add fd77::1/64 dev g0 nodad");
	/* Link-local addresses come on their own; wait, so that what is there stays the same. */
	shell("for i in $(seq 200); do [ $(ip -6 -o addr show scope link | grep -vc tentative) = 6 ] && exit 0; "
	      "sleep 0.02; done; exit 1");
	return 0;
}

/** world_can() - say it once, before cmocka says it for each test. */
static inline int world_can(void)
{
	if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0)
		return 1;
	fprintf(stderr, "this test needs root and network namespaces (CAP_SYS_ADMIN, CAP_NET_ADMIN)\n");
	return 0;
}

#endif
