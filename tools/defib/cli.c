// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/text.h>
#include <ctl/client.h>
#include <ctl/status.h>
#include <sense/snapshot.h>

#define STATUS_PATIENCE_MS 3000
#define CALL_PATIENCE_MS 30000

int cli_fail(enum ctl_code code, const char *format, ...)
{
	va_list args;

	fputs("defib: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

int cli_usage(const char *format, ...)
{
	va_list args;

	fputs("defib: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\ndefib: `defib --help` lists the commands\n", stderr);
	return CTL_USAGE;
}

enum ctl_code cli_code(int error)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return CTL_OK;
	case EPERM:
	case EACCES:
		return CTL_DENIED;
	case EINVAL:
		return CTL_USAGE;
	case ECONNREFUSED:
	case ECONNRESET:
		return CTL_UNREACHABLE;
	case ETIMEDOUT:
		return CTL_TIMED_OUT;
	default:
		return CTL_FAILED;
	}
}

int cli_print_json(const struct cli *cli, json_t *doc)
{
	size_t flags = JSON_REAL_PRECISION(12) | (cli->pretty ? JSON_INDENT(2) : JSON_COMPACT);
	int error = json_dumpf(doc, stdout, flags);

	json_decref(doc);
	if (error || putchar('\n') == EOF || fflush(stdout))
		return cli_fail(CTL_FAILED, "standard output: %s", strerror(errno));
	return CTL_OK;
}

const char *cli_text(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text ? text : "-";
}

int64_t cli_number(const json_t *doc, const char *key)
{
	json_t *value = json_object_get(doc, key);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

const char *cli_us(const json_t *doc, const char *key, char text[DURATION_TEXT_LEN])
{
	int64_t us = cli_number(doc, key);

	return us < 0 ? "-" : duration_format((uint64_t)us * 1000, text);
}

const char *cli_age(const json_t *doc, const char *key, char text[DURATION_TEXT_LEN])
{
	json_t *value = json_object_get(doc, key);
	double s = json_number_value(value);

	if (!value || json_is_null(value))
		return "-";
	if (s < 120)
		snprintf(text, DURATION_TEXT_LEN, "%.1f s", s);
	else if (s < 7200)
		snprintf(text, DURATION_TEXT_LEN, "%.0f min", s / 60);
	else if (s < 172800)
		snprintf(text, DURATION_TEXT_LEN, "%.0f h", s / 3600);
	else
		snprintf(text, DURATION_TEXT_LEN, "%.0f days", s / 86400);
	return text;
}

const json_t *cli_find(const json_t *list, const char *name)
{
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one) {
		if (!strcmp(cli_text(one, "name"), name))
			return one;
	}
	return NULL;
}

enum ctl_code cli_no_such(const char *what, const char *name, const json_t *list)
{
	size_t i;
	json_t *one;

	fprintf(stderr, "defib: no %s \"%s\"; there %s", what, name,
		json_array_size(list) ? "is:" : "is none");
	json_array_foreach(list, i, one) {
		if (i == 20) {
			fprintf(stderr, " ... (%zu)", json_array_size(list));
			break;
		}
		fprintf(stderr, " %s", cli_text(one, "name"));
	}
	fputc('\n', stderr);
	return CTL_USAGE;
}

enum ctl_code cli_say_error(const struct cli *cli, int error)
{
	switch (-error) {
	case EACCES:
	case EPERM:
		return cli_fail(CTL_DENIED, "%s: not permitted; run it as root, or join the group \"defib\"",
				cli->paths.socket);
	case ENOENT:
	case ECONNREFUSED:
		return cli_fail(CTL_UNREACHABLE, "no daemon of instance \"%s\" answers at %s; is defibd running?",
				cli->instance, cli->paths.socket);
	case ECONNRESET:
		return cli_fail(CTL_UNREACHABLE, "the daemon hung up");
	case ETIMEDOUT:
		return cli_fail(CTL_TIMED_OUT, "the daemon does not answer");
	default:
		return cli_fail(CTL_FAILED, "%s: %s", cli->paths.socket, strerror(-error));
	}
}

/* What a reply says in its envelope; the envelope is taken off. */
static enum ctl_code open_reply(json_t *reply)
{
	enum ctl_code code = (enum ctl_code)cli_number(reply, "code");
	const char *error = json_string_value(json_object_get(reply, "error"));

	if (error)
		return cli_fail(code > CTL_OK && code <= CTL_TIMED_OUT ? code : CTL_FAILED, "%s", error);
	json_object_del(reply, "error");
	json_object_del(reply, "code");
	return CTL_OK;
}

enum ctl_code cli_call(struct cli *cli, const char *cmd, json_t *args, json_t **ret_reply)
{
	json_t *reply;
	int error = ctl_client_call(cli->paths.socket, cmd, args, CALL_PATIENCE_MS, &reply);
	enum ctl_code code;

	if (error)
		return cli_say_error(cli, error);
	code = open_reply(reply);
	if (code || !ret_reply)
		json_decref(reply);
	else
		*ret_reply = reply;
	return code;
}

static enum ctl_code status_from_maps(struct cli *cli, json_t **ret_doc)
{
	struct snapshot *s;
	int error = snapshot_read(cli->paths.maps_dir, &s);

	switch (-error) {
	case 0:
		break;
	case ENOENT:
		return cli_fail(CTL_UNREACHABLE, "instance \"%s\" is not here: no daemon answers at %s and "
				"nothing is pinned at %s", cli->instance, cli->paths.socket, cli->paths.maps_dir);
	case EPERM:
		return cli_fail(CTL_DENIED, "the daemon is down, and its maps are for root alone: try sudo");
	case EPROTO:
		return cli_fail(CTL_FAILED, "the daemon is down, and %s was made by a defib of another version "
				"(this one has ABI version %d); start defibd, which takes it over, or use that one", cli->paths.maps_dir,
				DFB_ABI_VERSION);
	default:
		return cli_fail(CTL_FAILED, "%s: %s", cli->paths.maps_dir, strerror(-error));
	}
	*ret_doc = status_json(s, NULL);
	snapshot_free(s);
	return *ret_doc ? CTL_UNREACHABLE : cli_fail(CTL_FAILED, "out of memory");
}

enum ctl_code cli_status(struct cli *cli, json_t **ret_doc)
{
	json_t *reply;
	int error = ctl_client_call(cli->paths.socket, CTL_STATUS, NULL, STATUS_PATIENCE_MS, &reply);
	enum ctl_code code;

	*ret_doc = NULL;
	switch (-error) {
	case 0:
		break;
	case ENOENT:
	case ECONNREFUSED:
	case ECONNRESET:
	case ETIMEDOUT: /* stopped, or stuck: the maps know all the same */
		return status_from_maps(cli, ret_doc);
	default:
		return cli_say_error(cli, error);
	}
	code = open_reply(reply);
	if (code)
		json_decref(reply);
	else
		*ret_doc = reply;
	return code;
}
