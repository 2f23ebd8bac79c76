// SPDX-License-Identifier: GPL-2.0-only
#include "announce.h"

#include <errno.h>
#include <net/ethernet.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <defib/abi.h>

#include "base/clean.h"
#include "base/log.h"

#define MS 1000000ull

static const uint64_t pauses_ns[] = {100 * MS, 400 * MS, 1500 * MS, 3000 * MS};

/** struct series - @sent: how often; @due_ns: when next, 0: never */
struct series {
	struct announce_item *items;
	size_t n;
	size_t sent;
	uint64_t due_ns;
};

struct announce {
	struct loop *loop;
	int socket;
	int timer;
	struct series series[DFB_MAX_POOLS + 1];
};

static int send_item(const struct announce *a, const struct announce_item *item)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = item->ifindex};
	uint8_t frame[ANNOUNCE_FRAME_LEN];
	size_t size = announce_frame(item, frame);

	if (sendto(a->socket, frame, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

/* The first is due at once. Return: 0 or the first -errno. */
static int send_series(const struct announce *a, struct series *s, uint64_t now)
{
	int result = 0;

	for (size_t i = 0; i < s->n; i++) {
		int err = send_item(a, &s->items[i]);

		result = result ? result : err;
	}
	s->due_ns = s->sent < ARRAY_SIZE(pauses_ns) ? now + pauses_ns[s->sent] : 0;
	s->sent++;
	return result;
}

static void end_series(struct series *s)
{
	free(s->items);
	*s = (struct series){0};
}

static void set_timer(const struct announce *a)
{
	uint64_t due = 0;

	for (size_t i = 0; i <= DFB_MAX_POOLS; i++) {
		if (a->series[i].due_ns && (!due || a->series[i].due_ns < due))
			due = a->series[i].due_ns;
	}
	timer_set(a->timer, due);
}

static void on_timer(void *arg, uint32_t events)
{
	struct announce *a = arg;
	uint64_t now = clock_now_ns();

	(void)events;
	fd_drain(a->timer);
	for (size_t i = 0; i <= DFB_MAX_POOLS; i++) {
		struct series *s = &a->series[i];
		int err = s->due_ns && s->due_ns <= now ? send_series(a, s, now) : 0;

		if (err)
			log_debug("an announcement is not repeated: %s", strerror(-err));
		if (!s->due_ns)
			end_series(s);
	}
	set_timer(a);
}

int announce_start(struct announce *a, uint32_t pool, struct announce_item *items, size_t n)
{
	struct series *s = &a->series[pool <= DFB_MAX_POOLS ? pool : 0];
	int err;

	end_series(s);
	s->items = items;
	s->n = n;
	if (!n) {
		end_series(s);
		return 0;
	}
	err = send_series(a, s, clock_now_ns());
	set_timer(a);
	return err;
}

int announce_new(struct loop *loop, struct announce **ret_announce)
{
	struct announce *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->loop = loop;
	a->timer = timer_open();
	a->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* hears nothing */
	err = a->socket < 0 ? -errno : a->timer < 0 ? a->timer : 0;
	if (!err)
		err = loop_add(loop, a->timer, EPOLLIN, on_timer, a);
	if (err) {
		announce_free(a);
		return err;
	}
	*ret_announce = a;
	return 0;
}

void announce_free(struct announce *a)
{
	if (!a)
		return;
	for (size_t i = 0; i <= DFB_MAX_POOLS; i++)
		end_series(&a->series[i]);
	if (a->timer >= 0)
		loop_del(a->loop, a->timer);
	clean_close(&a->timer);
	clean_close(&a->socket);
	free(a);
}
