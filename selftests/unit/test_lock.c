// SPDX-License-Identifier: GPL-2.0-only
/* Lock files: one process has them, others learn which, and what was removed is not mistaken for it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/clean.h>
#include <base/lock.h>

struct fixture {
	char dir[32];
	char path[64];
	int lock;
};

static int set_up(void **state)
{
	static struct fixture f;

	f.lock = -1;
	strcpy(f.dir, "/tmp/test_lock.XXXXXX");
	if (!mkdtemp(f.dir))
		return -1;
	snprintf(f.path, sizeof(f.path), "%s/lock", f.dir);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	lock_drop(&f->lock, f->path);
	unlink(f->path);
	return rmdir(f->dir);
}

/* Of another process: 0 if it got the lock, otherwise the error number. */
static int take_elsewhere(const char *path)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int fd = lock_take(path);

		_exit(fd < 0 ? -fd : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static pid_t holder_seen_elsewhere(const char *path)
{
	int fds[2];
	pid_t pid, holder = -1;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		holder = lock_holder(path);
		_exit(write(fds[1], &holder, sizeof(holder)) != sizeof(holder));
	}
	assert_int_equal(read(fds[0], &holder, sizeof(holder)), sizeof(holder));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fds[0]);
	close(fds[1]);
	return holder;
}

static void one_process_has_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(lock_holder(f->path), 0);
	f->lock = lock_take(f->path);
	assert_true(f->lock >= 0);
	assert_int_equal(take_elsewhere(f->path), EALREADY);
	assert_int_equal(holder_seen_elsewhere(f->path), getpid());
}

static void who_dies_gives_it_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(take_elsewhere(f->path), 0);
	assert_int_equal(lock_holder(f->path), 0);
	assert_int_equal(take_elsewhere(f->path), 0);
}

static void dropping_removes_the_file(void **state)
{
	struct fixture *f = *state;

	f->lock = lock_take(f->path);
	lock_drop(&f->lock, f->path);
	assert_int_equal(f->lock, -1);
	assert_int_equal(access(f->path, F_OK), -1);
	lock_drop(&f->lock, f->path);
}

static void a_lock_on_a_removed_file_is_nobody_s(void **state)
{
	struct fixture *f = *state;

	f->lock = lock_take(f->path);
	unlink(f->path);
	assert_int_equal(take_elsewhere(f->path), 0);
}

static void errors_are_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(lock_take(f->dir), -EISDIR);
	assert_int_equal(lock_take("/proc/no/such/folder"), -ENOENT);
	assert_int_equal(symlink("/dev/null", f->path), 0);
	assert_int_equal(lock_take(f->path), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_process_has_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_dies_gives_it_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dropping_removes_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lock_on_a_removed_file_is_nobody_s, set_up, tear_down),
		cmocka_unit_test_setup_teardown(errors_are_told, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
