// SPDX-License-Identifier: GPL-2.0-only
/* defibd: the command line of the controller. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "base/clean.h"
#include "base/log.h"
#include "conf/conf.h"
#include "daemon.h"
#include "load.h"

static const char usage[] =
	"usage: defibd [-c FILE] [--instance NAME] [--check] [--log-level error|warning|info|debug] [--version]\n"
	"Stays in the foreground and logs to standard error. See defibd(8).\n";

struct options {
	const char *config;
	const char *instance;
	bool check;
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"instance", required_argument, NULL, 'i'},
	{"check", no_argument, NULL, 'k'},
	{"log-level", required_argument, NULL, 'l'},
	{"version", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Return: -1: go on, otherwise the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) >= 0) {
		switch (option) {
		case 'c':
			o->config = optarg;
			break;
		case 'i':
			o->instance = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'l':
			if (!log_set_level(optarg))
				break;
			fprintf(stderr, "defibd: --log-level %s: use error, warning, info or debug\n", optarg);
			return 2;
		case 'v':
			printf("defibd %s\n", DEFIB_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "defibd: unexpected argument %s\n%s", argv[optind], usage);
	return 2;
}

/* Warnings only: what is fit needs no words here, as what is right needs none. */
static void advise(const struct options *o, const struct policy *policy)
{
	struct snapshot *s = advice_read(o->instance, stderr);

	if (s)
		advice_print(policy, s, o->config, stderr, NULL);
	snapshot_free(s);
}

int main(int argc, char **argv)
{
	struct options o = {.config = PATHS_DEFAULT_CONFIG, .instance = PATHS_DEFAULT_INSTANCE};
	CLEAN_FREE char *text = NULL;
	struct policy *policy = NULL;
	int status = parse(argc, argv, &o);
	struct daemon *d;
	size_t length;

	if (status >= 0)
		return status;
	status = load_read(o.config, stderr, &text, &length);
	if (!status)
		status = load_parse(o.config, text, length, stderr, &policy);
	if (status)
		return status == -EACCES ? 4 : 2;
	if (o.check) {
		advise(&o, policy);
		policy_free(policy);
		return 0;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		policy_free(policy);
		return 1;
	}
	d->in_force = (struct in_force){.path = o.config, .text = TAKE_PTR(text), .length = length};
	d->instance = o.instance;
	d->policy = policy;
	if (paths_init(&d->paths, o.instance)) {
		fprintf(stderr, "defibd: --instance %s: use 1 to 31 of letters, digits, - and _\n", o.instance);
		policy_free(policy);
		free(d->in_force.text);
		status = 2;
	} else {
		status = daemon_run(d);
	}
	free(d);
	return status;
}
