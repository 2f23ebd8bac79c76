// SPDX-License-Identifier: GPL-2.0-only
#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "text.h"

static void join(char to[PATHS_LEN], const char *root, const char *instance, const char *leaf)
{
	snprintf(to, PATHS_LEN, "%s/%s%s", root, instance, leaf);
}

int paths_init(struct paths *p, const char *instance)
{
	static const char run[] = PATHS_RUN, pins[] = PATHS_BPF "/defib", state[] = "/var/lib/defib";

	if (!name_is_valid(instance) || strchr(instance, '.'))
		return -EINVAL;
	/* what needs no instance is pinned there */
	if (!strcmp(instance, "echo") || !strcmp(instance, "loss") || !strcmp(instance, "userland"))
		return -EINVAL;
	join(p->run_dir, run, instance, "");
	join(p->socket, run, instance, "/ctl.sock");
	join(p->socket_lock, run, instance, "/ctl.sock.lock");
	join(p->probe_lock, run, instance, "/probe.lock");
	join(p->pin_dir, pins, instance, "");
	join(p->maps_dir, pins, instance, "/maps");
	join(p->heir_dir, pins, instance, "/heir");
	join(p->former_dir, pins, instance, "/former");
	join(p->links_dir, pins, instance, "/links");
	join(p->state_dir, state, instance, "");
	join(p->history_db, state, instance, "/history.db");
	join(p->orders, state, instance, "/orders.json");
	return 0;
}

int paths_make_run(const struct paths *p)
{
	mkdir(PATHS_RUN, 0755);
	return mkdir(p->run_dir, 0755) && errno != EEXIST ? -errno : 0;
}
