// SPDX-License-Identifier: GPL-2.0-only
/*
 * defib: one table has all commands. Help, the synopsis of defib(8) and shell completion are made
 * from it (help.c); to add a command, add a line and write its file.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/clean.h>

const struct command commands[] = {
	{"status", "", "", 0, cmd_status, "services, pools and servers, at one look"},
	{"top", "", "", 0, cmd_top, "the same, live, with the last events; q ends it"},
	{"server", "list", "", 0, cmd_server, "every server: state, round trip, loss"},
	{"server", "show", "NAME", 0, cmd_server, "one server, address by address"},
	{"server", "maintenance", "NAME on|off [--deadline T | --now] [--wait] [--for T] [--reason TEXT]", DAEMON, cmd_server,
	 "take a server out of service, or back"},
	{"service", "list", "", 0, cmd_service, "every service: state, its server, the last failover"},
	{"service", "failover", "NAME [--from SERVER] [--to SERVER] [--dry-run]", DAEMON, cmd_service,
	 "move a service's pool to another server"},
	{"service", "pause", "NAME [--for T] [--reason TEXT]", DAEMON, cmd_service,
	 "no automatic switch of a service's pool, for 1h or T"},
	{"service", "resume", "NAME [--reason TEXT]", DAEMON, cmd_service, "automatic switch again"},
	{"service", "explain", "NAME", 0, cmd_explain, "why it did, or did not, fail over: the evidence"},
	{"gateway", "mode", "[active|passive]", DAEMON, cmd_gateway, "steer, or only watch; without a word: which it is"},
	{"event", "monitor", "", DAEMON, cmd_event, "events as they happen"},
	{"event", "list", "[--since T]", 0, cmd_event, "events of the past; T: 10m, 2h or a time"},
	{"history", "list", "[--since T]", 0, cmd_history, "failovers of the past, with the times of their phases"},
	{"history", "show", "ID", 0, cmd_history, "one of them: what happened before, meanwhile and after"},
	{"echo", "attach", "DEV --allow CIDR [CIDR...] [--allow ...] [--port N] [--mode MODE] [--rate N]", 0,
	 cmd_echo, "on a server: answer probes; MODE is auto, native or generic"},
	{"echo", "detach", "DEV", 0, cmd_echo, "on a server: answer no more"},
	{"echo", "agent", "[--every TIME]", 0, cmd_echo,
	 "on a server: stay, and show that its processes run"},
	{"echo", "show", "", 0, cmd_echo, "on a server: where probes are answered, and what was refused"},
	{"loss", "show", "", 0, cmd_loss, "every stream: received, lost, late, duplicate, blackouts"},
	{"loss", "watch", "[--every T] [--count N]", 0, cmd_loss, "streams live, a line each, with their last losses"},
	{"loss", "reset", "", 0, cmd_loss, "forget what was counted"},
	{"loss", "attach", "DEV [--blackout T] [--expire T] [--mode MODE]", 0, cmd_loss,
	 "count streams on this interface, where no daemon does"},
	{"loss", "detach", "DEV", 0, cmd_loss, "and no more"},
	{"loss", "report", "[--since T]", 0, cmd_loss, "what failovers cost, by the rate of streams"},
	{"loss", "send",
	 "[DEV] ADDRESS [--rate N[,N...]] [--count N|--duration T] [--size N] [--port N] [--sport N] [--sender HOW]",
	 0, cmd_loss, "a stream of numbered packets; HOW is auto, kernel or socket"},
	{"config", "check", "FILE", 0, cmd_config, "all that is wrong with a configuration"},
	{"config", "diff", "[FILE]", DAEMON, cmd_config, "what a reload would change, and for whom"},
	{"config", "reload", "", DAEMON, cmd_config, "read the file again, and what that changed; a faulty one does nothing"},
	{"doctor", "", "", 0, cmd_doctor, "is this machine fit for it? What to do if not"},
	{"teardown", "", "[--keep-routes]", 0, cmd_teardown, "remove all that the instance left in the kernel"},
	{"version", "", "", 0, cmd_version, "of this program"},
	{"completion", "bash", "", 0, cmd_completion, "a script for the shell: eval \"$(defib completion bash)\""},
	{"completion", "man", "", 0, cmd_completion, "the synopsis of the manual page"},
	{0},
};

int cmd_version(struct cli *cli, int argc, char **argv)
{
	if (argc > 1)
		return cli_usage("version: \"%s\" is too much", argv[1]);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i, s:s, s:i}", "schema", CTL_SCHEMA,
						     "version", DEFIB_VERSION, "abi", DFB_ABI_VERSION));
	puts("defib " DEFIB_VERSION);
	return CTL_OK;
}

/* --- options that every command shares ------------------------------------------------------- */

struct options {
	struct cli *cli;
	bool help;
};

/* Return: how many of the words at @argv were an option of ours; 0: none; -1: wrong. */
static int take_option(struct options *o, char **argv)
{
	static const char instance[] = "--instance=";

	if (!strcmp(argv[0], "-j") || !strcmp(argv[0], "--json"))
		o->cli->json = true;
	else if (!strcmp(argv[0], "-p") || !strcmp(argv[0], "--pretty"))
		o->cli->pretty = o->cli->json = true;
	else if (!strcmp(argv[0], "-jp") || !strcmp(argv[0], "-pj"))
		o->cli->pretty = o->cli->json = true;
	else if (!strcmp(argv[0], "-h") || !strcmp(argv[0], "--help"))
		o->help = true;
	else if (!strncmp(argv[0], instance, sizeof(instance) - 1))
		o->cli->instance = argv[0] + sizeof(instance) - 1;
	else if (strcmp(argv[0], "--instance"))
		return 0;
	else if (argv[1])
		return o->cli->instance = argv[1], 2;
	else
		return -1;
	return 1;
}

/* Takes them out of @argv, wherever they stand before a "--". Return: words left, or -1. */
static int take_options(struct options *o, char **argv)
{
	int left = 0, i = 0;

	while (argv[i] && strcmp(argv[i], "--")) {
		int taken = take_option(o, argv + i);

		if (taken < 0)
			return -1;
		if (!taken)
			argv[left++] = argv[i++];
		i += taken;
	}
	while (argv[i])
		argv[left++] = argv[i++];
	argv[left] = NULL;
	return left;
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb");
}

/* --- which command --------------------------------------------------------------------------- */

static bool object_exists(const char *object)
{
	for (const struct command *c = commands; c->object; c++) {
		if (!strcmp(c->object, object))
			return true;
	}
	return false;
}

static const struct command *find(const char *object, const char *verb)
{
	for (const struct command *c = commands; c->object; c++) {
		if (!strcmp(c->object, object) && (!c->verb[0] || (verb && !strcmp(c->verb, verb))))
			return c;
	}
	return NULL;
}

static int run(struct cli *cli, int argc, char **argv)
{
	const struct command *c = find(argv[0], argv[1]);

	if (!c && !object_exists(argv[0]))
		return help_wrong_word(NULL, argv[0]);
	if (!c)
		return help_wrong_word(argv[0], argv[1]);
	if (c->verb[0]) {
		argc--;
		argv++;
	}
	return c->run(cli, argc, argv);
}

int main(int argc, char **argv)
{
	struct cli cli = {.instance = PATHS_DEFAULT_INSTANCE, .out = stdout};
	struct options options = {.cli = &cli};

	(void)argc;
	argc = take_options(&options, argv + 1);
	if (argc < 0)
		return cli_usage("--instance needs a name");
	if (paths_init(&cli.paths, cli.instance))
		return cli_usage("\"%s\" is no name for an instance: 1 to 31 letters, digits, - and _",
				 cli.instance);
	cli.colour = wants_colour();
	if (options.help)
		return help_print(argv[1]);
	if (!argc) {
		help_print(NULL);
		return CTL_USAGE;
	}
	return run(&cli, argc, argv + 1);
}
