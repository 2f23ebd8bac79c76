// SPDX-License-Identifier: GPL-2.0-only
#include "own.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/paths.h"

#define OWN_PATH (PATHS_LEN + 32)

static uint32_t id_of(int prog)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	return bpf_obj_get_info_by_fd(prog, &info, &length) ? 0 : info.id;
}

static void name_pin(char path[OWN_PATH], const char *dir, const char *prefix, uint32_t id)
{
	snprintf(path, OWN_PATH, "%s/%sprog-%u", dir, prefix, id);
}

int own_claim(const char *dir, const char *prefix, int prog)
{
	uint32_t id = id_of(prog);
	char path[OWN_PATH];

	if (!id)
		return -EINVAL;
	name_pin(path, dir, prefix, id);
	return bpf_obj_pin(prog, path) && errno != EEXIST ? -errno : 0;
}

bool own_has(const char *dir, const char *prefix, uint32_t id)
{
	char path[OWN_PATH];

	name_pin(path, dir, prefix, id);
	return id && !access(path, F_OK);
}

static bool lists(const int *progs, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (id_of(progs[i]) == id)
			return true;
	}
	return false;
}

void own_release_others(const char *dir, const char *prefix, const int *progs, size_t n)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	char path[OWN_PATH];
	uint32_t id;

	while (d && (entry = readdir(d))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 ||
		    sscanf(entry->d_name + strlen(prefix), "prog-%u", &id) != 1 || lists(progs, n, id))
			continue;
		name_pin(path, dir, prefix, id);
		unlink(path);
	}
	if (d)
		closedir(d);
}
