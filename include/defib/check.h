/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * defibd <-> defib-check: what is to be asked, and what was answered, over SOCK_SEQPACKET.
 * Both are of one build and on one machine: the host's own layout, and no versions.
 */
#ifndef DEFIB_CHECK_H
#define DEFIB_CHECK_H

#include <stdint.h>

#define CHECK_SOCK_FD 3		/* of defib-check: its end */
#define CHECK_ORDER_MAX 16384u	/* bytes of an order */
#define CHECK_ARGUMENTS_MAX 8192u /* bytes of a script's arguments */
#define CHECK_TEXTS 48		/* texts of an order */
#define CHECK_WHAT_LEN 96	/* of an evidence line, with the closing NUL */
#define CHECK_BATCH 32		/* results of a message */
#define CHECK_MAX 16384u	/* checks of an instance: of a service, on a server, in a family */
#define CHECK_PULSE_NS 1000000000ull /* a message comes at least that often, if empty */

enum check_kind {
	CHECK_TCP,    /* a connection is accepted */
	CHECK_HTTP,   /* a request has the wanted answer (RFC 9110) */
	CHECK_HTTPS,  /* likewise, over TLS */
	CHECK_DNS,    /* a query has the wanted answer (RFC 1035) */
	CHECK_SMTP,   /* greeting, EHLO and QUIT are answered (RFC 5321) */
	CHECK_SCRIPT, /* a program ends with status 0 */
	CHECK_KIND_MAX,
};

/* What many answers come to. */
enum check_state {
	CHECK_UNKNOWN, /* not yet, or no longer, enough answers */
	CHECK_PASS,
	CHECK_FAIL,
	CHECK_STATE_MAX,
};

/* What one attempt comes to. */
enum check_outcome {
	CHECK_GOOD,
	CHECK_BAD,
	CHECK_NONE, /* a fault of ours: it says nothing about the server */
	CHECK_OUTCOME_MAX,
};

/* The texts of an order, by its kind; a script's are its arguments, then its environment. */
enum check_text {
	CHECK_TEXT_NAME,   /* http, https: host of the request; dns: the name asked for; smtp: of EHLO */
	CHECK_TEXT_PATH,   /* http, https: with the leading slash */
	CHECK_TEXT_HEADER, /* http, https: a header line of the answer begins so; empty: any will do */
	CHECK_TEXT_BODY,   /* http, https: what the body has in it; dns: an address; empty: anything */
	CHECK_TEXT_CA,	   /* https: path of the certificates to trust; empty: the system's */
	CHECK_TEXT_MAX,
};

/**
 * struct check_order - check this, or no longer
 * @slot: names the check, below CHECK_MAX
 * @serial: differs for each user of a slot; 0: nothing is checked there any more
 * @group: checks that can stand witness for each other, below 256: one fails, those of other servers are
 *	asked at once
 * @server: whom it asks
 * @kind: enum check_kind
 * @port: host byte order
 * @status: http, https: the wanted one; 0: 200 to 399
 * @verify: https: the certificate must be right for the host
 * @rise: good answers in a row that make it pass
 * @fall: bad answers in a row that make it fail
 * @argc: of @n_texts, the first ones that are a script's arguments
 * @every_ns: between two attempts
 * @fast_ns: likewise, while it is not settled whether it passes or fails
 * @timeout_ns: of an attempt
 * @address: network byte order; an IPv4 address as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2)
 * @length: of @texts
 * @texts: each closed by a NUL
 */
struct check_order {
	uint32_t slot;
	uint32_t serial;
	uint32_t group;
	uint32_t server;
	uint32_t kind;
	uint16_t port;
	uint16_t status;
	uint32_t verify;
	uint32_t rise;
	uint32_t fall;
	uint32_t argc;
	uint64_t every_ns;
	uint64_t fast_ns;
	uint64_t timeout_ns;
	uint8_t address[16];
	uint32_t n_texts;
	uint32_t length;
	char texts[];
};

_Static_assert(sizeof(struct check_order) == 88, "no padding: orders are compared as bytes");

/**
 * struct check_result - an attempt, and what it comes to with those before
 * @slot, @serial: of the order
 * @state: enum check_state, with this attempt
 * @outcome: enum check_outcome, of this attempt
 * @started_ns: when it began
 * @took_ns: until the answer, or the end of the patience
 * @bad_ns: when the first of the bad ones in a row began, 0: it was not bad
 * @what: one line for people
 */
struct check_result {
	uint32_t slot;
	uint32_t serial;
	uint32_t state;
	uint32_t outcome;
	uint64_t started_ns;
	uint64_t took_ns;
	uint64_t bad_ns;
	char what[CHECK_WHAT_LEN];
};

#endif
