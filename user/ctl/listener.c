// SPDX-License-Identifier: GPL-2.0-only
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <base/clean.h>
#include <base/lock.h>
#include <base/log.h>

#define LISTENER_GROUP "defib"
#define LISTENER_QUEUE 16

static int make_directory(const char *path)
{
	char dir[PATHS_LEN];

	snprintf(dir, sizeof(dir), "%s", path);
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0755) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

static void lock_name(const char *path, char name[PATHS_LEN + 8])
{
	snprintf(name, PATHS_LEN + 8, "%s.lock", path);
}

/* Return: 0 once nothing is at @path, -EADDRINUSE if somebody answers there. */
static int clear_path(const struct sockaddr_un *where)
{
	CLEAN_CLOSE int fd = -1;
	struct stat st;

	if (lstat(where->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)where, sizeof(*where)) || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(where->sun_path) ? -errno : 0;
}

static void give_to_group(const char *path)
{
	const struct group *group = getgrnam(LISTENER_GROUP);

	if (!group)
		log_warning("%s: no group \"%s\" on this machine, only root can use it", path, LISTENER_GROUP);
	else if (chown(path, (uid_t)-1, group->gr_gid))
		log_warning("%s: cannot be given to group \"%s\": %s", path, LISTENER_GROUP, strerror(errno));
	if (chmod(path, 0660))
		log_warning("%s: %s", path, strerror(errno));
}

/* Return: a listening socket or -errno. */
static int listen_at(const char *path)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	CLEAN_CLOSE int fd = -1;
	int error;

	memcpy(where.sun_path, path, strlen(path));
	error = clear_path(&where);
	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* The file is born with this mode, so it is never open to more than it should. */
	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&where, sizeof(where)))
		return -errno;
	give_to_group(path);
	if (listen(fd, LISTENER_QUEUE)) {
		error = -errno;
		unlink(path);
		return error;
	}
	return TAKE_FD(fd);
}

int listener_open(struct listener *l, const char *path)
{
	char lock[PATHS_LEN + 8];
	int error;

	*l = (struct listener){.lock = -1, .fd = -1};
	if (strlen(path) >= sizeof(l->path))
		return -ENAMETOOLONG;
	error = make_directory(path);
	if (error)
		return error;
	snprintf(l->path, sizeof(l->path), "%s", path);
	lock_name(path, lock);
	l->lock = lock_take(lock);
	if (l->lock < 0)
		return l->lock == -EALREADY ? -EADDRINUSE : l->lock;
	l->fd = listen_at(path);
	if (l->fd >= 0)
		return 0;
	error = l->fd;
	clean_close(&l->lock);
	*l = (struct listener){.lock = -1, .fd = -1};
	return error;
}

void listener_close(struct listener *l)
{
	char lock[PATHS_LEN + 8];

	if (l->fd < 0)
		return;
	unlink(l->path);
	close(l->fd);
	lock_name(l->path, lock);
	lock_drop(&l->lock, lock);
	*l = (struct listener){.lock = -1, .fd = -1};
}
