// SPDX-License-Identifier: GPL-2.0-only
/* Files: those of selftests/conf are wrong in known ways, the examples of the manual are right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "conf/conf.h"
#include "load.h"

#define LEAST_CASES 50

/* What policy_load() says; the caller frees it. */
static char *load(const char *path, int *ret_err, struct policy **ret_policy)
{
	char *said = NULL;
	size_t size;
	FILE *f = open_memstream(&said, &size);

	assert_non_null(f);
	*ret_err = policy_load(path, f, ret_policy);
	fclose(f);
	return said;
}

static void read_text(const char *path, char *text, size_t size)
{
	CLEAN_FCLOSE FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, size - 1, f) : 0;

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	text[n] = '\0';
}

static void check_case(const char *name)
{
	char path[PATH_MAX], expected[32768];
	struct policy *policy = NULL;
	CLEAN_FREE char *said = NULL;
	int err;

	snprintf(path, sizeof(path), "%s.expected", name);
	read_text(path, expected, sizeof(expected));
	snprintf(path, sizeof(path), "%s.yaml", name);
	said = load(path, &err, &policy);
	if (err != -EINVAL || policy || strcmp(said, expected))
		fail_msg("%s: %d\n--- expected\n%s--- said\n%s", name, err, expected, said);
}

static void wrong_configurations_are_explained(void **state)
{
	unsigned int cases = 0;
	struct dirent *entry;
	DIR *dir;

	(void)state;
	assert_int_equal(chdir("selftests/conf"), 0);
	dir = opendir(".");
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char *suffix = strstr(entry->d_name, ".yaml");

		if (!suffix)
			continue;
		*suffix = '\0';
		check_case(entry->d_name);
		cases++;
	}
	closedir(dir);
	assert_int_equal(chdir("../.."), 0);
	assert_true(cases >= LEAST_CASES);
}

static void the_example_of_the_documentation_is_right(void **state)
{
	struct policy *policy = NULL;
	CLEAN_FREE char *said = NULL;
	int err;

	(void)state;
	said = load("Documentation/examples/defib.yaml", &err, &policy);
	assert_string_equal(said, "");
	assert_int_equal(err, 0);
	assert_int_equal(policy->n_servers, 2);
	policy_free(policy);
}

static void what_cannot_be_read_is_told(void **state)
{
	static const struct {
		const char *path;
		int err;
		const char *said;
	} rows[] = {
		{"/nonexistent/defib.yaml", -ENOENT, "cannot read /nonexistent/defib.yaml: No such file or directory\n"},
		{"/", -EISDIR, "cannot read /: Is a directory\n"},
		{"/dev/zero", -EFBIG, "cannot read /dev/zero: File too large\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct policy *policy = NULL;
		int err;
		CLEAN_FREE char *said = load(rows[i].path, &err, &policy);

		assert_int_equal(err, rows[i].err);
		assert_string_equal(said, rows[i].said);
		assert_null(policy);
	}
}

/* A pipe gives the text in pieces and has no size. */
static void a_pipe_is_read_to_its_end(void **state)
{
	static const char text[] = "gateway: {name: g, client-interfaces: g0, server-interfaces: e0}\n"
				   "servers: [{name: s1, address: 10.78.0.11}]\n"
				   "pools: [{name: app, servers: [s1]}]\n";
	struct policy *policy = NULL;
	CLEAN_FREE char *said = NULL, *expected = NULL;
	char path[64];
	int fds[2], err;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, sizeof(text) - 1), sizeof(text) - 1);
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	said = load(path, &err, &policy);
	close(fds[0]);
	assert_int_equal(err, 0);
	assert_non_null(policy);
	assert_true(asprintf(&expected, "%s:3:9: warning: no service uses pool 'app', add one or remove the pool\n",
			     path) > 0);
	assert_string_equal(said, expected);
	policy_free(policy);
}

/* Run from anywhere: the folders are found from where the test is, build/selftests/unit/. */
static int find_root(void **state)
{
	char path[PATH_MAX];
	ssize_t n;

	(void)state;
	if (!access("selftests/conf", R_OK))
		return 0;
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	for (int up = 0; n > 0 && up < 4; up++) {
		while (n > 0 && path[--n] != '/')
			;
	}
	if (n <= 0)
		return -1;
	path[n] = '\0';
	return chdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_configurations_are_explained),
		cmocka_unit_test(the_example_of_the_documentation_is_right),
		cmocka_unit_test(what_cannot_be_read_is_told),
		cmocka_unit_test(a_pipe_is_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, find_root, NULL);
}
