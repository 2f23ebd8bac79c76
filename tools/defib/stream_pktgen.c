// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's packet generator (Documentation/networking/pktgen.rst of Linux) as a sender. It belongs to
 * whoever writes to its files first, and "start" starts all that anybody has set up: where something is set
 * up already, it is left alone. A process of its own writes "start" and is held in that until all is sent;
 * a signal lets it go and stops the generator, and it gets one when we die, too.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <base/clean.h>
#include <base/loop.h>
#include <base/text.h>

#define FOLDER "/proc/net/pktgen"
#define THREAD "kpktgend_0"
#define NAME_LEN (IF_NAMESIZE + 8)
#define TEXT_LEN 4096
#define START_NS 1000000000u /* it may need that long to begin, and to end */

/* --- files ----------------------------------------------------------------------------------- */

/* A line to a file there. Return: 0 or -errno. */
static int __attribute__((format(printf, 2, 3))) tell(const char *file, const char *format, ...)
{
	char path[sizeof(FOLDER) + NAME_LEN + 1], line[128] = "";
	CLEAN_CLOSE int fd = -1;
	va_list args;
	int n;

	snprintf(path, sizeof(path), FOLDER "/%s", file);
	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	line[n] = '\n';
	return write(fd, line, (size_t)n + 1) < 0 ? -errno : 0;
}

static int read_text(const char *path, char text[TEXT_LEN])
{
	CLEAN_FCLOSE FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	text[fread(text, 1, TEXT_LEN - 1, f)] = 0;
	return 0;
}

/* The number behind the first @key in @text. */
static uint64_t number(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* The first device in a line of a thread's file such as "Stopped: v0 v1 ". */
static bool first_device(const char *text, const char *key, char ret_name[NAME_LEN])
{
	const char *at = strstr(text, key);
	size_t n;

	if (!at)
		return false;
	at += strlen(key);
	at += strspn(at, " ");
	n = strcspn(at, " \n");
	if (n)
		text_copy(ret_name, n + 1 < NAME_LEN ? n + 1 : NAME_LEN, at);
	return n;
}

/* --- whose is it? ---------------------------------------------------------------------------- */

static int check_thread(const char *path, char ret_why[STREAM_WHY_LEN])
{
	char text[TEXT_LEN], name[NAME_LEN];
	int err = read_text(path, text);

	if (err) {
		snprintf(ret_why, STREAM_WHY_LEN, "%s: %s", path, strerror(-err));
		return err;
	}
	if (!first_device(text, "Running:", name) && !first_device(text, "Stopped:", name))
		return 0;
	snprintf(ret_why, STREAM_WHY_LEN, "%s has %s already, which somebody else has set up; `echo rem_device_all "
		 ">%s` removes it, --sender socket does without", path, name, path);
	return -EBUSY;
}

static int check_threads(char ret_why[STREAM_WHY_LEN])
{
	glob_t found;
	int err = 0;

	if (glob(FOLDER "/kpktgend_*", 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && !err; i++)
		err = check_thread(found.gl_pathv[i], ret_why);
	globfree(&found);
	return err;
}

int stream_pktgen_usable(const struct stream_run *run, char ret_why[STREAM_WHY_LEN])
{
	if (access(FOLDER "/pgctrl", F_OK)) {
		snprintf(ret_why, STREAM_WHY_LEN, "this kernel's packet generator is not there (" FOLDER
			 "): `modprobe pktgen`, or --sender socket");
		return -ENOENT;
	}
	if (access(FOLDER "/pgctrl", W_OK)) {
		snprintf(ret_why, STREAM_WHY_LEN, "the kernel's packet generator is for root; --sender socket is not");
		return -EPERM;
	}
	if (access(FOLDER "/" THREAD, W_OK)) {
		snprintf(ret_why, STREAM_WHY_LEN, FOLDER "/" THREAD ": %s; --sender socket does without",
			 strerror(errno));
		return -ENOENT;
	}
	if (!run->way.resolves) {
		snprintf(ret_why, STREAM_WHY_LEN, "the kernel's packet generator sends Ethernet frames to a neighbour, "
			 "which there is none of on %s; --sender socket does without", run->way.interface);
		return -EOPNOTSUPP;
	}
	return check_threads(ret_why);
}

/* --- a run ----------------------------------------------------------------------------------- */

struct generator {
	char device[NAME_LEN];
	const struct stream_want *want;
	struct stream_run *run;
	uint8_t mac[6];
};

static int set_addresses(const struct generator *g)
{
	char from[ADDRESS_TEXT_LEN], to[ADDRESS_TEXT_LEN];
	int err;

	address_format(g->run->way.source, from);
	address_format(g->want->address, to);
	if (!address_is_ipv4(g->want->address)) {
		err = tell(g->device, "dst6 %s", to);
		return err ? err : tell(g->device, "src6 %s", from);
	}
	err = tell(g->device, "dst_min %s", to);
	if (!err)
		err = tell(g->device, "dst_max %s", to);
	if (!err)
		err = tell(g->device, "src_min %s", from);
	return err ? err : tell(g->device, "src_max %s", from);
}

/* A UDP checksum, without which IPv6 hosts throw it away. */
static int set_up(const struct generator *g)
{
	const struct stream_run *run = g->run;
	const uint8_t *m = g->mac;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"count", run->count}, {"pkt_size", g->want->size}, {"ratep", run->rate},
		{"udp_src_min", run->sport}, {"udp_src_max", run->sport},
		{"udp_dst_min", g->want->port}, {"udp_dst_max", g->want->port},
	};
	int err = set_addresses(g);

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !err; i++)
		err = tell(g->device, "%s %llu", numbers[i].key, (unsigned long long)numbers[i].value);
	if (!err)
		err = tell(g->device, "flag UDPCSUM");
	if (!err)
		err = tell(g->device, "dst_mac %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return err;
}

static pid_t start(void)
{
	pid_t parent = getpid(), child = fork();

	if (child)
		return child < 0 ? -errno : child;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	_exit(getppid() == parent ? -tell("pgctrl", "start") : ECHILD);
}

static void read_result(const struct generator *g)
{
	char path[sizeof(FOLDER) + NAME_LEN + 1], text[TEXT_LEN];
	struct stream_run *run = g->run;

	snprintf(path, sizeof(path), FOLDER "/%s", g->device);
	if (read_text(path, text))
		return;
	run->sent = number(text, "pkts-sofar: ");
	run->retried = number(text, "errors: ");
	run->first_ns = number(text, "started: ") * 1000;
	run->last_ns = number(text, "stopped: ") * 1000;
}

static bool is_running(void)
{
	char text[TEXT_LEN], name[NAME_LEN];

	return !read_text(FOLDER "/" THREAD, text) && first_device(text, "Running:", name);
}

/*
 * Until all is sent, time is over or a signal comes. All may be sent, and the generator still wait for
 * somebody to let go of the last packet: a receiver that does not read.
 */
static int wait_for_end(const struct generator *g, pid_t child)
{
	static const struct timespec moment = {.tv_nsec = 20000000};
	const uint64_t begun = clock_now_ns(), limit = g->run->limit_ns;
	uint64_t done = 0, now = begun;
	int status;

	while (waitpid(child, &status, WNOHANG) != child) {
		now = clock_now_ns();
		read_result(g);
		if (!done && g->run->sent >= g->run->count)
			done = now;
		g->run->overdue = !done && limit && now - begun > limit + START_NS;
		if (stream_stopped || g->run->overdue || (done && now - done > START_NS))
			kill(child, SIGTERM);
		nanosleep(&moment, NULL);
	}
	for (uint64_t end = clock_now_ns(); is_running() && clock_now_ns() - end < START_NS;)
		nanosleep(&moment, NULL);
	read_result(g);
	g->run->early = g->run->sent < g->run->count && !stream_stopped && !g->run->overdue;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

static int run_device(const struct generator *g, char ret_why[STREAM_WHY_LEN])
{
	int err = tell(THREAD, "add_device %s", g->device);
	pid_t child;

	if (err) {
		snprintf(ret_why, STREAM_WHY_LEN, "the kernel's packet generator does not take %s (%s): is it an "
			 "Ethernet device, and up? --sender socket does without", g->run->way.interface, strerror(-err));
		return err;
	}
	err = set_up(g);
	child = err ? err : start();
	if (child > 0)
		err = wait_for_end(g, child);
	else
		err = (int)child;
	if (err)
		snprintf(ret_why, STREAM_WHY_LEN, "the kernel's packet generator refuses: %s; --sender socket does "
			 "without", strerror(-err));
	tell(THREAD, "rem_device_all");
	return err;
}

int stream_pktgen_run(const struct stream_want *want, struct stream_run *run, char ret_why[STREAM_WHY_LEN])
{
	struct generator g = {.want = want, .run = run};
	char hop[ADDRESS_TEXT_LEN];
	int err = stream_way_neighbour(&run->way, g.mac);

	if (err) {
		snprintf(ret_why, STREAM_WHY_LEN, "%s, the next hop, does not answer on %s: is it there? --sender "
			 "socket waits for it", address_format(run->way.next_hop, hop), run->way.interface);
		return err;
	}
	err = stream_pktgen_usable(run, ret_why);
	if (err)
		return err;
	snprintf(g.device, sizeof(g.device), "%s@defib", run->way.interface);
	return run_device(&g, ret_why);
}
