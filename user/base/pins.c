// SPDX-License-Identifier: GPL-2.0-only
#include "pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "clean.h"
#include "paths.h"

int pins_mount(void)
{
	struct statfs fs;

	if (statfs(PATHS_BPF, &fs))
		return -errno;
	if (fs.f_type != BPF_FS_MAGIC && mount("bpf", PATHS_BPF, "bpf", 0, NULL))
		return -errno;
	return 0;
}

int pins_lock(void)
{
	CLEAN_CLOSE int fd = open(PATHS_BPF, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX))
		return -errno;
	return TAKE_FD(fd);
}

void pins_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}
