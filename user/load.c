// SPDX-License-Identifier: GPL-2.0-only
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/text.h"
#include "conf/conf.h"
#include "conf/tsig.h"

#define KEY_MAX_BYTES 4096

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

static int read_file(const char *path, size_t most, char **ret_text, size_t *ret_length)
{
	const size_t size = most + 1;
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

/* --- keys of name servers -------------------------------------------------------------------- */

static int read_key(const char *path, struct policy_tsig *ret_key, char *why, size_t size)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *closed = NULL;
	size_t length = 0;
	int err = read_file(path, KEY_MAX_BYTES, &text, &length);

	if (err) {
		text_copy(why, size, strerror(-err));
		return err;
	}
	closed = strndup(text, length);
	return closed ? tsig_parse(closed, ret_key, why, size) : -ENOMEM;
}

/* With a key that is lost or broken nothing would be signed: then there is no such policy. */
static int load_keys(const char *path, FILE *complain, struct policy *policy)
{
	int result = 0;

	for (uint32_t i = 0; i < policy->n_services; i++) {
		struct policy_dns *dns = policy->services[i].dns;
		char why[96] = "";

		if (!dns || !read_key(dns->key_path, &dns->key, why, sizeof(why)))
			continue;
		fprintf(complain, "%s:%u:%u: the key %s cannot be used: %s; tsig-keygen(8) writes one\n", path,
			dns->key_line, dns->key_column, dns->key_path, why);
		result = -EINVAL;
	}
	return result;
}

int load_read(const char *path, FILE *complain, char **ret_text, size_t *ret_length)
{
	int err = read_file(path, CONF_MAX_BYTES, ret_text, ret_length);

	if (err)
		fprintf(complain, "cannot read %s: %s\n", path, strerror(-err));
	return err;
}

int load_parse(const char *path, const char *text, size_t length, FILE *complain, struct policy **ret_policy)
{
	struct conf_problems problems = {0};
	struct policy *policy = NULL;
	int err = conf_parse(text, length, &policy, &problems);

	if (err == -ENOMEM)
		fprintf(complain, "cannot read %s: %s\n", path, strerror(ENOMEM));
	tell(path, complain, &problems);
	conf_problems_free(&problems);
	err = err ? err : load_keys(path, complain, policy);
	if (!err)
		*ret_policy = TAKE_PTR(policy);
	policy_free(policy);
	return err;
}

int policy_load(const char *path, FILE *complain, struct policy **ret_policy)
{
	CLEAN_FREE char *text = NULL;
	size_t length = 0;
	int err = load_read(path, complain, &text, &length);

	return err ? err : load_parse(path, text, length, complain, ret_policy);
}
