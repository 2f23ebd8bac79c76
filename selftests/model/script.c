// SPDX-License-Identifier: GPL-2.0-only
/*
 * A world as text: one sentence a line, names first declared, then used.
 *
 *   seed N                                     ring N                   (records it holds)
 *   interval 10ms   timeout 5ms | auto MIN MAX   misses N   confirm N SPACING   recover N HOLD
 *   damping off | HALF-LIFE SUPPRESS REUSE     userland off | TIME      (all: of the servers declared after)
 *   uplink e0 [delay D] [jitter D]
 *   server s1 e0 [ipv4|ipv6]                   spare s9 e0 [ipv4|ipv6]  (not configured yet)
 *   pool app s1 s2 … [when-none WORD] [slow] [checked] [userland] [ipv4|ipv6]
 *   service web app [names]                    (it is found by names of the DNS)
 *   at TIME COMMAND                            until TIME [settled]
 *   never TEXT                                 (no line of the trace may have it)
 *
 * Commands:
 *   kill|revive SERVER [ipv4|ipv6]             slow SERVER TIME
 *   cut|heal|unplug|plug UPLINK                loss UPLINK PPM
 *   bursts UPLINK ENTER-PPM LEAVE-PPM [STEP]
 *   hold TIME [CPU] (replies wait there)       stall TIME (all CPUs)
 *   start|stop|continue|kill-9 prober|controller   late TIME (the prober)
 *   fail commits|syncs|steers|publishes N      commit-takes TIME        fill-ring | empty-ring
 *   operator failover SERVICE [SERVER] [dry-run]   operator maintenance SERVER on|off [TIME] [drain TIME]
 *   operator pause SERVICE [TIME]              operator resume SERVICE
 *   operator mode active|passive
 *   add SERVER POOL                            remove SERVER            reload
 *   mend (all but dead servers; everything runs, in time)
 *   tamper                                     stale POOL SERVER        (an order with the last epoch)
 *   check POOL SERVER pass|fail|unknown        (asked now; a row of bad ones begins with the first fail)
 *   agent SERVER runs|hangs|ends               (of its userland)
 *   expect pool POOL on SERVER|nobody          expect epoch POOL N      expect committed POOL
 *   expect held|serving POOL                   expect server SERVER STATE [ipv4|ipv6]
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/text.h"
#include "expect.h"
#include "words.h"

#define SCRIPT_COMMANDS 512
#define COMMIT_NS (200 * US)

/** struct script - one that is being read; the world's happenings refer to its lines */
struct script {
	struct world *w;
	uint32_t n_commands;
	char *commands[SCRIPT_COMMANDS];
};

static struct script *running;

/* --- declarations ---------------------------------------------------------------------------- */

static void declare_heartbeat(struct policy_heartbeat *h, const struct words *l)
{
	const char *what = l->word[0];

	if (words_is(what, "interval")) {
		h->interval_ns = words_duration(l->word[1]);
	} else if (words_is(what, "timeout") && words_is(l->word[1], "auto")) {
		h->timeout_ns = 0;
		h->timeout_min_ns = words_duration(l->word[2]);
		h->timeout_max_ns = words_duration(l->word[3]);
	} else if (words_is(what, "timeout")) {
		h->timeout_ns = words_duration(l->word[1]);
	} else if (words_is(what, "misses")) {
		h->misses = words_number(l->word[1]);
	} else if (words_is(what, "confirm")) {
		h->confirm_probes = words_number(l->word[1]);
		h->confirm_spacing_ns = h->confirm_probes ? words_duration(l->word[2]) : 0;
	} else if (words_is(what, "recover")) {
		h->recover_replies = words_number(l->word[1]);
		h->recover_hold_ns = words_duration(l->word[2]);
	} else if (words_is(what, "userland")) {
		h->userland_ns = words_is(l->word[1], "off") ? 0 : words_duration(l->word[1]);
	} else if (words_is(l->word[1], "off")) {
		h->half_life_ns = 0;
	} else {
		h->half_life_ns = words_duration(l->word[1]);
		h->suppress = words_number(l->word[2]);
		h->reuse = words_number(l->word[3]);
	}
}

static void declare_uplink(struct world *w, const struct words *l)
{
	struct world_uplink *u = &w->uplinks[w->n_uplinks];

	if (w->n_uplinks == WORLD_UPLINKS) {
		words_wrong("too many uplinks");
		return;
	}
	w->n_uplinks++;
	*u = (struct world_uplink){.delay_ns = 100 * US, .jitter_ns = 40 * US};
	text_copy(u->name, sizeof(u->name), l->word[1]);
	for (uint32_t i = 2; i < l->n; i += 2) {
		if (words_is(l->word[i], "delay"))
			u->delay_ns = words_duration(l->word[i + 1]);
		else if (words_is(l->word[i], "jitter"))
			u->jitter_ns = words_duration(l->word[i + 1]);
		else
			words_wrong("an uplink has a delay and a jitter");
	}
}

static void declare_server(struct world *w, const struct words *l)
{
	struct world_server *s = &w->servers[w->n_servers];
	uint32_t wanted = words_families(l->word[3]);

	if (w->n_servers == WORLD_SERVERS) {
		words_wrong("too many servers");
		return;
	}
	*s = (struct world_server){.configured = words_is(l->word[0], "server"),
				   .conf.heartbeat = w->heartbeat};
	text_copy(s->conf.name, sizeof(s->conf.name), l->word[1]);
	s->uplink = words_uplink(w, l->word[2]);
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		s->conf.has[family] = wanted & (1u << family);
		s->conf.address[family][0] = (uint8_t)(w->n_servers + 1);
		s->conf.address[family][15] = (uint8_t)(family + 1);
	}
	w->n_servers++;
}

static void declare_pool(struct world *w, const struct words *l)
{
	struct world_pool *p = &w->pools[w->n_pools];

	if (w->n_pools == WORLD_POOLS) {
		words_wrong("too many pools");
		return;
	}
	w->n_pools++;
	*p = (struct world_pool){.conf.fast = true, .conf.families = 3};
	text_copy(p->conf.name, sizeof(p->conf.name), l->word[1]);
	for (uint32_t i = 2; i < l->n; i++) {
		const char *word = l->word[i];

		if (words_is(word, "slow"))
			p->conf.fast = false;
		else if (words_is(word, "checked"))
			p->conf.checked = true;
		else if (words_is(word, "userland"))
			p->conf.userland = true;
		else if (words_is(word, "ipv4") || words_is(word, "ipv6"))
			p->conf.families = (uint8_t)words_families(word);
		else if (words_is(word, "active"))
			p->conf.active = words_number(l->word[++i]);
		else if (words_is(word, "when-none"))
			p->conf.when_none =
				words_is(l->word[++i], "withdraw") ? POLICY_WITHDRAW : POLICY_UNREACHABLE;
		else
			p->servers[p->n_servers++] = words_server(w, word);
	}
}

static void declare_service(struct world *w, const struct words *l)
{
	struct world_service *s = &w->services[w->n_services];

	if (w->n_services == WORLD_SERVICES) {
		words_wrong("too many services");
		return;
	}
	w->n_services++;
	text_copy(s->name, sizeof(s->name), l->word[1]);
	s->pool = words_pool(w, l->word[2]);
	s->has_names = words_is(l->word[3], "names");
	s->dns = (struct policy_dns){.n_servers = 1, .dispute_ns = 10 * SECOND};
}

/* --- commands -------------------------------------------------------------------------------- */

static void command_server(struct world *w, const struct words *l)
{
	struct world_server *s = &w->servers[words_server(w, l->word[1])];
	uint32_t which = words_families(l->word[2]);

	if (words_is(l->word[0], "slow")) {
		s->slow_ns = words_duration(l->word[2]);
		return;
	}
	for (uint32_t family = 0; family < DFB_FAMILIES; family++) {
		bool dies = words_is(l->word[0], "kill");

		if (!(which & (1u << family)) || !s->conf.has[family] || s->dead[family] == dies)
			continue;
		if (dies && world_reaches(w, s, family))
			truth_killed(w, (uint32_t)(s - w->servers), family);
		s->dead[family] = dies;
	}
}

static void command_uplink(struct world *w, const struct words *l)
{
	uint32_t index = words_uplink(w, l->word[1]);
	struct world_uplink *u = &w->uplinks[index];
	const char *what = l->word[0];

	if (words_is(what, "cut") || words_is(what, "heal")) {
		u->cut = words_is(what, "cut");
	} else if (words_is(what, "unplug") || words_is(what, "plug")) {
		u->no_carrier = words_is(what, "unplug");
		daemon_carrier(w, index);
	} else if (words_is(what, "loss")) {
		u->loss_ppm = words_number(l->word[2]);
	} else {
		u->enter_ppm = words_number(l->word[2]);
		u->leave_ppm = words_number(l->word[3]);
		u->step_ns = *l->word[4] ? words_duration(l->word[4]) : 0;
		u->stepped_ns = w->now;
		u->bad = u->bad && u->enter_ppm;
	}
}

static void command_process(struct world *w, const struct words *l)
{
	static const struct {
		const char *what, *who;
		void (*run)(struct world *w);
	} table[] = {
		{"start", "controller", daemon_start}, {"stop", "controller", daemon_stop},
		{"continue", "controller", daemon_continue}, {"kill-9", "controller", daemon_kill},
		{"start", "prober", prober_start}, {"stop", "prober", prober_stop},
		{"continue", "prober", prober_continue}, {"kill-9", "prober", prober_kill},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (words_is(l->word[0], table[i].what) && words_is(l->word[1], table[i].who)) {
			table[i].run(w);
			return;
		}
	}
	words_wrong("there is a prober and a controller");
}

static void hold(struct world *w, const struct words *l)
{
	for (uint32_t cpu = 0; cpu < WORLD_CPUS; cpu++) {
		if (!*l->word[2] || words_number(l->word[2]) == cpu)
			w->hold_ns[cpu] = detect_max(w->hold_ns[cpu], w->now + words_duration(l->word[1]));
	}
}

static void command_machine(struct world *w, const struct words *l)
{
	if (words_is(l->word[0], "hold"))
		hold(w, l);
	else if (words_is(l->word[0], "stall"))
		w->stall_ns = detect_max(w->stall_ns, w->now + words_duration(l->word[1]));
	else
		w->prober.late_ns = words_duration(l->word[1]);
}

static void command_actuators(struct world *w, const struct words *l)
{
	if (words_is(l->word[0], "commit-takes"))
		w->daemon.commit_ns = words_duration(l->word[1]);
	else if (words_is(l->word[0], "tamper"))
		daemon_tampered(w);
	else if (words_is(l->word[0], "fill-ring"))
		kernel_set_ring_size(0);
	else if (words_is(l->word[0], "empty-ring"))
		kernel_set_ring_size(UINT32_MAX);
	else if (words_is(l->word[1], "commits"))
		w->daemon.fail_commits = words_number(l->word[2]);
	else if (words_is(l->word[1], "syncs"))
		w->daemon.fail_syncs = words_number(l->word[2]);
	else if (words_is(l->word[1], "publishes"))
		w->daemon.fail_publishes = words_number(l->word[2]);
	else
		w->daemon.fail_steers = words_number(l->word[2]);
}

/* All but `failover`. */
static void command_order(struct world *w, const struct words *l)
{
	bool pause = words_is(l->word[1], "pause");
	struct event ev = {.kind = words_is(l->word[1], "maintenance") ? EVENT_MAINTENANCE : EVENT_PAUSE};
	uint32_t limit = ev.kind == EVENT_PAUSE ? 3 : 4;

	if (words_is(l->word[1], "mode")) {
		ev.kind = EVENT_MODE;
		ev.op.on = words_is(l->word[2], "passive");
		daemon_ask(w, &ev);
		return;
	}

	text_copy(ev.op.name, sizeof(ev.op.name), l->word[2]);
	ev.op.on = pause || words_is(l->word[3], "on");
	if (l->n > limit + 1 && words_is(l->word[l->n - 2], "drain"))
		ev.op.drain_until_ns = w->now + words_duration(l->word[l->n - 1]);
	if (l->n > limit && !words_is(l->word[limit], "drain"))
		ev.op.until_ns = w->now + words_duration(l->word[limit]);
	daemon_ask(w, &ev);
}

static void command_operator(struct world *w, const struct words *l)
{
	struct event ev = {.kind = EVENT_FAILOVER};

	if (!words_is(l->word[1], "failover")) {
		command_order(w, l);
		return;
	}
	text_copy(ev.op.name, sizeof(ev.op.name), l->word[2]);
	for (uint32_t i = 3; i < l->n; i++) {
		if (words_is(l->word[i], "dry-run"))
			ev.op.dry_run = true;
		else
			text_copy(ev.op.to, sizeof(ev.op.to), l->word[i]);
	}
	daemon_ask(w, &ev);
}

/* Whoever is dead stays so; everything else is well. */
static void command_mend(struct world *w, const struct words *l)
{
	(void)l;
	for (uint32_t i = 0; i < w->n_uplinks; i++) {
		struct world_uplink *u = &w->uplinks[i];

		u->cut = u->no_carrier = u->bad = false;
		u->loss_ppm = u->enter_ppm = u->leave_ppm = 0;
		daemon_carrier(w, i);
	}
	for (uint32_t i = 0; i < w->n_servers; i++) {
		w->servers[i].slow_ns = 0;
		if (w->servers[i].agent == AGENT_HANGS)
			agent_become(w, &w->servers[i], AGENT_RUNS);
	}
	kernel_set_ring_size(UINT32_MAX);
	w->daemon.commit_ns = COMMIT_NS;
	w->prober.late_ns = 0;
	prober_continue(w);
	daemon_continue(w);
	daemon_start(w);
	daemon_reload(w);
}

static void leave_pools(struct world *w, uint32_t server)
{
	for (uint32_t i = 0; i < w->n_pools; i++) {
		struct world_pool *p = &w->pools[i];
		uint32_t n = 0;

		for (uint32_t k = 0; k < p->n_servers; k++) {
			if (p->servers[k] != server)
				p->servers[n++] = p->servers[k];
		}
		p->n_servers = n;
	}
}

static void command_configuration(struct world *w, const struct words *l)
{
	uint32_t server = words_is(l->word[0], "reload") ? 0 : words_server(w, l->word[1]);

	if (words_is(l->word[0], "add")) {
		struct world_pool *p = &w->pools[words_pool(w, l->word[2])];

		for (uint32_t i = 0; i < p->n_servers; i++) {
			if (p->servers[i] == server)
				return;
		}
		w->servers[server].configured = true;
		p->servers[p->n_servers++] = server;
	} else if (words_is(l->word[0], "remove")) {
		w->servers[server].configured = false;
		leave_pools(w, server);
	}
	daemon_reload(w);
}

static void command_stale(struct world *w, const struct words *l)
{
	struct dfb_order order = {
		.kind = DFB_ORDER_SWITCH,
		.id = words_pool_id(w, l->word[1]),
		.to = words_server_id(w, l->word[2]),
		.reason = DFB_REASON_OPERATOR,
	};

	order.epoch = kernel_pool(order.id)->epoch - 1;
	if (kernel_order(&order) != -ESTALE)
		world_fail(w, "an order with an old epoch was carried out");
	world_say(w, "             refused");
}

/* As user/sense/check.c: the last good answer, and the first of a row of bad ones, are remembered. */
static void command_check(struct world *w, const struct words *l)
{
	uint32_t server = words_server(w, l->word[2]);
	struct event_check *last = &w->pools[words_pool(w, l->word[1])].checks[server];
	struct event ev = {.kind = EVENT_CHECK, .check = *last};

	ev.check.pool = words_pool_id(w, l->word[1]);
	ev.check.server = words_server_id(w, l->word[2]);
	ev.check.state = words_is(l->word[3], "pass") ? CHECK_PASS :
			 words_is(l->word[3], "fail") ? CHECK_FAIL : CHECK_UNKNOWN;
	if (ev.check.state == CHECK_PASS)
		ev.check.good_ns = w->now;
	if (ev.check.state != CHECK_FAIL)
		ev.check.bad_ns = 0;
	else if (last->state != CHECK_FAIL)
		ev.check.bad_ns = w->now;
	snprintf(ev.check.what, sizeof(ev.check.what), "%s", ev.check.bad_ns ? "tcp: refused" : "");
	*last = ev.check;
	daemon_check(w, &ev);
}

static void command_agent(struct world *w, const struct words *l)
{
	static const char *const words[] = {"ends", "runs", "hangs"}; /* by enum agent_state */
	enum agent_state state = AGENT_NONE;

	while (state < AGENT_HANGS && !words_is(l->word[2], words[state]))
		state++;
	if (!words_is(l->word[2], words[state]))
		words_wrong("an agent runs, hangs or ends");
	agent_become(w, &w->servers[words_server(w, l->word[1])], state);
}

/* --- lines ----------------------------------------------------------------------------------- */

struct verb {
	const char *word;
	void (*run)(struct world *w, const struct words *l);
};

static const struct verb commands[] = {
	{"kill", command_server},	   {"revive", command_server},
	{"slow", command_server},	   {"cut", command_uplink},
	{"heal", command_uplink},	   {"unplug", command_uplink},
	{"plug", command_uplink},	   {"loss", command_uplink},
	{"bursts", command_uplink},	   {"start", command_process},
	{"stop", command_process},	   {"continue", command_process},
	{"kill-9", command_process},	   {"hold", command_machine},
	{"stall", command_machine},	   {"late", command_machine},
	{"fail", command_actuators},	   {"commit-takes", command_actuators},
	{"tamper", command_actuators},	   {"fill-ring", command_actuators},
	{"empty-ring", command_actuators}, {"operator", command_operator},
	{"stale", command_stale},	   {"expect", expect_command},
	{"add", command_configuration},	   {"remove", command_configuration},
	{"reload", command_configuration}, {"mend", command_mend},
	{"check", command_check},	   {"agent", command_agent},
};

static const struct verb declarations[] = {
	{"uplink", declare_uplink}, {"server", declare_server}, {"spare", declare_server},
	{"pool", declare_pool}, {"service", declare_service},
};

static const struct verb *find_verb(const struct verb *table, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (words_is(table[i].word, word))
			return &table[i];
	}
	return NULL;
}

static void on_command(struct world *w, const struct happening *h)
{
	char *line = running->commands[h->a];
	const struct verb *verb;
	struct words l;

	if (strncmp(line, "expect", 6)) {
		world_say(w, "%10.3f # %s", (double)(w->now - WORLD_START_NS) / 1e6, line);
		truth_disturbed(w);
	}
	words_split(line, &l);
	verb = find_verb(commands, sizeof(commands) / sizeof(commands[0]), l.word[0]);
	verb->run(w, &l);
}

static void add_command(struct world *w, char *text, const struct words *l)
{
	uint64_t when = words_duration(l->word[1]);
	char *command = strstr(text, l->word[1]) + strlen(l->word[1]);

	command += strspn(command, " \t");
	command[strcspn(command, "#\n")] = 0;
	for (size_t n = strlen(command); n && strchr(" \t", command[n - 1]); n--)
		command[n - 1] = 0;
	if (!find_verb(commands, sizeof(commands) / sizeof(commands[0]), l->word[2]))
		words_wrong("no such command");
	if (running->n_commands == SCRIPT_COMMANDS) {
		words_wrong("too many commands");
		return;
	}
	running->commands[running->n_commands] = strdup(command);
	world_after(w, when, false, on_command, (uint64_t[]){running->n_commands++, 0, 0});
}

static void read_line(struct world *w, char *text)
{
	CLEAN_FREE char *copy = strdup(text);
	const struct verb *verb;
	struct words l;

	words_split(copy, &l);
	if (!l.n)
		return;
	verb = find_verb(declarations, sizeof(declarations) / sizeof(declarations[0]), l.word[0]);
	if (verb) {
		verb->run(w, &l);
	} else if (words_is(l.word[0], "at")) {
		add_command(w, text, &l);
	} else if (words_is(l.word[0], "until")) {
		w->end_ns = WORLD_START_NS + words_duration(l.word[1]);
		w->settles = words_is(l.word[2], "settled");
	} else if (words_is(l.word[0], "never")) {
		if (l.n < 2)
			words_wrong("it does not say what must never be");
		text_copy(w->never, sizeof(w->never), strstr(text, l.word[1]));
	} else if (words_is(l.word[0], "seed")) {
		w->chance = words_number(l.word[1]) * 0x2545f4914f6cdd1dull + 1;
	} else if (words_is(l.word[0], "ring")) {
		kernel_set_ring_size(words_number(l.word[1]));
	} else if (strstr(" interval timeout misses confirm recover damping userland ", l.word[0])) {
		declare_heartbeat(&w->heartbeat, &l);
	} else {
		words_wrong("a line begins with a word that means nothing");
	}
}

static void read_all(struct world *w, const char *text, char *why, size_t size)
{
	for (uint32_t n = 1; *text && !words_fault(); n++) {
		size_t length = strcspn(text, "\n");
		CLEAN_FREE char *line = strndup(text, length);

		read_line(w, line);
		text += length + (text[length] == '\n');
		if (words_fault())
			snprintf(why, size, "line %u: %s", n, words_fault());
	}
	if (!words_fault() && !w->end_ns)
		words_wrong("it does not say until when");
}

static void begin(struct world *w, const struct happening *h)
{
	(void)h;
	daemon_start(w);
}

static void set_defaults(struct world *w)
{
	w->daemon.commit_ns = COMMIT_NS;
	w->heartbeat = (struct policy_heartbeat){
		.interval_ns = 10 * MS,
		.timeout_ns = 5 * MS,
		.timeout_min_ns = 300 * US,
		.timeout_max_ns = 50 * MS,
		.misses = 3,
		.confirm_probes = 2,
		.confirm_spacing_ns = MS,
		.recover_replies = 10,
		.recover_hold_ns = SECOND,
		.half_life_ns = 15 * SECOND,
		.suppress = 2000,
		.reuse = 750,
		.userland_ns = SECOND,
	};
}

int script_run(const char *text, FILE *out, struct world **ret_world, char *why, size_t size)
{
	struct world *w = world_new(1);
	struct script script = {.w = w};

	if (!w)
		return -ENOMEM;
	w->out = out;
	running = &script;
	words_forget();
	set_defaults(w);
	world_after(w, 0, false, begin, (uint64_t[]){0, 0, 0});
	read_all(w, text, why, size);
	if (!words_fault())
		world_run(w);
	if (words_fault() && !why[0])
		snprintf(why, size, "%s", words_fault());
	for (uint32_t i = 0; i < script.n_commands; i++)
		free(script.commands[i]);
	running = NULL;
	if (words_fault()) {
		world_free(w);
		return -EINVAL;
	}
	*ret_world = w;
	return 0;
}
