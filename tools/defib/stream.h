/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sending streams whose loss is counted (defib/wire.h): what is wanted, the pace, the way, and the two that
 * can send, a socket of ours and the kernel's packet generator. loss_send.c puts them together.
 */
#ifndef STREAM_H
#define STREAM_H

#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define STREAM_MAX_RATES 16
#define STREAM_MAX_RATE 10000000u
#define STREAM_MAX_SIZE 1514
#define STREAM_WHY_LEN 256

/* Above this rate packets go in ticks: whatever has become due in one is sent at its end. */
#define STREAM_TICKS_ABOVE 10000u
#define STREAM_TICK_NS 200000u

enum stream_sender {
	STREAM_AUTO,
	STREAM_KERNEL,
	STREAM_SOCKET,
	STREAM_SENDER_MAX,
};

extern const char *const stream_sender_names[STREAM_SENDER_MAX];

/**
 * struct stream_want - the command's words
 * @device: NULL: the route decides
 * @address: to whom, 16 bytes
 * @rates: packets per second, one run each
 * @count: how many packets a run has; 0: as many as are due within @duration_ns
 * @size: of a frame: Ethernet header, IP, UDP and payload, without the checksum at its end
 * @sport: of the first run; the next run has the next port
 */
struct stream_want {
	const char *device;
	uint8_t address[16];
	uint32_t rates[STREAM_MAX_RATES];
	size_t n_rates;
	uint64_t count;
	uint64_t duration_ns;
	uint32_t size;
	uint16_t port;
	uint16_t sport;
	enum stream_sender sender;
};

/**
 * struct stream_way - how packets get there, at the start
 * @interface: the device that they leave through
 * @next_hop: the neighbour, a gateway or the destination itself
 * @local: the destination is this machine
 * @resolves: the device is an Ethernet one whose neighbours have to be asked for their addresses
 */
struct stream_way {
	char interface[IF_NAMESIZE];
	int ifindex;
	bool local;
	bool resolves;
	uint8_t source[16];
	uint8_t next_hop[16];
};

/**
 * struct stream_run - one stream: what is to be sent, and what was
 * @limit_ns: it ends after that time, whatever is left; 0: it does not
 * @sent: numbers that were handed to the network
 * @refused: numbers that the network refused to take: no route, device down
 * @retried: attempts that sent nothing and were repeated with the same number
 * @refusal: errno of the last refused number
 * @late_max_ns: what was sent latest was so late; UINT64_MAX: not known
 * @first_ns, @last_ns: when the first and the last number had their turn
 * @early: it ended by itself before all was sent: the kernel's sender had to
 * @overdue: @limit_ns ended it
 */
struct stream_run {
	uint32_t rate;
	uint16_t sport;
	uint64_t count;
	uint64_t limit_ns;
	struct stream_way way;
	uint64_t sent;
	uint64_t refused;
	uint64_t retried;
	int refusal;
	uint64_t late_max_ns;
	uint64_t first_ns;
	uint64_t last_ns;
	bool early;
	bool overdue;
};

/** stream_stopped - set by SIGINT and SIGTERM: the present run is the last, and ends. */
extern volatile sig_atomic_t stream_stopped;

/* --- stream_want.c: pure, but for the message about what is wrong --- */

/** stream_want_parse() - what the words ask for. Return: the exit status, after having said what is wrong. */
int stream_want_parse(char **words, struct stream_want *ret_want);

/** stream_want_run() - run @i of it, nothing sent yet */
void stream_want_run(const struct stream_want *want, size_t i, struct stream_run *ret_run);

/** stream_min_size() - the smallest frame that has room for struct dfb_pktgen */
uint32_t stream_min_size(const uint8_t address[16]);

/** stream_due_ns() - when number @n (from 0) is due, from the start; rounded up */
uint64_t stream_due_ns(uint32_t rate, uint64_t n);

/** stream_due_count() - how many numbers are due @elapsed_ns after the start; the first is at once */
uint64_t stream_due_count(uint32_t rate, uint64_t elapsed_ns);

/** stream_wake_ns() - when to wake up for number @n, from the start: its time, or the end of its tick */
uint64_t stream_wake_ns(uint32_t rate, uint64_t n, uint64_t count);

/** stream_kept_rate() - numbers per second from the first to the last; 0: fewer than two */
double stream_kept_rate(const struct stream_run *run);

/** stream_is_slow() - did it keep less than 98 % of its rate, for longer than a moment? */
bool stream_is_slow(const struct stream_run *run);

/* --- stream_way.c --- */

/**
 * stream_way_find() - ask the kernel for the route of run's packets
 * @ret_why: with an error: what to do about it
 * Return: 0 or -errno.
 */
int stream_way_find(const struct stream_want *want, struct stream_run *run, char ret_why[STREAM_WHY_LEN]);

/**
 * stream_way_neighbour() - the next hop's link-layer address; wakes it up if it is not known
 * Return: 0; -EHOSTUNREACH: it does not answer, which takes 2 s; -EOPNOTSUPP: it has none; -errno.
 */
int stream_way_neighbour(const struct stream_way *way, uint8_t ret_mac[6]);

/* --- stream_socket.c --- */

/** stream_sockaddr() - @ifindex: for a link-local address. Return: its length. */
socklen_t stream_sockaddr(const uint8_t address[16], uint16_t port, int ifindex,
			  struct sockaddr_storage *ret_address);

/** stream_socket_open() - for one run. Return: the descriptor, or -errno. */
int stream_socket_open(const struct stream_want *want, const struct stream_run *run);

/** stream_socket_run() - send all of it. Return: 0; -EMSGSIZE: the frame is too long for the device. */
int stream_socket_run(int fd, const struct stream_want *want, struct stream_run *run);

/* --- stream_pktgen.c --- */

/**
 * stream_pktgen_usable() - can the kernel's packet generator send this, and is it nobody else's just now?
 * Return: 0 or -errno; with an error @ret_why says what to do.
 */
int stream_pktgen_usable(const struct stream_run *run, char ret_why[STREAM_WHY_LEN]);

/** stream_pktgen_run() - send all of it, tidy up. Return: 0 or -errno, and why. */
int stream_pktgen_run(const struct stream_want *want, struct stream_run *run, char ret_why[STREAM_WHY_LEN]);

#endif
