// SPDX-License-Identifier: GPL-2.0-only
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stddef.h>
#include <sys/stat.h>

#include "clean.h"

uint64_t netns_inode(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}

static int find(const char *pattern, uint64_t inode)
{
	int fd = -ENOENT;
	struct stat st;
	glob_t found;

	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return fd;
	for (size_t i = 0; fd < 0 && i < found.gl_pathc; i++) {
		if (!stat(found.gl_pathv[i], &st) && st.st_ino == inode)
			fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
	}
	globfree(&found);
	return fd < 0 ? -ENOENT : fd;
}

int netns_open(uint64_t inode)
{
	int fd = find("/run/netns/*", inode);

	return fd < 0 ? find("/proc/[0-9]*/ns/net", inode) : fd;
}
