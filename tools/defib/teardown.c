// SPDX-License-Identifier: GPL-2.0-only
/* defib teardown: everything of an instance goes, whatever state it is in. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <act/conntrack.h>
#include <act/nat.h>
#include <act/prober.h>
#include <act/route.h>
#include <base/clean.h>
#include <base/lock.h>
#include <base/netns.h>
#include <ctl/client.h>
#include <sense/kern.h>
#include <sense/snapshot.h>

#include "cli.h"

static void remove_routes(const struct snapshot *s, bool keep_routes)
{
	CLEAN_FREE uint8_t (*addresses)[16] = calloc(s->n_services + 1, sizeof(*addresses));
	struct route_pool pool = {.id = 1, .n_addresses = addresses ? s->n_services : 0};
	struct route_want want = {
		.mark_mask = s->control.mark_mask,
		.mark_shift = s->control.mark_shift,
		.table_base = s->control.table_base,
		.rule_priority = s->control.rule_priority,
		.n_pools = 1,
		.pools = &pool,
	};
	struct route_result result;
	struct route *route;

	for (uint32_t i = 0; i < pool.n_addresses; i++)
		memcpy(addresses[i], s->services[i].key.address, 16);
	pool.addresses = (const uint8_t (*)[16])addresses;
	if (!s->control.table_base || route_new(&route))
		return;
	if (route_teardown(route, &want, keep_routes, &result) && result.n_problems)
		cli_fail(CTL_FAILED, "%s", result.problem[0]);
	route_free(route);
}

/* Every entry in a zone of ours. */
static bool is_ours(void *arg, const struct conntrack_entry *entry)
{
	const struct snapshot *s = arg;

	return entry->zone > s->control.zone_base && entry->zone < s->control.zone_base + s->n_servers;
}

/* Nothing refers to the entries without the table, but they would be found by the next instance. */
static void remove_translation(const struct cli *cli, struct snapshot *s)
{
	char why[NAT_WHY_LEN];
	uint32_t deleted;

	if (!nat_exists(cli->instance))
		return;
	if (nat_remove(cli->instance, why))
		cli_fail(CTL_FAILED, "%s", why);
	if (s->control.zone_base)
		conntrack_clear(is_ours, s, &deleted);
}

/* Programs, rules and routes are in the instance's network namespace; if that is gone, so are they. */
static int enter_netns(const struct snapshot *s)
{
	CLEAN_CLOSE int fd = s->control.netns == netns_inode() ? -1 : netns_open(s->control.netns);

	return fd >= 0 && setns(fd, CLONE_NEWNET) ? -errno : 0;
}

static int parse(int argc, char **argv, bool *ret_keep)
{
	static const struct option options[] = {{"keep-routes", no_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option != 'k')
			return CTL_USAGE;
		*ret_keep = true;
	}
	return optind < argc ? cli_usage("teardown takes no %s", argv[optind]) : CTL_OK;
}

/* Nobody starts it, or tears it down, while we do. Return: the lock, or -1 after a complaint. */
static int take_instance(const struct cli *cli)
{
	int err = paths_make_run(&cli->paths);
	int lock = err ? err : lock_take(cli->paths.socket_lock);

	if (lock >= 0)
		return lock;
	if (ctl_client_is_answered(cli->paths.socket))
		cli_fail(CTL_FAILED, "the daemon of instance %s runs; stop it first (systemctl stop defibd)",
			 cli->instance);
	else if (lock == -EALREADY)
		cli_fail(CTL_FAILED, "process %d starts, ends or tears down instance %s; try again",
			 lock_holder(cli->paths.socket_lock), cli->instance);
	else
		cli_fail(CTL_FAILED, "%s: %s", cli->paths.socket_lock, strerror(-lock));
	return -1;
}

/* What is installed; nothing, if a teardown came so far before, or a start did not. */
static int read_maps(const struct cli *cli, struct snapshot **ret_snapshot)
{
	char why[256];
	int err = snapshot_read_any(cli->paths.maps_dir, ret_snapshot, why, sizeof(why));

	if (!err || access(cli->paths.maps_dir, F_OK))
		return CTL_OK;
	return cli_fail(CTL_FAILED, "the maps cannot be read (%s; %s): rules and routes, if any, are left", why,
			strerror(-err));
}

/* Also one that is just being started: it looks at the maps when it has its lock. */
static void end_prober(const struct paths *paths)
{
	kern_stop_prober(paths);
	prober_end(paths->probe_lock);
}

static void remove_files(const struct paths *paths, int *lock)
{
	unlink(paths->socket);
	unlink(paths->probe_lock);
	lock_drop(lock, paths->socket_lock);
	rmdir(paths->run_dir);
}

int cmd_teardown(struct cli *cli, int argc, char **argv)
{
	bool keep_routes = false, there;
	struct snapshot *s = NULL;
	CLEAN_CLOSE int lock = -1;
	int err = parse(argc, argv, &keep_routes);

	if (err)
		return err;
	if (geteuid())
		return cli_fail(CTL_DENIED, "teardown needs root");
	lock = take_instance(cli);
	if (lock < 0)
		return CTL_FAILED;
	there = !kern_settle_maps(&cli->paths);
	err = read_maps(cli, &s);
	if (s && enter_netns(s)) {
		snapshot_free(s);
		return cli_fail(CTL_FAILED, "cannot enter the network namespace of instance %s: %s", cli->instance,
				strerror(errno));
	}
	end_prober(&cli->paths);
	if (s) {
		remove_routes(s, keep_routes);
		remove_translation(cli, s);
	}
	snapshot_free(s);
	kern_teardown(&cli->paths);
	remove_files(&cli->paths, &lock);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i,s:b}", "schema", 1, "removed", there));
	fprintf(cli->out, there ? "instance %s is gone%s\n" : "instance %s: nothing to remove%s\n", cli->instance,
		there && keep_routes ? "; its committed routes go on serving" : "");
	return err;
}
