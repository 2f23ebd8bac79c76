// SPDX-License-Identifier: GPL-2.0-only
/*
 * Orders in, results out. Results that change nothing travel together; a message is sent at least once in
 * CHECK_PULSE_NS, so that the daemon can tell a quiet process from one that hangs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/log.h"
#include "check.h"

#define GATHER_NS 100000000ull /* results wait so long for others */

/** struct post - @urgent: what is gathered is to be sent with the end of this round */
struct post {
	struct loop *loop;
	struct run *run;
	int sock;
	int timer;
	bool urgent;
	uint32_t n;
	struct check_result results[CHECK_BATCH];
};

/* Who does not read for long is about to kill us, or dead: blocking is no harm. */
static void flush(struct post *p)
{
	p->urgent = false;
	if (send(p->sock, p->results, p->n * sizeof(*p->results), MSG_NOSIGNAL) < 0)
		loop_stop(p->loop);
	p->n = 0;
	timer_set(p->timer, clock_now_ns() + CHECK_PULSE_NS / 2);
}

void post_result(struct post *p, const struct check_result *result, bool urgent)
{
	if (!p->n)
		timer_set(p->timer, clock_now_ns() + GATHER_NS);
	p->results[p->n++] = *result;
	p->urgent |= urgent;
	if (p->n == CHECK_BATCH)
		flush(p);
}

static void after(void *arg)
{
	struct post *p = arg;

	if (p->urgent)
		flush(p);
}

static void on_timer(void *arg, uint32_t events)
{
	struct post *p = arg;

	(void)events;
	fd_drain(p->timer);
	flush(p);
}

static void carry_out(struct post *p, const struct check_order *order)
{
	int err = run_order(p->run, order);

	if (err)
		log_error("checks: check %u cannot be made: %s", order->slot, strerror(-err));
}

static void on_socket(void *arg, uint32_t events)
{
	_Alignas(struct check_order) static char bytes[CHECK_ORDER_MAX];
	const struct check_order *order = (const struct check_order *)bytes;
	struct post *p = arg;
	ssize_t n = recv(p->sock, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		loop_stop(p->loop); /* the daemon is gone */
	else if (n >= (ssize_t)sizeof(*order) && order->length == (size_t)n - sizeof(*order))
		carry_out(p, order);
}

int post_open(struct loop *loop, int sock, struct post **ret_post)
{
	struct post *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->sock = sock;
	p->timer = timer_open();
	err = p->timer < 0 ? p->timer : loop_add(loop, p->timer, EPOLLIN, on_timer, p);
	if (!err)
		err = loop_add(loop, sock, EPOLLIN, on_socket, p);
	if (err) {
		post_close(p);
		return err;
	}
	loop_after(loop, after, p);
	timer_set(p->timer, clock_now_ns() + CHECK_PULSE_NS / 2);
	*ret_post = p;
	return 0;
}

void post_attach(struct post *p, struct run *run)
{
	p->run = run;
}

void post_close(struct post *p)
{
	if (!p)
		return;
	clean_close(&p->timer);
	free(p);
}
