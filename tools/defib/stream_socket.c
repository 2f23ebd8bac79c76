// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sender that works everywhere: a UDP socket. Number n is due at start + n / rate, by the clock and not
 * by the packet before, so that a delay is made good and the pace does not drift. What is overdue goes at
 * once.
 *
 * Whoever counts loss must not find any that the network did not make. What a call to send did not send is
 * therefore sent again with the same number where we, or an answer to an earlier packet, were the reason:
 * the queue of our device is full, the port there is closed. Where the network has no way for it just now (no
 * route, the device is down) the number is over and is counted as refused: the network has lost it, here
 * instead of further on, and a measurement goes on through a failover. IP_RECVERR is what makes the kernel
 * tell us of a packet that a full queue has dropped; it also tells of all ICMP errors, each in place of one
 * send, hence the repeated attempts before a number is given up.
 */
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <base/clean.h>
#include <base/loop.h>
#include <base/text.h>
#include <defib/wire.h>

#define BATCH 64
#define ATTEMPTS 4
#define QUEUE_BYTES (4 << 20)
#define PAYLOAD_MAX STREAM_MAX_SIZE

struct packet {
	struct dfb_pktgen pktgen;
	struct dfb_far far;
	uint8_t rest[PAYLOAD_MAX - sizeof(struct dfb_pktgen) - sizeof(struct dfb_far)];
};

struct socket_sender {
	int fd;
	struct stream_run *run;
	uint64_t start_ns;
	uint64_t next;	       /* from 0; on the wire from 1 */
	unsigned int attempts; /* of the next number, that failed */
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct packet packets[BATCH];
};

/* --- socket ---------------------------------------------------------------------------------- */

socklen_t stream_sockaddr(const uint8_t address[16], uint16_t port, int ifindex,
			  struct sockaddr_storage *ret_address)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)ret_address;

	memset(ret_address, 0, sizeof(*ret_address));
	if (address_is_ipv4(address)) {
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(port);
		memcpy(&ipv4->sin_addr, address + 12, 4);
		return sizeof(*ipv4);
	}
	ipv6->sin6_family = AF_INET6;
	ipv6->sin6_port = htons(port);
	memcpy(&ipv6->sin6_addr, address, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&ipv6->sin6_addr))
		ipv6->sin6_scope_id = (uint32_t)ifindex;
	return sizeof(*ipv6);
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* A frame is a frame: no fragments, and, as pktgen's, none that a router may not fragment. */
static int set_options(int fd, bool ipv4)
{
	int err = ipv4 ? set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_INTERFACE) :
			 set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_INTERFACE);

	if (!err)
		err = ipv4 ? set(fd, IPPROTO_IP, IP_RECVERR, 1) : set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	set(fd, SOL_SOCKET, SO_RCVBUF, 0); /* answers are for others to count */
	set(fd, SOL_SOCKET, SO_SNDBUF, QUEUE_BYTES);
	return err;
}

/* Bound to the route's address: a stream keeps its source, also when the route changes. */
int stream_socket_open(const struct stream_want *want, const struct stream_run *run)
{
	struct sockaddr_storage from, to;
	socklen_t length = stream_sockaddr(run->way.source, run->sport, run->way.ifindex, &from);
	CLEAN_CLOSE int fd = socket(from.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = set_options(fd, from.ss_family == AF_INET);
	if (err)
		return err;
	if (want->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, want->device,
				       (socklen_t)strlen(want->device)))
		return -errno;
	if (bind(fd, (struct sockaddr *)&from, length))
		return -errno;
	length = stream_sockaddr(want->address, want->port, run->way.ifindex, &to);
	if (connect(fd, (struct sockaddr *)&to, length))
		return -errno;
	return TAKE_FD(fd);
}

/* --- packets --------------------------------------------------------------------------------- */

static void prepare(struct socket_sender *s, uint32_t payload)
{
	bool far = payload >= sizeof(struct dfb_pktgen) + sizeof(struct dfb_far);

	for (size_t i = 0; i < BATCH; i++) {
		s->packets[i].pktgen.magic = htonl(DFB_PKTGEN_MAGIC);
		s->packets[i].far.magic = far ? htonl(DFB_FAR_MAGIC) : 0;
		s->vectors[i] = (struct iovec){.iov_base = &s->packets[i], .iov_len = payload};
		s->messages[i].msg_hdr = (struct msghdr){.msg_iov = &s->vectors[i], .msg_iovlen = 1};
	}
}

static void stamp(struct socket_sender *s, unsigned int n)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	for (unsigned int i = 0; i < n; i++) {
		struct dfb_pktgen *p = &s->packets[i].pktgen;

		p->seq = htonl((uint32_t)(s->next + 1 + i));
		p->sec = htonl((uint32_t)now.tv_sec);
		p->usec = htonl((uint32_t)(now.tv_nsec / 1000));
	}
}

/* @n numbers had their turn at @now. */
static void advance(struct socket_sender *s, unsigned int n, uint64_t now)
{
	uint64_t late_ns = now - s->start_ns - stream_due_ns(s->run->rate, s->next);

	if (!s->next) {
		s->run->first_ns = now;
		s->run->late_max_ns = 0;
	}
	if (late_ns > s->run->late_max_ns)
		s->run->late_max_ns = late_ns;
	s->run->last_ns = now;
	s->next += n;
	s->attempts = 0;
}

/* Return: 0: go on; -EAGAIN: wait a moment; -EMSGSIZE. */
static int fail(struct socket_sender *s, int error, uint64_t now)
{
	switch (error) {
	case EINTR:
		return 0;
	case EMSGSIZE:
		if (!s->next)
			return -EMSGSIZE;
		break;
	case EAGAIN:
	case ENOBUFS:
		s->run->retried++;
		return -EAGAIN;
	case ECONNREFUSED: /* these two come from far away only */
	case ENOPROTOOPT:
		s->run->retried++;
		return 0;
	default:
		break;
	}
	if (++s->attempts < ATTEMPTS) {
		s->run->retried++;
		return 0;
	}
	s->run->retried -= ATTEMPTS - 1; /* they did not help */
	s->run->refused++;
	s->run->refusal = error;
	advance(s, 1, now);
	return 0;
}

static int send_some(struct socket_sender *s, unsigned int n, uint64_t now)
{
	int sent;

	stamp(s, n);
	sent = sendmmsg(s->fd, s->messages, n, MSG_DONTWAIT);
	if (sent <= 0)
		return fail(s, errno, now);
	s->run->sent += (unsigned int)sent;
	s->run->retried += (unsigned int)sent < n; /* why the rest was not, the kernel does not say */
	advance(s, (unsigned int)sent, now);
	return 0;
}

/* --- pace ------------------------------------------------------------------------------------ */

static void sleep_until(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int drive(struct socket_sender *s)
{
	const struct stream_run *run = s->run;

	while (!stream_stopped && s->next < run->count) {
		uint64_t now = clock_now_ns();
		uint64_t due = stream_due_count(run->rate, now - s->start_ns);
		int err;

		if (run->limit_ns && now > s->start_ns + run->limit_ns)
			return -ETIMEDOUT;
		due = due < run->count ? due : run->count;
		if (due <= s->next) {
			sleep_until(s->start_ns + stream_wake_ns(run->rate, s->next, run->count));
			continue;
		}
		err = send_some(s, due - s->next < BATCH ? (unsigned int)(due - s->next) : BATCH, now);
		if (err == -EAGAIN)
			sleep_until(now + STREAM_TICK_NS);
		else if (err)
			return err;
	}
	return 0;
}

int stream_socket_run(int fd, const struct stream_want *want, struct stream_run *run)
{
	CLEAN_FREE struct socket_sender *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	prctl(PR_SET_TIMERSLACK, 1ul); /* ns; the usual 50 us would be seen */
	s->fd = fd;
	s->run = run;
	prepare(s, want->size - stream_min_size(want->address) + (uint32_t)sizeof(struct dfb_pktgen));
	s->start_ns = clock_now_ns();
	err = drive(s);
	run->overdue = err == -ETIMEDOUT;
	return run->overdue ? 0 : err;
}
