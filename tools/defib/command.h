/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of commands in main.c, and what is made from it. */
#ifndef COMMAND_H
#define COMMAND_H

#include <defib/abi.h>

#include "cli.h"

#define DAEMON 0x1u /* only the daemon can do it: with the daemon down it exits with 3 */

/**
 * struct command - one line of the table
 * @object: NULL ends the table
 * @verb: "" for an object without verbs
 * @args: as in a synopsis
 * @flags: DAEMON
 * @help: half a line
 */
struct command {
	const char *object;
	const char *verb;
	const char *args;
	unsigned int flags;
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *help;
};

extern const struct command commands[];

/** help_print() - all commands, or those of one object. Return: the exit status. */
int help_print(const char *object);

/**
 * help_wrong_word() - say which words are right, nearest first
 * @object: NULL: the object was wrong; otherwise its verb
 * @word: NULL: it is missing
 * Return: CTL_USAGE.
 */
int help_wrong_word(const char *object, const char *word);

#endif
