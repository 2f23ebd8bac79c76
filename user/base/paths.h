/* SPDX-License-Identifier: GPL-2.0-only */
/* Where an instance keeps its things; the only place that knows these paths. */
#ifndef BASE_PATHS_H
#define BASE_PATHS_H

#define PATHS_LEN 108 /* sun_path of unix(7) is the shortest limit */

#define PATHS_BPF "/sys/fs/bpf"
#define PATHS_RUN "/run/defib"
#define PATHS_DEFAULT_INSTANCE "main"
#define PATHS_DEFAULT_CONFIG "/etc/defib/defib.yaml"

/**
 * struct paths - of one instance
 * @run_dir: /run/defib/NAME
 * @socket: control socket, below @run_dir
 * @socket_lock: held by the daemon that listens there
 * @probe_lock: held by the prober that is in charge, below @run_dir
 * @pin_dir: /sys/fs/bpf/defib/NAME
 * @maps_dir: pinned maps, below @pin_dir
 * @heir_dir: a set of maps that is being made to replace them, below @pin_dir
 * @former_dir: a set of maps that is being replaced, below @pin_dir
 * @links_dir: pinned links, below @pin_dir
 * @state_dir: /var/lib/defib/NAME
 * @history_db: below @state_dir
 * @orders: what operators ordered for a time, below @state_dir
 */
struct paths {
	char run_dir[PATHS_LEN];
	char socket[PATHS_LEN];
	char socket_lock[PATHS_LEN];
	char probe_lock[PATHS_LEN];
	char pin_dir[PATHS_LEN];
	char maps_dir[PATHS_LEN];
	char heir_dir[PATHS_LEN];
	char former_dir[PATHS_LEN];
	char links_dir[PATHS_LEN];
	char state_dir[PATHS_LEN];
	char history_db[PATHS_LEN];
	char orders[PATHS_LEN];
};

/**
 * paths_init() - work out the paths; creates nothing
 * @instance: 1 to 31 of [A-Za-z0-9_-], but not "echo", "loss" or "userland"; no dot, as bpffs refuses names
 *	with one
 * Return: 0 or -EINVAL (bad name).
 */
int paths_init(struct paths *p, const char *instance);

/** paths_make_run() - make @run_dir, if it is not there. Return: 0 or -errno. */
int paths_make_run(const struct paths *p);

#endif
