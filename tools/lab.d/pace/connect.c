// SPDX-License-Identifier: GPL-2.0-only
/* `pace --tcp`: connections instead of datagrams; see connect.h. */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "connect.h"

static int *slot_of(struct pace_connections *c, uint64_t seq)
{
	return &c->fds[seq % PACE_PENDING];
}

static void end(int *slot)
{
	if (*slot >= 0)
		close(*slot);
	*slot = -1;
}

int pace_connections_init(struct pace_connections *c, const struct sockaddr_storage *to, socklen_t len)
{
	struct rlimit files = {2 * PACE_PENDING, 2 * PACE_PENDING};

	setrlimit(RLIMIT_NOFILE, &files); /* not permitted: more are lost */
	for (unsigned int i = 0; i < PACE_PENDING; i++)
		c->fds[i] = -1;
	c->to = *to;
	c->len = len;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	return c->epoll < 0 ? -errno : 0;
}

int pace_connect(struct pace_connections *c, uint64_t seq)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = seq};
	int *slot = slot_of(c, seq), error;

	end(slot);
	*slot = socket(c->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*slot >= 0 && (!connect(*slot, (struct sockaddr *)&c->to, c->len) || errno == EINPROGRESS) &&
	    !epoll_ctl(c->epoll, EPOLL_CTL_ADD, *slot, &event))
		return 0;
	error = -errno;
	end(slot);
	return error;
}

bool pace_heard(struct pace_connections *c, uint64_t *ret_seq, char ret_name[PACE_NAME_LEN])
{
	struct epoll_event event;
	ssize_t len;
	int *slot;

	if (epoll_wait(c->epoll, &event, 1, 0) != 1)
		return false;
	slot = slot_of(c, event.data.u64);
	len = recv(*slot, ret_name, PACE_NAME_LEN - 1, MSG_DONTWAIT);
	end(slot);
	ret_name[len > 0 ? len : 0] = '\0';
	ret_name[strcspn(ret_name, "\n")] = '\0';
	*ret_seq = event.data.u64;
	return true;
}
