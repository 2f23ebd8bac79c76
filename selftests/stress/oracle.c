// SPDX-License-Identifier: GPL-2.0-only
/*
 * oracle --lab NAME --instance NAME [--seconds N] [--kills N] [--deaf SERVER]
 *
 * Watches the cables of the lab's switch, and what the detector's maps say of each target. For each
 * target that is declared down it prints whether the wire agrees; after N seconds, or at SIGTERM, a
 * summary. Then it kills the serving server, again and again, and sums that up, too. It asks neither
 * daemon nor shell for anything, as they may not get a processor for seconds.
 *
 * DOWN is followed by RECOVERING, which lasts for the hold time: looking every 10 ms misses no verdict.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <bpf/bpf.h>
#include <jansson.h>

#include <defib/abi.h>

#include "base/clean.h"
#include "base/loop.h"
#include "base/paths.h"
#include "cable.h"
#include "detect.h"
#include "judge.h"

#define S 1000000000ull
#define LOOK_MS 10		/* between two looks at the maps */
#define SETTLED_NS (2 * S)	/* a reply that is on its way is not later than this */
#define BOUND_NS (60 * S)	/* what takes longer does not happen */
#define PRIORITY 45		/* ahead of the hogs, behind the prober */
#define TOLD 40			/* probes of a false verdict that are printed */
#define SERVERS (TAP_TARGETS / DFB_FAMILIES)

/* Exit statuses, besides 0, 1 (could not look) and 2 (usage). */
#define EXIT_FALSE 3 /* a verdict was false, or could not be judged */
#define EXIT_DEAF 4  /* a death was not noticed, or not confirmed by the wire */

/**
 * struct target - one address of a server
 * @detect: as of the latest look
 * @first: as of the first one
 * @claim: its latest verdict
 * @pending: which is not judged yet: replies may still be on their way
 */
struct target {
	struct dfb_target cfg;
	struct dfb_detect detect;
	struct dfb_detect first;
	struct judge_claim claim;
	struct judge_tally tally;
	bool pending;
};

/**
 * struct oracle
 * @epoch: of the pool, when we began to count
 * @blind_ns: longest time between two looks
 * @timer_ns: worst lateness of a timer's callback
 * @reply_ns: slowest reply as the gateway saw it
 */
struct oracle {
	struct cable *cable;
	int signals;
	int servers, targets, state, pools;
	char name[SERVERS][DFB_NAME_LEN];
	struct target target[TAP_TARGETS];
	uint64_t began_ns;
	uint64_t looked_ns;
	uint64_t blind_ns;
	uint64_t timer_ns;
	uint64_t reply_ns;
	uint64_t epoch;
	unsigned int rulings[JUDGE_MAX];
};

struct options {
	const char *lab;
	const char *instance;
	const char *deaf;
	unsigned int seconds; /* 0: until SIGTERM */
	unsigned int kills;
};

static void print_and_free(json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	puts(text ? text : "{}");
	fflush(stdout);
	free(text);
	json_decref(object);
}

/* --- the detector's maps --------------------------------------------------------------------- */

static int open_map(const struct paths *paths, const char *name)
{
	char path[2 * PATHS_LEN];

	snprintf(path, sizeof(path), "%s/%s", paths->maps_dir, name);
	return bpf_obj_get(path);
}

static int open_maps(struct oracle *o, const char *instance)
{
	struct paths paths;

	if (paths_init(&paths, instance))
		return -EINVAL;
	o->servers = open_map(&paths, "servers");
	o->targets = open_map(&paths, "targets");
	o->state = open_map(&paths, "state");
	o->pools = open_map(&paths, "pools");
	return o->servers < 0 || o->targets < 0 || o->state < 0 || o->pools < 0 ? -ENOENT : 0;
}

/* A lab has one pool. */
static struct dfb_pool pool_now(const struct oracle *o)
{
	struct dfb_pool pool = {0};

	bpf_map_lookup_elem(o->pools, &(uint32_t){1}, &pool);
	return pool;
}

static void note_slots(struct oracle *o, const struct dfb_detect *d)
{
	for (int i = 0; i < DFB_WINDOW; i++) {
		if (d->slots[i].rtt_ns > o->reply_ns && d->slots[i].stamp_ns > o->began_ns)
			o->reply_ns = d->slots[i].rtt_ns;
	}
}

static bool is_down(const struct dfb_detect *d)
{
	return d->state == DFB_STATE_DOWN || d->state == DFB_STATE_RECOVERING;
}

/* The timeout is of the look before: the replies that it came too late for may have raised it since. */
static void note_verdict(struct target *t, const struct dfb_detect *now)
{
	if (!is_down(now) || is_down(&t->detect) || t->pending)
		return;
	t->pending = true;
	t->claim = (struct judge_claim){
		.seq = now->judged,
		.misses = t->cfg.misses,
		.timeout_ns = detect_timeout(&t->cfg, &t->detect),
		.first_missed_ns = now->first_missed_ns,
		.verdict_ns = now->state == DFB_STATE_DOWN ? now->since_ns : now->recovering_ns,
	};
}

static void look_at(struct oracle *o, uint32_t id)
{
	struct target *t = &o->target[id];
	struct dfb_target_run run;

	if (!t->cfg.server || bpf_map_lookup_elem(o->state, &id, &run))
		return;
	note_verdict(t, &run.detect);
	note_slots(o, &run.detect);
	if (run.worst_lateness_ns > o->timer_ns)
		o->timer_ns = run.worst_lateness_ns;
	t->detect = run.detect;
}

/* --- rulings --------------------------------------------------------------------------------- */

static void append_us(json_t *list, uint64_t start, uint64_t ns)
{
	json_array_append_new(list, json_integer(ns ? ((json_int_t)ns - (json_int_t)start) / 1000 : -1));
}

/* Number, and when it left, reached, was replied to, was back: us since the first miss; -1: was not. */
static json_t *recount(const struct tap_slot *wire, const struct judge_claim *c)
{
	json_t *list = json_array();

	for (uint32_t seq = c->seq - TOLD; seq != c->seq + 1; seq++) {
		const struct tap_slot *slot = &wire[seq & (TAP_WINDOW - 1)];
		json_t *one = json_pack("[I]", (json_int_t)seq);

		for (int i = 0; slot->seq == seq && i < TAP_POINT_MAX; i++)
			append_us(one, c->first_missed_ns, slot->at_ns[i]);
		json_array_append_new(list, one);
	}
	return list;
}

static void rule(struct oracle *o, uint32_t id)
{
	const struct tap_slot *wire = cable_wire(o->cable, id);
	struct judge_claim *c = &o->target[id].claim;
	uint32_t row = 0;
	enum judge_ruling ruling = judge_claim(wire, c, &row);
	json_t *object = json_pack(
		"{s:s, s:i, s:s, s:i, s:i, s:I, s:I, s:I}", "server", o->name[dfb_target_server(id)],
		"family", dfb_target_family(id) ? 6 : 4, "ruling", judge_names[ruling], "row", (int)row,
		"misses", (int)c->misses, "timeout_us", (json_int_t)(c->timeout_ns / 1000), "verdict_ns",
		(json_int_t)c->verdict_ns, "first_missed_ns", (json_int_t)c->first_missed_ns);

	if (ruling != JUDGE_TRUE)
		json_object_set_new(object, "probes", recount(wire, c));
	print_and_free(object);
	o->rulings[ruling]++;
	o->target[id].pending = false;
}

/* A probe that was never on the wire has no time; the detector has judged it by now. */
static bool has_settled(const struct oracle *o, uint32_t id, uint32_t seq, uint64_t now)
{
	const struct tap_slot *slot = cable_wire(o->cable, id) + (seq & (TAP_WINDOW - 1));

	return slot->seq != seq || slot->at_ns[TAP_LEFT] + SETTLED_NS < now;
}

static void consider(struct oracle *o, uint32_t id, uint64_t now)
{
	struct target *t = &o->target[id];
	uint64_t timeout = detect_timeout(&t->cfg, &t->detect);

	while ((int32_t)(t->detect.judged - t->tally.seq) >= 0 && has_settled(o, id, t->tally.seq, now))
		judge_count(&t->tally, cable_wire(o->cable, id), t->cfg.misses, timeout);
	if (t->pending && t->claim.verdict_ns + SETTLED_NS < now)
		rule(o, id);
}

static void look(struct oracle *o)
{
	uint64_t now = clock_now_ns();

	if (now - o->looked_ns > o->blind_ns)
		o->blind_ns = now - o->looked_ns;
	o->looked_ns = now;
	for (uint32_t id = 0; id < TAP_TARGETS; id++) {
		look_at(o, id);
		if (o->target[id].cfg.server)
			consider(o, id, now);
	}
}

/* Looks until it holds (NULL: never), or the time is over. Return: does it? */
static bool look_until(struct oracle *o, uint64_t end, bool (*holds)(struct oracle *o))
{
	struct pollfd fd = {.fd = o->signals, .events = POLLIN};

	while (clock_now_ns() < end) {
		look(o);
		if (holds && holds(o))
			return true;
		if (poll(&fd, 1, LOOK_MS))
			return false;
	}
	return false;
}

/* A verdict of the last moment is judged, too. */
static void settle(struct oracle *o)
{
	for (uint64_t end = clock_now_ns() + SETTLED_NS + S / 10; clock_now_ns() < end;) {
		look(o);
		poll(NULL, 0, LOOK_MS);
	}
}

/* --- counting -------------------------------------------------------------------------------- */

static void count_from_here(struct oracle *o)
{
	o->began_ns = o->looked_ns = clock_now_ns();
	o->blind_ns = o->timer_ns = o->reply_ns = 0;
	o->epoch = pool_now(o).epoch;
	memset(o->rulings, 0, sizeof(o->rulings));
	for (uint32_t id = 0; id < TAP_TARGETS; id++) {
		struct target *t = &o->target[id];

		look_at(o, id);
		t->first = t->detect;
		t->pending = false;
		t->tally = (struct judge_tally){.seq = t->detect.stamped + 1};
	}
}

/* Who is there does not change while we look. */
static void find_targets(struct oracle *o)
{
	for (uint32_t id = DFB_FAMILIES; id < TAP_TARGETS; id++) {
		uint32_t server = dfb_target_server(id);
		struct target *t = &o->target[id];
		struct dfb_server who;

		if (bpf_map_lookup_elem(o->servers, &server, &who) ||
		    bpf_map_lookup_elem(o->targets, &id, &t->cfg))
			break;
		memcpy(o->name[server], who.name, DFB_NAME_LEN);
	}
}

static json_t *summary(struct oracle *o, double seconds)
{
	uint64_t sent = 0, expired = 0, graces = 0, seen = 0, unanswered = 0, faults = 0, worst_ns = 0;

	for (uint32_t id = 0; id < TAP_TARGETS; id++) {
		const struct target *t = &o->target[id];

		sent += t->detect.sent - t->first.sent;
		expired += t->detect.expired - t->first.expired;
		graces += t->detect.graces - t->first.graces;
		seen += t->tally.probes;
		unanswered += t->tally.unanswered;
		faults += t->tally.faults;
		worst_ns = t->tally.worst_ns > worst_ns ? t->tally.worst_ns : worst_ns;
	}
	return json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:I, s:I, s:I, s:I}",
			 "seconds", seconds, "sent", (json_int_t)sent, "seen", (json_int_t)seen, "expired",
			 (json_int_t)expired, "unanswered", (json_int_t)unanswered, "faults",
			 (json_int_t)faults, "graces", (json_int_t)graces, "switches",
			 (json_int_t)(pool_now(o).epoch - o->epoch), "true", (int)o->rulings[JUDGE_TRUE],
			 "false", (int)o->rulings[JUDGE_FALSE], "blind", (int)o->rulings[JUDGE_BLIND],
			 "timer_late_us", (json_int_t)(o->timer_ns / 1000), "reply_us",
			 (json_int_t)(o->reply_ns / 1000), "wire_us", (json_int_t)(worst_ns / 1000),
			 "look_us", (json_int_t)(o->blind_ns / 1000));
}

/* --- deaths ---------------------------------------------------------------------------------- */

static bool all_up(struct oracle *o)
{
	for (uint32_t id = 0; id < TAP_TARGETS; id++) {
		if (o->target[id].cfg.server && o->target[id].detect.state != DFB_STATE_UP)
			return false;
	}
	return true;
}

static bool has_moved(struct oracle *o)
{
	return pool_now(o).last.verdict_ns > o->began_ns;
}

/* Return: 0, -ETIMEDOUT: nobody has noticed, or -errno. */
static int kill_one(struct oracle *o, json_t *took_us)
{
	uint64_t cut_ns, mend_ns;
	const char *server;
	bool moved;
	int error;

	if (!look_until(o, clock_now_ns() + BOUND_NS, all_up))
		return -ETIMEDOUT;
	server = o->name[pool_now(o).slots[0] & (SERVERS - 1)];
	o->began_ns = clock_now_ns();
	error = cable_cut(o->cable, server, &cut_ns);
	if (error)
		return error;
	moved = look_until(o, cut_ns + BOUND_NS, has_moved);
	if (moved)
		append_us(took_us, cut_ns, pool_now(o).last.switched_ns);
	error = cable_mend(o->cable, server, &mend_ns);
	return error || moved ? error : -ETIMEDOUT;
}

static int kill_some(struct oracle *o, unsigned int kills)
{
	json_t *took_us = json_array(), *object;
	uint64_t began_ns = clock_now_ns();
	int error = 0;

	count_from_here(o);
	for (unsigned int i = 0; i < kills && !error; i++)
		error = kill_one(o, took_us);
	settle(o);
	object = summary(o, (double)(clock_now_ns() - began_ns) / 1e9);
	json_object_set_new(object, "kill_us", took_us);
	print_and_free(object);
	return error || o->rulings[JUDGE_TRUE] < kills ? EXIT_DEAF : o->rulings[JUDGE_FALSE] ? EXIT_FALSE : 0;
}

/* --- start ----------------------------------------------------------------------------------- */

static int deafen(struct oracle *o, const char *server)
{
	int err = 0;

	for (uint32_t id = DFB_FAMILIES; id < TAP_TARGETS && !err; id++) {
		if (!strcmp(o->name[dfb_target_server(id)], server))
			err = cable_deafen(o->cable, id);
	}
	return err;
}

static int watch(struct oracle *o, const struct options *options)
{
	uint64_t span = options->seconds ? options->seconds * S : UINT64_MAX / 2;
	int wrong, deaf;
	double seconds;

	if (!look_until(o, clock_now_ns() + BOUND_NS, all_up)) {
		fprintf(stderr, "oracle: not all servers are up\n");
		return 1;
	}
	count_from_here(o);
	puts("ready");
	fflush(stdout);
	if (options->deaf && deafen(o, options->deaf))
		return 1;
	look_until(o, o->began_ns + span, NULL);
	seconds = (double)(clock_now_ns() - o->began_ns) / 1e9;
	settle(o);
	print_and_free(summary(o, seconds));
	wrong = o->rulings[JUDGE_FALSE] || o->rulings[JUDGE_BLIND] ? EXIT_FALSE : 0;
	deaf = options->kills ? kill_some(o, options->kills) : 0;
	return wrong ? wrong : deaf;
}

static int run(const struct options *options)
{
	struct sched_param param = {.sched_priority = PRIORITY};
	static struct oracle o;
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	o.signals = signals_open(&set);
	err = o.signals < 0 ? o.signals : open_maps(&o, options->instance);
	if (!err)
		err = cable_open(options->lab, &o.cable);
	if (!err)
		find_targets(&o);
	if (err) {
		fprintf(stderr, "oracle: %s\n", strerror(-err));
		return 1;
	}
	sched_setscheduler(0, SCHED_FIFO, &param);
	mlockall(MCL_CURRENT);
	err = watch(&o, options);
	cable_close(o.cable);
	return err;
}

int main(int argc, char **argv)
{
	static const struct option words[] = {
		{"lab", required_argument, NULL, 'l'},	   {"instance", required_argument, NULL, 'i'},
		{"seconds", required_argument, NULL, 's'}, {"kills", required_argument, NULL, 'k'},
		{"deaf", required_argument, NULL, 'd'},	   {0}};
	struct options o = {0};
	bool bad = false;
	int c;

	while ((c = getopt_long(argc, argv, "", words, NULL)) >= 0) {
		switch (c) {
		case 'l': o.lab = optarg; break;
		case 'i': o.instance = optarg; break;
		case 's': o.seconds = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'k': o.kills = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'd': o.deaf = optarg; break;
		default: bad = true;
		}
	}
	if (bad || !o.lab || !o.instance || optind != argc) {
		fprintf(stderr, "usage: oracle --lab NAME --instance NAME [--seconds N] [--kills N]"
				" [--deaf SERVER]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	return run(&o);
}
