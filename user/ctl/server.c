// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers and broadcasts only fill a client's buffer; reading, writing and freeing happen in the
 * callbacks of the loop alone, so nothing that the daemon calls can pull a client away under it.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/clean.h>
#include <base/log.h>

#include "child.h"
#include "listener.h"

#define CTL_LAST_WORDS 256 /* room beyond a monitor's limit for the line that says why it ends */

/* Bytes [start, end) of data are waiting. */
struct outbox {
	char *data;
	size_t start;
	size_t end;
	size_t size;
};

struct client {
	struct ctl_server *server;
	int fd;
	bool monitor;
	bool eof;     /* it will send nothing more */
	bool closing; /* no more requests; goes when the outbox is empty */
	uint64_t pending; /* request under way; 0: none */
	struct child *child; /* that answers one */
	size_t n_in;
	char in[CTL_MAX_REQUEST];
	struct outbox out;
};

struct ctl_server {
	struct loop *loop;
	const struct ctl_ops *ops;
	void *arg;
	struct listener listener;
	int spare; /* given up for a moment when there are no descriptors left */
	uint64_t last_request;
	struct client *clients[CTL_MAX_CLIENTS];
};

enum ctl_code ctl_code_of(int error)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return CTL_OK;
	case EPERM:
	case EACCES:
		return CTL_DENIED;
	case EINVAL:
	case ENOENT: /* a name that is not in the configuration */
		return CTL_USAGE;
	case ETIMEDOUT:
		return CTL_TIMED_OUT;
	default:
		return CTL_FAILED;
	}
}

static const char *code_text(enum ctl_code code)
{
	switch (code) {
	case CTL_USAGE:
		return "wrong usage";
	case CTL_UNREACHABLE:
		return "unreachable";
	case CTL_DENIED:
		return "not permitted";
	case CTL_DEGRADED:
		return "degraded";
	case CTL_NO_QUORUM:
		return "no quorum";
	case CTL_TIMED_OUT:
		return "timed out";
	default:
		return "failed";
	}
}

/* --- outbox ---------------------------------------------------------------------------------- */

static int outbox_room(struct outbox *o, size_t n)
{
	size_t size = o->size ? o->size : 4096;
	char *data;

	if (o->start) {
		memmove(o->data, o->data + o->start, o->end - o->start);
		o->end -= o->start;
		o->start = 0;
	}
	while (size - o->end < n)
		size *= 2;
	if (size == o->size)
		return 0;
	data = realloc(o->data, size);
	if (!data)
		return -ENOMEM;
	o->data = data;
	o->size = size;
	return 0;
}

static size_t outbox_length(const struct outbox *o)
{
	return o->end - o->start;
}

static int outbox_put(struct outbox *o, const char *line, size_t n)
{
	if (outbox_room(o, n + 1))
		return -ENOMEM;
	memcpy(o->data + o->end, line, n);
	o->data[o->end + n] = '\n';
	o->end += n + 1;
	return 0;
}

/* An idle client keeps no megabytes of the last answer. */
static void outbox_reset(struct outbox *o)
{
	free(o->data);
	*o = (struct outbox){0};
}

/* --- one client ------------------------------------------------------------------------------ */

static void client_free(struct client *c)
{
	struct ctl_server *server = c->server;

	for (int i = 0; i < CTL_MAX_CLIENTS; i++) {
		if (server->clients[i] == c)
			server->clients[i] = NULL;
	}
	child_kill(c->child);
	loop_del(server->loop, c->fd);
	close(c->fd);
	free(c->out.data);
	free(c);
}

/* What we owe comes first: while an answer is outstanding or unread, no new request is taken. */
static bool client_is_busy(const struct client *c)
{
	return c->pending || c->child || outbox_length(&c->out);
}

static void client_watch(struct client *c)
{
	uint32_t events = 0;

	if (!client_is_busy(c) && !c->eof && !c->closing)
		events |= EPOLLIN;
	if (outbox_length(&c->out) && !c->child)
		events |= EPOLLOUT;
	loop_change(c->server->loop, c->fd, events);
}

/* The reply as a line; one that cannot be made or sent ends the connection. */
static void client_put(struct client *c, json_t *doc)
{
	CLEAN_FREE char *line = json_dumps(doc, CTL_JSON);
	size_t n = line ? strlen(line) : 0;

	if (!line || n > CTL_MAX_REPLY || outbox_put(&c->out, line, n))
		c->closing = true;
	json_decref(doc);
	client_watch(c);
}

static json_t *envelope(enum ctl_code code, json_t *body)
{
	if (!body)
		body = json_object();
	json_object_set_new(body, "schema", json_integer(CTL_SCHEMA));
	if (!json_object_get(body, "error"))
		json_object_set_new(body, "error", code ? json_string(code_text(code)) : json_null());
	json_object_set_new(body, "code", json_integer(code));
	return body;
}

static void client_refuse(struct client *c, enum ctl_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void client_refuse(struct client *c, enum ctl_code code, const char *format, ...)
{
	char text[CTL_LAST_WORDS - 64];
	va_list args;
	json_t *error;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error = json_string(text);
	if (!error) /* the format cut a character of theirs in two, or they sent no UTF-8 */
		error = json_string(code_text(code));
	client_put(c, envelope(code, json_pack("{s:o}", "error", error)));
}

static json_t *make_status(void *arg)
{
	const struct client *c = arg;
	json_t *status = c->server->ops->status(c->server->arg);

	return status ? envelope(CTL_OK, status) : NULL;
}

static void client_end_or_go_on(struct client *c);
static void client_take_lines(struct client *c);

static void no_status(struct client *c)
{
	client_refuse(c, CTL_FAILED, "the status cannot be read just now");
}

static void status_done(void *arg, enum child_end end)
{
	struct client *c = arg;

	c->child = NULL;
	if (end == CHILD_NOTHING)
		no_status(c);
	c->closing |= end == CHILD_BROKEN;
	client_take_lines(c);
	client_end_or_go_on(c);
}

static void client_status(struct client *c)
{
	if (child_start(c->server->loop, c->fd, CTL_MAX_REPLY, make_status, status_done, c, &c->child))
		no_status(c);
}

static void client_request(struct client *c, const char *cmd, const json_t *args)
{
	struct ctl_server *server = c->server;

	if (!strcmp(cmd, CTL_STATUS)) {
		client_status(c);
	} else if (!strcmp(cmd, CTL_MONITOR)) {
		c->monitor = true;
		client_put(c, envelope(CTL_OK, NULL));
	} else {
		c->pending = ++server->last_request;
		server->ops->request(server->arg, c->pending, cmd, args);
	}
}

static void client_parse(struct client *c, const char *line, size_t n)
{
	json_error_t why;
	json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, &why);
	json_t *schema = json_object_get(request, "schema"), *args = json_object_get(request, "args");
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	json_t *none = json_object();

	if (!request)
		client_refuse(c, CTL_USAGE, "not JSON: %s at column %d", why.text, why.column);
	else if (!json_is_object(request))
		client_refuse(c, CTL_USAGE, "a request is a JSON object with \"cmd\"");
	else if (schema && json_integer_value(schema) != CTL_SCHEMA)
		client_refuse(c, CTL_USAGE, "this daemon speaks \"schema\":%d only", CTL_SCHEMA);
	else if (!cmd)
		client_refuse(c, CTL_USAGE, "\"cmd\" is missing or no string");
	else if (args && !json_is_object(args))
		client_refuse(c, CTL_USAGE, "\"args\" is no object");
	else
		client_request(c, cmd, args ? args : none);
	json_decref(none);
	json_decref(request);
}

/* One line at a time, as long as each is answered at once. */
static void client_take_lines(struct client *c)
{
	while (!client_is_busy(c) && !c->closing) {
		char *end = memchr(c->in, '\n', c->n_in);
		size_t n;

		if (!end)
			break;
		n = (size_t)(end - c->in);
		if (n)
			client_parse(c, c->in, n);
		c->n_in -= n + 1;
		memmove(c->in, end + 1, c->n_in);
	}
	if (c->n_in < sizeof(c->in) || client_is_busy(c) || c->closing)
		return;
	client_refuse(c, CTL_USAGE, "a request has at most %d bytes", CTL_MAX_REQUEST - 1);
	c->closing = true;
}

static void client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, 0);

	if (n > 0)
		c->n_in += (size_t)n;
	else if (!n)
		c->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		c->eof = c->closing = true;
}

/* Not into a child's line. Return: 0, or -errno: nobody reads there any more. */
static int client_write(struct client *c)
{
	struct outbox *o = &c->out;

	while (outbox_length(o) && !c->child) {
		ssize_t n = send(c->fd, o->data + o->start, outbox_length(o), MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		o->start += (size_t)n;
	}
	if (!outbox_length(o))
		outbox_reset(o);
	return 0;
}

/* A monitor that has shut down its sending side still listens. */
static void client_end_or_go_on(struct client *c)
{
	if ((c->closing || (c->eof && !c->monitor)) && !client_is_busy(c))
		client_free(c);
	else
		client_watch(c);
}

static void client_ready(void *arg, uint32_t events)
{
	struct client *c = arg;
	int gone = (events & EPOLLERR) || client_write(c);

	if (!gone && (events & (EPOLLIN | EPOLLHUP)) && !c->eof && c->n_in < sizeof(c->in))
		client_read(c);
	if (!gone)
		client_take_lines(c);
	if (gone || (events & EPOLLHUP))
		client_free(c);
	else
		client_end_or_go_on(c);
}

/* --- accepting ------------------------------------------------------------------------------- */

/* Somebody who was told to go but reads slowly makes room for a newcomer. */
static struct client **free_place(struct ctl_server *server)
{
	for (int i = 0; i < CTL_MAX_CLIENTS; i++) {
		if (!server->clients[i])
			return &server->clients[i];
	}
	for (int i = 0; i < CTL_MAX_CLIENTS; i++) {
		if (!server->clients[i]->closing)
			continue;
		client_free(server->clients[i]);
		return &server->clients[i];
	}
	return NULL;
}

static void turn_away(int fd)
{
	static const char line[] = "{\"schema\":1,\"error\":\"too many clients\",\"code\":1}\n";

	send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void admit(struct ctl_server *server, int fd)
{
	struct client **place = free_place(server);
	struct client *c = place ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		turn_away(fd);
		return;
	}
	c->server = server;
	c->fd = fd;
	if (loop_add(server->loop, fd, EPOLLIN, client_ready, c)) {
		free(c);
		turn_away(fd);
		return;
	}
	*place = c;
}

/* Out of descriptors, the waiting connection would wake the loop for ever: take it and hang up. */
static void shed(struct ctl_server *server)
{
	close(server->spare);
	server->spare = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	if (server->spare >= 0)
		turn_away(server->spare);
	server->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	log_warning("control socket: no file descriptors left, a client was turned away");
}

static void server_ready(void *arg, uint32_t events)
{
	struct ctl_server *server = arg;
	int fd = accept4(server->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0)
		admit(server, fd);
	else if (errno == EMFILE || errno == ENFILE)
		shed(server);
}

/* --- opening --------------------------------------------------------------------------------- */

static void server_free(struct ctl_server *server)
{
	for (int i = 0; i < CTL_MAX_CLIENTS; i++) {
		if (server->clients[i])
			client_free(server->clients[i]);
	}
	if (server->listener.fd >= 0)
		loop_del(server->loop, server->listener.fd);
	listener_close(&server->listener);
	if (server->spare >= 0)
		close(server->spare);
	free(server);
}

int ctl_server_open(struct loop *loop, const char *path, const struct ctl_ops *ops, void *arg,
		    struct ctl_server **ret_server)
{
	struct ctl_server *server = calloc(1, sizeof(*server));
	int error;

	if (!server)
		return -ENOMEM;
	*server = (struct ctl_server){.loop = loop, .ops = ops, .arg = arg};
	server->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	error = listener_open(&server->listener, path);
	if (!error)
		error = loop_add(loop, server->listener.fd, EPOLLIN, server_ready, server);
	if (error) {
		server_free(server);
		return error;
	}
	*ret_server = server;
	return 0;
}

void ctl_server_close(struct ctl_server *server)
{
	if (server)
		server_free(server);
}

/* --- what the daemon says -------------------------------------------------------------------- */

void ctl_answer(struct ctl_server *server, uint64_t request, enum ctl_code code, json_t *body)
{
	for (int i = 0; i < CTL_MAX_CLIENTS; i++) {
		struct client *c = server->clients[i];

		if (!c || !request || c->pending != request)
			continue;
		c->pending = 0;
		client_put(c, envelope(code, body));
		return;
	}
	json_decref(body);
}

void ctl_answer_text(struct ctl_server *server, uint64_t request, enum ctl_code code, const char *text)
{
	ctl_answer(server, request, code, json_pack("{s:s}", code == CTL_OK ? "text" : "error", text));
}

/* The line that does not fit any more is replaced by one that says so. */
static void client_report(struct client *c, const char *line, size_t n)
{
	static const char end[] = "{\"schema\":1,\"error\":\"disconnected: too slow, events were lost; "
				  "`event list` has them all\",\"code\":1}";

	_Static_assert(sizeof(end) < CTL_LAST_WORDS, "last words fit");
	if (outbox_length(&c->out) + n + 1 > CTL_MAX_BACKLOG) {
		c->closing = true;
		line = end;
		n = sizeof(end) - 1;
	}
	if (outbox_put(&c->out, line, n))
		c->closing = true;
	client_watch(c);
}

void ctl_broadcast(struct ctl_server *server, json_t *report)
{
	CLEAN_FREE char *line = json_dumps(report, CTL_JSON);

	json_decref(report);
	if (!line)
		return;
	for (int i = 0; i < CTL_MAX_CLIENTS; i++) {
		struct client *c = server->clients[i];

		if (c && c->monitor && !c->closing)
			client_report(c, line, strlen(line));
	}
}
