// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes from a daemon: each line that is JSON is handed out, each other one is a protocol error, and then
 * the connection is lost. Any text as a command or argument: what is sent is one line that says just that, or
 * nothing. The first byte of the input chooses: odd: a command.
 *
 * The client's source is part of this program: its daemon is the other end of a socketpair(2).
 */
#include <assert.h>

#include "ctl/client.c"
#include "fuzz.h"

#define ROOM 65536

static void receive_all(struct ctl_client *client, const uint8_t *data, size_t size)
{
	const uint8_t *end;
	json_t *doc;
	int error;

	while ((end = memchr(data, '\n', size))) {
		json_t *expected = json_loadb((const char *)data, (size_t)(end - data), 0, NULL);

		doc = NULL;
		error = ctl_client_receive(client, 1000, &doc);
		assert(error == (expected ? 0 : -EPROTO) && !expected == !doc);
		assert(!doc || json_equal(doc, expected));
		json_decref(doc);
		json_decref(expected);
		size -= (size_t)(end - data) + 1;
		data = end + 1;
	}
	assert(ctl_client_receive(client, 1000, &doc) == -ECONNRESET);
}

static void hear(struct ctl_client *client, int daemon, const uint8_t *data, size_t size)
{
	assert(send(daemon, data, size, MSG_NOSIGNAL) == (ssize_t)size);
	assert(!shutdown(daemon, SHUT_WR));
	receive_all(client, data, size);
}

static void say(struct ctl_client *client, int daemon, const uint8_t *data, size_t size)
{
	static char line[ROOM];
	CLEAN_FREE char *text = strndup((const char *)data, size);
	json_t *args = json_pack("{s:s*}", "service", text), *kept = json_incref(args), *doc;
	int error = ctl_client_send(client, text, args);
	ssize_t n = recv(daemon, line, sizeof(line), MSG_DONTWAIT);

	if (error) {
		assert((error == -EINVAL || error == -EMSGSIZE) && n < 0);
		json_decref(kept);
		return;
	}
	assert(n > 1 && n <= CTL_MAX_REQUEST && memchr(line, '\n', (size_t)n) == line + n - 1);
	doc = json_loadb(line, (size_t)n - 1, JSON_REJECT_DUPLICATES, NULL);
	assert(json_integer_value(json_object_get(doc, "schema")) == CTL_SCHEMA);
	assert(!strcmp(json_string_value(json_object_get(doc, "cmd")), text));
	assert(!kept || json_equal(json_object_get(doc, "args"), kept));
	json_decref(doc);
	json_decref(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_client *client;
	int pair[2];

	if (!size || size > ROOM)
		return 0;
	assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	client = calloc(1, sizeof(*client));
	assert(client);
	client->fd = pair[0];
	if (data[0] & 1)
		say(client, pair[1], data + 1, size - 1);
	else
		hear(client, pair[1], data + 1, size - 1);
	ctl_client_close(client);
	close(pair[1]);
	return 0;
}
