// SPDX-License-Identifier: GPL-2.0-only
/* Sockets of our own, for the kinds of check that libcurl is not needed for. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/text.h"
#include "check.h"

socklen_t check_address(const struct check *c, struct sockaddr_storage *ret_address)
{
	const struct check_order *o = c->order;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;

	memset(ret_address, 0, sizeof(*ret_address));
	if (address_is_ipv4(o->address)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(o->port);
		memcpy(&v4->sin_addr, o->address + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(o->port);
	memcpy(&v6->sin6_addr, o->address, 16);
	return sizeof(*v6);
}

int check_reset_on_close(int fd)
{
	const struct linger reset = {.l_onoff = 1};

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) ? -errno : 0;
}

int check_connect(struct check *c, int type, uint32_t events, loop_fn *fn)
{
	struct sockaddr_storage to;
	socklen_t size = check_address(c, &to);
	CLEAN_CLOSE int fd = socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = type == SOCK_STREAM ? check_reset_on_close(fd) : 0;
	if (err)
		return err;
	if (connect(fd, (struct sockaddr *)&to, size) && errno != EINPROGRESS)
		return -errno;
	err = loop_add(check_loop(c), fd, events, fn, c);
	if (err)
		return err;
	c->fd = TAKE_FD(fd);
	return 0;
}

int check_connected(const struct check *c)
{
	socklen_t size = sizeof(int);
	int err = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size))
		return -errno;
	return -err;
}

void check_close(struct check *c)
{
	if (c->fd < 0)
		return;
	loop_del(check_loop(c), c->fd);
	close(TAKE_FD(c->fd));
}
