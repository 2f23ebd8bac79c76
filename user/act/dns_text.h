/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is said to nsupdate(1) and dig(1), and what they say. Pure.
 *
 * The record of a decision is a TXT of one string beside the first of a service's names:
 *
 *   _defib.www.example.org. TXT "v=defib1 server=s2 gateway=gw1 pool=app epoch=4 time=2026-01-01T00:00:00.000000Z"
 *
 * An update is one message (RFC 2136): it replaces the names' addresses and the record together, and
 * has the record that was read before as its prerequisite (2.4.2), or that there is none (2.4.3).
 */
#ifndef ACT_DNS_TEXT_H
#define ACT_DNS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "core/action.h"
#include "core/policy.h"

#define DNS_TEXT_LEN 256 /* one string of a TXT is shorter: RFC 1035, 3.3 */
#define DNS_INPUT_LEN 24576 /* as many names as there may be, however long */
#define DNS_WHY_LEN 160

/**
 * struct dns_update - what names shall resolve to
 * @dns: names, zone, key, port, TTL
 * @name_server: where they are
 * @known: the record's text as it was read; empty: there was none
 * @text: of the record to be
 * @server: whose addresses; NULL: none
 */
struct dns_update {
	const struct policy_dns *dns;
	const uint8_t *name_server;
	const char *known;
	const char *text;
	const struct policy_server *server;
};

/** dns_text_record() - a record as text. @time: its time in RFC 3339, see time_format(). */
void dns_text_record(const struct publish_record *record, const char *pool, const char *time,
		     char text[DNS_TEXT_LEN]);

/**
 * dns_text_parse() - and back
 * @ret_time: its time as text
 * Return: 0, or -EINVAL: it is none of ours, or of a later version.
 */
int dns_text_parse(const char *text, struct publish_record *ret_record, char ret_time[32]);

/** dns_text_update() - the input of nsupdate, without the last line's end. Return: 0 or -E2BIG. */
int dns_text_update(const struct dns_update *update, char input[DNS_INPUT_LEN]);

/**
 * dns_text_query() - the input of `dig -f -` that asks for the record: one line, without its end
 * Return: 0 or -E2BIG.
 */
int dns_text_query(const struct policy_dns *dns, const uint8_t *name_server, char input[DNS_INPUT_LEN]);

/**
 * dns_text_answer() - what dig said
 * @ret_text: the record's text; empty: there is none
 * @ret_why: why it is no answer that counts
 * Return: 0; -EIO: no answer, refused, not signed as it should be, or not from a name server of the zone;
 *	-EEXIST: something that is not ours stands there.
 */
int dns_text_answer(const char *output, char ret_text[DNS_TEXT_LEN], char ret_why[DNS_WHY_LEN]);

/**
 * dns_text_outcome() - what nsupdate said after it failed
 * @why: what is known otherwise: its exit status
 * Return: -ESTALE: the prerequisite did not hold, nothing was changed; -EIO: anything else, with @ret_why.
 */
int dns_text_outcome(const char *output, const char *why, char ret_why[DNS_WHY_LEN]);

#endif
