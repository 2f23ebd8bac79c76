// SPDX-License-Identifier: GPL-2.0-only
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "conf/conf.h"

/* No stat: a configuration may come from a pipe, as in `config check /dev/stdin`. */
static int read_all(int fd, char *text, size_t size, size_t *ret_length)
{
	size_t length = 0;

	while (length < size) {
		ssize_t n = read(fd, text + length, size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n) {
			*ret_length = length;
			return 0;
		}
		length += (size_t)n;
	}
	return -EFBIG;
}

static int read_file(const char *path, char **ret_text, size_t *ret_length)
{
	const size_t size = CONF_MAX_BYTES + 1;
	CLEAN_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEAN_FREE char *text = NULL;
	char *fitting;
	int err;

	if (fd < 0)
		return -errno;
	text = malloc(size);
	if (!text)
		return -ENOMEM;
	err = read_all(fd, text, size, ret_length);
	if (err)
		return err;
	fitting = realloc(text, *ret_length + 1);
	if (fitting)
		text = fitting;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static void tell(const char *path, FILE *complain, const struct conf_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		const struct conf_problem *p = &problems->list[i];

		fprintf(complain, "%s:%u:%u: %s%s\n", path, p->line, p->column, p->warning ? "warning: " : "",
			p->text);
	}
}

int load_read(const char *path, FILE *complain, char **ret_text, size_t *ret_length)
{
	int err = read_file(path, ret_text, ret_length);

	if (err)
		fprintf(complain, "cannot read %s: %s\n", path, strerror(-err));
	return err;
}

int load_parse(const char *path, const char *text, size_t length, FILE *complain, struct policy **ret_policy)
{
	struct conf_problems problems = {0};
	int err = conf_parse(text, length, ret_policy, &problems);

	if (err == -ENOMEM)
		fprintf(complain, "cannot read %s: %s\n", path, strerror(ENOMEM));
	tell(path, complain, &problems);
	conf_problems_free(&problems);
	return err;
}

int policy_load(const char *path, FILE *complain, struct policy **ret_policy)
{
	CLEAN_FREE char *text = NULL;
	size_t length = 0;
	int err = load_read(path, complain, &text, &length);

	return err ? err : load_parse(path, text, length, complain, ret_policy);
}
