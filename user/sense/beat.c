// SPDX-License-Identifier: GPL-2.0-only
#include "beat.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/heap.h"
#include "base/loop.h"
#include "idle.h"
#include "pulse.h"
#include "shout.h"

#define BEAT_IDLE_NS 200000000ull /* look at the control map at least this often */
#define BEAT_NONCES 64
#define BEAT_NOT_DUE UINT64_MAX
#define BEAT_WATCH_NS 200000000ull /* how long pulses are taken after a suspicion */
#define BEAT_PULSE_MIN_NS 200000ull
#define BEAT_PULSE_MAX_NS 500000ull

/* One mapped array of a pinned map. */
struct table {
	void *at;
	size_t size;
	uint32_t entries;
	int fd;
};

/**
 * struct pace - when a target is to be probed
 * @next_ns: next regular probe
 * @confirm_ns: next extra probe, BEAT_NOT_DUE: none
 * @confirms: extra probes left
 */
struct pace {
	uint64_t next_ns;
	uint64_t confirm_ns;
	uint32_t confirms;
};

/**
 * struct watch - pulses are taken while somebody is suspect
 * @next_ns: the next one, BEAT_NOT_DUE: nobody is
 * @until_ns: the last
 * @period_ns: between two
 */
struct watch {
	uint64_t next_ns;
	uint64_t until_ns;
	uint64_t period_ns;
};

struct beat {
	struct table control, targets, attempts, prober, pulses;
	int servers, plans;
	struct ring_buffer *nudges;
	struct shout shout;
	struct heap heap;
	struct pace *pace;
	struct idle *idle;
	struct pulse *pulse;
	struct watch watch;
	int signals;
	uint32_t n_nonces;
	uint64_t nonces[BEAT_NONCES];
};

static struct dfb_target *target_of(struct beat *b, uint32_t id)
{
	return (struct dfb_target *)b->targets.at + id;
}

static struct dfb_prober *self(struct beat *b)
{
	return b->prober.at;
}

static uint32_t generation(struct beat *b)
{
	return __atomic_load_n(&((struct dfb_control *)b->control.at)->generation, __ATOMIC_ACQUIRE);
}

/* --- opening --------------------------------------------------------------------------------- */

static int open_pin(const struct paths *paths, const char *name)
{
	char path[2 * PATHS_LEN];

	snprintf(path, sizeof(path), "%s/%s", paths->maps_dir, name);
	return bpf_obj_get(path);
}

static int table_open(const struct paths *paths, const char *name, int prot, struct table *t)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);

	t->fd = open_pin(paths, name);
	if (t->fd < 0)
		return t->fd;
	if (bpf_obj_get_info_by_fd(t->fd, &info, &length))
		return -errno;
	t->entries = info.max_entries;
	t->size = (size_t)info.value_size * info.max_entries;
	t->at = mmap(NULL, t->size, prot, MAP_SHARED, t->fd, 0);
	if (t->at == MAP_FAILED) {
		t->at = NULL;
		return -errno;
	}
	return 0;
}

static void table_close(struct table *t)
{
	if (t->at)
		munmap(t->at, t->size);
	clean_close(&t->fd);
}

static int on_nudge(void *arg, void *data, size_t size);

static int open_nudges(struct beat *b, const struct paths *paths)
{
	CLEAN_CLOSE int fd = open_pin(paths, "nudges");

	if (fd < 0)
		return fd;
	b->nudges = ring_buffer__new(fd, on_nudge, b, NULL);
	return b->nudges ? 0 : -errno;
}

static int open_maps(struct beat *b, const struct paths *paths)
{
	int err = table_open(paths, "control", PROT_READ, &b->control);

	if (!err)
		err = table_open(paths, "targets", PROT_READ, &b->targets);
	if (!err)
		err = table_open(paths, "attempts", PROT_READ | PROT_WRITE, &b->attempts);
	if (!err)
		err = table_open(paths, "prober", PROT_READ | PROT_WRITE, &b->prober);
	if (!err)
		err = table_open(paths, "pulses", PROT_READ | PROT_WRITE, &b->pulses);
	if (err)
		return err;
	if (((struct dfb_control *)b->control.at)->abi != DFB_ABI_VERSION)
		return -EPROTO;
	b->servers = open_pin(paths, "servers");
	b->plans = open_pin(paths, "plans");
	if (b->servers < 0 || b->plans < 0)
		return -errno;
	return open_nudges(b, paths);
}

static int open_signals(struct beat *b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	b->signals = signals_open(&set);
	return b->signals < 0 ? b->signals : 0;
}

static int open_sockets(struct beat *b)
{
	uint64_t cookies[SHOUT_SOCKETS];
	int err = shout_open(&b->shout, cookies);

	if (err)
		return err;
	*self(b) = (struct dfb_prober){.pid = (uint32_t)getpid(), .started_ns = clock_now_ns()};
	memcpy(self(b)->cookies, cookies, sizeof(cookies));
	return 0;
}

int beat_open(const struct paths *paths, struct beat **ret_beat, char *why, size_t size)
{
	struct beat *b = calloc(1, sizeof(*b));
	const char *what = "memory";
	int err = -ENOMEM;

	if (b) {
		b->control.fd = b->targets.fd = b->attempts.fd = b->prober.fd = b->pulses.fd = -1;
		b->watch.next_ns = BEAT_NOT_DUE;
		b->servers = b->plans = b->signals = -1;
		memset(b->shout.fd, 0xff, sizeof(b->shout.fd));
		what = "pinned maps";
		err = open_maps(b, paths);
	}
	if (!err) {
		what = "sockets";
		err = open_sockets(b);
	}
	if (!err) {
		what = "signals and memory";
		b->pace = calloc(b->targets.entries, sizeof(*b->pace));
		err = b->pace ? heap_init(&b->heap, b->targets.entries) : -ENOMEM;
		err = err ? err : open_signals(b);
		err = err ? err : idle_open(paths, b->targets.at, b->targets.entries, &b->idle);
	}
	if (err) {
		snprintf(why, size, "cannot open the %s of %s: %s", what, paths->maps_dir, strerror(-err));
		beat_close(b);
		return err;
	}
	*ret_beat = b;
	return 0;
}

void beat_close(struct beat *b)
{
	if (!b)
		return;
	idle_close(b->idle);
	pulse_close(b->pulse);
	ring_buffer__free(b->nudges);
	shout_close(&b->shout);
	heap_fini(&b->heap);
	free(b->pace);
	clean_close(&b->signals);
	clean_close(&b->servers);
	clean_close(&b->plans);
	table_close(&b->control);
	table_close(&b->targets);
	table_close(&b->attempts);
	table_close(&b->prober);
	table_close(&b->pulses);
	free(b);
}

/* --- one probe ------------------------------------------------------------------------------- */

static uint64_t nonce(struct beat *b)
{
	if (!b->n_nonces && getrandom(b->nonces, sizeof(b->nonces), 0) == (ssize_t)sizeof(b->nonces))
		b->n_nonces = BEAT_NONCES;
	return b->n_nonces ? b->nonces[--b->n_nonces] : 0;
}

/* Our own machine had no room: nobody else's fault, so this was no attempt. */
static bool is_our_fault(int err)
{
	return err == -ENOBUFS || err == -EAGAIN || err == -ENOMEM || err == -EINTR;
}

/* Published after the send call: a process stopped in between has attempted nothing. */
static void publish(struct beat *b, uint32_t id, uint32_t seq, uint32_t target_generation)
{
	struct dfb_attempts *a = (struct dfb_attempts *)b->attempts.at + id;

	a->at_ns[seq % DFB_WINDOW] = clock_now_ns();
	a->generation = target_generation;
	__atomic_store_n(&a->seq, seq, __ATOMIC_RELEASE);
}

static void probe_target(struct beat *b, uint32_t id)
{
	struct dfb_attempts *a = (struct dfb_attempts *)b->attempts.at + id;
	const struct dfb_target target = *target_of(b, id);
	uint32_t seq = a->seq + 1;
	struct dfb_probe probe = {
		.magic = htonl(DFB_PROBE_MAGIC),
		.version = DFB_PROBE_VERSION,
		.target = htonl(id),
		.seq = htonl(seq),
		.nonce = nonce(b),
	};
	int err;

	if (!target.server || !probe.nonce)
		return;
	err = shout_send(&b->shout, &target, &probe);
	if (err)
		self(b)->failed++;
	else
		self(b)->sent++;
	if (!is_our_fault(err))
		publish(b, id, seq, target.generation);
}

/* --- the schedule ---------------------------------------------------------------------------- */

static void schedule(struct beat *b, uint32_t id)
{
	const struct pace *p = &b->pace[id];

	heap_set(&b->heap, id, p->next_ns < p->confirm_ns ? p->next_ns : p->confirm_ns);
}

/* Targets start spread over their interval, so that a thousand do not fire as one. */
static void add_target(struct beat *b, uint32_t id, uint64_t now)
{
	uint64_t interval = target_of(b, id)->interval_ns;
	uint64_t phase = interval / 64 * ((id * 2654435761u) >> 26);

	b->pace[id] = (struct pace){.next_ns = now + phase, .confirm_ns = BEAT_NOT_DUE};
	schedule(b, id);
}

/* A shorter interval counts at once. */
static void refresh_target(struct beat *b, uint32_t id, uint64_t now)
{
	uint64_t latest = now + idle_interval(b->idle, id, now);

	if (b->pace[id].next_ns > latest) {
		b->pace[id].next_ns = latest;
		schedule(b, id);
	}
}

static void refresh(struct beat *b)
{
	uint32_t now_generation = generation(b);
	uint64_t now = clock_now_ns();

	if (self(b)->generation == now_generation)
		return;
	for (uint32_t id = 0; id < b->targets.entries; id++) {
		bool wanted = target_of(b, id)->server != 0, there = b->heap.place[id] != HEAP_NOWHERE;

		if (wanted && !there)
			add_target(b, id, now);
		else if (wanted)
			refresh_target(b, id, now);
		else
			heap_remove(&b->heap, id);
	}
	self(b)->generation = now_generation;
}

static void look_who_is_idle(struct beat *b)
{
	uint64_t now = clock_now_ns();

	if (!idle_look(b->idle, now))
		return;
	for (uint32_t id = 0; id < b->targets.entries; id++) {
		if (b->heap.place[id] != HEAP_NOWHERE)
			refresh_target(b, id, now);
	}
}

static void note_lateness(struct beat *b, uint64_t late_ns, uint64_t interval_ns)
{
	if (late_ns <= interval_ns / 4)
		return;
	self(b)->late++;
	if (late_ns > self(b)->worst_late_ns)
		self(b)->worst_late_ns = late_ns;
}

/* The missed beats of a late prober are not made up for. Those after it keep their places: targets that
 * all began anew now would fire as one from then on. None is sooner than half an interval. */
static uint64_t next_beat(uint64_t due, uint64_t interval, uint64_t now)
{
	uint64_t late = now - due;

	if (late < interval)
		return due + interval;
	return due + (late / interval + (late % interval > interval / 2 ? 2 : 1)) * interval;
}

/* A target that was just removed has no interval: it would be due for ever. */
static void fire(struct beat *b, uint32_t id, uint64_t now)
{
	uint64_t interval = idle_interval(b->idle, id, now);
	struct pace *p = &b->pace[id];

	if (!interval) {
		heap_remove(&b->heap, id);
		return;
	}
	probe_target(b, id);
	if (p->confirm_ns <= now) {
		p->confirms--;
		p->confirm_ns = p->confirms ? now + target_of(b, id)->confirm_spacing_ns : BEAT_NOT_DUE;
	}
	if (p->next_ns <= now) {
		((struct dfb_attempts *)b->attempts.at)[id].interval_ns = interval;
		note_lateness(b, now - p->next_ns, interval);
		p->next_ns = next_beat(p->next_ns, interval, now);
	}
	schedule(b, id);
}

/* --- suspicion ------------------------------------------------------------------------------- */

static void confirm(struct beat *b, uint32_t id, uint32_t probes, uint64_t now)
{
	struct pace *p = &b->pace[id];

	if (b->heap.place[id] == HEAP_NOWHERE)
		return;
	idle_wake(b->idle, id, now);
	refresh_target(b, id, now);
	if (!probes || p->confirms)
		return;
	p->confirms = probes;
	p->confirm_ns = now;
	fire(b, id, now);
}

static void confirm_server(struct beat *b, uint32_t server, uint32_t probes, uint64_t now)
{
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		uint32_t id = dfb_target_id(server, family);

		if (id < b->targets.entries && target_of(b, id)->server == server)
			confirm(b, id, probes, now);
	}
}

static void confirm_candidates(struct beat *b, uint32_t pool, uint32_t suspect, uint32_t probes, uint64_t now)
{
	struct dfb_plan plan;

	if (bpf_map_lookup_elem(b->plans, &pool, &plan))
		return;
	for (uint32_t i = 0; i < plan.n_candidates && i < DFB_CANDIDATES; i++) {
		if (plan.candidates[i] != suspect)
			confirm_server(b, plan.candidates[i], probes, now);
	}
}

static void watch(struct beat *b, uint64_t interval_ns, uint64_t now)
{
	uint64_t period = interval_ns / 2;

	period = period < BEAT_PULSE_MIN_NS ? BEAT_PULSE_MIN_NS : period;
	b->watch.period_ns = period > BEAT_PULSE_MAX_NS ? BEAT_PULSE_MAX_NS : period;
	b->watch.until_ns = now + BEAT_WATCH_NS;
	b->watch.next_ns = now;
}

static void take_pulses(struct beat *b)
{
	uint64_t now = clock_now_ns();

	if (now < b->watch.next_ns)
		return;
	pulse_take(b->pulse);
	b->watch.next_ns = now < b->watch.until_ns ? now + b->watch.period_ns : BEAT_NOT_DUE;
}

/* Candidates first: a witness must have been asked before the suspect's last silence. */
static int on_nudge(void *arg, void *data, size_t size)
{
	const struct dfb_nudge *nudge = data;
	uint64_t now = clock_now_ns();
	struct beat *b = arg;
	struct dfb_server who;
	uint32_t server, probes;

	if (size < sizeof(*nudge) || nudge->target >= b->targets.entries)
		return 0;
	server = dfb_target_server(nudge->target);
	probes = target_of(b, nudge->target)->confirm_probes;
	if (bpf_map_lookup_elem(b->servers, &server, &who))
		return 0;
	for (uint32_t i = 0; i < who.n_pools && i < DFB_SERVER_POOLS; i++)
		confirm_candidates(b, who.pools[i], server, probes, now);
	confirm(b, nudge->target, probes, clock_now_ns());
	watch(b, target_of(b, nudge->target)->interval_ns, now);
	return 0;
}

/* --- the loop -------------------------------------------------------------------------------- */

static uint64_t next_due(const struct beat *b)
{
	return b->heap.n ? b->heap.due_ns[b->heap.item[0]] : UINT64_MAX;
}

/* Each target once at most: where there is more to send than time, the rest of the loop has its turn too. */
static uint64_t fire_due(struct beat *b)
{
	uint64_t now = clock_now_ns();

	for (uint32_t left = b->heap.n; left && next_due(b) <= now; left--) {
		fire(b, b->heap.item[0], now);
		now = clock_now_ns();
	}
	self(b)->alive_ns = now;
	return next_due(b);
}

static struct timespec wait_time(uint64_t due)
{
	uint64_t now = clock_now_ns(), wait = due > now ? due - now : 0;

	if (wait > BEAT_IDLE_NS)
		wait = BEAT_IDLE_NS;
	return (struct timespec){.tv_sec = 0, .tv_nsec = (long)wait};
}

int beat_run(struct beat *b)
{
	const struct dfb_control *control = b->control.at;
	struct pollfd fds[] = {
		{.fd = ring_buffer__epoll_fd(b->nudges), .events = POLLIN},
		{.fd = b->signals, .events = POLLIN},
	};

	if (pulse_open(b->pulses.at, b->pulses.entries, &b->pulse))
		return -ENOMEM;
	self(b)->generation = generation(b) - 1; /* look at the targets */
	while (!__atomic_load_n(&control->stop, __ATOMIC_RELAXED)) {
		struct timespec wait;
		uint64_t due;

		refresh(b);
		look_who_is_idle(b);
		due = fire_due(b);
		take_pulses(b);
		wait = wait_time(due < b->watch.next_ns ? due : b->watch.next_ns);
		if (ppoll(fds, ARRAY_SIZE(fds), &wait, NULL) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return 0;
		if (fds[0].revents)
			ring_buffer__consume(b->nudges);
	}
	return 0;
}
