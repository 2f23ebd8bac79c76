/* SPDX-License-Identifier: GPL-2.0-only */
/* From a file to a policy, telling a person what is wrong with it. */
#ifndef DEFIB_LOAD_H
#define DEFIB_LOAD_H

#include <stdio.h>

#include "core/policy.h"

/**
 * policy_load() - read and understand a configuration file
 * @path: of at most CONF_MAX_BYTES
 * @complain: gets every problem as `path:line:column: [warning: ]what, and a hint`, one per line
 * @ret_policy: the caller owns it: policy_free()
 *
 * Keys for name servers are read, too: one that cannot be used makes the configuration wrong.
 *
 * Return: 0 (there may have been warnings), -EINVAL (the configuration is wrong), -ENOMEM, or
 * -errno of the read; all are told to @complain.
 */
int policy_load(const char *path, FILE *complain, struct policy **ret_policy);

/**
 * load_read() - the first half: the text of the file
 * @ret_text: the caller frees it; not terminated
 */
int load_read(const char *path, FILE *complain, char **ret_text, size_t *ret_length);

/** load_parse() - the second half; @path: only to complain */
int load_parse(const char *path, const char *text, size_t length, FILE *complain, struct policy **ret_policy);

#endif
