// SPDX-License-Identifier: GPL-2.0-only
#include "dns_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"

#define RECORD_VERSION "defib1"
#define RECORD_NAME "_defib."

/* --- the record ------------------------------------------------------------------------------ */

void dns_text_record(const struct publish_record *record, const char *pool, const char *time,
		     char text[DNS_TEXT_LEN])
{
	snprintf(text, DNS_TEXT_LEN, "v=" RECORD_VERSION " server=%s gateway=%s pool=%s epoch=%llu time=%s",
		 record->server, record->gateway, pool, (unsigned long long)record->epoch, time);
}

/* "key=value", closed by a blank or the end. */
static int take(const char *text, const char *key, char *value, size_t size)
{
	size_t n = strlen(key), length;

	for (const char *at = text; at; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (strncmp(at, key, n) || at[n] != '=')
			continue;
		at += n + 1;
		length = strcspn(at, " ");
		if (length >= size)
			return -EINVAL;
		memcpy(value, at, length);
		value[length] = '\0';
		return 0;
	}
	return -EINVAL;
}

int dns_text_parse(const char *text, struct publish_record *ret_record, char ret_time[32])
{
	struct publish_record r = {.there = true};
	char version[16], epoch[24], *end;

	if (take(text, "v", version, sizeof(version)) || strcmp(version, RECORD_VERSION))
		return -EINVAL;
	if (take(text, "server", r.server, sizeof(r.server)) ||
	    take(text, "gateway", r.gateway, sizeof(r.gateway)) ||
	    take(text, "epoch", epoch, sizeof(epoch)) || take(text, "time", ret_time, 32))
		return -EINVAL;
	if ((r.server[0] && !name_is_valid(r.server)) || !name_is_valid(r.gateway))
		return -EINVAL;
	r.epoch = strtoull(epoch, &end, 10);
	if (!epoch[0] || *end)
		return -EINVAL;
	*ret_record = r;
	return 0;
}

/* --- what is said ---------------------------------------------------------------------------- */

struct input {
	char *text;
	size_t used;
	bool full;
};

static void __attribute__((format(printf, 2, 3))) add(struct input *in, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(in->text + in->used, DNS_INPUT_LEN - in->used, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= DNS_INPUT_LEN - in->used)
		in->full = true;
	else
		in->used += (size_t)n;
}

static void add_name(struct input *in, const struct dns_update *u, const char *name)
{
	static const char *const types[DFB_FAMILIES] = {"A", "AAAA"};
	char address[ADDRESS_TEXT_LEN];

	for (uint32_t f = 0; f < DFB_FAMILIES; f++) {
		add(in, "update delete %s %s\n", name, types[f]);
		if (u->server && u->server->has[f])
			add(in, "update add %s %u %s %s\n", name, u->dns->ttl_s, types[f],
			    address_format(u->server->address[f], address));
	}
}

int dns_text_update(const struct dns_update *u, char input[DNS_INPUT_LEN])
{
	const struct policy_dns *dns = u->dns;
	struct input in = {.text = input};
	char address[ADDRESS_TEXT_LEN];

	add(&in, "key %s:%s %s\n", dns->key.algorithm, dns->key.name, dns->key.secret);
	add(&in, "server %s %u\nzone %s\n", address_format(u->name_server, address), dns->port, dns->zone);
	if (u->known[0])
		add(&in, "prereq yxrrset " RECORD_NAME "%s TXT \"%s\"\n", dns->names[0], u->known);
	else
		add(&in, "prereq nxrrset " RECORD_NAME "%s TXT\n", dns->names[0]);
	for (uint32_t i = 0; i < dns->n_names; i++)
		add_name(&in, u, dns->names[i]);
	add(&in, "update delete " RECORD_NAME "%s TXT\n", dns->names[0]);
	add(&in, "update add " RECORD_NAME "%s %u TXT \"%s\"\nsend", dns->names[0], dns->ttl_s, u->text);
	return in.full ? -E2BIG : 0;
}

int dns_text_query(const struct policy_dns *dns, const uint8_t *name_server, char input[DNS_INPUT_LEN])
{
	struct input in = {.text = input};
	char address[ADDRESS_TEXT_LEN];

	add(&in, "-y %s:%s:%s @%s -p %u " RECORD_NAME "%s TXT", dns->key.algorithm, dns->key.name, dns->key.secret,
	    address_format(name_server, address), dns->port, dns->names[0]);
	return in.full ? -E2BIG : 0;
}

/* --- what they say --------------------------------------------------------------------------- */

/* The rest of the line after some words, or NULL. */
static bool find_rest(const char *output, const char *words, char *rest, size_t size)
{
	const char *at = strstr(output, words);

	if (!at)
		return false;
	at += strlen(words);
	snprintf(rest, size, "%.*s", (int)strcspn(at, "\n"), at);
	return true;
}

/* Of the TXT: the one string between quotes. */
static int take_answer(const char *output, char text[DNS_TEXT_LEN])
{
	const char *line = strstr(output, "\tTXT\t\""), *begin, *end;

	text[0] = '\0';
	if (!line)
		return 0;
	begin = line + strlen("\tTXT\t\"");
	end = begin + strcspn(begin, "\"\\\n");
	if (*end != '"' || end[1] != '\n' || strstr(end, "\tTXT\t") || end - begin >= DNS_TEXT_LEN)
		return -EEXIST;
	memcpy(text, begin, (size_t)(end - begin));
	text[end - begin] = '\0';
	return 0;
}

int dns_text_answer(const char *output, char ret_text[DNS_TEXT_LEN], char ret_why[DNS_WHY_LEN])
{
	char status[DNS_WHY_LEN] = "", flags[DNS_WHY_LEN] = "";

	if (find_rest(output, "Couldn't verify signature: ", ret_why, DNS_WHY_LEN))
		return -EIO;
	if (!find_rest(output, "status: ", status, sizeof(status))) {
		if (!find_rest(output, ";; communications error to ", ret_why, DNS_WHY_LEN))
			text_copy(ret_why, DNS_WHY_LEN, "no answer");
		return -EIO;
	}
	status[strcspn(status, ",")] = '\0';
	if (strcmp(status, "NOERROR") && strcmp(status, "NXDOMAIN")) {
		text_copy(ret_why, DNS_WHY_LEN, status);
		return -EIO;
	}
	find_rest(output, "flags:", flags, sizeof(flags));
	flags[strcspn(flags, ";")] = '\0';
	if (!strstr(flags, " aa")) {
		text_copy(ret_why, DNS_WHY_LEN, "it is no name server of the zone");
		return -EIO;
	}
	if (take_answer(output, ret_text)) {
		text_copy(ret_why, DNS_WHY_LEN, "beside the first name stands a TXT that is not of defib; remove it");
		return -EEXIST;
	}
	return 0;
}

int dns_text_outcome(const char *output, const char *why, char ret_why[DNS_WHY_LEN])
{
	static const char *const stale[] = {"NXRRSET", "YXRRSET", "NXDOMAIN", "YXDOMAIN"};
	char said[DNS_WHY_LEN];

	if (find_rest(output, "update failed: ", said, sizeof(said))) {
		for (size_t i = 0; i < ARRAY_SIZE(stale); i++) {
			if (!strcmp(said, stale[i]))
				return -ESTALE;
		}
		text_copy(ret_why, DNS_WHY_LEN, said);
	} else if (!find_rest(output, "Communication with ", ret_why, DNS_WHY_LEN)) {
		text_copy(ret_why, DNS_WHY_LEN, why);
	}
	return -EIO;
}
