/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration that is in force, and how another one replaces it. */
#ifndef DEFIB_RELOAD_H
#define DEFIB_RELOAD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct daemon;

/**
 * struct in_force - what the daemon runs on
 * @path: of its file
 * @text: of the file when it was read; owned
 * @length: of @text, bytes
 * @loaded_ns: when that was
 * @refused: why the last reload changed nothing; empty: it did not fail
 */
struct in_force {
	const char *path;
	char *text;
	size_t length;
	uint64_t loaded_ns;
	char refused[512];
};

/**
 * reload_configuration() - read the file again; a faulty one changes nothing and is an event
 * @ret_answer: new reference: {"text", "changes", "services"} (see change_json()), or with an error
 *	{"error"}: what is wrong, one line for each problem; NULL: nobody asks
 * Return: 0, -EINVAL (faulty, or it needs a restart), or -errno.
 */
int reload_configuration(struct daemon *d, json_t **ret_answer);

/** reload_status() - {"file", "loaded", "differs", "refused"}: the file as it is now against @in_force. */
json_t *reload_status(const struct in_force *in_force);

/** reload_text() - {"file", "text"} for who compares. */
json_t *reload_text(const struct in_force *in_force);

#endif
