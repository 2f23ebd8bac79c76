// SPDX-License-Identifier: GPL-2.0-only
/*
 * outages - kill the serving server again and again, and see how long its clients notice
 *
 * Each round waits until every server is up, the client is answered by the one that the kernel's pool
 * names, and (unless the controller is away) that is committed; lets a random time pass, so that no
 * phase of the probes is preferred; cuts the serving server's cable; waits for the client's first reply
 * from another one, and heals the cable. It reads the pinned maps, so that a controller which is
 * stopped or dead is no obstacle.
 *
 *   outage: last reply of the dead server -> first reply of the next, as the client sees it
 *   moved:  the cable is cut -> the first answered request of the next server was sent
 *
 * A pool that moved when nobody was killed is a false switch: counted, and that round does not count.
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
#include "sense/snapshot.h"
#include "cable.h"
#include "outages.h"
#include "pace.h"

#define ROUND_NS 20000000000ull /* a round that takes longer has failed */
#define LOOK_NS 2000000ull	/* how often the maps are looked at */

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
	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		fprintf(stderr, "outages: %s: %s\n", path, strerror(errno));
		_exit(127);
	}
	execv(argv[0], (char *const *)argv);
	fprintf(stderr, "outages: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/** start() - run a program in a namespace. Return: its pid or -errno. */
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

/* Return: when the cable was cut or mended, or 0. */
static uint64_t wire(const struct kills *k, const char *verb, const char *server)
{
	uint64_t now = clock_now_ns();
	char port[DFB_NAME_LEN + 1];
	int error;

	snprintf(port, sizeof(port), "p%s", server + 1); /* s1 is behind p1 */
	error = cable_change(k->cables, verb, port);
	if (error)
		fprintf(stderr, "outages: cannot %s %s: %s\n", verb, port, strerror(-error));
	return error ? 0 : now;
}

/* --- what the kernel says -------------------------------------------------------------------- */

static bool all_up(const struct snapshot *s)
{
	uint32_t n = 0;

	for (uint32_t id = 0; id < s->n_servers * DFB_FAMILIES; id++) {
		if (!s->targets[id].server)
			continue;
		if (s->state[id].detect.state != DFB_STATE_UP)
			return false;
		n++;
	}
	return n > 0;
}

static uint32_t pool_of(const struct snapshot *s, const char *service)
{
	for (uint32_t i = 0; i < s->n_services; i++) {
		if (!strcmp(s->services[i].service.name, service))
			return s->services[i].service.pool;
	}
	return 0;
}

static int look(const struct options *o, struct view *ret_view)
{
	struct snapshot *s = NULL;
	int error = snapshot_read(o->paths.maps_dir, &s);
	uint32_t pool;

	if (error)
		return error;
	pool = pool_of(s, o->service);
	if (pool) {
		ret_view->pool = s->pools[pool];
		ret_view->all_up = all_up(s);
		text_copy(ret_view->server, sizeof(ret_view->server),
			  snapshot_name(s, s->pools[pool].slots[0]));
	}
	snapshot_free(s);
	return pool ? 0 : -ENOENT;
}

static bool is_committed(const struct options *o, const struct view *view)
{
	return o->away || view->pool.committed == view->pool.epoch;
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

static void copy_name(char to[DFB_NAME_LEN], const json_t *o, const char *key)
{
	const char *name = json_string_value(json_object_get(o, key));

	text_copy(to, DFB_NAME_LEN, name ? name : "");
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

/* Takes all edges that are there. Return: 0 or -EPIPE (the client ended). */
static int read_edges(struct traffic *t)
{
	struct pollfd fd = {.fd = fileno(t->out), .events = POLLIN};
	char line[512];
	json_t *o;

	while (poll(&fd, 1, 0) > 0) {
		if (!fgets(line, sizeof(line), t->out))
			return -EPIPE;
		o = json_loads(line, 0, NULL);
		copy_name(t->edge.from, o, "from");
		copy_name(t->edge.to, o, "to");
		t->edge.last_ns = number(o, "last_ns");
		t->edge.first_ns = number(o, "first_ns");
		t->edge.first_sent_ns = number(o, "first_sent_ns");
		json_decref(o);
	}
	return 0;
}

/* --- what the controller says ---------------------------------------------------------------- */

static int start_monitor(struct kills *k)
{
	int error = ctl_client_open(k->o->paths.socket, &k->monitor);

	return error ? error : ctl_client_send(k->monitor, CTL_MONITOR, NULL);
}

/* Takes all reports that are there; notes when one of a failover came. */
static void read_reports(struct kills *k, struct round *r)
{
	json_t *report = NULL;
	const char *kind;

	while (k->monitor && !ctl_client_receive(k->monitor, 0, &report)) {
		kind = json_string_value(json_object_get(report, "kind"));
		if (kind && !strcmp(kind, "failover"))
			r->told_ns = clock_now_ns();
		json_decref(report);
	}
}

/* --- rounds ---------------------------------------------------------------------------------- */

/* What comes of clients and controller within a time, at once. */
static int listen_for(struct kills *k, uint64_t ns, struct round *r)
{
	struct pollfd fds[] = {
		{.fd = fileno(k->traffic.out), .events = POLLIN},
		{.fd = k->monitor ? ctl_client_fd(k->monitor) : -1, .events = POLLIN},
	};
	struct timespec wait = {.tv_nsec = (long)ns};

	ppoll(fds, ARRAY_SIZE(fds), &wait, NULL);
	read_reports(k, r);
	return read_edges(&k->traffic);
}

static int wait_ready(struct kills *k, struct view *view)
{
	uint64_t end = clock_now_ns() + ROUND_NS;
	struct round ignored;

	while (clock_now_ns() < end) {
		int error = look(k->o, view);

		if (error && error != -ENOENT) /* it is not there yet */
			return error;
		if (!error && view->all_up && is_committed(k->o, view) && view->server[0] &&
		    !strcmp(view->server, k->traffic.edge.to))
			return 0;
		error = listen_for(k, LOOK_NS, &ignored);
		if (error)
			return error;
	}
	return -ETIMEDOUT;
}

static bool has_moved(const struct kills *k, const struct round *r, const char *server)
{
	const struct edge *e = &k->traffic.edge;

	return e->first_ns >= r->cut_ns && !strcmp(e->from, server) && (k->o->away || r->told_ns);
}

static int wait_moved(struct kills *k, struct view *view, struct round *r)
{
	uint64_t end = clock_now_ns() + ROUND_NS, epoch = view->pool.epoch;
	char server[DFB_NAME_LEN];
	int error = 0;

	text_copy(server, sizeof(server), view->server);
	while (!error && !has_moved(k, r, server))
		error = clock_now_ns() < end ? listen_for(k, LOOK_NS, r) : -ETIMEDOUT;
	while (!error && (view->pool.epoch == epoch || !is_committed(k->o, view)))
		error = clock_now_ns() < end ? look(k->o, view) : -ETIMEDOUT;
	if (error)
		return error;
	r->edge = k->traffic.edge;
	r->last = view->pool.last;
	r->committed_ns = k->o->away ? 0 : view->pool.committed_ns;
	return view->pool.epoch == epoch + 1 && !strcmp(view->server, r->edge.to) ? 0 : -ESTALE;
}

/* Return: 0, -ESTALE: it moved without having been killed. */
static int run_round(struct kills *k, struct round *r)
{
	struct options *o = k->o;
	struct view view = {0};
	char server[DFB_NAME_LEN];
	uint64_t epoch;
	int error = wait_ready(k, &view);

	if (error) {
		fprintf(stderr, "outages: not all servers came up again: %s\n", strerror(-error));
		return error;
	}
	epoch = view.pool.epoch;
	text_copy(server, sizeof(server), view.server);
	pause_ns(o->phase_ns * (uint64_t)rand_r(&o->seed) / RAND_MAX);
	error = look(o, &view);
	if (error || view.pool.epoch != epoch)
		return error ? error : -ESTALE;
	*r = (struct round){.cut_ns = wire(k, "cut", server)};
	if (!r->cut_ns)
		return -EIO;
	error = wait_moved(k, &view, r);
	if (error && error != -ESTALE)
		fprintf(stderr, "outages: %s was cut, and its clients were not served again\n", server);
	return wire(k, "mend", server) ? error : -EIO;
}

static int run_rounds(struct kills *k)
{
	int error = 0;

	while (!error && k->done < k->o->kills) {
		error = run_round(k, &k->rounds[k->done]);
		if (!error) {
			k->done++;
		} else if (error == -ESTALE && ++k->false_switches <= k->o->kills) {
			fprintf(stderr, "outages: false switch in round %u\n", k->done + 1);
			error = 0;
		}
	}
	return error;
}

static int run(struct options *o)
{
	static struct round rounds[OUTAGES_MAX];
	struct kills k = {.o = o, .rounds = rounds};
	char namespace[128];
	int error;

	snprintf(namespace, sizeof(namespace), "%s-switch", o->lab);
	error = cable_open(namespace, &k.cables);
	if (!error && !o->away)
		error = start_monitor(&k);
	if (!error)
		error = start_traffic(o, &k.traffic);
	if (error)
		fprintf(stderr, "outages: lab %s, instance %s: %s\n", o->lab, o->instance, strerror(-error));
	if (!error) {
		error = run_rounds(&k);
		stop_traffic(&k.traffic);
	}
	ctl_client_close(k.monitor);
	cable_close(k.cables);
	if (!error)
		outages_print(&k);
	if (!error && o->stamps)
		error = outages_write_stamps(&k);
	return error;
}

/* --- start ----------------------------------------------------------------------------------- */

static const char usage[] =
	"usage: outages [--lab lab] [--instance main] [--service web] [--kills 30] [--to 10.79.0.100]\n"
	"               [--port 9000] [--rate 10000] [--phase 50ms] [--seed 1] [--away]\n"
	"               [--stamps FILE] [--json]\n"
	"Run in the lab's mount namespace, with defibd and `pace serve` running in the lab. --away: defibd\n"
	"is stopped or dead. --stamps: write the times of each kill, by stage.\n";

static int find_programs(struct options *o)
{
	ssize_t n = readlink("/proc/self/exe", o->tools, sizeof(o->tools) - 1);
	char *slash;

	if (n < 0)
		return -errno;
	o->tools[n] = '\0';
	slash = strrchr(o->tools, '/');
	*slash = '\0'; /* build/lab */
	return 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{"lab", required_argument, NULL, 'l'},	 {"instance", required_argument, NULL, 'i'},
		{"service", required_argument, NULL, 's'}, {"kills", required_argument, NULL, 'k'},
		{"to", required_argument, NULL, 't'},	 {"port", required_argument, NULL, 'p'},
		{"rate", required_argument, NULL, 'r'},	 {"phase", required_argument, NULL, 'P'},
		{"seed", required_argument, NULL, 'S'},	 {"json", no_argument, NULL, 'j'},
		{"away", no_argument, NULL, 'a'},	 {"stamps", required_argument, NULL, 'w'}, {0}};
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
		case 'a': o->away = true; break;
		case 'w': o->stamps = optarg; break;
		default: error = -EINVAL;
		}
	}
	if (optind != argc || o->kills < 1 || o->kills > OUTAGES_MAX || paths_init(&o->paths, o->instance))
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
	pace_prefer();
	return run(&o) ? 1 : 0;
}
