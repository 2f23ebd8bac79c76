// SPDX-License-Identifier: GPL-2.0-only
/* A name server answers a query for an A record (RFC 1035), over UDP. */
#include <arpa/nameser.h>
#include <errno.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clean.h"
#include "check.h"

static void stop(struct check *c)
{
	if (c->fd < 0)
		return;
	loop_del(check_loop(c), c->fd);
	close(TAKE_FD(c->fd));
}

static const char *rcode_text(int rcode, char *text, size_t size)
{
	static const char *const names[] = {"NOERROR",	"FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};

	if (rcode < (int)ARRAY_SIZE(names))
		return names[rcode];
	snprintf(text, size, "RCODE %d", rcode);
	return text;
}

/* Return: false: not an answer to this query: go on waiting. */
static bool judge(struct check *c, const unsigned char *bytes, size_t n)
{
	char text[32];
	ns_msg msg;
	int rcode;

	if (n < NS_HFIXEDSZ || ns_get16(bytes) != c->query_id || !(bytes[2] & 0x80))
		return false;
	stop(c);
	if (ns_initparse(bytes, (int)n, &msg)) {
		check_end(c, CHECK_BAD, "a malformed answer");
		return true;
	}
	rcode = ns_msg_getflag(msg, ns_f_rcode);
	if (rcode)
		check_end(c, CHECK_BAD, "answered %s", rcode_text(rcode, text, sizeof(text)));
	else if (!ns_msg_count(msg, ns_s_an))
		check_end(c, CHECK_BAD, "answered without an A record");
	else
		check_end(c, CHECK_GOOD, "answered");
	return true;
}

static void on_ready(void *arg, uint32_t events)
{
	unsigned char bytes[4096];
	struct check *c = arg;
	ssize_t n;

	(void)events;
	while ((n = recv(c->fd, bytes, sizeof(bytes), 0)) >= 0) {
		if (judge(c, bytes, (size_t)n))
			return;
	}
	if (errno == EAGAIN)
		return;
	n = errno;
	stop(c);
	check_fail(c, (int)n);
}

static int ask(struct check *c)
{
	unsigned char query[NS_PACKETSZ];
	struct sockaddr_storage to;
	socklen_t size = check_address(c, &to);
	int n = res_mkquery(ns_o_query, c->text[CHECK_TEXT_NAME], ns_c_in, ns_t_a, NULL, 0, NULL, query,
			    sizeof(query));

	if (n < 0)
		return EINVAL;
	c->query_id = ns_get16(query);
	c->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, size) || send(c->fd, query, (size_t)n, 0) < 0)
		return errno;
	return -loop_add(check_loop(c), c->fd, EPOLLIN, on_ready, c);
}

static void start(struct check *c)
{
	int err;

	c->phase = "no answer";
	err = ask(c);
	if (!err)
		return;
	clean_close(&c->fd);
	c->fd = -1;
	check_fail(c, err);
}

const struct check_method check_dns = {.start = start, .stop = stop};
