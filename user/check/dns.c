// SPDX-License-Identifier: GPL-2.0-only
/* A name server answers a query for an address (RFC 1035, RFC 3596) over UDP, with the wanted one or any. */
#include <arpa/nameser.h>
#include <errno.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clean.h"
#include "base/text.h"
#include "check.h"

#define AT_ONCE 16

static const char *rcode_text(int rcode, char *text, size_t size)
{
	static const char *const names[] = {"NOERROR",	"FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};

	if (rcode < (int)ARRAY_SIZE(names))
		return names[rcode];
	snprintf(text, size, "RCODE %d", rcode);
	return text;
}

static bool wants_ipv6(const struct check *c)
{
	return strchr(c->text[CHECK_TEXT_BODY], ':');
}

static char *format_address(const ns_rr *rr, char text[ADDRESS_TEXT_LEN])
{
	uint8_t address[16] = {[10] = 0xff, [11] = 0xff};

	memcpy(ns_rr_type(*rr) == ns_t_a ? address + 12 : address, ns_rr_rdata(*rr), ns_rr_rdlen(*rr));
	return address_format(address, text);
}

static bool has_address(const ns_rr *rr)
{
	return (ns_rr_type(*rr) == ns_t_a && ns_rr_rdlen(*rr) == NS_INADDRSZ) ||
	       (ns_rr_type(*rr) == ns_t_aaaa && ns_rr_rdlen(*rr) == NS_IN6ADDRSZ);
}

/* A chain of aliases (RFC 1034, 3.6.2) that ends nowhere is no address. */
static void judge_records(struct check *c, ns_msg *msg)
{
	const char *wanted = c->text[CHECK_TEXT_BODY];
	char text[ADDRESS_TEXT_LEN] = "";
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*msg, ns_s_an); i++) {
		if (ns_parserr(msg, ns_s_an, i, &rr) || !has_address(&rr))
			continue;
		format_address(&rr, text);
		if (*wanted && strcmp(text, wanted))
			continue;
		check_end(c, CHECK_GOOD, "answered %s", text);
		return;
	}
	if (*text)
		check_end(c, CHECK_BAD, "answered %s, and not %s", text, wanted);
	else
		check_end(c, CHECK_BAD, "answered without an %s record", wants_ipv6(c) ? "AAAA" : "A");
}

/* Return: false: not an answer to this query: go on waiting. */
static bool judge(struct check *c, const unsigned char *bytes, size_t n)
{
	char text[32];
	ns_msg msg;
	int rcode;

	if (n < NS_HFIXEDSZ || ns_get16(bytes) != c->query_id || !(bytes[2] & 0x80))
		return false;
	check_close(c);
	if (ns_initparse(bytes, (int)n, &msg)) {
		check_end(c, CHECK_BAD, "a malformed answer");
		return true;
	}
	rcode = ns_msg_getflag(msg, ns_f_rcode);
	if (rcode)
		check_end(c, CHECK_BAD, "answered %s", rcode_text(rcode, text, sizeof(text)));
	else
		judge_records(c, &msg);
	return true;
}

/* A bounded number at a time: a flood of what is no answer must not keep the others waiting. */
static void on_ready(void *arg, uint32_t events)
{
	unsigned char bytes[4096];
	struct check *c = arg;
	ssize_t n = 0;
	int err;

	(void)events;
	for (int i = 0; i < AT_ONCE; i++) {
		n = recv(c->fd, bytes, sizeof(bytes), 0);
		if (n < 0 || judge(c, bytes, (size_t)n))
			break;
	}
	err = errno;
	if (n >= 0 || err == EAGAIN)
		return;
	check_close(c);
	check_fail(c, err);
}

static int ask(struct check *c)
{
	unsigned char query[NS_PACKETSZ];
	int type = wants_ipv6(c) ? ns_t_aaaa : ns_t_a;
	int n = res_mkquery(ns_o_query, c->text[CHECK_TEXT_NAME], ns_c_in, type, NULL, 0, NULL, query,
			    sizeof(query));
	int err;

	if (n < 0)
		return -EINVAL;
	c->query_id = ns_get16(query);
	err = check_connect(c, SOCK_DGRAM, EPOLLIN, on_ready);
	if (!err && send(c->fd, query, (size_t)n, 0) < 0)
		err = -errno;
	return err;
}

static void start(struct check *c)
{
	int err;

	c->phase = "no answer";
	err = ask(c);
	if (!err)
		return;
	check_close(c);
	check_fail(c, -err);
}

const struct check_method check_dns = {.start = start, .stop = check_close};
