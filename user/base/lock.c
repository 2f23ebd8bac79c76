// SPDX-License-Identifier: GPL-2.0-only
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clean.h"

#define LOCK_ATTEMPTS 10

/* Is the open file still the one at @path? Who had it before us may have removed it since. */
static bool is_same_file(int fd, const char *path)
{
	struct stat ours, there;

	return !fstat(fd, &ours) && !stat(path, &there) && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}

int lock_take(const char *path)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (int i = 0; i < LOCK_ATTEMPTS; i++) {
		CLEAN_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return -errno;
		if (fcntl(fd, F_SETLK, &whole))
			return errno == EACCES || errno == EAGAIN ? -EALREADY : -errno;
		if (is_same_file(fd, path))
			return TAKE_FD(fd);
	}
	return -EALREADY;
}

void lock_drop(int *fd, const char *path)
{
	if (*fd < 0)
		return;
	unlink(path); /* before it is released: the next one's file is another */
	close(TAKE_FD(*fd));
}

pid_t lock_holder(const char *path)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	CLEAN_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fcntl(fd, F_GETLK, &whole))
		return -errno;
	return whole.l_type == F_UNLCK ? 0 : whole.l_pid;
}
