/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the commands of defib share. One file per command; main.c has the table of all.
 *
 * A command is called with argv[0] = its verb ("attach"), or its object where there is no verb
 * ("teardown"), and its own arguments after that, so getopt(3) works on it as it is. The options
 * that all commands share are gone already. It returns the exit status, enum ctl_code, after
 * having said on standard error what is wrong, cli_fail() being the way.
 */
#ifndef CLI_H
#define CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/paths.h>
#include <defib/ctl.h>

/**
 * struct cli - what was asked for before the object
 * @paths: of the instance
 * @instance: its name
 * @json: -j: one JSON document on standard output instead of text
 * @pretty: -p: the document is indented
 * @colour: standard output is a terminal that wants it
 */
struct cli {
	struct paths paths;
	const char *instance;
	bool json;
	bool pretty;
	bool colour;
};

int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_top(struct cli *cli, int argc, char **argv);
int cmd_server(struct cli *cli, int argc, char **argv);
int cmd_service(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);
int cmd_event(struct cli *cli, int argc, char **argv);
int cmd_echo(struct cli *cli, int argc, char **argv);
int cmd_config(struct cli *cli, int argc, char **argv);
int cmd_doctor(struct cli *cli, int argc, char **argv);
int cmd_teardown(struct cli *cli, int argc, char **argv);
int cmd_version(struct cli *cli, int argc, char **argv);
int cmd_completion(struct cli *cli, int argc, char **argv);

/** cli_fail() - "defib: ..." on standard error. Return: @code, to be returned in turn. */
int cli_fail(enum ctl_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** cli_usage() - the same for wrong arguments, with where to find the right ones. Return: CTL_USAGE. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** cli_code() - the exit status for a -errno, 0 for 0. */
enum ctl_code cli_code(int error);

/** cli_print_json() - one line, or indented with -p; takes the reference. Return: 0 or CTL_FAILED. */
int cli_print_json(const struct cli *cli, json_t *doc);

/**
 * cli_status() - the status document, from the daemon, or from the pinned maps if it is down
 * @ret_doc: new reference; "daemon" is "up" or "down"
 * Return: CTL_OK, CTL_UNREACHABLE with a document when the daemon is down, or without one and a
 * message when there is nothing to read.
 */
enum ctl_code cli_status(struct cli *cli, json_t **ret_doc);

/**
 * cli_call() - ask the daemon, say what went wrong
 * @args: reference is taken; may be NULL
 * @ret_reply: new reference, only with CTL_OK; may be NULL
 */
enum ctl_code cli_call(struct cli *cli, const char *cmd, json_t *args, json_t **ret_reply);

#endif
