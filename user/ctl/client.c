// SPDX-License-Identifier: GPL-2.0-only
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <base/clean.h>
#include <base/loop.h>

struct ctl_client {
	int fd;
	char *in;
	size_t n;
	size_t size;
	size_t seen; /* without a newline so far */
};

int ctl_client_open(const char *path, struct ctl_client **ret_client)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	CLEAN_CLOSE int fd = -1;
	struct ctl_client *client;

	if (strlen(path) >= sizeof(where.sun_path))
		return -ENAMETOOLONG;
	memcpy(where.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&where, sizeof(where)))
		return -errno;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->fd = TAKE_FD(fd);
	*ret_client = client;
	return 0;
}

void ctl_client_close(struct ctl_client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->in);
	free(client);
}

bool ctl_client_is_answered(const char *path)
{
	struct ctl_client *client;
	int error = ctl_client_open(path, &client);

	if (!error)
		ctl_client_close(client);
	return error != -ENOENT && error != -ECONNREFUSED;
}

int ctl_client_fd(const struct ctl_client *client)
{
	return client->fd;
}

int ctl_client_send(struct ctl_client *client, const char *cmd, json_t *args)
{
	json_t *request = json_pack("{s:i, s:s, s:o*}", "schema", CTL_SCHEMA, "cmd", cmd, "args", args);
	CLEAN_FREE char *line = json_dumps(request, JSON_COMPACT);
	size_t n = line ? strlen(line) : 0;

	json_decref(request);
	if (!line)
		return -EINVAL;
	if (n >= CTL_MAX_REQUEST)
		return -EMSGSIZE;
	line[n++] = '\n'; /* in the place of the NUL */
	for (size_t done = 0; done < n;) {
		ssize_t sent = send(client->fd, line + done, n - done, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EPIPE ? -ECONNRESET : -errno;
		done += (size_t)sent;
	}
	return 0;
}

static int grow(struct ctl_client *client)
{
	size_t size = client->size ? 2 * client->size : 4096;
	char *in;

	if (client->n < client->size)
		return 0;
	if (size > 2 * (size_t)CTL_MAX_REPLY)
		return -EPROTO;
	in = realloc(client->in, size);
	if (!in)
		return -ENOMEM;
	client->in = in;
	client->size = size;
	return 0;
}

/* Return: 0 when something was read, or -errno. */
static int read_more(struct ctl_client *client, int timeout_ms)
{
	struct pollfd ready = {.fd = client->fd, .events = POLLIN};
	int error = grow(client), got;
	ssize_t n;

	if (error)
		return error;
	got = poll(&ready, 1, timeout_ms);
	if (got <= 0)
		return got ? -errno : -ETIMEDOUT;
	n = recv(client->fd, client->in + client->n, client->size - client->n, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	client->n += (size_t)n;
	return n ? 0 : -ECONNRESET;
}

/* Return: the length of the first line, or -1. */
static ssize_t first_line(struct ctl_client *client)
{
	char *end = client->n > client->seen ?
		memchr(client->in + client->seen, '\n', client->n - client->seen) : NULL;

	client->seen = client->n;
	return end ? end - client->in : -1;
}

static int take_line(struct ctl_client *client, size_t n, json_t **ret_doc)
{
	json_t *doc = json_loadb(client->in, n, 0, NULL);

	client->n -= n + 1;
	client->seen = 0;
	memmove(client->in, client->in + n + 1, client->n);
	if (!doc)
		return -EPROTO;
	*ret_doc = doc;
	return 0;
}

static int time_left_ms(uint64_t due_ns)
{
	uint64_t now = clock_now_ns();

	return now >= due_ns ? 0 : (int)((due_ns - now) / 1000000 + 1);
}

int ctl_client_receive(struct ctl_client *client, int timeout_ms, json_t **ret_doc)
{
	uint64_t due = clock_now_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000;
	ssize_t n;

	while ((n = first_line(client)) < 0) {
		int error = read_more(client, timeout_ms < 0 ? -1 : time_left_ms(due));

		if (error)
			return error;
	}
	return take_line(client, (size_t)n, ret_doc);
}

int ctl_client_call(const char *path, const char *cmd, json_t *args, int timeout_ms, json_t **ret_reply)
{
	struct ctl_client *client;
	int error = ctl_client_open(path, &client);

	if (error) {
		json_decref(args);
		return error;
	}
	error = ctl_client_send(client, cmd, args);
	if (!error || error == -ECONNRESET) /* who was turned away may find a line that says why */
		error = ctl_client_receive(client, timeout_ms, ret_reply);
	ctl_client_close(client);
	return error;
}
