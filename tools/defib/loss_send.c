// SPDX-License-Identifier: GPL-2.0-only
/*
 * defib loss send: streams for others to count, one after the other. All that can be wrong is found out
 * before the first packet; from then on a run goes on through whatever the network does, which is to be
 * measured.
 */
#include "loss.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/clean.h>
#include <sense/driver.h>

#include "stream.h"

volatile sig_atomic_t stream_stopped;

/**
 * struct job - one call of the command
 * @fds: sockets of the runs, -1 with the kernel's sender
 * @n: of the runs, those that were begun
 */
struct job {
	struct cli *cli;
	struct stream_want want;
	struct stream_run runs[STREAM_MAX_RATES];
	int fds[STREAM_MAX_RATES];
	size_t n;
	enum stream_sender sender;
};

static void on_signal(int number)
{
	(void)number;
	stream_stopped = 1;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: it ends a sleep */

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* What the network or the machine lacks is no wrong usage. */
static enum ctl_code code_of(int error)
{
	return cli_code(error) == CTL_DENIED ? CTL_DENIED : CTL_FAILED;
}

/* --- before ---------------------------------------------------------------------------------- */

static int find_ways(struct job *job)
{
	char why[STREAM_WHY_LEN];

	for (size_t i = 0; i < job->want.n_rates; i++) {
		int err;

		stream_want_run(&job->want, i, &job->runs[i]);
		job->fds[i] = -1;
		err = stream_way_find(&job->want, &job->runs[i], why);
		if (err)
			return cli_fail(code_of(err), "%s", why);
	}
	return CTL_OK;
}

/* The generator's packets are shared. Some kernels, Linux 6.1 among them, panic when one reaches an XDP
 * program in generic mode through nothing but a veth pair: only for who insists. */
static int avoid_on_veth(const struct job *job)
{
	if (job->want.sender != STREAM_KERNEL)
		return -EOPNOTSUPP;
	fprintf(stderr, "defib: warning: %s is a veth: if an XDP program in generic mode is at its other end, this"
		" kernel may panic\n", job->runs[0].way.interface);
	return 0;
}

static int choose_sender(struct job *job)
{
	char why[STREAM_WHY_LEN];
	int err = job->want.sender == STREAM_SOCKET ? -ENOENT : stream_pktgen_usable(&job->runs[0], why);

	if (err && job->want.sender == STREAM_KERNEL)
		return cli_fail(code_of(err), "%s", why);
	if (!err && driver_is(job->runs[0].way.interface, "veth"))
		err = avoid_on_veth(job);
	if (err == -EBUSY)
		fprintf(stderr, "defib: sending through a socket: %s\n", why);
	job->sender = err ? STREAM_SOCKET : STREAM_KERNEL;
	return CTL_OK;
}

/*
 * A neighbour that has not been asked yet would keep the first packets waiting, and some of them for ever.
 * One that does not answer is the network's failure, which is to be measured.
 */
static int open_sockets(struct job *job)
{
	char address[ADDRESS_TEXT_LEN];
	uint8_t mac[6];

	for (size_t i = 0; i < job->want.n_rates && job->sender == STREAM_SOCKET; i++) {
		const struct stream_run *run = &job->runs[i];
		int fd = stream_socket_open(&job->want, run);

		if (fd == -EADDRINUSE || fd == -EACCES)
			return cli_fail(code_of(fd), "source port %u: %s; choose others with --sport", run->sport,
					strerror(-fd));
		if (fd < 0)
			return cli_fail(code_of(fd), "a socket to %s: %s",
					address_format(job->want.address, address), strerror(-fd));
		job->fds[i] = fd;
	}
	if (job->sender == STREAM_SOCKET)
		stream_way_neighbour(&job->runs[0].way, mac);
	return CTL_OK;
}

static void close_sockets(struct job *job)
{
	for (size_t i = 0; i < job->want.n_rates; i++)
		clean_close(&job->fds[i]);
}

/* --- results --------------------------------------------------------------------------------- */

static json_t *run_json(const struct job *job, const struct stream_run *run)
{
	char source[ADDRESS_TEXT_LEN], to[ADDRESS_TEXT_LEN];
	double kept = stream_kept_rate(run);
	json_t *late = run->late_max_ns == UINT64_MAX ? json_null() :
						       json_integer((json_int_t)(run->late_max_ns / 1000));

	return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:I,s:o,s:I,s:I,s:I,s:o,s:f}",
			 "source", address_format(run->way.source, source),
			 "destination", address_format(job->want.address, to),
			 "interface", run->way.interface, "sport", run->sport, "dport", job->want.port,
			 "size", (int)job->want.size, "rate_per_s", (json_int_t)run->rate,
			 "kept_rate_per_s", kept > 0 ? json_real(kept) : json_null(),
			 "sent", (json_int_t)run->sent, "refused", (json_int_t)run->refused,
			 "retried", (json_int_t)run->retried, "late_max_us", late,
			 "duration_s", (double)(run->last_ns - run->first_ns) / 1e9);
}

static int print_json(const struct job *job)
{
	json_t *runs = json_array();

	for (size_t i = 0; i < job->n; i++)
		json_array_append_new(runs, run_json(job, &job->runs[i]));
	return cli_print_json(job->cli, json_pack("{s:i,s:s,s:o}", "schema", CTL_SCHEMA, "sender",
						  stream_sender_names[job->sender], "runs", runs));
}

static void print_head(const struct job *job)
{
	char address[ADDRESS_TEXT_LEN];

	fprintf(job->cli->out, "to %s port %u through %s, %u bytes a frame, sent by %s\n",
		address_format(job->want.address, address), job->want.port, job->runs[0].way.interface,
		job->want.size, job->sender == STREAM_KERNEL ? "the kernel" : "a socket");
	fflush(job->cli->out);
}

static void print_run(const struct job *job, const struct stream_run *run)
{
	char text[DURATION_TEXT_LEN];
	FILE *out = job->cli->out;
	double kept = stream_kept_rate(run);

	fprintf(out, "  %u/s from port %u: %" PRIu64 " sent", run->rate, run->sport, run->sent);
	if (run->refused)
		fprintf(out, ", %" PRIu64 " refused (%s)", run->refused, strerror(run->refusal));
	if (run->retried)
		fprintf(out, ", %" PRIu64 " retried", run->retried);
	if (kept > 0)
		fprintf(out, ", kept %.*f/s over %s", kept < 1000 ? 2 : 0, kept,
			duration_format(run->last_ns - run->first_ns, text));
	if (run->late_max_ns != UINT64_MAX)
		fprintf(out, ", at most %s late", duration_format(run->late_max_ns, text));
	fputc('\n', out);
	fflush(out);
}

/* What is wrong with a result, after it was printed. Return: the exit status. */
static int judge(const struct job *job, const struct stream_run *run)
{
	const char *hint = job->sender == STREAM_KERNEL ? "" : " or --sender kernel";

	if (!run->sent && run->refused)
		return cli_fail(code_of(-run->refusal), "%u/s: nothing was sent: %s", run->rate,
				strerror(run->refusal));
	if (run->early)
		return cli_fail(CTL_FAILED, "%u/s ended after %" PRIu64 " of %" PRIu64 " packets: the kernel's sender "
				"stops when its device goes down or loses its carrier", run->rate, run->sent, run->count);
	if (stream_is_slow(run))
		return cli_fail(CTL_FAILED, "%u/s was not kept, only %.0f/s (at least 98 %% is right): try a lower rate, "
				"a less busy machine%s", run->rate, stream_kept_rate(run), hint);
	if (run->overdue)
		return cli_fail(CTL_FAILED, "%u/s: time was over after %" PRIu64 " of %" PRIu64 " packets: is the machine "
				"busy?", run->rate, run->sent + run->refused, run->count);
	return CTL_OK;
}

/* --- the command ----------------------------------------------------------------------------- */

static int run_one(struct job *job, size_t i)
{
	struct stream_run *run = &job->runs[i];
	char why[STREAM_WHY_LEN];
	int err;

	if (job->sender == STREAM_KERNEL) {
		err = stream_pktgen_run(&job->want, run, why);
		return err ? cli_fail(code_of(err), "%s", why) : CTL_OK;
	}
	err = stream_socket_run(job->fds[i], &job->want, run);
	if (err == -EMSGSIZE)
		return cli_fail(CTL_FAILED, "a frame of %u bytes is too long for %s: use a smaller --size",
				job->want.size, run->way.interface);
	return err ? cli_fail(code_of(err), "%s", strerror(-err)) : CTL_OK;
}

static int run_all(struct job *job)
{
	int err = CTL_OK;

	if (!job->cli->json)
		print_head(job);
	for (size_t i = 0; i < job->want.n_rates && !err && !stream_stopped; i++) {
		err = run_one(job, i);
		if (err)
			break;
		job->n++;
		if (!job->cli->json)
			print_run(job, &job->runs[i]);
	}
	if (job->cli->json && (job->n || !err)) {
		int failed = print_json(job);

		err = err ? err : failed;
	}
	for (size_t i = 0; i < job->n; i++) {
		int wrong = judge(job, &job->runs[i]);

		err = err ? err : wrong;
	}
	return err;
}

int loss_send(struct cli *cli, char **words)
{
	struct job job = {.cli = cli};
	int err = stream_want_parse(words, &job.want);

	if (!err)
		err = find_ways(&job);
	if (err)
		return err;
	catch_signals();
	err = choose_sender(&job);
	if (!err)
		err = open_sockets(&job);
	if (!err)
		err = run_all(&job);
	close_sockets(&job);
	return err;
}
