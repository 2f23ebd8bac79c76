// SPDX-License-Identifier: GPL-2.0-only
/*
 * Greeting, EHLO and QUIT are answered well (RFC 5321, 4.1.1 and 4.2). Not with libcurl: that takes leave of
 * a mail server by waiting for its answer, and nobody else would be asked meanwhile.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clean.h"
#include "check.h"

#define LINE_MAX_LEN 512 /* RFC 5321, 4.5.3.1.5; what is longer is not looked at */

enum step { GREETING, EHLO, QUIT, STEP_MAX };

static const struct {
	const char *name;
	const char *missing;
} steps[STEP_MAX] = {
	[GREETING] = {"greeting", "no greeting"},
	[EHLO] = {"EHLO", "no answer to EHLO"},
	[QUIT] = {"QUIT", "no answer to QUIT"},
};

/** struct smtp_talk - a session; @connected: the rest means something */
struct smtp_talk {
	enum step step;
	bool connected;
	size_t used;
	char line[LINE_MAX_LEN + 1];
};

static void stop(struct check *c)
{
	check_close(c);
	free(TAKE_PTR(c->talk));
}

/* They fit into the buffer of a socket that has nothing to send. */
static int say(struct check *c, const char *command, const char *argument)
{
	char text[LINE_MAX_LEN];
	int n = snprintf(text, sizeof(text), "%s%s%s\r\n", command, *argument ? " " : "", argument);

	if (n >= (int)sizeof(text))
		return EMSGSIZE;
	return send(c->fd, text, (size_t)n, MSG_NOSIGNAL) == n ? 0 : errno;
}

static void go_on(struct check *c)
{
	const char *name = c->text[CHECK_TEXT_NAME];
	struct smtp_talk *t = c->talk;
	int err = 0;

	if (t->step == QUIT) {
		stop(c);
		check_end(c, CHECK_GOOD, "answered");
		return;
	}
	t->step++;
	c->phase = steps[t->step].missing;
	err = t->step == EHLO ? say(c, "EHLO", *name ? name : "defib") : say(c, "QUIT", "");
	if (!err)
		return;
	stop(c);
	check_fail(c, err);
}

static bool has_code(const char *line)
{
	return isdigit((unsigned char)line[0]) && isdigit((unsigned char)line[1]) &&
	       isdigit((unsigned char)line[2]) && strchr(" -", line[3]);
}

/* "250-" is followed by more lines of the same answer, "250 " and "250" are not. Return: it goes on. */
static bool take_line(struct check *c)
{
	const struct smtp_talk *t = c->talk;
	char line[LINE_MAX_LEN + 1];

	memcpy(line, t->line, t->used + 1);
	if (!has_code(line) || line[0] != '2') {
		enum step step = t->step;

		stop(c);
		check_end(c, CHECK_BAD, "%s: %s%s", steps[step].name, has_code(line) ? "" : "not SMTP: ",
			  line);
		return false;
	}
	if (line[3] != '-')
		go_on(c);
	return c->talk;
}

static void take(struct check *c, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct smtp_talk *t = c->talk;

		if (bytes[i] == '\n') {
			t->line[t->used] = '\0';
			if (!take_line(c))
				return;
			t->used = 0;
		} else if (bytes[i] != '\r' && t->used < LINE_MAX_LEN) {
			t->line[t->used++] = bytes[i];
		}
	}
}

static void on_bytes(struct check *c)
{
	enum step step = c->talk->step;
	char bytes[1024];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
	int err = errno;

	if (n > 0) {
		take(c, bytes, (size_t)n);
		return;
	}
	if (n < 0 && err == EAGAIN)
		return;
	stop(c);
	if (n < 0)
		check_fail(c, err);
	else
		check_end(c, CHECK_BAD, "closed the connection: %s", steps[step].missing);
}

static void on_ready(void *arg, uint32_t events)
{
	struct check *c = arg;
	int err;

	(void)events;
	if (c->talk->connected) {
		on_bytes(c);
		return;
	}
	err = check_connected(c);
	if (!err)
		err = loop_change(check_loop(c), c->fd, EPOLLIN);
	if (err) {
		stop(c);
		check_fail(c, -err);
		return;
	}
	c->talk->connected = true;
	c->phase = steps[GREETING].missing;
}

static void start(struct check *c)
{
	int err = -ENOMEM;

	c->phase = "no connection";
	c->talk = calloc(1, sizeof(*c->talk));
	if (c->talk)
		err = check_connect(c, SOCK_STREAM, EPOLLOUT, on_ready);
	if (!err)
		return;
	stop(c);
	check_fail(c, -err);
}

const struct check_method check_smtp = {.start = start, .stop = stop};
