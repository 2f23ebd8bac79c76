// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes from a client of the control socket. The first one chooses how they come and how the daemon
 * behaves (enum manner); each line of the others has one reply, and whatever they are the client is let go
 * in the end.
 *
 * The server's sources are part of this program: its clients come from socketpair(2), not from a path.
 */
#include <assert.h>
#include <sys/eventfd.h>

#include "base/loop.c"
#include "ctl/server.c"
#include "fuzz.h"

#define SMALL_PIECE 7
#define SMALL_PIECES 40 /* at most */
#define BIG_PIECE 4096

enum manner {
	IN_PIECES = 1,
	ANSWERED_LATER = 2,
	WITH_NEWS = 4, /* for monitors, after each piece */
	NO_STATUS = 8,
};

/**
 * struct run - one client's life
 * @waiting: requests that are answered later
 * @replies: lines with a "code"
 * @asked: lines sent that ask for one
 * @length: of the line that is being sent
 * @cut: a line was too long: what follows is not heard
 */
static struct run {
	unsigned int manner;
	uint64_t waiting;
	size_t replies, asked, length;
	bool cut;
	int peer;
	size_t n;
	char text[CTL_MAX_REQUEST * 8];
} run;

static struct ctl_server server;

/* --- a child, without a process --------------------------------------------------------------- */

struct child {
	int event;
	enum child_end end;
	child_done *done;
	void *arg;
};

static struct child child = {.event = -1};

void child_kill(struct child *c)
{
	if (!c)
		return;
	loop_del(server.loop, c->event);
	close(c->event);
	c->event = -1;
}

static void child_ready(void *arg, uint32_t events)
{
	(void)events;
	child_kill(arg);
	child.done(child.arg, child.end);
}

int child_start(struct loop *loop, int fd, size_t max, child_make *make, child_done *done, void *arg,
		struct child **ret_child)
{
	json_t *doc = make(arg);
	CLEAN_FREE char *line = json_dumps(doc, CTL_JSON);

	assert(child.event < 0);
	json_decref(doc);
	child = (struct child){.event = eventfd(1, EFD_CLOEXEC), .done = done, .arg = arg};
	child.end = !line ? CHILD_NOTHING : strlen(line) > max ? CHILD_BROKEN : CHILD_SENT;
	if (child.end == CHILD_SENT)
		assert(dprintf(fd, "%s\n", line) > 0);
	*ret_child = &child;
	return loop_add(loop, child.event, EPOLLIN, child_ready, &child);
}

/* --- the daemon ------------------------------------------------------------------------------ */

static json_t *give_status(void *arg)
{
	(void)arg;
	return run.manner & NO_STATUS ? NULL : json_pack("{s:s}", "gateway", "gw1");
}

static void take_request(void *arg, uint64_t request, const char *cmd, const json_t *args)
{
	(void)arg;
	assert(cmd && json_is_object(args) && request && !run.waiting);
	if (run.manner & ANSWERED_LATER)
		run.waiting = request;
	else
		ctl_answer_text(&server, request, cmd[0] == 'r' ? CTL_OK : CTL_USAGE, cmd);
}

static const struct ctl_ops ops = {.status = give_status, .request = take_request};

/* --- what it said ---------------------------------------------------------------------------- */

static void check_line(const char *line, size_t n)
{
	json_t *doc = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *code = json_object_get(doc, "code"), *error = json_object_get(doc, "error");

	assert(json_is_object(doc));
	if (!json_object_get(doc, "kind")) {
		assert(json_integer_value(json_object_get(doc, "schema")) == CTL_SCHEMA);
		assert(json_is_integer(code));
		assert(json_integer_value(code) ? json_is_string(error) : json_is_null(error));
		run.replies++;
	}
	json_decref(doc);
}

static void take_what_is_said(void)
{
	ssize_t n = recv(run.peer, run.text + run.n, sizeof(run.text) - run.n, MSG_DONTWAIT);
	char *end;

	run.n += n > 0 ? (size_t)n : 0;
	assert(run.n < sizeof(run.text));
	while ((end = memchr(run.text, '\n', run.n))) {
		check_line(run.text, (size_t)(end - run.text));
		run.n -= (size_t)(end - run.text) + 1;
		memmove(run.text, end + 1, run.n);
	}
}

/* One turn of loop_run(). */
static int turn(void)
{
	struct epoll_event ready[LOOP_BATCH];
	int n = epoll_wait(server.loop->epoll, ready, LOOP_BATCH, 0);

	for (int i = 0; i < n; i++) {
		struct watch *w = ready[i].data.ptr;

		if (w->fd >= 0)
			w->fn(w->arg, ready[i].events);
	}
	bury(server.loop);
	return n;
}

static void settle(void)
{
	do {
		while (turn() > 0)
			take_what_is_said();
		if (run.waiting)
			ctl_answer_text(&server, run.waiting, CTL_OK, "at last");
		run.waiting = 0;
	} while (turn() > 0);
	take_what_is_said();
}

/* --- the client ------------------------------------------------------------------------------ */

static void count_lines(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size && !run.cut; i++) {
		if (data[i] != '\n') {
			run.length++;
			run.cut = run.length == CTL_MAX_REQUEST;
			run.asked += run.cut;
			continue;
		}
		run.asked += run.length != 0;
		run.length = 0;
	}
}

static void say(const uint8_t *data, size_t size)
{
	size_t piece = run.manner & IN_PIECES ? SMALL_PIECE : BIG_PIECE, n;

	for (size_t at = 0; at < size && !run.cut; at += n) {
		if (at > SMALL_PIECES * SMALL_PIECE)
			piece = BIG_PIECE;
		n = size - at < piece ? size - at : piece;
		assert(send(run.peer, data + at, n, MSG_NOSIGNAL) == (ssize_t)n);
		count_lines(data + at, n);
		settle();
		if (run.manner & WITH_NEWS)
			ctl_broadcast(&server, json_pack("{s:s}", "kind", "failover"));
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	server = (struct ctl_server){.loop = loop_new(), .ops = &ops, .listener = {.fd = -1}, .spare = -1};
	assert(server.loop);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];

	if (!size || size > 4 * CTL_MAX_REQUEST)
		return 0;
	assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	run = (struct run){.manner = data[0], .peer = pair[1]};
	admit(&server, pair[0]);
	say(data + 1, size - 1);
	assert(!shutdown(run.peer, SHUT_WR) || errno == ENOTCONN);
	settle();
	assert(run.replies == run.asked);
	assert(!server.clients[0] || server.clients[0]->monitor);
	close(run.peer);
	settle();
	assert(!server.clients[0]);
	for (int fd = 0; fd < server.loop->room; fd++)
		assert(!server.loop->watches[fd]);
	return 0;
}
