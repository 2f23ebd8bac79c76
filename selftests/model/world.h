/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: The simulator
 *
 * A gateway, its servers and the network between them on virtual time, without a process, a socket
 * or a clock. What decides is not simulated: the kernel's rules are bpf/beat.bpf.c itself, compiled
 * for this program, and the controller's are core_step(). Around them, in small: the prober (as
 * user/sense/beat.c), the shell of the daemon (as user/daemon.c, user/sense/kern*.c), the network.
 *
 *   world.c    virtual time, chance, the network
 *   kernel.c   bpf/beat.bpf.c with maps, timers and rings of our own
 *   prober.c   sends probes, on time or late, stopped, killed
 *   agent.c    what servers tell of their userlands
 *   daemon.c   core, ring, actuators that may be slow or fail
 *   truth.c    what really happened, and the invariants checked against it after each step
 *   oracle.c   what the core may want, by what it was told
 *   script.c   a world and its events as lines of text
 *
 *   shrink.c   a script that fails, with all left out that can be
 *   story.c    one script, compared with what is expected
 *   model.c    random scripts; one that fails is shrunk into a story
 *
 * One world at a time. All that happens follows from the script: the same script, the same trace.
 */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <defib/abi.h>

#include "core/core.h"
#include "detect.h"
#include "oracle.h"

#define WORLD_SERVERS 24
#define WORLD_UPLINKS 4
#define WORLD_POOLS 8
#define WORLD_SERVICES 8
#define WORLD_IDS (WORLD_SERVERS + 1) /* server ids, 0 included */
#define WORLD_TARGETS (WORLD_IDS * DFB_FAMILIES)
#define WORLD_LOG 64 /* probes of one target that are remembered, a power of two */
#define WORLD_BACKLOG 256
#define WORLD_CPUS 2 /* timers fire on CPU 0; replies of a server are handled on that of its number */
#define WORLD_START_NS 1000000000ull

#define US 1000ull
#define MS (1000 * US)
#define SECOND (1000 * MS)

struct world;
struct happening;

/** world_fn - what a happening does */
typedef void world_fn(struct world *w, const struct happening *h);

/**
 * struct happening - something that is to happen
 * @order: of those at the same time, the first that was asked for comes first
 * @local: it happens on the gateway's CPUs, which may be stalled
 */
struct happening {
	uint64_t time_ns;
	uint64_t order;
	bool local;
	world_fn *run;
	uint64_t a, b, c;
};

/**
 * struct world_uplink - an interface of the gateway, and the wire to the servers behind it
 * @bad: in a burst of losses (Gilbert, 1960)
 * @enter_ppm: chance that a packet begins a burst
 * @leave_ppm: and that it ends one
 */
struct world_uplink {
	char name[DFB_NAME_LEN];
	bool cut;
	bool no_carrier;
	bool bad;
	uint32_t loss_ppm;
	uint32_t enter_ppm;
	uint32_t leave_ppm;
	uint64_t step_ns;    /* how often it may; 0: with each packet */
	uint64_t stepped_ns; /* the last time */
	uint64_t delay_ns; /* there and back */
	uint64_t jitter_ns;
};

enum agent_state {
	AGENT_NONE,
	AGENT_RUNS,
	AGENT_HANGS,
};

/** struct world_server - @ran_ns: when its agent ran last before it hung */
struct world_server {
	struct policy_server conf;
	enum agent_state agent;
	uint64_t ran_ns;
	uint32_t uplink;
	bool configured;
	bool dead[DFB_FAMILIES];
	uint64_t slow_ns;
};

struct world_pool {
	struct policy_pool conf;
	uint32_t n_servers;
	uint32_t servers[WORLD_SERVERS]; /* indices, in order */
	struct event_check checks[WORLD_SERVERS]; /* by index: what was said last */
};

struct world_service {
	char name[DFB_NAME_LEN];
	uint32_t pool;
	bool has_names;
	struct policy_dns dns;
};

/** struct world_names - a name server: @version: +1 per update; @known: what the controller has read */
struct world_names {
	struct publish_record record;
	struct publish_record writing;
	uint64_t version;
	uint64_t known;
};

enum process_state {
	PROCESS_DEAD,
	PROCESS_RUNS,
	PROCESS_STOPPED,
};

/** struct prober - see user/sense/beat.c */
struct prober {
	enum process_state is;
	uint32_t pid;
	uint32_t generation;
	uint64_t late_ns; /* it may wake up this late */
	uint64_t wake_ns; /* when it will, 0: it will not */
	uint64_t wake;	  /* which of the wake-ups under way counts */
	uint64_t pulse_ns; /* when to take the next pulse, UINT64_MAX: nobody is suspect */
	uint64_t pulse_until_ns;
	uint64_t pulse_period_ns;
	struct {
		bool under_way;
		bool asked; /* for another one */
		uint32_t turn;
	} pulses[WORLD_CPUS];
	uint32_t n_nudges;
	uint32_t nudges[64];
	struct {
		bool there;
		uint64_t next_ns;
		uint64_t confirm_ns;
		uint32_t confirms;
	} pace[WORLD_TARGETS];
};

/** struct daemon - see user/daemon.c */
struct daemon {
	enum process_state is;
	uint64_t life; /* which run of the controller it is; news for an earlier one are lost */
	bool waking;
	uint64_t tick;
	uint64_t ring_full;
	uint64_t commit_ns; /* how long a commit takes */
	uint32_t fail_commits;
	uint32_t fail_syncs;
	uint32_t fail_steers;
	uint32_t fail_publishes;
	uint64_t request;  /* number of the last operator's request */
	uint32_t answered; /* since this run began */
	uint32_t asked;
	struct policy *policy;
	struct core *core;
	struct core_order kept_servers[WORLD_IDS]; /* the file of orders */
	uint32_t connections[WORLD_IDS];       /* with a server that drains */
	struct core_order kept_pools[WORLD_POOLS + 1];
	bool kept_passive;
	uint32_t n_backlog; /* what came while it was stopped */
	struct happening backlog[WORLD_BACKLOG];
	struct {
		uint32_t server;
		uint64_t epoch;
	} routes[WORLD_POOLS + 1]; /* the main table */
	struct world_names names[WORLD_SERVICES]; /* by publication */
};

/** struct truth_probe - what became of one probe */
struct truth_probe {
	uint32_t seq;
	bool missing; /* judged, and rightly so: no reply had reached the gateway in time */
	bool held;    /* its reply had, but waited there */
	uint64_t sent_ns;
	uint64_t back_ns; /* when its reply reached the gateway, 0: never */
};

struct truth {
	struct truth_probe probes[WORLD_TARGETS][WORLD_LOG];
	uint64_t down_ns[WORLD_TARGETS]; /* last verdict */
	uint64_t epoch[WORLD_POOLS + 1];
	uint32_t slots[WORLD_POOLS + 1][DFB_SLOTS];
	uint64_t disturbed_ns; /* last time anything was done to the world */
};

struct world {
	uint64_t now;
	uint64_t end_ns;
	uint64_t chance;
	uint64_t order;
	uint64_t hash; /* of the trace */
	uint64_t stall_ns; /* until when all CPUs are stalled */
	uint64_t hold_ns[WORLD_CPUS]; /* until when packets wait there */
	bool settles;	   /* the world is whole again well before the end: check that all is well */
	bool staged;	   /* no probes: states of targets are put there, without evidence */
	FILE *out;	   /* trace, or NULL */
	uint32_t failures;
	char failure[256]; /* the first */
	char never[128];   /* what no line of the trace may say; "": nothing */
	uint32_t n_uplinks, n_servers, n_pools, n_services;
	struct policy_heartbeat heartbeat; /* of the servers to come */
	struct world_uplink uplinks[WORLD_UPLINKS];
	struct world_server servers[WORLD_SERVERS];
	struct world_pool pools[WORLD_POOLS];
	struct world_service services[WORLD_SERVICES];
	uint32_t by_id[WORLD_IDS]; /* index + 1 */
	struct prober prober;
	struct daemon daemon;
	struct truth truth;
	struct oracle oracle;
	size_t n_heap, heap_size;
	struct happening *heap;
};

/* --- world.c --------------------------------------------------------------------------------- */

/** world_new() - an empty world at WORLD_START_NS; world_free() it. */
struct world *world_new(uint64_t seed);
void world_free(struct world *w);

/** world_run() - until the end. */
void world_run(struct world *w);

/** world_after() - let something happen later. */
void world_after(struct world *w, uint64_t delay_ns, bool local, world_fn *run, const uint64_t abc[3]);

/** world_random() - 0 to @n - 1. */
uint64_t world_random(struct world *w, uint64_t n);

/** world_chance() - of @ppm in a million */
bool world_chance(struct world *w, uint32_t ppm);

/** world_say() - a line of the trace */
void world_say(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** world_fail() - an invariant does not hold. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** world_send() - a probe goes out. Return: false: there is no carrier. */
bool world_send(struct world *w, uint32_t target, uint32_t seq, uint64_t nonce);

/** world_server_of() - whose target it is; NULL: nobody's. */
struct world_server *world_server_of(struct world *w, uint32_t target);

/** world_cpu_of() - which handles the replies of a target */
uint32_t world_cpu_of(uint32_t target);

/** world_is_held() - do packets wait on this CPU? */
bool world_is_held(const struct world *w, uint32_t cpu);

/** world_reaches() - would a probe sent now be answered, but for chance? */
bool world_reaches(const struct world *w, const struct world_server *s, uint32_t family);

const char *world_server_name(const struct world *w, uint32_t id);

/* --- kernel.c -------------------------------------------------------------------------------- */

void kernel_reset(struct world *w);
void kernel_stamp(uint32_t target, uint32_t seq, uint64_t nonce);
/** kernel_reply() - @said: dfb_probe.userland, host byte order */
void kernel_reply(uint32_t target, uint32_t seq, uint64_t nonce, uint32_t said);

/** kernel_order() - as kern_order() */
int kernel_order(const struct dfb_order *order);

/** kernel_take() - the oldest record of the ring. Return: false: it is empty. */
bool kernel_take(struct dfb_event *ret_event);
void kernel_set_ring_size(uint32_t n);
uint64_t kernel_ring_full(void);

struct dfb_target *kernel_target(uint32_t id);
struct dfb_detect *kernel_detect(uint32_t id);
struct dfb_userland *kernel_userland(uint32_t id);
struct dfb_attempts *kernel_attempts(uint32_t id);
struct dfb_server *kernel_server(uint32_t id);
struct dfb_plan *kernel_plan(uint32_t id);
struct dfb_pool *kernel_pool(uint32_t id);
struct dfb_control *kernel_control(void);
struct dfb_pulse *kernel_pulse(uint32_t cpu);

/* --- agent.c --------------------------------------------------------------------------------- */

/** agent_says() - dfb_probe.userland of a reply that a server gives now, host byte order */
uint32_t agent_says(const struct world *w, const struct world_server *s);

/** agent_become() - it starts, hangs or ends now. */
void agent_become(const struct world *w, struct world_server *s, enum agent_state state);

/* --- configure.c ----------------------------------------------------------------------------- */

/** configure_policy() - the configuration as the world has it now, with ids; configure_free() it. */
struct policy *configure_policy(struct world *w);
void configure_free(struct policy *policy);

/** configure_kernel() - as kern_configure() */
void configure_kernel(struct world *w, struct policy *policy);

/* --- prober.c -------------------------------------------------------------------------------- */

void prober_start(struct world *w);
void prober_stop(struct world *w);
void prober_continue(struct world *w);
void prober_kill(struct world *w);
void prober_nudge(struct world *w, uint32_t target);

/** prober_look() - the targets have changed. */
void prober_look(struct world *w);

/* --- daemon.c -------------------------------------------------------------------------------- */

void daemon_start(struct world *w);
void daemon_stop(struct world *w);
void daemon_continue(struct world *w);
void daemon_kill(struct world *w);

/** daemon_step() - one event through the core, traced and judged */
void daemon_step(struct world *w, const struct event *ev, struct actions *ret_actions);

/** daemon_ring() - there is a record in the ring. */
void daemon_ring(struct world *w);
void daemon_reload(struct world *w);

/** daemon_emit() - the core hears this after what waits. */
void daemon_emit(struct world *w, const struct event *ev);

/* orders.c */
void orders_keep(struct daemon *d);
void orders_restore(struct world *w);

/** daemon_check() - EVENT_CHECK: what is known of a server's services */
void daemon_check(struct world *w, const struct event *ev);

/** daemon_ask() - an operator's command: FAILOVER or MAINTENANCE */
void daemon_ask(struct world *w, const struct event *ev);

/** daemon_prober_died() - its process has ended. */
void daemon_prober_died(struct world *w);

/** daemon_carrier() - what netlink says of the servers behind an interface. */
void daemon_carrier(struct world *w, uint32_t uplink);
void daemon_tampered(struct world *w);

/* --- truth.c --------------------------------------------------------------------------------- */

void truth_sent(struct world *w, uint32_t target, uint32_t seq);
void truth_back(struct world *w, uint32_t target, uint32_t seq);

/** truth_judged() - the timer of a target ran; @before: its detector as it was, @timeout_ns: used */
void truth_judged(struct world *w, uint32_t target, const struct dfb_detect *before, uint64_t timeout_ns);

/** truth_pools() - after each step: who serves, and may he? */
void truth_pools(struct world *w);

/** truth_disturbed() - something is done to the world now. */
void truth_disturbed(struct world *w);

/** truth_killed() - a server dies now: see that it is noticed in time. */
void truth_killed(struct world *w, uint32_t server, uint32_t family);

/** truth_end() - is all well? */
void truth_end(struct world *w);

/* --- script.c -------------------------------------------------------------------------------- */

/**
 * script_run() - build the world that a script describes, and run it
 * @text: the script; "#" begins a comment
 * @out: where the trace goes, or NULL
 * @ret_world: to be freed with world_free(); failures are counted in it
 * Return: 0, or -EINVAL for a faulty line, with @why.
 */
int script_run(const char *text, FILE *out, struct world **ret_world, char *why, size_t size);

#endif
