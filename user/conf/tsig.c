// SPDX-License-Identifier: GPL-2.0-only
#include "tsig.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"

#define SECRET_MIN 22 /* characters of base64: 128 bits */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 8945, 6; MD5 is not to be used any more. */
static const char *const algorithms[] = {"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384",
					 "hmac-sha512"};

struct scan {
	const char *at;
	char *why;
	size_t size;
};

static int __attribute__((format(printf, 2, 3))) refuse(struct scan *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->why, s->size, format, args);
	va_end(args);
	return -EINVAL;
}

static void skip_space(struct scan *s)
{
	for (;;) {
		s->at += strspn(s->at, " \t\r\n");
		if (*s->at != '#' && strncmp(s->at, "//", 2))
			return;
		s->at += strcspn(s->at, "\n");
	}
}

/* A word, or what is in quotes. */
static int take_word(struct scan *s, const char *what, char *word, size_t size)
{
	bool quoted;
	size_t n;

	skip_space(s);
	quoted = *s->at == '"';
	s->at += quoted;
	n = strcspn(s->at, quoted ? "\"\n" : " \t\r\n\"{};");
	if (!n || n >= size || (quoted && s->at[n] != '"'))
		return refuse(s, "its %s is missing or too long", what);
	memcpy(word, s->at, n);
	word[n] = '\0';
	s->at += n + quoted;
	return 0;
}

static int take_sign(struct scan *s, char sign)
{
	skip_space(s);
	if (*s->at != sign)
		return refuse(s, "a '%c' is missing", sign);
	s->at++;
	return 0;
}

static bool is_algorithm(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		if (!strcmp(name, algorithms[i]))
			return true;
	}
	return false;
}

static int check(struct scan *s, const struct policy_tsig *key)
{
	size_t n = strspn(key->secret, base64), pad = strspn(key->secret + n, "=");

	if (strspn(key->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(key->name))
		return refuse(s, "its name is none of the DNS");
	if (!is_algorithm(key->algorithm))
		return refuse(s, "its algorithm is missing, or not hmac-sha1, -sha224, -sha256, -sha384 or -sha512");
	if (n < SECRET_MIN || pad > 2 || (n + pad) % 4 || key->secret[n + pad])
		return refuse(s, "its secret is missing, shorter than 128 bits, or not in base64");
	return 0;
}

static int take_clause(struct scan *s, struct policy_tsig *key)
{
	char word[16];
	int err = take_word(s, "clause", word, sizeof(word));

	if (err)
		return err;
	if (!strcmp(word, "algorithm"))
		err = take_word(s, "algorithm", key->algorithm, sizeof(key->algorithm));
	else if (!strcmp(word, "secret"))
		err = take_word(s, "secret", key->secret, sizeof(key->secret));
	else
		err = refuse(s, "'%s' is neither algorithm nor secret", word);
	return err ? err : take_sign(s, ';');
}

static int take_key(struct scan *s, struct policy_tsig *key)
{
	char word[16];
	int err = take_word(s, "word 'key'", word, sizeof(word));

	if (!err && strcmp(word, "key"))
		err = refuse(s, "it does not begin with the word key");
	if (!err)
		err = take_word(s, "name", key->name, sizeof(key->name));
	if (!err)
		err = take_sign(s, '{');
	while (!err && (skip_space(s), *s->at && *s->at != '}'))
		err = take_clause(s, key);
	if (!err)
		err = take_sign(s, '}');
	if (!err)
		err = take_sign(s, ';');
	skip_space(s);
	return !err && *s->at ? refuse(s, "there is more than one key in it") : err;
}

int tsig_parse(const char *text, struct policy_tsig *ret_key, char *why, size_t size)
{
	struct scan s = {.at = text, .why = why, .size = size};
	struct policy_tsig key = {0};
	int err = take_key(&s, &key);

	if (!err)
		err = check(&s, &key);
	if (!err)
		*ret_key = key;
	return err;
}
