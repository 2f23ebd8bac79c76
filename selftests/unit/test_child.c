// SPDX-License-Identifier: GPL-2.0-only
/* user/ctl/child.h: a reply from a process of its own. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/clean.h>
#include <ctl/child.h>

#define MAX (4u << 20)
#define BIG (2u << 20) /* more than a socket holds */

/* @end: how it went; -1: it goes on */
struct fixture {
	struct loop *loop;
	int ours, theirs;
	size_t size;
	int end;
	struct child *child;
};

static int set_up(void **state)
{
	static struct fixture f;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -1;
	f = (struct fixture){.loop = loop_new(), .ours = pair[0], .theirs = pair[1], .end = -1};
	*state = &f;
	return f.loop ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	loop_free(f->loop);
	clean_close(&f->ours);
	clean_close(&f->theirs);
	return 0;
}

static json_t *make(void *arg)
{
	struct fixture *f = arg;
	CLEAN_FREE char *text = malloc(f->size + 1);

	close(f->theirs); /* the reader is the other process alone */
	memset(text, 'x', f->size);
	return f->size ? json_pack("{s:s#}", "text", text, f->size) : NULL;
}

static void done(void *arg, enum child_end end)
{
	struct fixture *f = arg;

	f->end = (int)end;
	loop_stop(f->loop);
}

static void begin(struct fixture *f, size_t size)
{
	f->size = size;
	f->end = -1;
	loop_free(f->loop); /* it may have been stopped */
	f->loop = loop_new();
	assert_int_equal(child_start(f->loop, f->ours, MAX, make, done, f, &f->child), 0);
}

/* Until nothing more comes; @until: or until so many bytes have. */
static size_t receive(struct fixture *f, size_t until)
{
	struct pollfd ready = {.fd = f->theirs, .events = POLLIN};
	char text[65536];
	size_t n = 0;

	while (n < until && poll(&ready, 1, 10000) == 1) {
		ssize_t got = recv(f->theirs, text, sizeof(text), 0);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	return n;
}

static void expect_end(struct fixture *f, enum child_end end)
{
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->end, end);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_reply_is_sent_however_large(void **state)
{
	static const size_t sizes[] = {1, 100, BIG};
	const size_t frame = strlen("{\"text\":\"\"}\n");
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		begin(f, sizes[i]);
		assert_int_equal(receive(f, sizes[i] + frame), sizes[i] + frame);
		expect_end(f, CHILD_SENT);
	}
}

static void nothing_is_said_about_nothing(void **state)
{
	struct fixture *f = *state;

	begin(f, 0);
	expect_end(f, CHILD_NOTHING);
	close(TAKE_FD(f->ours));
	assert_int_equal(receive(f, 1), 0);
}

static void what_is_too_large_is_not_begun(void **state)
{
	struct fixture *f = *state;

	begin(f, MAX);
	expect_end(f, CHILD_BROKEN);
	close(TAKE_FD(f->ours));
	assert_int_equal(receive(f, 1), 0);
}

static void a_reader_that_leaves_ends_it(void **state)
{
	struct fixture *f = *state;

	begin(f, BIG);
	assert_true(receive(f, 1) > 0);
	close(TAKE_FD(f->theirs));
	expect_end(f, CHILD_BROKEN);
}

static void it_can_be_killed(void **state)
{
	struct fixture *f = *state;

	begin(f, BIG);
	child_kill(f->child);
	child_kill(NULL);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(f->end, -1);
}

/* It has the daemon's sockets open. */
static void it_does_not_outlive_the_daemon(void **state)
{
	struct fixture *f = *state;
	pid_t daemon = fork();

	if (!daemon) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		begin(f, BIG);
		pause();
	}
	close(TAKE_FD(f->ours));
	assert_true(receive(f, 1) > 0);
	kill(daemon, SIGKILL);
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	assert_true(receive(f, BIG) < BIG); /* to its end, for nobody has the other end any more */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reply_is_sent_however_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_said_about_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_large_is_not_begun, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reader_that_leaves_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_can_be_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_does_not_outlive_the_daemon, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
