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
#include <stdio.h>

#include <base/paths.h>
#include <base/text.h>
#include <defib/ctl.h>

/**
 * struct cli - what was asked for before the object
 * @paths: of the instance
 * @instance: its name
 * @json: -j: one JSON document on standard output instead of text
 * @pretty: -p: the document is indented
 * @out: standard output, or what takes its place
 * @colour: standard output is a terminal that wants it
 */
struct cli {
	struct paths paths;
	const char *instance;
	bool json;
	bool pretty;
	bool colour;
	FILE *out;
};

int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_top(struct cli *cli, int argc, char **argv);
int cmd_server(struct cli *cli, int argc, char **argv);
int cmd_service(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);
int cmd_history(struct cli *cli, int argc, char **argv);
int cmd_gateway(struct cli *cli, int argc, char **argv);
int cmd_event(struct cli *cli, int argc, char **argv);
int cmd_echo(struct cli *cli, int argc, char **argv);
int cmd_loss(struct cli *cli, int argc, char **argv);
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

/** cli_say_error() - why the daemon could not be asked, for a -errno of ctl_client_*(), and what to do. */
enum ctl_code cli_say_error(const struct cli *cli, int error);

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

/* Reading a document; what is null or missing is "-", or -1. */
const char *cli_text(const json_t *doc, const char *key);
int64_t cli_number(const json_t *doc, const char *key);

/** cli_us() - a number of microseconds as "2.31 ms". Return: @text or "-". */
const char *cli_us(const json_t *doc, const char *key, char text[DURATION_TEXT_LEN]);

/** cli_age() - a number of seconds as "3.2 s", "14 min". Return: @text or "-". */
const char *cli_age(const json_t *doc, const char *key, char text[DURATION_TEXT_LEN]);

/** cli_find() - Return: the object with this "name" in a list, borrowed, or NULL. */
const json_t *cli_find(const json_t *list, const char *name);

/** cli_no_such() - say that there is none of this name, and which there are. Return: CTL_USAGE. */
enum ctl_code cli_no_such(const char *what, const char *name, const json_t *list);

/** cli_event_line() - one event of the monitor or the history as a line of text; the caller frees it. */
char *cli_event_line(const json_t *event);

/** cli_history_error() - say why the history cannot be read. Return: the exit status. */
int cli_history_error(const struct cli *cli, int error, const char *why);

/** cli_since() - take --since T, and nothing else. Return: CTL_OK, or CTL_USAGE after a complaint. */
int cli_since(int argc, char **argv, const char *command, int64_t *ret_us);

/* The parts of the status that `top` shows too; @max_rows: 0: all */
void status_print_services(const struct cli *cli, const json_t *doc, size_t max_rows);
void status_print_servers(const struct cli *cli, const json_t *doc, const json_t *before, size_t max_rows);
void status_print_head(const struct cli *cli, const json_t *doc);

/** status_ratio_cell() - a share of a document as a per cent, or "-" */
struct table;
void status_ratio_cell(struct table *t, const json_t *doc, const char *key);

/** status_servers_cell() - who serves a service; of several, with the part of the clients that each has */
void status_servers_cell(struct table *t, const json_t *service, const json_t *pool);

#endif
