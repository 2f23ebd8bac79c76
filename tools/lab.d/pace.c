// SPDX-License-Identifier: GPL-2.0-only
/*
 * pace - what a client of a service experiences, to the microsecond
 *
 * Sends requests at an absolute pace (a late one is not forgotten, it is sent at once, unless the
 * machine stalled for long), notes when each was answered and by whom. All times are CLOCK_MONOTONIC,
 * the clock of defib's own events, so both lie on one axis. An *edge* is where the answering server
 * changes; the *outage* of an edge runs from the last reply of the one to the first reply of the other.
 * A request is a datagram, or with --tcp a new connection.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clean.h"
#include "base/loop.h"
#include "pace.h"
#include "pace/connect.h"

#define MAX_SERVERS 64
#define MAX_EDGES 4096
#define MAX_REQUESTS 20000000u
#define ENDLESS_SECONDS 1800u /* what is kept in memory of a run without an end */
#define PATIENCE_NS 20000000u
#define NOBODY 0xff

struct edge {
	uint8_t from;
	uint8_t to;
	uint64_t last_ns;
	uint64_t first_ns;
	uint64_t first_sent_ns; /* when the request answered at first_ns was sent */
};

struct request {
	uint64_t sent_ns;
	uint64_t reply_ns; /* 0: lost so far */
	uint8_t server;
};

struct options {
	const char *to;
	const char *from; /* NULL: any address of ours */
	uint16_t port;
	uint64_t rate;
	uint64_t count;
	uint64_t linger_ns;
	const char *record;
	bool tcp;
	bool json;
	bool follow;
};

struct run {
	const struct options *o;
	int fd; /* readable when there are answers */
	struct pace_connections *connections; /* NULL: datagrams */
	uint32_t stream;
	struct request *requests;
	uint64_t sent;
	uint64_t received;
	uint64_t duplicates;
	uint64_t errors;
	uint64_t start_ns;
	uint64_t end_ns; /* of sending */
	uint64_t stalled_ns; /* let go, for we could not send then */
	uint64_t last_ns; /* reply */
	uint8_t last_server;
	uint64_t gap_from_ns; /* the longest time without a reply */
	uint64_t gap_to_ns;
	unsigned int n_servers;
	char servers[MAX_SERVERS][PACE_NAME_LEN];
	uint64_t answered[MAX_SERVERS];
	unsigned int n_edges;
	struct edge edges[MAX_EDGES];
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static uint8_t server_index(struct run *r, const char *name)
{
	for (unsigned int i = 0; i < r->n_servers; i++) {
		if (!strncmp(r->servers[i], name, PACE_NAME_LEN))
			return (uint8_t)i;
	}
	if (r->n_servers == MAX_SERVERS)
		return MAX_SERVERS - 1;
	text_copy(r->servers[r->n_servers], PACE_NAME_LEN, name);
	return (uint8_t)r->n_servers++;
}

/* --- what happened --------------------------------------------------------------------------- */

static json_t *edge_json(const struct run *r, const struct edge *e)
{
	const char *from = e->from == NOBODY ? "" : r->servers[e->from];
	double outage_us = e->from == NOBODY ? 0 : (double)(e->first_ns - e->last_ns) / 1e3;

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:f}", "from", from, "to", r->servers[e->to], "last_ns",
			 (json_int_t)e->last_ns, "first_ns", (json_int_t)e->first_ns, "first_sent_ns",
			 (json_int_t)e->first_sent_ns, "outage_us", outage_us);
}

static void print_json(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

static void note_edge(struct run *r, uint8_t to, uint64_t now, uint64_t sent_ns)
{
	struct edge e = {.from = r->last_server, .to = to, .last_ns = r->last_ns, .first_ns = now,
			 .first_sent_ns = sent_ns};

	if (e.from != NOBODY && r->n_edges < MAX_EDGES)
		r->edges[r->n_edges++] = e;
	if (r->o->follow)
		print_json(edge_json(r, &e));
}

static void note_gap(struct run *r, uint64_t from_ns, uint64_t to_ns)
{
	if (to_ns - from_ns <= r->gap_to_ns - r->gap_from_ns)
		return;
	r->gap_from_ns = from_ns;
	r->gap_to_ns = to_ns;
}

static void note_reply(struct run *r, uint64_t seq, const char *name, uint64_t now)
{
	struct request *request = &r->requests[seq];
	uint8_t server;

	if (request->reply_ns) {
		r->duplicates++;
		return;
	}
	server = server_index(r, name);
	request->reply_ns = now;
	request->server = server;
	r->received++;
	r->answered[server]++;
	if (server != r->last_server)
		note_edge(r, server, now, request->sent_ns);
	note_gap(r, r->last_ns ? r->last_ns : r->start_ns, now);
	r->last_ns = now;
	r->last_server = server;
}

/* --- traffic --------------------------------------------------------------------------------- */

static void note_packet(struct run *r, struct pace_packet *packet)
{
	packet->name[PACE_NAME_LEN - 1] = '\0';
	if (packet->magic == PACE_MAGIC && packet->stream == r->stream && packet->seq < r->sent)
		note_reply(r, packet->seq, packet->name, clock_now_ns());
}

static void receive_datagrams(struct run *r)
{
	struct pace_packet packet;

	for (;;) {
		ssize_t len = recv(r->fd, &packet, sizeof(packet), MSG_DONTWAIT);

		if (len < 0 && errno != EAGAIN && errno != EINTR) {
			r->errors++; /* an ICMP error, reported once */
			continue;
		}
		if (len < 0)
			return;
		if (len == sizeof(packet))
			note_packet(r, &packet);
	}
}

static void receive_connections(struct run *r)
{
	char name[PACE_NAME_LEN];
	uint64_t seq;

	while (pace_heard(r->connections, &seq, name)) {
		if (*name)
			note_reply(r, seq, name, clock_now_ns());
		else
			r->errors++;
	}
}

static void receive_all(struct run *r)
{
	if (r->connections)
		receive_connections(r);
	else
		receive_datagrams(r);
}

static void send_datagram(struct run *r, uint64_t seq, uint64_t now)
{
	struct pace_packet packet = {.magic = PACE_MAGIC, .stream = r->stream, .seq = seq, .sent_ns = now};

	if (send(r->fd, &packet, sizeof(packet), 0) >= 0)
		return;
	r->errors++; /* most likely an ICMP error about an earlier request, and this one was not sent */
	send(r->fd, &packet, sizeof(packet), 0);
}

static void send_one(struct run *r)
{
	uint64_t seq = r->sent++, now = clock_now_ns();

	r->requests[seq].sent_ns = now;
	if (!r->connections)
		send_datagram(r, seq, now);
	else if (pace_connect(r->connections, seq))
		r->errors++;
}

/* Wait for a reply, but not beyond a moment. */
static void wait_until(struct run *r, uint64_t due_ns)
{
	struct pollfd fd = {.fd = r->fd, .events = POLLIN};
	uint64_t now = clock_now_ns();
	struct timespec left = {0, 0};

	if (due_ns > now) {
		left.tv_sec = (time_t)((due_ns - now) / 1000000000u);
		left.tv_nsec = (long)((due_ns - now) % 1000000000u);
	}
	if (ppoll(&fd, 1, &left, NULL) > 0)
		receive_all(r);
}

/*
 * When the next request is due. After a stall of the machine some requests are overdue and are sent at
 * once; beyond PATIENCE_NS they would become a flood of the highest priority, so time is let go.
 */
static uint64_t next_due(struct run *r, uint64_t now)
{
	uint64_t due = r->start_ns + r->stalled_ns + r->sent * 1000000000u / r->o->rate;

	if (now < due + PATIENCE_NS)
		return due;
	r->stalled_ns += now - due;
	return now;
}

static void drive(struct run *r)
{
	const struct options *o = r->o;
	uint64_t linger_end;

	r->start_ns = clock_now_ns();
	while (!stopped && r->sent < o->count) {
		uint64_t now = clock_now_ns();
		uint64_t due = next_due(r, now);

		if (now >= due) {
			send_one(r);
			receive_all(r);
		} else {
			wait_until(r, due);
		}
	}
	r->end_ns = clock_now_ns();
	linger_end = r->end_ns + o->linger_ns;
	while (r->received < r->sent && clock_now_ns() < linger_end)
		wait_until(r, linger_end);
	note_gap(r, r->last_ns ? r->last_ns : r->start_ns, r->end_ns > r->last_ns ? r->end_ns : r->last_ns);
}

/* --- the report ------------------------------------------------------------------------------ */

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Median and 99th percentile of the answered requests. */
static void round_trips(const struct run *r, double *ret_p50_us, double *ret_p99_us)
{
	CLEAN_FREE uint64_t *rtt = calloc(r->received + 1, sizeof(*rtt));
	uint64_t n = 0;

	*ret_p50_us = 0;
	*ret_p99_us = 0;
	if (!rtt)
		return;
	for (uint64_t i = 0; i < r->sent; i++) {
		if (r->requests[i].reply_ns)
			rtt[n++] = r->requests[i].reply_ns - r->requests[i].sent_ns;
	}
	if (!n)
		return;
	qsort(rtt, n, sizeof(*rtt), compare_u64);
	*ret_p50_us = (double)rtt[n / 2] / 1e3;
	*ret_p99_us = (double)rtt[n * 99 / 100] / 1e3;
}

static uint64_t worst_outage(const struct run *r)
{
	uint64_t worst = 0;

	for (unsigned int i = 0; i < r->n_edges; i++) {
		uint64_t outage = r->edges[i].first_ns - r->edges[i].last_ns;

		if (outage > worst)
			worst = outage;
	}
	return worst;
}

static void report_json(const struct run *r)
{
	json_t *servers = json_object(), *edges = json_array();
	double p50, p99;

	round_trips(r, &p50, &p99);
	for (unsigned int i = 0; i < r->n_servers; i++)
		json_object_set_new(servers, r->servers[i], json_integer((json_int_t)r->answered[i]));
	for (unsigned int i = 0; i < r->n_edges; i++)
		json_array_append_new(edges, edge_json(r, &r->edges[i]));
	print_json(json_pack(
		"{s:i,s:s,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:f,s:I,s:I,s:f,s:f,s:f,s:f,s:o}",
		"schema", 1, "to", r->o->to, "port", r->o->port, "rate", (json_int_t)r->o->rate, "sent",
		(json_int_t)r->sent, "received", (json_int_t)r->received, "lost",
		(json_int_t)(r->sent - r->received), "duplicates", (json_int_t)r->duplicates, "errors",
		(json_int_t)r->errors, "servers", servers, "start_ns", (json_int_t)r->start_ns, "end_ns",
		(json_int_t)r->end_ns, "longest_gap_us", (double)(r->gap_to_ns - r->gap_from_ns) / 1e3,
		"gap_from_ns", (json_int_t)r->gap_from_ns, "gap_to_ns", (json_int_t)r->gap_to_ns, "outage_us",
		(double)worst_outage(r) / 1e3, "rtt_p50_us", p50, "rtt_p99_us", p99, "stalled_us",
		(double)r->stalled_ns / 1e3, "edges", edges));
}

static void report_text(const struct run *r)
{
	char a[DURATION_TEXT_LEN], b[DURATION_TEXT_LEN];
	double p50, p99;

	round_trips(r, &p50, &p99);
	printf("%s port %u: %" PRIu64 " sent, %" PRIu64 " answered, %" PRIu64 " lost, %" PRIu64
	       " duplicates\n", r->o->to, r->o->port, r->sent, r->received, r->sent - r->received,
	       r->duplicates);
	printf("round trip: half within %s, 99 %% within %s\n", duration_format((uint64_t)(p50 * 1e3), a),
	       duration_format((uint64_t)(p99 * 1e3), b));
	for (unsigned int i = 0; i < r->n_servers; i++)
		printf("answered by %s: %" PRIu64 "\n", r->servers[i], r->answered[i]);
	printf("longest time without a reply: %s\n", duration_format(r->gap_to_ns - r->gap_from_ns, a));
	for (unsigned int i = 0; i < r->n_edges; i++) {
		const struct edge *e = &r->edges[i];

		printf("%s -> %s: outage %s\n", r->servers[e->from], r->servers[e->to],
		       duration_format(e->first_ns - e->last_ns, a));
	}
}

/* One line per request: number, sent, answered (0: lost), by whom. */
static int write_record(const struct run *r)
{
	CLEAN_FCLOSE FILE *f = fopen(r->o->record, "we");

	if (!f)
		return -errno;
	for (uint64_t i = 0; i < r->sent; i++) {
		const struct request *q = &r->requests[i];

		fprintf(f, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", i, q->sent_ns, q->reply_ns,
			q->reply_ns ? r->servers[q->server] : "-");
	}
	return 0;
}

/* --- start ----------------------------------------------------------------------------------- */

static const char usage[] =
	"usage: pace --to ADDRESS [--from ADDRESS] [--port 9000] [--tcp] [--rate 1000]\n"
	"            [--count N | --duration 2s]\n"
	"            [--linger 200ms] [--record FILE] [--follow] [--json]\n"
	"       pace serve [--name NAME] [--port 9000]    answer with a name, UDP and TCP\n"
	"       pace echo [--port 7]                      RFC 862 over UDP\n"
	"--tcp: each request is a new connection. Without --count and --duration: until SIGINT or SIGTERM.\n"
	"--follow prints each change of the answering server at once, one JSON object a line; --record writes\n"
	"every request's fate.\n";

static int open_connections(struct run *r, const struct sockaddr_storage *to, socklen_t len)
{
	static struct pace_connections connections;
	int error = pace_connections_init(&connections, to, len);

	r->connections = &connections;
	return error ? error : connections.epoll;
}

static int open_socket(struct run *r, const struct options *o)
{
	CLEAN_CLOSE int fd = -1;
	struct sockaddr_storage sa, from;
	int size = 4 << 20;
	socklen_t len, from_len;

	if (pace_address(o->to, o->port, &sa, &len))
		return -EINVAL;
	if (o->tcp)
		return open_connections(r, &sa, len);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (o->from && (pace_address(o->from, 0, &from, &from_len) ||
			bind(fd, (struct sockaddr *)&from, from_len)))
		return -EADDRNOTAVAIL;
	if (connect(fd, (struct sockaddr *)&sa, len))
		return -errno;
	return TAKE_FD(fd);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},	  {"from", required_argument, NULL, 'F'},
		{"port", required_argument, NULL, 'p'},
		{"rate", required_argument, NULL, 'r'},	  {"count", required_argument, NULL, 'c'},
		{"duration", required_argument, NULL, 'd'}, {"linger", required_argument, NULL, 'l'},
		{"record", required_argument, NULL, 'R'}, {"follow", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},	  {"tcp", no_argument, NULL, 'T'},
		{0}};
	uint64_t duration_ns = 0;
	int c, error = 0;

	while (!error && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 't': o->to = optarg; break;
		case 'F': o->from = optarg; break;
		case 'p': o->port = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'r': o->rate = strtoull(optarg, NULL, 10); break;
		case 'c': o->count = strtoull(optarg, NULL, 10); break;
		case 'd': error = duration_parse(optarg, &duration_ns); break;
		case 'l': error = duration_parse(optarg, &o->linger_ns); break;
		case 'R': o->record = optarg; break;
		case 'f': o->follow = true; break;
		case 'j': o->json = true; break;
		case 'T': o->tcp = true; break;
		default: error = -EINVAL;
		}
	}
	if (error || optind != argc || !o->to || !o->port || !o->rate || o->rate > 1000000)
		return -EINVAL;
	if (duration_ns)
		o->count = duration_ns / 1000 * o->rate / 1000000;
	if (!o->count)
		o->count = o->rate * ENDLESS_SECONDS;
	if (o->count > MAX_REQUESTS)
		o->count = MAX_REQUESTS;
	return 0;
}

static int client(const struct options *o)
{
	static struct run r;
	CLEAN_CLOSE int fd = open_socket(&r, o);
	CLEAN_FREE struct request *requests = NULL;
	struct sigaction action = {.sa_handler = on_signal};
	int error;

	if (fd < 0) {
		fprintf(stderr, "pace: %s port %u: %s\n", o->to, o->port, strerror(-fd));
		return 1;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	pace_prefer();
	requests = calloc(o->count, sizeof(*requests));
	if (!requests || getrandom(&r.stream, sizeof(r.stream), 0) != sizeof(r.stream))
		return 1;
	r.o = o;
	r.fd = fd;
	r.requests = requests;
	r.last_server = NOBODY;
	drive(&r);
	error = o->record ? write_record(&r) : 0;
	if (error)
		fprintf(stderr, "pace: %s: %s\n", o->record, strerror(-error));
	if (o->json)
		report_json(&r);
	else
		report_text(&r);
	return error || !r.received ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options o = {.port = 9000, .rate = 1000, .linger_ns = 200000000};
	int status;

	if (argc > 1 && (!strcmp(argv[1], "serve") || !strcmp(argv[1], "echo")))
		status = pace_serve(argc - 1, argv + 1);
	else
		status = parse_options(argc, argv, &o) ? 2 : client(&o);
	if (status == 2)
		fputs(usage, stderr);
	return status;
}
