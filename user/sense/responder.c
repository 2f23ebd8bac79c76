// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: A responder takes the place of another
 *
 * A program and its maps are pinned as a set, `heir`, before the program gets its slot. By that it is
 * attached, and the set belongs in the place of `maps`. Whoever is killed in between leaves a heir, and the
 * slot tells which of the two is right: see settle().
 */
#include "responder.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_ether.h>

#include "agent.h"
#include "base/clean.h"
#include "base/loop.h"
#include "base/netns.h"
#include "base/paths.h"
#include "base/pins.h"
#include "base/text.h"
#include "driver.h"
#include "echo.skel.h"
#include "percpu.h"

#define RESPONDER_DIR PATHS_BPF "/defib/echo"
#define RESPONDER_BURST_NS 100000000ull /* an answer may come this much ahead of the rate */
#define RESPONDER_PATH 256

const char *const responder_state_names[RESPONDER_STATE_MAX] = {
	[RESPONDER_ATTACHED] = "attached",
	[RESPONDER_ANSWERING] = "answering",
	[RESPONDER_FAILING] = "failing",
	[RESPONDER_GONE] = "gone",
};

#define RESPONDER_MAPS "maps"
#define RESPONDER_HEIR "heir"
#define RESPONDER_PROG "prog"

static const char *const pinned[] = {"echo_conf", "echo_counters", "echo_allow", "echo_sources"};

/* --- pins ------------------------------------------------------------------------------------ */

static void name_dir(char dir[RESPONDER_PATH], int ifindex)
{
	snprintf(dir, RESPONDER_PATH, RESPONDER_DIR "/%llu-%d", (unsigned long long)netns_inode(),
		 ifindex);
}

static void name_use(struct xdp_use *use, const char *dir, int ifindex, enum xdp_mode mode)
{
	use->ifindex = ifindex;
	use->mode = mode;
	use->slot = DFB_XDP_ECHO;
	use->kin.link[0] = 0;
	snprintf(use->pins.link, sizeof(use->pins.link), "%.100s/link", dir);
	snprintf(use->pins.slots, sizeof(use->pins.slots), "%.100s/slots", dir);
	snprintf(use->pins.conf, sizeof(use->pins.conf), "%.100s/conf", dir);
}

static int open_pin(const char *dir, const char *set, const char *name)
{
	char path[RESPONDER_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s/%s", dir, set, name);
	return bpf_obj_get(path);
}

static void name_set(char path[RESPONDER_PATH + 32], const char *dir, const char *set)
{
	snprintf(path, RESPONDER_PATH + 32, "%.*s/%s", RESPONDER_PATH - 1, dir, set);
}

static void remove_set(const char *dir, const char *set)
{
	char path[RESPONDER_PATH + 32];

	name_set(path, dir, set);
	pins_remove(path);
}

static void remove_dir(const char *dir)
{
	struct xdp_use use;

	name_use(&use, dir, 0, XDP_MODE_AUTO);
	xdp_leave(&use);
	remove_set(dir, RESPONDER_HEIR);
	remove_set(dir, RESPONDER_MAPS);
	pins_remove(dir);
	rmdir(RESPONDER_DIR);
	rmdir(PATHS_BPF "/defib");
}

static int make_dir(const char *dir)
{
	int err = pins_mount();

	if (err)
		return err;
	mkdir(PATHS_BPF "/defib", 0750);
	mkdir(RESPONDER_DIR, 0750);
	return mkdir(dir, 0750) && errno != EEXIST ? -errno : 0;
}

/* The link of an interface that was removed is empty: nothing can use these pins again. */
static bool is_defunct(const char *dir)
{
	CLEAN_CLOSE int fd = open_pin(dir, ".", "link");
	struct bpf_link_info info = {};
	uint32_t length = sizeof(info);

	return fd < 0 || (!bpf_obj_get_info_by_fd(fd, &info, &length) && !info.xdp.ifindex);
}

static void sweep(void)
{
	DIR *d = opendir(RESPONDER_DIR);
	char dir[RESPONDER_PATH + 16];
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(dir, sizeof(dir), RESPONDER_DIR "/%.200s", entry->d_name);
		if (is_defunct(dir))
			remove_dir(dir);
	}
	if (d)
		closedir(d);
	agent_sweep();
}

/* --- attaching ------------------------------------------------------------------------------- */

static int get_station(const char *interface, unsigned char station[ETH_ALEN])
{
	CLEAN_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};

	text_copy(request.ifr_name, sizeof(request.ifr_name), interface);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		return -errno;
	memcpy(station, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

/* All responders of a network namespace tell of the same userland. */
static int share_userland(struct echo_bpf *skel)
{
	CLEAN_CLOSE int fd = agent_open();

	return fd < 0 ? fd : bpf_map__reuse_fd(skel->maps.echo_userland, fd);
}

static int load(const struct responder_want *want, struct echo_bpf **ret_skel)
{
	struct echo_bpf *skel = echo_bpf__open();
	unsigned char station[ETH_ALEN];
	int err = skel ? get_station(want->interface, station) : -errno;

	if (!err) {
		memcpy((void *)skel->rodata->station, station, ETH_ALEN);
		skel->rodata->tick_ns = clock_tick_ns();
		skel->rodata->rate_step_ns = want->rate ? 1000000000ull / want->rate : 0;
		skel->rodata->rate_burst_ns = RESPONDER_BURST_NS;
		err = share_userland(skel);
	}
	if (!err)
		err = echo_bpf__load(skel);
	if (err && skel)
		echo_bpf__destroy(skel);
	else if (!err)
		*ret_skel = skel;
	return err;
}

static int fill(struct echo_bpf *skel, const struct responder_want *want)
{
	struct dfb_echo_conf conf = {.port = want->port, .rate_per_s = want->rate};

	text_copy(conf.interface, sizeof(conf.interface), want->interface);
	for (uint32_t i = 0; i < want->n_allow; i++) {
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.echo_allow), &want->allow[i], &(uint32_t){1},
					BPF_ANY))
			return -errno;
	}
	return bpf_map_update_elem(bpf_map__fd(skel->maps.echo_conf), &(uint32_t){0}, &conf, BPF_ANY) ?
		       -errno :
		       0;
}

static void note_mode(const char *dir)
{
	CLEAN_CLOSE int fd = open_pin(dir, RESPONDER_MAPS, "echo_conf");
	struct dfb_echo_conf conf;

	if (fd < 0 || bpf_map_lookup_elem(fd, &(uint32_t){0}, &conf))
		return;
	conf.generic = xdp_is_generic((int)if_nametoindex(conf.interface));
	bpf_map_update_elem(fd, &(uint32_t){0}, &conf, BPF_ANY);
}

static int pin_heir(struct echo_bpf *skel, const char *dir)
{
	char heir[RESPONDER_PATH + 32], path[RESPONDER_PATH + 64];
	int err = 0;

	remove_set(dir, RESPONDER_HEIR);
	name_set(heir, dir, RESPONDER_HEIR);
	if (mkdir(heir, 0750))
		return -errno;
	for (size_t i = 0; !err && i < ARRAY_SIZE(pinned); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, pinned[i]);

		snprintf(path, sizeof(path), "%s/%s", heir, pinned[i]);
		err = bpf_obj_pin(bpf_map__fd(map), path);
	}
	snprintf(path, sizeof(path), "%s/" RESPONDER_PROG, heir);
	return err ? err : bpf_obj_pin(bpf_program__fd(skel->progs.dfb_echo), path);
}

static uint32_t heirs_program(const char *dir)
{
	CLEAN_CLOSE int fd = open_pin(dir, RESPONDER_HEIR, RESPONDER_PROG);
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) ? 0 : info.id;
}

/* A heir whose program is attached takes its place; any other was not finished. */
static void settle(const char *dir)
{
	char heir[RESPONDER_PATH + 32], maps[RESPONDER_PATH + 32];
	uint32_t id = heirs_program(dir);
	struct xdp_use use;

	name_use(&use, dir, 0, XDP_MODE_AUTO);
	name_set(heir, dir, RESPONDER_HEIR);
	name_set(maps, dir, RESPONDER_MAPS);
	if (id && id == xdp_occupant(&use)) {
		if (renameat2(AT_FDCWD, heir, AT_FDCWD, maps, RENAME_EXCHANGE))
			rename(heir, maps); /* the first one */
		note_mode(dir);
	}
	remove_set(dir, RESPONDER_HEIR);
}

static int put(struct echo_bpf *skel, const struct responder_want *want, int ifindex, char *why, size_t size)
{
	char dir[RESPONDER_PATH];
	struct xdp_use use;
	int err = fill(skel, want);

	name_dir(dir, ifindex);
	name_use(&use, dir, ifindex, want->mode);
	if (!err)
		err = make_dir(dir);
	if (!err)
		err = pin_heir(skel, dir);
	if (err) {
		snprintf(why, size, "cannot pin below %s: %s", dir, strerror(-err));
	} else {
		err = xdp_join(&use, bpf_program__fd(skel->progs.dfb_echo), want->port, why, size);
		if (!err)
			settle(dir);
	}
	if (err)
		remove_dir(dir);
	return err;
}

static int be_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int responder_attach(const struct responder_want *want, char *why, size_t size)
{
	int ifindex = (int)if_nametoindex(want->interface), err;
	CLEAN_CLOSE int lock = -1;
	struct echo_bpf *skel = NULL;

	libbpf_set_print(be_silent);
	lock = pins_lock();
	sweep();
	if (!ifindex) {
		snprintf(why, size, "there is no interface %s in this network namespace", want->interface);
		return -ENODEV;
	}
	err = load(want, &skel);
	if (err)
		snprintf(why, size, "cannot load the responder: %s%s", strerror(-err),
			 err == -EPERM ? " (root, or CAP_BPF and CAP_NET_ADMIN, is needed)" : "");
	else
		err = put(skel, want, ifindex, why, size);
	if (skel)
		echo_bpf__destroy(skel);
	agent_sweep();
	return err;
}

int responder_detach(const char *interface, char *why, size_t size)
{
	int ifindex = (int)if_nametoindex(interface);
	CLEAN_CLOSE int lock = pins_lock();
	char dir[RESPONDER_PATH];

	sweep();
	name_dir(dir, ifindex);
	if (!ifindex || access(dir, F_OK)) {
		snprintf(why, size, "no responder is attached to %s%s", interface,
			 ifindex ? "" : ", and there is no such interface");
		return -ENOENT;
	}
	remove_dir(dir);
	agent_sweep();
	return 0;
}

/* --- showing --------------------------------------------------------------------------------- */

static void list_allowed(int fd, struct responder *r)
{
	struct dfb_prefix key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more && r->n_allow < RESPONDER_MAX_PREFIXES) {
		key = next;
		r->allow[r->n_allow++] = key;
		more = !bpf_map_get_next_key(fd, &key, &next);
	}
}

static enum responder_state judge(const struct responder *r, const char *dir)
{
	uint64_t answers = r->count.answered + r->count.echoed;

	if (is_defunct(dir))
		return RESPONDER_GONE;
	if (!r->conf.generic && r->tx_errors && r->tx_errors >= answers)
		return RESPONDER_FAILING;
	return answers ? RESPONDER_ANSWERING : RESPONDER_ATTACHED;
}

static int look_at(const char *dir, responder_fn *fn, void *arg)
{
	CLEAN_CLOSE int conf = open_pin(dir, RESPONDER_MAPS, "echo_conf");
	CLEAN_CLOSE int count = open_pin(dir, RESPONDER_MAPS, "echo_counters");
	CLEAN_CLOSE int allow = open_pin(dir, RESPONDER_MAPS, "echo_allow");
	struct responder r = {};

	if (conf < 0 || count < 0 || allow < 0)
		return conf < 0 ? conf : -ENOENT;
	if (bpf_map_lookup_elem(conf, &(uint32_t){0}, &r.conf))
		return -errno;
	percpu_sum(count, (uint64_t *)&r.count, sizeof(r.count) / sizeof(uint64_t));
	list_allowed(allow, &r);
	r.tx_errors = driver_xdp_tx_errors(r.conf.interface);
	r.state = judge(&r, dir);
	return fn(arg, &r);
}

int responder_list(responder_fn *fn, void *arg)
{
	char dir[RESPONDER_PATH + 16], mine[32];
	CLEAN_CLOSE int lock = -1;
	struct dirent *entry;
	int err = 0;
	DIR *d;

	libbpf_set_print(be_silent);
	snprintf(mine, sizeof(mine), "%llu-", (unsigned long long)netns_inode());
	d = opendir(RESPONDER_DIR);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	lock = pins_lock();
	while (!err && (entry = readdir(d))) {
		if (strncmp(entry->d_name, mine, strlen(mine)) != 0)
			continue;
		snprintf(dir, sizeof(dir), RESPONDER_DIR "/%.200s", entry->d_name);
		settle(dir);
		err = look_at(dir, fn, arg);
	}
	closedir(d);
	return err;
}
