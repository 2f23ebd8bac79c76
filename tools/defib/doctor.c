// SPDX-License-Identifier: GPL-2.0-only
/* One check, one line: what was found, and what to do about it. */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/clean.h>

#include "table.h"

static const char *const verdict_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_FAIL] = "fail",
};

_Static_assert(ARRAY_SIZE(verdict_names) == DOCTOR_VERDICT_MAX, "every verdict has a name");

void doctor_say(struct doctor *d, enum doctor_verdict verdict, const char *check, const char *format, ...)
{
	va_list args;
	json_t *text;

	va_start(args, format);
	text = json_vsprintf(format, args);
	va_end(args);
	d->count[verdict]++;
	json_array_append_new(d->checks, json_pack("{s:s, s:s, s:o}", "check", check,
						   "verdict", verdict_names[verdict], "text", text));
}

void doctor_advise(struct doctor *d, const char *advice)
{
	json_t *last = json_array_get(d->checks, json_array_size(d->checks) - 1);

	json_object_set_new(last, "advice", json_string(advice));
}

int doctor_read_number(const char *path, long *ret_number)
{
	CLEAN_FCLOSE FILE *file = fopen(path, "re");
	long number;

	if (!file || fscanf(file, "%ld", &number) != 1)
		return -1;
	*ret_number = number;
	return 0;
}

static void print(const struct cli *cli, const json_t *check)
{
	const char *verdict = cli_text(check, "verdict");
	const char *colour = cli->colour ? table_state_colour(verdict) : NULL;

	printf("%s%-4s%s  %-14s %s\n", colour ? colour : "", verdict, colour ? TABLE_PLAIN : "",
	       cli_text(check, "check"), cli_text(check, "text"));
	if (json_object_get(check, "advice"))
		printf("%20s -> %s\n", "", cli_text(check, "advice"));
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
	struct doctor d = {.cli = cli, .checks = json_array()};
	json_t *check;
	size_t i;
	int code;

	if (argc > 1)
		return cli_usage("doctor: \"%s\" is too much", argv[1]);
	doctor_check_machine(&d);
	doctor_check_instance(&d);
	code = d.count[DOCTOR_FAIL] ? CTL_FAILED : CTL_OK;
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i, s:b, s:o}", "schema", CTL_SCHEMA, "ok", !code,
						     "checks", d.checks)) ? CTL_FAILED : code;
	json_array_foreach(d.checks, i, check)
		print(cli, check);
	printf("\n%d ok, %d warnings, %d failures\n", d.count[DOCTOR_OK], d.count[DOCTOR_WARN],
	       d.count[DOCTOR_FAIL]);
	json_decref(d.checks);
	return code;
}
