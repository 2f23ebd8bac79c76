/* SPDX-License-Identifier: GPL-2.0-only */
/* A failing world, made into a story: as few happenings, words and digits as still fail alike. */
#ifndef MODEL_SHRINK_H
#define MODEL_SHRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** struct shrink_result - of one run of a script; @failure: the first */
struct shrink_result {
	uint32_t failures;
	uint64_t hash;
	char failure[256];
};

/** shrink_run() - run a script; @out: its trace, or NULL. A script that cannot be read fails, too. */
void shrink_run(const char *script, FILE *out, struct shrink_result *ret_result);

/**
 * shrink_script() - leave out and round what can be, as long as it fails with the same words
 * @script: changed in place, never longer than it was
 * @failure: what it fails with; names and numbers in it may change
 * @budget_ns: real time that it may take
 * Return: true: no line can be left out any more, each was tried; false: the time was over before.
 */
bool shrink_script(char *script, const char *failure, uint64_t budget_ns);

/**
 * shrink_write() - a folder in the format of selftests/scenarios/, for `story`
 * @folder: made, with the folders above it
 * @about: what the README begins with
 * Return: 0 or -errno.
 */
int shrink_write(const char *folder, const char *script, const char *about);

#endif
