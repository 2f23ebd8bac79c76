// SPDX-License-Identifier: GPL-2.0-only
/* Is the running instance well? Asked of the daemon, or of the pinned maps if it is down. */
#include "doctor.h"

#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/clean.h>
#include <ctl/client.h>
#include <ctl/status.h>
#include <sense/snapshot.h>

#define PROBER_SILENT_MS 1000
#define TIMER_LATE_US 5000
#define PATIENCE_MS 3000
#define LONG_PATH 128

/* --- interfaces ------------------------------------------------------------------------------ */

static unsigned int interface_flags(const char *name)
{
	CLEAN_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request))
		return 0;
	return (unsigned short)request.ifr_flags;
}

static long conf(const char *name, const char *key)
{
	char path[LONG_PATH];
	long value = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", name, key);
	return doctor_read_number(path, &value) ? -1 : value;
}

static void check_link(struct doctor *d, const char *name, const json_t *one)
{
	unsigned int ifindex = if_nametoindex(name), flags = interface_flags(name);

	if (!ifindex) {
		doctor_say(d, DOCTOR_FAIL, name, "no such interface in this network namespace");
		doctor_advise(d, "run defib where defibd runs: nsenter --net=/run/netns/NAME defib doctor");
	} else if ((int64_t)ifindex != cli_number(one, "ifindex")) {
		doctor_say(d, DOCTOR_FAIL, name, "it was deleted and made again: the programs are not on it");
		doctor_advise(d, "restart defibd");
	} else if (!(flags & IFF_UP) || !(flags & IFF_RUNNING)) {
		doctor_say(d, DOCTOR_WARN, name, flags & IFF_UP ? "no carrier" : "down");
	} else {
		doctor_say(d, DOCTOR_OK, name, "up, XDP %s", cli_text(one, "xdp"));
	}
}

/* Servers answer from addresses of services, whose route may still point to another interface. */
static void check_rp_filter(struct doctor *d, const char *name)
{
	long all = conf("all", "rp_filter"), own = conf(name, "rp_filter");

	if (all != 1 && own != 1)
		return;
	if (all == 2 || own == 2) /* the larger of the two counts */
		return;
	doctor_say(d, DOCTOR_WARN, name, "rp_filter is strict: answers of a service that is routed elsewhere "
		   "are dropped");
	doctor_advise(d, "sysctl -w net.ipv4.conf.all.rp_filter=2 (loose), or 0");
}

static void check_redirects(struct doctor *d, const char *name)
{
	if (conf("all", "send_redirects") <= 0 && conf(name, "send_redirects") <= 0)
		return;
	doctor_say(d, DOCTOR_WARN, name, "ICMP redirects are sent: a client on the same wire as a server would "
		   "go there past us, also when it is dead");
	doctor_advise(d, "sysctl -w net.ipv4.conf.all.send_redirects=0 and the same for this interface");
}

/* /sys shows the namespace it was mounted in, which need not be ours. */
static bool sysfs_means(const char *name)
{
	char path[LONG_PATH];
	long ifindex;

	snprintf(path, sizeof(path), "/sys/class/net/%s/ifindex", name);
	return !doctor_read_number(path, &ifindex) && ifindex == (long)if_nametoindex(name);
}

static bool rps_is_on(const char *name)
{
	char path[LONG_PATH], line[256];

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues/rx-0/rps_cpus", name);
	CLEAN_FCLOSE FILE *file = fopen(path, "re");

	return file && fgets(line, sizeof(line), file) && strspn(line, "0,\n") != strlen(line);
}

static void check_rps(struct doctor *d, const char *name)
{
	if (!sysfs_means(name) || !rps_is_on(name))
		return;
	doctor_say(d, DOCTOR_WARN, name, "RPS hands packets to other CPUs: under load replies come late");
	doctor_advise(d, "echo 0 > /sys/class/net/IF/queues/rx-0/rps_cpus, or keep `timeout: auto`, which learns");
}

static size_t count_server_interfaces(const json_t *status)
{
	size_t i, n = 0;
	json_t *one;

	json_array_foreach(json_object_get(status, "interfaces"), i, one)
		n += json_is_true(json_object_get(one, "server"));
	return n;
}

static void check_interfaces(struct doctor *d, const json_t *status)
{
	size_t i, n_server = count_server_interfaces(status);
	json_t *one;

	json_array_foreach(json_object_get(status, "interfaces"), i, one) {
		const char *name = cli_text(one, "name");

		check_link(d, name, one);
		if (!if_nametoindex(name))
			continue;
		if (json_is_true(json_object_get(one, "server"))) {
			if (n_server > 1)
				check_rp_filter(d, name);
			check_rps(d, name);
		}
		if (json_is_true(json_object_get(one, "client")))
			check_redirects(d, name);
	}
}

/* --- processes ------------------------------------------------------------------------------- */

static void check_daemon(struct doctor *d, const json_t *status)
{
	if (!strcmp(cli_text(status, "daemon"), "up")) {
		doctor_say(d, DOCTOR_OK, "daemon", "answers at %s", d->cli->paths.socket);
		return;
	}
	doctor_say(d, DOCTOR_FAIL, "daemon", "down; the kernel detects and switches without it");
	doctor_advise(d, "start defibd: it adopts what is pinned");
}

static void check_config(struct doctor *d, const json_t *config)
{
	if (json_is_string(json_object_get(config, "refused"))) {
		doctor_say(d, DOCTOR_WARN, "config", "the last reload was refused, the former configuration is in force: "
			   "%s", cli_text(config, "refused"));
		doctor_advise(d, "mend it, then `defib config reload`; a restart would fail");
	} else if (json_is_true(json_object_get(config, "differs"))) {
		doctor_say(d, DOCTOR_WARN, "config", "%s was edited since it was loaded %s", cli_text(config, "file"),
			   cli_text(config, "loaded"));
		doctor_advise(d, "`defib config diff` tells what a reload would change; then `defib config reload`");
	} else if (json_is_false(json_object_get(config, "differs"))) {
		doctor_say(d, DOCTOR_OK, "config", "%s is in force", cli_text(config, "file"));
	} else if (json_is_object(config)) {
		doctor_say(d, DOCTOR_WARN, "config", "%s cannot be read: a restart would fail", cli_text(config, "file"));
	}
}

static void check_order(struct doctor *d, const char *name, const char *is, const json_t *order)
{
	bool forgotten = json_is_true(json_object_get(order, "forgotten"));
	char age[DURATION_TEXT_LEN];

	doctor_say(d, DOCTOR_WARN, name, "%s for %s%s%s%s", is, cli_age(order, "for_s", age),
		   forgotten ? ": was it forgotten?" : "", cli_text(order, "reason")[0] ? ": " : "",
		   cli_text(order, "reason"));
}

static void check_orders(struct doctor *d, const json_t *status)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(status, "servers"), i, one) {
		if (!json_is_true(json_object_get(json_object_get(one, "maintenance"), "forgotten")))
			continue;
		check_order(d, cli_text(one, "name"), "in maintenance", json_object_get(one, "maintenance"));
		doctor_advise(d, "`defib server maintenance NAME off`, or give it a limit with --for");
	}
	json_array_foreach(json_object_get(status, "pools"), i, one) {
		if (!json_is_object(json_object_get(one, "paused")))
			continue;
		check_order(d, cli_text(one, "name"), "paused: it does not switch by itself",
			    json_object_get(one, "paused"));
		doctor_advise(d, "`defib service resume NAME` ends it");
	}
}

static bool is_needed(const json_t *status, const char *server)
{
	size_t i, k;
	json_t *service, *name;

	json_array_foreach(json_object_get(status, "services"), i, service) {
		const json_t *pool = cli_find(json_object_get(status, "pools"), cli_text(service, "pool"));

		if (strcmp(cli_text(service, "needs"), "userland"))
			continue;
		json_array_foreach(json_object_get(pool, "candidates"), k, name) {
			if (json_is_string(name) && !strcmp(json_string_value(name), server))
				return true;
		}
	}
	return false;
}

static void check_userlands(struct doctor *d, const json_t *status)
{
	size_t i;
	json_t *server;

	json_array_foreach(json_object_get(status, "servers"), i, server) {
		const json_t *userland = json_object_get(server, "userland");
		const char *name = cli_text(server, "name"), *state = cli_text(userland, "state");

		if (!strcmp(state, "hung")) {
			doctor_say(d, DOCTOR_WARN, name, "its kernel answers, and its userland hangs: no sign of life for "
				   "%" PRId64 " ms", cli_number(userland, "idle_ms"));
			doctor_advise(d, "look at the server's memory, disks and load; was its agent killed?");
		} else if (strcmp(state, "well") && is_needed(status, name)) {
			doctor_say(d, DOCTOR_WARN, name, "services need its userland, and its answers tell nothing of it");
			doctor_advise(d, "run `defib echo agent` there (defib-agent.service), beside `defib echo attach`");
		}
	}
}

static void check_prober(struct doctor *d, const json_t *status)
{
	const json_t *prober = json_object_get(status, "prober");
	int pid = (int)cli_number(prober, "pid");
	int64_t ago = cli_number(prober, "alive_ms_ago");

	if (pid <= 0 || ago > PROBER_SILENT_MS) {
		if (pid <= 0)
			doctor_say(d, DOCTOR_FAIL, "prober", "none: nobody can be found dead");
		else
			doctor_say(d, DOCTOR_FAIL, "prober", "pid %d, last alive %" PRId64 " ms ago: nobody can be "
				   "found dead", pid, ago);
		doctor_advise(d, "defibd starts a new one; see its log");
		return;
	}
	if (sched_getscheduler(pid) == SCHED_FIFO) {
		doctor_say(d, DOCTOR_OK, "prober", "pid %d, SCHED_FIFO, alive %" PRId64 " ms ago", pid, ago);
		return;
	}
	doctor_say(d, DOCTOR_WARN, "prober", "pid %d does not run with SCHED_FIFO: under load it probes late", pid);
	doctor_advise(d, "give defibd CAP_SYS_NICE, and check the real-time limits of its control group");
}

static void check_timers(struct doctor *d, const json_t *status)
{
	int64_t worst = -1;
	size_t i, k;
	json_t *server, *address;

	json_array_foreach(json_object_get(status, "servers"), i, server) {
		json_array_foreach(json_object_get(server, "addresses"), k, address) {
			if (cli_number(address, "timer_late_worst_us") > worst)
				worst = cli_number(address, "timer_late_worst_us");
		}
	}
	if (worst < 0)
		return;
	doctor_say(d, worst > TIMER_LATE_US ? DOCTOR_WARN : DOCTOR_OK, "deadlines", "at worst %" PRId64
		   " us late since they were armed", worst);
	if (worst > TIMER_LATE_US)
		doctor_advise(d, "the machine stalled; such a deadline waits for a grace period before a verdict");
}

/* --- the whole ------------------------------------------------------------------------------- */

/* Quietly: that there is no instance is a finding here, no failure of the command. */
static json_t *read_status(const struct cli *cli, int *ret_error)
{
	struct snapshot *s;
	json_t *doc;

	if (!ctl_client_call(cli->paths.socket, CTL_STATUS, NULL, PATIENCE_MS, &doc))
		return doc;
	*ret_error = snapshot_read(cli->paths.maps_dir, &s);
	if (*ret_error)
		return NULL;
	doc = status_json(s, NULL);
	snapshot_free(s);
	return doc;
}

void doctor_check_instance(struct doctor *d)
{
	int error = 0;
	json_t *status = read_status(d->cli, &error);

	if (!status) {
		doctor_say(d, DOCTOR_WARN, "instance", "\"%s\" is not running, and nothing of it is pinned%s%s",
			   d->cli->instance, error ? ": " : "", error ? strerror(-error) : "");
		doctor_advise(d, "start defibd, then ask again: more can be checked then");
		return;
	}
	check_daemon(d, status);
	check_config(d, json_object_get(status, "config"));
	check_prober(d, status);
	check_orders(d, status);
	check_userlands(d, status);
	check_timers(d, status);
	check_interfaces(d, status);
	doctor_check_nat(d, status);
	doctor_check_vip(d, status);
	json_decref(status);
}
