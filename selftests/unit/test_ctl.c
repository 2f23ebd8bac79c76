// SPDX-License-Identifier: GPL-2.0-only
/* The control socket: a server in a child process, clients here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <base/clean.h>
#include <base/loop.h>
#include <ctl/client.h>
#include <ctl/server.h>

#define PATIENCE_MS 10000
#define BIG (5u << 20)

#define with_server(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* --- the daemon: does as it is told ---------------------------------------------------------- */

struct daemon {
	struct loop *loop;
	struct ctl_server *server;
	int timer;
	int signals;
	uint64_t waiting;
};

static json_t *daemon_status(void *arg)
{
	(void)arg;
	return json_pack("{s:i, s:f}", "schema", 1, "uptime_s", 3.2);
}

static void daemon_later(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	fd_drain(d->timer);
	ctl_answer_text(d->server, d->waiting, CTL_OK, "at last");
	d->waiting = 0;
}

static void burst(struct daemon *d, const json_t *args)
{
	for (json_int_t i = 0; i < json_integer_value(json_object_get(args, "n")); i++)
		ctl_broadcast(d->server, json_pack("{s:s, s:I, s:s#}", "kind", "test", "n", i, "reason",
						   "................................................................", 64));
}

static json_t *big(void)
{
	CLEAN_FREE char *text = malloc(BIG);

	memset(text, 'x', BIG);
	return json_pack("{s:s#}", "text", text, BIG);
}

static void daemon_request(void *arg, uint64_t request, const char *cmd, const json_t *args)
{
	struct daemon *d = arg;

	if (!strcmp(cmd, "echo")) {
		ctl_answer(d->server, request, CTL_OK, json_pack("{s:O}", "args", args));
	} else if (!strcmp(cmd, "later")) {
		d->waiting = request;
		timer_set(d->timer, clock_now_ns() + 20000000);
	} else if (!strcmp(cmd, "burst")) {
		burst(d, args);
		ctl_answer(d->server, request, CTL_OK, NULL);
	} else if (!strcmp(cmd, "big")) {
		ctl_answer(d->server, request, CTL_OK, big());
	} else if (!strcmp(cmd, "degraded")) {
		ctl_answer(d->server, request, CTL_DEGRADED, NULL);
	} else if (strcmp(cmd, "never")) {
		ctl_answer_text(d->server, request, CTL_USAGE, "unknown command");
		ctl_answer_text(d->server, request, CTL_OK, "twice");
		ctl_answer_text(d->server, 0, CTL_OK, "to nobody");
	}
}

static void daemon_stop(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	loop_stop(d->loop);
}

static int daemon_run(const char *path)
{
	static const struct ctl_ops ops = {.status = daemon_status, .request = daemon_request};
	struct daemon d = {.loop = loop_new()};
	sigset_t set;
	int error;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	d.signals = signals_open(&set); /* before anybody can see that we are here */
	error = ctl_server_open(d.loop, path, &ops, &d, &d.server);
	if (error)
		_exit(-error);
	d.timer = timer_open();
	loop_add(d.loop, d.signals, EPOLLIN, daemon_stop, &d);
	loop_add(d.loop, d.timer, EPOLLIN, daemon_later, &d);
	loop_run(d.loop);
	ctl_server_close(d.server);
	loop_free(d.loop);
	close(d.signals);
	close(d.timer);
	return 0;
}

/* --- the fixture ----------------------------------------------------------------------------- */

struct fixture {
	char dir[64];
	char path[96];
	pid_t pid;
	json_t *doc;
};

static pid_t start(const char *path)
{
	pid_t pid;

	fflush(NULL); /* what is buffered is the parent's */
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fclose(stderr); /* warnings about the group are not of interest */
	exit(daemon_run(path));
}

static void nap(void)
{
	struct timespec ms = {.tv_nsec = 1000000};

	nanosleep(&ms, NULL);
}

static struct ctl_client *connect_to(const char *path)
{
	struct ctl_client *client;

	for (int i = 0; i < PATIENCE_MS; i++) {
		if (!ctl_client_open(path, &client))
			return client;
		nap();
	}
	fail_msg("no server at %s", path);
	return NULL;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/defib-test-ctl-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/run/ctl.sock", f->dir);
	f->pid = start(f->path);
	ctl_client_close(connect_to(f->path));
	*state = f;
	return 0;
}

static int stop(pid_t pid, int sig)
{
	int status = 0;

	kill(pid, sig);
	waitpid(pid, &status, 0);
	return status;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char name[128];
	int status = stop(f->pid, SIGTERM);

	snprintf(name, sizeof(name), "%s/run", f->dir);
	if (rmdir(name) || rmdir(f->dir)) /* the server has left nothing */
		return -1;
	free(f);
	return status;
}

static void send_raw(struct ctl_client *c, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(ctl_client_fd(c), bytes, n, MSG_NOSIGNAL);

		if (sent <= 0)
			fail_msg("send: %s", strerror(errno));
		bytes += sent;
		n -= (size_t)sent;
	}
}

static void send_line(struct ctl_client *c, const char *line)
{
	send_raw(c, line, strlen(line));
}

static json_t *receive(struct ctl_client *c)
{
	json_t *doc = NULL;

	assert_int_equal(ctl_client_receive(c, PATIENCE_MS, &doc), 0);
	return doc;
}

static const char *text(const json_t *doc, const char *key)
{
	const char *value = json_string_value(json_object_get(doc, key));

	return value ? value : "";
}

/* One reply: its code, and a part of its error, NULL for none. */
static void expect(struct ctl_client *c, enum ctl_code code, const char *error)
{
	json_t *doc = receive(c);

	assert_int_equal(json_integer_value(json_object_get(doc, "schema")), CTL_SCHEMA);
	assert_int_equal(json_integer_value(json_object_get(doc, "code")), code);
	if (!error)
		assert_true(json_is_null(json_object_get(doc, "error")));
	else if (!strstr(text(doc, "error"), error))
		fail_msg("\"%s\" is not in \"%s\"", error, text(doc, "error"));
	json_decref(doc);
}

static void expect_end(struct ctl_client *c)
{
	json_t *doc;

	assert_int_equal(ctl_client_receive(c, PATIENCE_MS, &doc), -ECONNRESET);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void status_is_answered(void **state)
{
	struct fixture *f = *state;
	json_t *doc;

	assert_int_equal(ctl_client_call(f->path, CTL_STATUS, NULL, PATIENCE_MS, &doc), 0);
	assert_true(json_is_null(json_object_get(doc, "error")));
	assert_true(json_real_value(json_object_get(doc, "uptime_s")) > 3);
	json_decref(doc);
}

static void a_request_is_answered_at_once_or_later(void **state)
{
	struct fixture *f = *state;
	json_t *doc, *args = json_pack("{s:s}", "a", "b");

	assert_int_equal(ctl_client_call(f->path, "echo", args, PATIENCE_MS, &doc), 0);
	assert_string_equal(text(json_object_get(doc, "args"), "a"), "b");
	json_decref(doc);
	assert_int_equal(ctl_client_call(f->path, "later", NULL, PATIENCE_MS, &doc), 0);
	assert_string_equal(text(doc, "text"), "at last");
	json_decref(doc);
	assert_int_equal(ctl_client_call(f->path, "degraded", NULL, PATIENCE_MS, &doc), 0);
	assert_string_equal(text(doc, "error"), "degraded");
	assert_int_equal(json_integer_value(json_object_get(doc, "code")), CTL_DEGRADED);
	json_decref(doc);
}

static void what_is_wrong_with_a_request_is_said(void **state)
{
	static const struct {
		const char *line;
		const char *error;
	} rows[] = {
		{"nonsense\n", "not JSON"},
		{"{\"cmd\":\n", "not JSON"},
		{"{\"cmd\":\"\xff\xfe\"}\n", "not JSON"},
		{"{\"cmd\":\"status\",\"cmd\":\"monitor\"}\n", "not JSON"},
		{"[1,2]\n", "a JSON object"},
		{"{}\n", "\"cmd\" is missing"},
		{"{\"cmd\":7}\n", "\"cmd\" is missing"},
		{"{\"cmd\":\"status\",\"schema\":2}\n", "\"schema\":1 only"},
		{"{\"cmd\":\"echo\",\"args\":[]}\n", "\"args\" is no object"},
		{"{\"cmd\":\"dance\"}\n", "unknown command"},
	};
	struct fixture *f = *state;
	struct ctl_client *c = connect_to(f->path);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		send_line(c, rows[i].line);
		expect(c, CTL_USAGE, rows[i].error);
	}
	send_raw(c, "\0\n", 2);
	expect(c, CTL_USAGE, "not JSON");
	send_line(c, "\n\n{\"cmd\":\"status\"}\n"); /* empty lines are none, and all goes on */
	expect(c, CTL_OK, NULL);
	ctl_client_close(c);
}

static void an_endless_request_is_cut_off(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *c = connect_to(f->path);
	char line[CTL_MAX_REQUEST];

	memset(line, ' ', sizeof(line));
	send_raw(c, line, sizeof(line));
	expect(c, CTL_USAGE, "at most");
	expect_end(c);
	ctl_client_close(c);
}

static void requests_may_come_in_pieces_or_many_at_once(void **state)
{
	const size_t n = strlen("{\"cmd\":\"status\"}\n");
	char many[500 * (sizeof("{\"cmd\":\"status\"}\n") - 1)];
	static const char two[] = "{\"cmd\":\"later\"}\n{\"cmd\":\"status\"}\n";
	struct fixture *f = *state;
	struct ctl_client *c = connect_to(f->path);
	json_t *doc;

	for (size_t i = 0; i < sizeof(two) - 1; i++)
		send_raw(c, two + i, 1);
	doc = receive(c);
	assert_string_equal(text(doc, "text"), "at last");
	json_decref(doc);
	expect(c, CTL_OK, NULL);
	for (int i = 0; i < 500; i++)
		memcpy(many + (size_t)i * n, "{\"cmd\":\"status\"}\n", n);
	send_raw(c, many, sizeof(many)); /* at once: who only sends is not read from for ever */
	for (int i = 0; i < 500; i++)
		expect(c, CTL_OK, NULL);
	ctl_client_close(c);
}

static void a_client_may_close_its_sending_side(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *c = connect_to(f->path);

	send_line(c, "{\"cmd\":\"later\"}\n{\"cmd\":\"status\"}\n");
	shutdown(ctl_client_fd(c), SHUT_WR);
	expect(c, CTL_OK, NULL);
	expect(c, CTL_OK, NULL);
	expect_end(c);
	ctl_client_close(c);
}

static void a_client_may_leave_at_any_moment(void **state)
{
	static const char *const lines[] = {
		"{\"cmd\":\"later\"}\n", "{\"cmd\":\"never\"}\n", "{\"cmd\":\"big\"}\n",
		"{\"cmd\":\"monitor\"}\n{\"cmd\":\"burst\",\"args\":{\"n\":100}}\n", "{\"cmd\"",
	};
	struct fixture *f = *state;

	for (int i = 0; i < 200; i++) {
		struct ctl_client *c = connect_to(f->path);

		send_line(c, lines[(size_t)i % ARRAY_SIZE(lines)]);
		ctl_client_close(c);
	}
	a_request_is_answered_at_once_or_later(state);
}

static void a_large_reply_comes_through_beside_others(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *c = connect_to(f->path);
	json_t *doc;

	send_line(c, "{\"cmd\":\"big\"}\n");
	status_is_answered(state); /* while nobody reads the large one */
	doc = receive(c);
	assert_int_equal(json_string_length(json_object_get(doc, "text")), BIG);
	json_decref(doc);
	ctl_client_close(c);
}

static void a_monitor_hears_every_report(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *monitor = connect_to(f->path), *other = connect_to(f->path);

	send_line(monitor, "{\"cmd\":\"monitor\"}\n");
	expect(monitor, CTL_OK, NULL);
	send_line(other, "{\"cmd\":\"burst\",\"args\":{\"n\":1000}}\n");
	expect(other, CTL_OK, NULL);
	for (int i = 0; i < 1000; i++) {
		json_t *doc = receive(monitor);

		assert_string_equal(text(doc, "kind"), "test");
		assert_int_equal(json_integer_value(json_object_get(doc, "n")), i);
		json_decref(doc);
	}
	ctl_client_close(monitor);
	ctl_client_close(other);
}

static void a_monitor_that_lags_is_told_so_and_disconnected(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *slow = connect_to(f->path), *other = connect_to(f->path);
	json_t *doc;
	int n = 0;

	send_line(slow, "{\"cmd\":\"monitor\"}\n");
	expect(slow, CTL_OK, NULL);
	for (int i = 0; i < 50; i++) {
		send_line(other, "{\"cmd\":\"burst\",\"args\":{\"n\":1000}}\n");
		expect(other, CTL_OK, NULL);
	}
	while (!ctl_client_receive(slow, PATIENCE_MS, &doc)) {
		bool last = json_object_get(doc, "error");

		if (last)
			assert_non_null(strstr(text(doc, "error"), "too slow"));
		else
			assert_int_equal(json_integer_value(json_object_get(doc, "n")), n++ % 1000);
		json_decref(doc);
		if (last)
			break;
	}
	assert_in_range(n, 1000, 49999);
	expect_end(slow);
	ctl_client_close(slow);
	ctl_client_close(other);
}

/* The server needs a moment to see that they have gone. */
static void wait_for_room(const struct fixture *f)
{
	for (int i = 0; i < PATIENCE_MS; i++) {
		json_t *doc;
		bool room;

		assert_int_equal(ctl_client_call(f->path, CTL_STATUS, NULL, PATIENCE_MS, &doc), 0);
		room = json_is_null(json_object_get(doc, "error"));
		json_decref(doc);
		if (room)
			return;
		nap();
	}
	fail_msg("there is no room again");
}

static void too_many_clients_are_turned_away(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *clients[CTL_MAX_CLIENTS], *one;

	for (int i = 0; i < CTL_MAX_CLIENTS; i++) {
		clients[i] = connect_to(f->path);
		send_line(clients[i], "{\"cmd\":\"status\"}\n");
		expect(clients[i], CTL_OK, NULL);
	}
	one = connect_to(f->path);
	expect(one, CTL_FAILED, "too many clients");
	expect_end(one);
	ctl_client_close(one);
	for (int i = 0; i < CTL_MAX_CLIENTS; i++)
		ctl_client_close(clients[i]);
	wait_for_room(f);
}

static int exit_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_second_daemon_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(exit_of(start(f->path)), EADDRINUSE);
	assert_true(ctl_client_is_answered(f->path));
	kill(f->pid, SIGSTOP); /* also while the first one stands still */
	assert_int_equal(exit_of(start(f->path)), EADDRINUSE);
	kill(f->pid, SIGCONT);
	status_is_answered(state);
}

static void what_a_killed_daemon_left_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct ctl_client *c;
	struct stat st;

	stop(f->pid, SIGKILL);
	assert_int_equal(ctl_client_open(f->path, &c), -ECONNREFUSED);
	assert_false(ctl_client_is_answered(f->path));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	f->pid = start(f->path);
	ctl_client_close(connect_to(f->path));
	status_is_answered(state);
	assert_int_equal(stop(f->pid, SIGTERM), 0);
	assert_int_equal(ctl_client_open(f->path, &c), -ENOENT);
	f->pid = start(f->path);
	ctl_client_close(connect_to(f->path));
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	FILE *file;

	assert_int_equal(stop(f->pid, SIGTERM), 0);
	file = fopen(f->path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(exit_of(start(f->path)), EEXIST);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(f->path);
	f->pid = start(f->path);
	ctl_client_close(connect_to(f->path));
}

static void a_client_does_not_wait_for_ever(void **state)
{
	struct fixture *f = *state;
	json_t *doc = NULL;

	assert_int_equal(ctl_client_call(f->path, "never", NULL, 30, &doc), -ETIMEDOUT);
	assert_null(doc);
	assert_int_equal(ctl_client_call("/nowhere/at/all", "status", NULL, 30, &doc), -ENOENT);
	kill(f->pid, SIGSTOP);
	assert_int_equal(ctl_client_call(f->path, "status", NULL, 30, &doc), -ETIMEDOUT);
	kill(f->pid, SIGCONT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_server(status_is_answered),
		with_server(a_request_is_answered_at_once_or_later),
		with_server(what_is_wrong_with_a_request_is_said),
		with_server(an_endless_request_is_cut_off),
		with_server(requests_may_come_in_pieces_or_many_at_once),
		with_server(a_client_may_close_its_sending_side),
		with_server(a_client_may_leave_at_any_moment),
		with_server(a_large_reply_comes_through_beside_others),
		with_server(a_monitor_hears_every_report),
		with_server(a_monitor_that_lags_is_told_so_and_disconnected),
		with_server(too_many_clients_are_turned_away),
		with_server(a_second_daemon_is_refused),
		with_server(what_a_killed_daemon_left_is_replaced),
		with_server(a_file_that_is_no_socket_is_left_alone),
		with_server(a_client_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
