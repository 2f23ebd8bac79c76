/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of an instance without a daemon, as the programs define them, in a mount namespace of
 * the test's own: whatever kills the test, nothing stays behind. Needs root.
 */
#ifndef SELFTESTS_PINS_H
#define SELFTESTS_PINS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <defib/abi.h>

#include "beat.skel.h"
#include "steer.skel.h"
#include "vip.skel.h"

/** pins_private() - from now on /run, /var/lib and /sys/fs/bpf are the test's own. Return: 0 or -errno. */
static inline int pins_private(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	if (mount("tmpfs", "/run", "tmpfs", 0, NULL) || mount("tmpfs", "/var/lib", "tmpfs", 0, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return -errno;
	return 0;
}

static inline void pins_capacity(struct bpf_object *obj, uint32_t servers, uint32_t pools)
{
	const struct {
		const char *map;
		uint32_t entries;
	} sizes[] = {
		{"targets", servers * DFB_FAMILIES}, {"attempts", servers * DFB_FAMILIES},
		{"state", servers * DFB_FAMILIES}, {"rtt", servers * DFB_FAMILIES}, {"servers", servers},
		{"plans", pools}, {"pools", pools}, {"services", 1024}, {"interfaces", 64},
		{"stations", servers * DFB_FAMILIES}, {"claims", pools}, {"flows", 1024},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, sizes[i].map);

		if (map)
			bpf_map__set_max_entries(map, sizes[i].entries);
	}
}

static inline void pins_directory(const char *dir)
{
	char part[256];

	snprintf(part, sizeof(part), "%s", dir);
	for (char *p = strchr(part + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(part, 0750);
		*p = '/';
	}
	mkdir(part, 0750);
}

/** pins_make() - pin maps for ids below @servers and @pools in @dir, which is made. Return: 0 or -errno. */
static inline int pins_make(const char *dir, uint32_t servers, uint32_t pools)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = dir);
	struct beat_bpf *beat = beat_bpf__open_opts(&opts);
	struct steer_bpf *steer = steer_bpf__open_opts(&opts);
	struct vip_bpf *vip = vip_bpf__open_opts(&opts);
	int error = beat && steer && vip ? 0 : -errno;

	pins_directory(dir);
	if (!error) {
		pins_capacity(beat->obj, servers, pools);
		pins_capacity(steer->obj, servers, pools);
		pins_capacity(vip->obj, servers, pools);
		error = beat_bpf__load(beat);
	}
	if (!error)
		error = steer_bpf__load(steer);
	if (!error)
		error = vip_bpf__load(vip);
	beat_bpf__destroy(beat);
	steer_bpf__destroy(steer);
	vip_bpf__destroy(vip);
	return error;
}

/** pins_put() - one element; @key: of the map's size. Return: 0 or -errno. */
static inline int pins_put(const char *dir, const char *map, const void *key, const void *value)
{
	char path[256];
	int fd, error;

	snprintf(path, sizeof(path), "%s/%s", dir, map);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	error = bpf_map_update_elem(fd, key, value, BPF_ANY);
	close(fd);
	return error;
}

#endif
