// SPDX-License-Identifier: GPL-2.0-only
/* What a reload would change, and the reload itself, which says what it did change. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <base/clean.h>
#include <change.h>
#include <conf/conf.h>
#include <conf/diff.h>
#include <load.h>

/* --- the answer as text ---------------------------------------------------------------------- */

/* The same edit of many objects is one line with all their names: how the line goes on after them. */
static char *make_line(const json_t *c)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	if (!out)
		return NULL;
	fprintf(out, "%-8s %s%%s", cli_text(c, "how"), cli_text(c, "section"));
	if (json_is_string(json_object_get(c, "field")))
		fprintf(out, ": %s: %s -> %s", cli_text(c, "field"), cli_text(c, "from"), cli_text(c, "to"));
	if (json_is_true(json_object_get(c, "restart")))
		fputs(" (a reload refuses it: it needs a restart)", out);
	return fclose(out) ? NULL : line;
}

/* Lines with a place for names -> names, in the order in which they came. */
static json_t *group_changes(const json_t *changes)
{
	json_t *groups = json_object(), *c;
	size_t i;

	json_array_foreach(changes, i, c) {
		CLEAN_FREE char *line = make_line(c);
		json_t *names = line ? json_object_get(groups, line) : NULL;
		json_t *name = json_object_get(c, "name");

		if (line && !names) {
			names = json_array();
			json_object_set_new(groups, line, names);
		}
		if (json_is_string(name))
			json_array_append(names, name);
	}
	return groups;
}

static void print_group(const char *line, const json_t *names)
{
	const char *place = strstr(line, "%s");
	json_t *name;
	size_t i;

	printf("%.*s", (int)(place - line), line);
	json_array_foreach(names, i, name)
		printf("%s %s", i ? "," : "", json_string_value(name));
	puts(place + 2);
}

static void print_changes(json_t *doc)
{
	json_t *groups = group_changes(json_object_get(doc, "changes")), *one;
	const char *line;
	size_t i;

	json_object_foreach(groups, line, one)
		print_group(line, one);
	json_array_foreach(json_object_get(doc, "services"), i, one)
		printf("%-8s service %s: %s\n", cli_text(one, "meaning"), cli_text(one, "service"),
		       cli_text(one, "why"));
	json_decref(groups);
}

/* --- defib config diff ----------------------------------------------------------------------- */

static const char *serving(void *status, const char *pool, uint32_t index)
{
	const json_t *one = cli_find(json_object_get(status, "pools"), pool);
	const char *name = json_string_value(json_array_get(json_object_get(one, "active"), index));

	return name ? name : "";
}

/* Ours is not of the daemon's version if it does not understand what the daemon runs on. */
static int parse_running(const json_t *running, struct policy **ret_policy)
{
	const char *text = json_string_value(json_object_get(running, "text"));
	struct conf_problems problems = {0};
	int err = text ? conf_parse(text, strlen(text), ret_policy, &problems) : -EINVAL;

	conf_problems_free(&problems);
	return err ? cli_fail(CTL_FAILED, "what the daemon runs on cannot be understood: is it of another version?") :
		     CTL_OK;
}

static int print_diff(const struct cli *cli, const struct diff *diff, const char *path)
{
	json_t *doc = change_json(diff);

	if (!doc)
		return cli_fail(CTL_FAILED, "out of memory");
	json_object_set_new(doc, "schema", json_integer(CTL_SCHEMA));
	json_object_set_new(doc, "file", json_string(path));
	if (cli->json)
		return cli_print_json(cli, doc);
	print_changes(doc);
	if (!diff->n_changes)
		printf("%s: nothing would change\n", path);
	json_decref(doc);
	return CTL_OK;
}

static int compare(struct cli *cli, const struct policy *old, const char *path, json_t *status)
{
	struct policy *new = NULL;
	struct diff diff;
	int code = policy_load(path, stderr, &new);

	if (code)
		return code == -ENOMEM ? CTL_FAILED : CTL_USAGE;
	if (diff_policies(old, new, serving, status, &diff)) {
		code = cli_fail(CTL_FAILED, "out of memory");
	} else {
		code = print_diff(cli, &diff, path);
		diff_free(&diff);
	}
	policy_free(new);
	return code;
}

int config_diff(struct cli *cli, int argc, char **argv)
{
	json_t *running = NULL, *status = NULL;
	struct policy *old = NULL;
	int code;

	if (argc > 2)
		return cli_usage("config diff takes one file, or none: [FILE]");
	code = cli_call(cli, CTL_IN_FORCE, NULL, &running);
	if (!code)
		code = cli_status(cli, &status);
	if (!code)
		code = parse_running(running, &old);
	if (!code)
		code = compare(cli, old, argc == 2 ? argv[1] : cli_text(running, "file"), status);
	policy_free(old);
	json_decref(status);
	json_decref(running);
	return code;
}

/* --- defib config reload --------------------------------------------------------------------- */

int config_reload(struct cli *cli, int argc, char **argv)
{
	json_t *reply;
	int code;

	if (argc > 1)
		return cli_usage("config reload: \"%s\" is too much; the file is the daemon's", argv[1]);
	code = cli_call(cli, CTL_RELOAD, NULL, &reply);
	if (code)
		return code;
	if (cli->json)
		return cli_print_json(cli, reply);
	puts(cli_text(reply, "text"));
	print_changes(reply);
	json_decref(reply);
	return CTL_OK;
}
