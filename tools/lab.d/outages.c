// SPDX-License-Identifier: GPL-2.0-only
/*
 * outages - kill the serving server again and again, and see how long its clients notice
 *
 * Each round waits until every server is up and the service serves and is committed, lets a random
 * time pass (so that no phase of the probes is preferred), cuts the serving server's cable, waits for
 * the client's first reply from another one, and heals the cable.
 *
 *   outage: last reply of the dead server -> first reply of the next, as the client sees it
 *   moved:  the cable is cut -> the first answered request of the next server was sent
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clean.h"
#include "base/loop.h"
#include "base/text.h"

#define MAX_KILLS 10000
#define ROUND_NS 20000000000ull /* a round that takes longer has failed */

struct options {
	const char *lab;
	const char *instance;
	const char *service;
	const char *to;
	const char *port;
	const char *rate;
	unsigned int kills;
	unsigned int seed;
	uint64_t phase_ns; /* the random time is shorter than this */
	bool json;
	char tools[PATH_MAX]; /* folder of pace and wire */
	char defib[PATH_MAX];
};

struct round {
	uint64_t outage_ns;
	uint64_t moved_ns;
};

struct traffic {
	pid_t pid;
	FILE *out;
};

struct edge {
	char from[32];
	char to[32];
	uint64_t last_ns;
	uint64_t first_ns;
	uint64_t first_sent_ns;
};

static void pause_ns(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	nanosleep(&t, NULL);
}

/* --- other programs -------------------------------------------------------------------------- */

static void child_exec(const char *namespace, int out, const char *const *argv)
{
	char path[256];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(out, STDOUT_FILENO);
	if (namespace) {
		snprintf(path, sizeof(path), "/run/netns/%s", namespace);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET)) {
			fprintf(stderr, "outages: %s: %s\n", path, strerror(errno));
			_exit(127);
		}
	}
	execv(argv[0], (char *const *)argv);
	fprintf(stderr, "outages: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/** start() - run a program, in a namespace unless that is NULL. Return: its pid or -errno. */
static pid_t start(const char *namespace, const char *const *argv, FILE **ret_out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		child_exec(namespace, fds[1], argv);
	close(fds[1]);
	if (pid > 0)
		*ret_out = fdopen(fds[0], "r");
	if (pid > 0 && *ret_out)
		return pid;
	close(fds[0]);
	return pid > 0 ? -ENOMEM : -errno;
}

/** ask() - run a program and parse the JSON it prints; the caller owns it. NULL: none. */
static json_t *ask(const char *const *argv)
{
	CLEAN_FCLOSE FILE *out = NULL;
	pid_t pid = start(NULL, argv, &out);
	json_t *answer;

	if (pid < 0)
		return NULL;
	answer = json_loadf(out, 0, NULL);
	waitpid(pid, NULL, 0);
	return answer;
}

/* Returns when the cable was cut or mended, or 0. */
static uint64_t wire(const struct options *o, const char *verb, const char *server)
{
	char program[PATH_MAX + 8], namespace[128], port[40];
	const char *argv[] = {program, verb, namespace, port, NULL};
	json_t *answer;
	uint64_t when;

	snprintf(program, sizeof(program), "%s/wire", o->tools);
	snprintf(namespace, sizeof(namespace), "%s-switch", o->lab);
	snprintf(port, sizeof(port), "p%s", server + 1); /* s1 is behind p1 */
	answer = ask(argv);
	when = (uint64_t)json_integer_value(json_object_get(answer, "mono_ns"));
	json_decref(answer);
	return when;
}

/* --- what the daemon says -------------------------------------------------------------------- */

static bool all_up(const json_t *status)
{
	size_t i;
	json_t *server;

	json_array_foreach(json_object_get(status, "servers"), i, server) {
		const char *state = json_string_value(json_object_get(server, "state"));

		if (!state || strcmp(state, "up"))
			return false;
	}
	return i > 0;
}

static bool all_committed(const json_t *status)
{
	size_t i;
	json_t *pool;

	json_array_foreach(json_object_get(status, "pools"), i, pool) {
		if (json_integer_value(json_object_get(pool, "epoch")) !=
		    json_integer_value(json_object_get(pool, "committed")))
			return false;
	}
	return i > 0;
}

static const char *serving(const json_t *status, const char *service)
{
	size_t i;
	json_t *entry;

	json_array_foreach(json_object_get(status, "services"), i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		const char *state = json_string_value(json_object_get(entry, "state"));

		if (name && state && !strcmp(name, service) && !strcmp(state, "serving"))
			return json_string_value(json_object_get(entry, "server"));
	}
	return NULL;
}

/* Wait until all is well. Return: 0 or -ETIMEDOUT. */
static int wait_ready(const struct options *o, char ret_server[32])
{
	const char *argv[] = {o->defib, "-j", "--instance", o->instance, "status", NULL};
	uint64_t end = clock_now_ns() + ROUND_NS;

	while (clock_now_ns() < end) {
		json_t *status = ask(argv);
		const char *server = serving(status, o->service);
		bool ready = server && all_up(status) && all_committed(status);

		if (ready)
			text_copy(ret_server, 32, server);
		json_decref(status);
		if (ready)
			return 0;
		pause_ns(20000000);
	}
	return -ETIMEDOUT;
}

/* --- what the client says -------------------------------------------------------------------- */

static int start_traffic(const struct options *o, struct traffic *ret_traffic)
{
	char program[PATH_MAX + 8], namespace[128];
	const char *argv[] = {program, "--to", o->to, "--port", o->port, "--rate", o->rate, "--follow",
			      "--json", NULL};

	snprintf(program, sizeof(program), "%s/pace", o->tools);
	snprintf(namespace, sizeof(namespace), "%s-client", o->lab);
	ret_traffic->pid = start(namespace, argv, &ret_traffic->out);
	if (ret_traffic->pid < 0)
		return ret_traffic->pid;
	setvbuf(ret_traffic->out, NULL, _IONBF, 0); /* poll() must see all that is there */
	return 0;
}

static void stop_traffic(struct traffic *t)
{
	kill(t->pid, SIGTERM);
	fclose(t->out);
	waitpid(t->pid, NULL, 0);
}

static void copy_name(char to[32], const json_t *o, const char *key)
{
	const char *name = json_string_value(json_object_get(o, key));

	text_copy(to, 32, name ? name : "");
}

static int read_edge(struct traffic *t, uint64_t end, struct edge *ret_edge)
{
	struct pollfd fd = {.fd = fileno(t->out), .events = POLLIN};
	uint64_t now = clock_now_ns();
	char line[512];
	json_t *o;

	if (now >= end || poll(&fd, 1, (int)((end - now) / 1000000) + 1) <= 0)
		return -ETIMEDOUT;
	if (!fgets(line, sizeof(line), t->out))
		return -EPIPE;
	o = json_loads(line, 0, NULL);
	copy_name(ret_edge->from, o, "from");
	copy_name(ret_edge->to, o, "to");
	ret_edge->last_ns = (uint64_t)json_integer_value(json_object_get(o, "last_ns"));
	ret_edge->first_ns = (uint64_t)json_integer_value(json_object_get(o, "first_ns"));
	ret_edge->first_sent_ns = (uint64_t)json_integer_value(json_object_get(o, "first_sent_ns"));
	json_decref(o);
	return 0;
}

/* --- rounds ---------------------------------------------------------------------------------- */

static int wait_moved(struct traffic *t, const char *server, uint64_t cut_ns, struct round *ret_round)
{
	uint64_t end = clock_now_ns() + ROUND_NS;
	struct edge e;
	int error;

	for (;;) {
		error = read_edge(t, end, &e);
		if (error)
			return error;
		if (e.first_ns < cut_ns || strcmp(e.from, server))
			continue;
		ret_round->outage_ns = e.first_ns - e.last_ns;
		ret_round->moved_ns = e.first_sent_ns > cut_ns ? e.first_sent_ns - cut_ns : 0;
		return 0;
	}
}

static int run_round(struct options *o, struct traffic *t, struct round *ret_round)
{
	char server[32];
	uint64_t cut_ns;
	int error = wait_ready(o, server);

	if (error) {
		fprintf(stderr, "outages: not all servers came up again\n");
		return error;
	}
	pause_ns(o->phase_ns * (uint64_t)rand_r(&o->seed) / RAND_MAX);
	cut_ns = wire(o, "cut", server);
	if (!cut_ns)
		return -EIO;
	error = wait_moved(t, server, cut_ns, ret_round);
	if (error)
		fprintf(stderr, "outages: %s was cut, and its clients were not served again\n", server);
	return wire(o, "mend", server) ? error : -EIO;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest value that at least @percent of them do not exceed. */
static uint64_t quantile(const uint64_t *sorted, unsigned int n, unsigned int percent)
{
	unsigned int rank = (n * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

static void print_row(const struct options *o, const char *what, uint64_t *values)
{
	static const struct {
		const char *name;
		unsigned int percent;
	} columns[] = {{"min", 0}, {"p50", 50}, {"p90", 90}, {"p99", 99}, {"max", 100}};
	unsigned int n = o->kills;

	qsort(values, n, sizeof(*values), compare);
	if (o->json)
		printf("\"%s_us\":{", what);
	else
		printf("%-8s", what);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		double us = (double)quantile(values, n, columns[i].percent) / 1e3;

		if (o->json)
			printf("%s\"%s\":%.1f", i ? "," : "", columns[i].name, us);
		else
			printf(" %8.3f", us / 1e3);
	}
	fputs(o->json ? "}" : "  ms\n", stdout);
}

static void print_rounds(const struct options *o, const struct round *rounds)
{
	uint64_t outages[MAX_KILLS], moved[MAX_KILLS];

	for (unsigned int i = 0; i < o->kills; i++) {
		outages[i] = rounds[i].outage_ns;
		moved[i] = rounds[i].moved_ns;
	}
	if (o->json)
		printf("{\"schema\":1,\"kills\":%u,\"to\":\"%s\",", o->kills, o->to);
	else
		printf("%u kills, %s\n%-8s %8s %8s %8s %8s %8s\n", o->kills, o->to, "", "min", "p50", "p90",
		       "p99", "max");
	print_row(o, "outage", outages);
	if (o->json)
		putchar(',');
	print_row(o, "moved", moved);
	if (o->json)
		puts("}");
}

static int run(struct options *o)
{
	static struct round rounds[MAX_KILLS];
	struct traffic traffic;
	struct edge first;
	int error = start_traffic(o, &traffic);

	if (error)
		return error;
	error = read_edge(&traffic, clock_now_ns() + ROUND_NS, &first);
	if (error)
		fprintf(stderr, "outages: nobody answers at %s port %s\n", o->to, o->port);
	for (unsigned int i = 0; i < o->kills && !error; i++)
		error = run_round(o, &traffic, &rounds[i]);
	stop_traffic(&traffic);
	if (!error)
		print_rounds(o, rounds);
	return error;
}

/* --- start ----------------------------------------------------------------------------------- */

static const char usage[] =
	"usage: outages [--lab lab] [--instance main] [--service web] [--kills 30] [--to 10.79.0.100]\n"
	"               [--port 9000] [--rate 10000] [--phase 50ms] [--seed 1] [--json]\n"
	"Run in the lab's mount namespace, with defibd and `pace serve` running in the lab.\n";

static int find_programs(struct options *o)
{
	ssize_t n = readlink("/proc/self/exe", o->tools, sizeof(o->tools) - 1);
	char *slash;

	if (n < 0)
		return -errno;
	o->tools[n] = '\0';
	slash = strrchr(o->tools, '/');
	*slash = '\0'; /* build/lab */
	slash = strrchr(o->tools, '/');
	snprintf(o->defib, sizeof(o->defib), "%.*s/defib", (int)(slash - o->tools), o->tools);
	return 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{"lab", required_argument, NULL, 'l'},	 {"instance", required_argument, NULL, 'i'},
		{"service", required_argument, NULL, 's'}, {"kills", required_argument, NULL, 'k'},
		{"to", required_argument, NULL, 't'},	 {"port", required_argument, NULL, 'p'},
		{"rate", required_argument, NULL, 'r'},	 {"phase", required_argument, NULL, 'P'},
		{"seed", required_argument, NULL, 'S'},	 {"json", no_argument, NULL, 'j'}, {0}};
	int c, error = 0;

	while (!error && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'l': o->lab = optarg; break;
		case 'i': o->instance = optarg; break;
		case 's': o->service = optarg; break;
		case 'k': o->kills = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 't': o->to = optarg; break;
		case 'p': o->port = optarg; break;
		case 'r': o->rate = optarg; break;
		case 'P': error = duration_parse(optarg, &o->phase_ns); break;
		case 'S': o->seed = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'j': o->json = true; break;
		default: error = -EINVAL;
		}
	}
	if (optind != argc || o->kills < 1 || o->kills > MAX_KILLS)
		error = -EINVAL;
	return error;
}

int main(int argc, char **argv)
{
	struct options o = {.lab = "lab", .instance = "main", .service = "web", .to = "10.79.0.100",
			    .port = "9000", .rate = "10000", .kills = 30, .seed = 1, .phase_ns = 50000000};

	if (parse_options(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	if (find_programs(&o))
		return 1;
	return run(&o) ? 1 : 0;
}
