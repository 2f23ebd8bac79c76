// SPDX-License-Identifier: GPL-2.0-only
#include "daemon.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/conf.h"
#include "standing.h"

#define DAEMON_TICK_NS 1000000000ull
#define DAEMON_PRIORITY 10 /* SCHED_FIFO, below the prober */

/* --- events ---------------------------------------------------------------------------------- */

static int queue_push(struct queue *q, const struct event *ev)
{
	if (q->n == q->capacity) {
		size_t capacity = q->capacity ? 2 * q->capacity : 64;
		struct event *list = realloc(q->list, capacity * sizeof(*list));

		if (!list)
			return -ENOMEM;
		q->list = list;
		q->capacity = capacity;
	}
	q->list[q->n++] = *ev;
	return 0;
}

static void set_timer(struct daemon *d)
{
	uint64_t tick = clock_now_ns() + DAEMON_TICK_NS, due = core_deadline(&d->core);

	timer_set(d->timer, due && due < tick ? due : tick);
}

/* One event's actions may queue others. */
void daemon_drain(struct daemon *d)
{
	while (d->queue.next < d->queue.n) {
		struct event ev = d->queue.list[d->queue.next++];

		core_step(&d->core, &ev, &d->actions);
		for (uint32_t i = 0; i < d->actions.n; i++)
			daemon_act(d, &d->actions.action[i]);
	}
	d->queue.n = d->queue.next = 0;
	set_timer(d);
}

void daemon_emit(void *arg, const struct event *ev)
{
	struct daemon *d = arg;

	if (queue_push(&d->queue, ev))
		log_error("out of memory: an event is lost");
}

static void emit_tick(struct daemon *d)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_TICK};

	daemon_emit(d, &ev);
}

void daemon_emit_policy(struct daemon *d)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_POLICY, .policy = d->policy};

	daemon_emit(d, &ev);
}

/* Before the core has heard of the policy it is as configured. */
bool daemon_is_passive(const struct daemon *d)
{
	return d->core.policy ? d->core.passive : d->policy->gateway.mode == POLICY_PASSIVE;
}

/* --- what the loop calls --------------------------------------------------------------------- */

/* What came together is stepped through together: a thousand neighbours that change are one comparison of
 * the routes. */
static void after_events(void *arg)
{
	struct daemon *d = arg;

	if (d->queue.n)
		daemon_drain(d);
}

static void on_ring(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	kern_poll(d->kern);
}

/* Without its stamps every server behind an interface looks dead: put back what somebody removed. */
static void check_programs(struct daemon *d)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_TAMPERED};
	char name[POLICY_IFNAME];

	if (ev.time_ns - d->checked_ns < DAEMON_TICK_NS)
		return;
	d->checked_ns = ev.time_ns;
	if (!accounts_are_complete(d))
		accounts_attach(d);
	if (!kern_find_missing(d->kern, d->policy, name))
		return;
	snprintf(ev.text.what, sizeof(ev.text.what), "a program of ours was removed from %s%s", name,
		 daemon_attach(d) ? "" : "; it is back");
	daemon_emit(d, &ev);
}

static void on_timer(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	fd_drain(d->timer);
	kern_poll(d->kern);
	check_programs(d);
	accounts_tick(d);
	translation_tick(d);
	emit_tick(d);
}

static void on_prober(void *arg, bool running, pid_t pid)
{
	struct event ev = {
		.time_ns = clock_now_ns(),
		.kind = EVENT_PROBER,
		.prober = {.ok = running, .pid = (uint32_t)pid},
	};

	daemon_emit(arg, &ev);
}

/* The core hears of it in what is unknown then. */
static void on_checker(void *arg, bool runs, const char *why)
{
	struct report r = {.kind = REPORT_CHECKER, .time_ns = clock_now_ns()};

	text_copy(r.to, sizeof(r.to), runs ? "running" : "gone");
	snprintf(r.reason, sizeof(r.reason), "%s%s", why,
		 runs ? "" : "; what services say is unknown until it is back and has answers");
	daemon_report(arg, &r);
}

static void on_worker(void *arg, const struct worker_result *result)
{
	struct event ev = {.time_ns = clock_now_ns(), .kind = EVENT_HOOK_FAILED};

	if (result->news != WORKER_HOOK_FAILED) {
		log_warning("worker: %s", result->what);
		return;
	}
	text_copy(ev.text.what, sizeof(ev.text.what), result->what);
	daemon_emit(arg, &ev);
}

static void on_interface(void *arg, const char *name, int ifindex)
{
	struct daemon *d = arg;

	log_debug("interface %s: index %d", name, ifindex);
	if (!kern_inherits(d->kern)) /* otherwise begin() is about to */
		daemon_attach(d);
}

static void on_signal(void *arg, uint32_t events)
{
	struct signalfd_siginfo info;
	struct daemon *d = arg;

	(void)events;
	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload_configuration(d, NULL);
	else
		loop_stop(d->loop);
}

/* --- configuration --------------------------------------------------------------------------- */

int daemon_attach(struct daemon *d)
{
	char why[256] = "";
	int err = kern_attach(d->kern, d->policy, why, sizeof(why));

	if (err)
		log_line(err == -ENODEV ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "%s", why);
	if (!err || err == -ENODEV)
		accounts_attach(d);
	return err;
}

void daemon_configure_checks(struct daemon *d)
{
	int err = checks_configure(d->checks, d->policy);

	if (err)
		log_error("checks: %s; they are as before", strerror(-err));
}

/* --- life ------------------------------------------------------------------------------------ */

static int make_dirs(const struct paths *paths)
{
	int err = paths_make_run(paths);

	mkdir("/var/lib/defib", 0755);
	return !err && mkdir(paths->state_dir, 0750) && errno != EEXIST ? -errno : err;
}

/* The commit of a switch must not wait behind others' work; children start normal. */
static void become_timely(void)
{
	struct sched_param param = {.sched_priority = DAEMON_PRIORITY};

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		log_warning("no real-time priority (%s): under load commits will be late", strerror(errno));
	mlockall(MCL_CURRENT | MCL_FUTURE);
}

static int open_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	d->signals = signals_open(&set);
	d->timer = timer_open();
	if (d->signals < 0 || d->timer < 0)
		return d->signals < 0 ? d->signals : d->timer;
	return loop_add(d->loop, d->signals, EPOLLIN, on_signal, d);
}

static int fail(const char *what, int err)
{
	bool denied = err == -EPERM || err == -EACCES;

	log_error("%s: %s%s", what, strerror(-err),
		  denied ? " (defibd is for root, or see CAPABILITIES in defibd(8))" : "");
	return err;
}

/* The socket first: it tells whether another daemon of this instance runs. */
static int open_base(struct daemon *d)
{
	struct worker_options options = {.instance = d->instance, .history = d->paths.history_db};
	int err;

	d->loop = loop_new();
	if (!d->loop)
		return fail("event loop", -errno);
	err = make_dirs(&d->paths);
	if (err)
		return fail(d->paths.run_dir, err);
	err = ctl_server_open(d->loop, d->paths.socket, &daemon_ctl_ops, d, &d->ctl);
	if (err == -EADDRINUSE) {
		log_error("instance %s runs already, or is being torn down: process %d has %s", d->instance,
			  lock_holder(d->paths.socket_lock), d->paths.socket);
		return err;
	}
	if (err)
		return fail(d->paths.socket, err);
	err = worker_start(d->loop, &options, on_worker, d, &d->worker);
	if (err)
		return fail("worker", err);
	d->dns = dns_new(d->worker, daemon_emit, d);
	return d->dns ? open_signals(d) : fail("names", -ENOMEM);
}

/* Without it services are still detected, and others routed; the first comparison tells it again. */
static void translate_at_start(struct daemon *d)
{
	char why[256];
	bool changed;

	if (translation_sync(d, d->policy, &changed, why, sizeof(why)))
		log_error("%s", why);
}

/* Programs of another ABI version stay until their decision is committed: see begin(). */
static int attach_first(struct daemon *d)
{
	int err = kern_inherits(d->kern) ? 0 : daemon_attach(d);

	return err == -ENODEV ? 0 : err;
}

static int load_kernel(struct daemon *d)
{
	char why[512];
	int err = kern_open(&d->paths, d->policy, daemon_emit, d, &d->kern, why, sizeof(why));

	if (!err && !kern_assign_ids(d->kern, d->policy))
		translate_at_start(d);
	if (!err)
		err = kern_configure(d->kern, d->policy, why, sizeof(why));
	if (err) {
		log_error("%s", why);
		return err;
	}
	return attach_first(d);
}

/* A first start that fails leaves nothing; what an earlier one made goes on serving. */
static int open_kernel(struct daemon *d)
{
	bool first = access(d->paths.pin_dir, F_OK) != 0;
	int err = load_kernel(d);

	if (err && first)
		kern_teardown(&d->paths);
	return err;
}

static int open_network(struct daemon *d)
{
	int err = route_new(&d->route);

	if (err)
		return fail("netlink", err);
	err = announce_new(d->loop, &d->announce);
	if (err)
		return fail("packet socket", err);
	d->link = link_new(d->loop, d->policy, daemon_emit, d);
	if (!d->link)
		return fail("netlink", -errno);
	d->checks = checks_new(d->loop, d->instance, daemon_emit, on_checker, d);
	if (!d->checks)
		return fail("checks", -errno);
	link_own_port(d->link, route_port(d->route));
	link_on_interface(d->link, on_interface, d);
	err = clients_open(d);
	return err ? fail("raw sockets (CAP_NET_RAW)", err) : 0;
}

/* Those of another ABI version, once their decision is in the tables of record. */
static int replace_programs(struct daemon *d)
{
	int err;

	if (!kern_inherits(d->kern))
		return 0;
	daemon_drain(d);
	log_info("programs and maps of another version are taken over");
	err = prober_end(d->paths.probe_lock);
	if (err)
		return fail("cannot end the former prober", err);
	err = daemon_attach(d);
	return err == -ENODEV ? 0 : err;
}

/* What is known already is put before the core as one picture, the policy first. */
static int begin(struct daemon *d)
{
	int err;

	standing_restore(d);
	err = link_start(d->link);
	if (err)
		return fail("netlink", err);
	kern_adopt(d->kern);
	err = replace_programs(d);
	if (err)
		return err;
	err = prober_open(d->loop, d->paths.probe_lock, d->instance, on_prober, d, &d->prober);
	if (err)
		return fail("cannot start the prober (defib-probe)", err);
	err = loop_add(d->loop, d->timer, EPOLLIN, on_timer, d);
	if (!err)
		err = loop_add(d->loop, kern_fd(d->kern), EPOLLIN, on_ring, d);
	daemon_configure_checks(d);
	daemon_drain(d);
	loop_after(d->loop, after_events, d);
	return err ? fail("event loop", err) : 0;
}

static void finish(struct daemon *d)
{
	prober_close(d->prober);
	checks_free(d->checks);
	link_free(d->link);
	announce_free(d->announce);
	route_free(d->route);
	accounts_close(d);
	translation_close(d);
	clients_close(d);
	kern_close(d->kern);
	worker_stop(d->worker);
	dns_free(d->dns);
	ctl_server_close(d->ctl);
	clean_close(&d->timer);
	clean_close(&d->signals);
	loop_free(d->loop);
	free(d->queue.list);
	policy_free(d->policy);
	free(d->in_force.text);
}

int daemon_run(struct daemon *d)
{
	int err;

	d->timer = d->signals = -1;
	d->started_ns = d->in_force.loaded_ns = clock_now_ns();
	core_init(&d->core);
	err = open_base(d);
	if (!err)
		err = open_kernel(d);
	if (!err)
		err = open_network(d);
	if (!err)
		err = begin(d);
	if (!err) {
		become_timely();
		log_info("instance %s of gateway %s runs", d->instance, d->policy->gateway.name);
		sd_notify(0, "READY=1");
		err = loop_run(d->loop);
		sd_notify(0, "STOPPING=1");
		log_info("stopped; the kernel goes on serving, `defib teardown` ends that");
	}
	finish(d);
	return err == -EPERM || err == -EACCES ? 4 : err ? 1 : 0;
}
