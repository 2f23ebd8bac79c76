// SPDX-License-Identifier: GPL-2.0-only
/* defib teardown: everything of an instance goes, whatever state it is in. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include <act/prober.h>
#include <act/route.h>
#include <base/clean.h>
#include <base/netns.h>
#include <ctl/client.h>
#include <sense/kern.h>
#include <sense/snapshot.h>

#include "cli.h"

#define PROBER_PATIENCE_MS 1000

/* It looks at the control map every 200 ms; one that does not is ended. */
static void stop_prober(const struct paths *paths)
{
	pid_t pid = prober_holder(paths->probe_lock);
	CLEAN_CLOSE int process = pid > 0 ? pidfd_open(pid, 0) : -1;
	struct pollfd wait = {.fd = process, .events = POLLIN};

	if (process < 0 || prober_holder(paths->probe_lock) != pid)
		return;
	kern_stop_prober(paths);
	if (poll(&wait, 1, PROBER_PATIENCE_MS) > 0)
		return;
	pidfd_send_signal(process, SIGKILL, NULL, 0);
	poll(&wait, 1, PROBER_PATIENCE_MS);
}

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

int cmd_teardown(struct cli *cli, int argc, char **argv)
{
	struct snapshot *s = NULL;
	bool keep_routes = false, there;
	char why[256];
	int err = parse(argc, argv, &keep_routes);

	if (err)
		return err;
	if (geteuid())
		return cli_fail(CTL_DENIED, "teardown needs root");
	if (ctl_client_is_answered(cli->paths.socket))
		return cli_fail(CTL_FAILED, "the daemon of instance %s runs; stop it first (systemctl stop defibd)",
				cli->instance);
	there = !access(cli->paths.pin_dir, F_OK);
	err = snapshot_read_any(cli->paths.maps_dir, &s, why, sizeof(why));
	if (!err && enter_netns(s)) {
		snapshot_free(s);
		return cli_fail(CTL_FAILED, "cannot enter the network namespace of instance %s: %s", cli->instance,
				strerror(errno));
	}
	stop_prober(&cli->paths);
	if (!err)
		remove_routes(s, keep_routes);
	else if (there)
		cli_fail(CTL_FAILED, "the maps cannot be read (%s; %s): rules and routes, if any, are left", why,
			 strerror(-err));
	snapshot_free(s);
	kern_teardown(&cli->paths);
	unlink(cli->paths.socket);
	unlink(cli->paths.socket_lock);
	unlink(cli->paths.probe_lock);
	rmdir(cli->paths.run_dir);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:i,s:b}", "schema", 1, "removed", there));
	fprintf(cli->out, there ? "instance %s is gone%s\n" : "instance %s: nothing to remove%s\n", cli->instance,
		there && keep_routes ? "; its committed routes go on serving" : "");
	return there && err ? CTL_FAILED : CTL_OK;
}
