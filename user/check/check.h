/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: defib-check
 *
 * Asks services whether they work, thousands of them from one process with one epoll: sockets of its own
 * for tcp and dns, libcurl's multi interface for http, https and smtp, a process for each run of a script.
 * It is a process of its own because it reads what strangers send, with libraries that are not ours: it has
 * no capability, and nothing of the daemon's but a socket. It can die at any time: then nothing is known.
 *
 *   run.c     when to ask, and how long to wait
 *   post.c    orders from the daemon, results to it
 *   tcp.c  dns.c  web.c  script.c      how to ask
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <defib/check.h>

#include "act/hook.h"
#include "base/loop.h"
#include "core/tally.h"

struct run;
struct post;
struct web;

/**
 * struct check - one thing to ask, again and again
 * @order: owned
 * @text: of the order, NULL-terminated
 * @next: of the same group
 * @running: it was asked, and has not answered
 * @graced: we came late to its deadline once: it got more time
 * @again: ask once more as soon as it has answered
 * @witness: its next answer is waited for
 * @phase: what the answer is being waited for: "no connection"
 * @fd: tcp, dns: socket, -1: none
 * @query_id: dns: of the query under way
 * @request: http, https, smtp: under way, NULL: none
 * @argv: script: its arguments, NULL-terminated
 * @hook: script
 */
struct check {
	struct run *run;
	struct check_order *order;
	char *text[CHECK_TEXTS + 1];
	struct check *next;
	struct tally tally;
	bool running;
	bool graced;
	bool again;
	bool witness;
	uint64_t started_ns;
	const char *phase;
	int fd;
	uint16_t query_id;
	struct web_request *request;
	char *argv[CHECK_TEXTS + 1];
	struct hook hook;
};

/**
 * struct check_method - how a kind of check asks
 * @start: ask; ends with check_end(), at once or later
 * @stop: forget the question
 * @patience_ns: beyond the timeout, if the method keeps that itself
 */
struct check_method {
	void (*start)(struct check *c);
	void (*stop)(struct check *c);
	uint64_t patience_ns;
};

extern const struct check_method check_tcp, check_dns, check_web, check_script;

/** check_end() - the attempt is over; @what: one line for people */
void check_end(struct check *c, enum check_outcome outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** check_fail() - it is over because of an error: the server's, or our own. @err: errno */
void check_fail(struct check *c, int err);

/** check_loop(), check_libcurl() - what all checks share */
struct loop *check_loop(struct check *c);
struct web *check_web_of(struct check *c);

/** check_address() - for connect(2). Return: its length. */
socklen_t check_address(const struct check *c, struct sockaddr_storage *ret_address);

/**
 * run_new() - a schedule without checks
 * @post: results go there
 * Return: NULL without memory or descriptors.
 */
struct run *run_new(struct loop *loop, struct post *post);
void run_free(struct run *run);

/** run_order() - begin, or end, to check. @order: copied. Return: 0, -EINVAL or -ENOMEM. */
int run_order(struct run *run, const struct check_order *order);

/** post_open() - take orders from a socket, until it closes: then the loop stops. Return: 0 or -errno. */
int post_open(struct loop *loop, int sock, struct post **ret_post);
void post_close(struct post *post);
void post_attach(struct post *post, struct run *run);

/** post_result() - to be sent; @urgent: with the end of this round of the loop */
void post_result(struct post *post, const struct check_result *result, bool urgent);

/** web_new() - libcurl's side of the loop. Return: NULL without memory. */
struct web *web_new(struct loop *loop);
void web_free(struct web *web);

#endif
