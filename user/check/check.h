/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: defib-check
 *
 * Asks services whether they work, thousands of them from one process with one epoll: sockets of its own
 * for tcp, dns and smtp, libcurl's multi interface for http and https, a process for each run of a script.
 * It is a process of its own because it reads what strangers send, with libraries that are not ours: it has
 * no capability, and nothing of the daemon's but a socket. It can die at any time: then nothing is known.
 *
 *   run.c     when to ask, and how long to wait
 *   post.c    orders from the daemon, results to it
 *   tcp.c  dns.c  smtp.c  web.c  script.c      how to ask
 *   socket.c  what the first three of them share
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
struct smtp_talk;
struct web_request;

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
 * @fd: tcp, dns, smtp: socket, -1: none
 * @query_id: dns: of the query under way
 * @web: http, https: who asks
 * @talk: smtp: under way, NULL: none
 * @request: http, https: likewise
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
	struct web *web;
	struct smtp_talk *talk;
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

extern const struct check_method check_tcp, check_dns, check_smtp, check_web, check_script;

/** check_end() - the attempt is over; @what: one line for people */
void check_end(struct check *c, enum check_outcome outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** check_fail() - it is over because of an error: the server's, or our own. @err: errno */
void check_fail(struct check *c, int err);

/** check_loop() - what all checks share */
struct loop *check_loop(struct check *c);

/** check_address() - for connect(2). Return: its length. */
socklen_t check_address(const struct check *c, struct sockaddr_storage *ret_address);

/**
 * check_connect() - a socket of a check, connected or about to be; a stream's end is a reset, which leaves
 *	nothing behind
 * @type: SOCK_STREAM or SOCK_DGRAM
 * @fn: called with the check, when one of @events has come
 * Return: 0, and check.fd is the check's to close by check_close(), or -errno.
 */
int check_connect(struct check *c, int type, uint32_t events, loop_fn *fn);

/** check_connected() - a stream is writable: is that a connection? Return: 0 or -errno. */
int check_connected(const struct check *c);

/** check_close() - the socket, if there is one; it is no longer watched. */
void check_close(struct check *c);

/** check_reset_on_close() - no state of a connection outlives the socket. Return: 0 or -errno. */
int check_reset_on_close(int fd);

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

/**
 * web_find() - libcurl's side of the loop, for those who trust certificates of the same file
 * @list: of all, NULL at first; web_free_all() ends them
 * @ca: as of CHECK_TEXT_CA; copied
 * Return: NULL without memory.
 */
struct web *web_find(struct web **list, struct loop *loop, const char *ca);
void web_free_all(struct web *list);

#endif
