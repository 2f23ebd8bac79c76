// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: The heartbeat on the gateway
 *
 * dfb_stamp (clsact egress of the server side) notes when a probe leaves and makes sure that the
 * target's timer is due when its reply must be there. dfb_reply (XDP, behind dfb_root) matches the
 * reply, and hears what it tells of the server's userland (bpf/userland.h), which is told and judged by
 * the controller. on_deadline, the timer's callback, is the only judge: it runs once per
 * probe, after its timeout, takes what was answered and what was not through bpf/detect.h, and on a
 * verdict moves the pools. It needs no process. dfb_order is how the controller changes state.
 */
#include <defib/wire.h>

#include "detect.h"
#include "maps.h"
#include "parse.h"
#include "userland.h"
#include "verdict.h"

#include <linux/pkt_cls.h>

#define CLOCK_MONOTONIC 1

char LICENSE[] SEC("license") = "GPL";

/* --- the deadline ---------------------------------------------------------------------------- */

struct judging {
	struct detect_step step;
	struct dfb_target *cfg;
	struct dfb_target_run *run;
	struct dfb_attempts *attempts;
	__u32 target;
};

static long judge_round(__u32 i, struct judging *j)
{
	struct dfb_detect *d = &j->run->detect;
	enum detect_judgement judgement = detect_judge(j->cfg, d, j->attempts, &j->step);
	struct dfb_rtt *hist;

	if (judgement == DETECT_WAIT)
		return 1;
	if (judgement == DETECT_EXPIRED)
		return 0;
	hist = bpf_map_lookup_elem(&rtt, &j->target);
	if (hist)
		hist->count[dfb_rtt_bucket(detect_slot(d, d->judged)->rtt_ns) & (DFB_RTT_BUCKETS - 1)]++;
	return 0;
}

static __always_inline void open_ruling(struct ruling *r, const struct judging *j, __u32 lateness)
{
	struct dfb_detect *d = &j->run->detect;

	__builtin_memset(r->event, 0, sizeof(*r->event));
	r->server = dfb_target_server(j->target);
	r->family = dfb_target_family(j->target);
	r->who = bpf_map_lookup_elem(&servers, &r->server);
	r->good_ns = d->last_good_ns;
	r->event->time_ns = j->step.now;
	r->event->target = j->target;
	r->event->new_state = d->state;
	r->event->damped = d->damped;
	cite(&r->event->change, d);
	r->event->change.reason = d->reason;
	r->event->change.lateness_ns = lateness;
	r->event->change.verdict_ns = j->step.now;
}

/* The next expired probe asks again. */
static __always_inline int is_held_back(struct judging *j, const struct detect_question *q)
{
	__u32 mine = bpf_get_smp_processor_id(), theirs = j->run->detect.cpu;
	struct dfb_pulse *here = bpf_map_lookup_elem(&pulses, &mine);
	struct dfb_pulse *there = bpf_map_lookup_elem(&pulses, &theirs);

	if (!here || !there || mine == theirs)
		return 0;
	return detect_is_held_back(j->cfg, &j->run->detect, here, there, q, j->step.now);
}

/* What follows from the judgements: reports, nudges, verdicts, rescues. */
static void conclude(struct judging *j, __u32 old, __u32 lateness)
{
	struct dfb_detect *d = &j->run->detect;
	struct ruling r = {.event = bpf_map_lookup_elem(&drafts, &(__u32){0}),
			   .search = bpf_map_lookup_elem(&searches, &(__u32){0})};

	if (!r.event || !r.search)
		return;
	if (d->state == old && !j->step.verdict && !j->step.again)
		return;
	open_ruling(&r, j, lateness);
	if (!r.who)
		return;
	if (d->state != old) {
		tell_state(&r, old);
		if (d->state == DFB_STATE_SUSPECT)
			nudge(j->target);
		if (d->state == DFB_STATE_UP && !r.who->flags)
			bpf_loop(DFB_SERVER_POOLS, rescue_round, &r, 0);
	}
	detect_ask(j->cfg, d, j->attempts, &j->step, &r.search->question);
	if (j->step.verdict && !is_held_back(j, &r.search->question))
		give_verdict(&r, j->cfg, d);
	else if (j->step.again)
		bury_again(&r, d);
}

static int on_deadline(void *map, __u32 *key, struct dfb_target_run *run);

/* Timers of many targets that are due at nearly the same time are due at the same time: the clock
 * is set once, not for each. */
static __always_inline void arm(struct dfb_target_run *run, __u64 due, __u64 now, __u64 slack)
{
	due = detect_tick(due, slack);
	run->armed_ns = due;
	bpf_timer_start(&run->timer, detect_reached(now, due) ? 0 : due - now, 0);
}

/* A probe stamped while we were judging may be due before what we armed. */
static __always_inline void arm_next(struct judging *j, __u64 next, __u32 seen)
{
	struct dfb_detect *d = &j->run->detect;
	__u64 due, slack = detect_slack(j->cfg, d, j->step.timeout);

	arm(j->run, next, bpf_ktime_get_ns(), slack);
	if (__sync_fetch_and_add(&d->stamped, 0) == seen)
		return;
	due = detect_slot(d, d->stamped)->stamp_ns + j->step.timeout;
	if ((__s64)(next - due) > 0)
		arm(j->run, due, bpf_ktime_get_ns(), slack);
}

static int on_deadline(void *map, __u32 *key, struct dfb_target_run *run)
{
	struct judging j = {.run = run, .target = *key};
	__u64 now = bpf_ktime_get_ns(), armed = __sync_lock_test_and_set(&run->armed_ns, 0), lateness;
	__u32 seen, old = run->detect.state;

	j.cfg = bpf_map_lookup_elem(&targets, key);
	j.attempts = bpf_map_lookup_elem(&attempts, key);
	lateness = armed && detect_reached(now, armed) ? detect_min(now - armed, (__u32)-1) : 0;
	if (!j.cfg || !j.attempts || !j.cfg->server) /* removed: rest until armed again */
		return 0;
	run->worst_lateness_ns = detect_max(run->worst_lateness_ns, lateness);
	j.step.now = now;
	seen = run->detect.stamped;
	detect_begin(j.cfg, &run->detect, j.attempts, &j.step);
	if (detect_late(&run->detect, lateness, j.step.timeout)) {
		arm(run, now + j.step.timeout, now, j.step.timeout / 8);
		return 0;
	}
	bpf_loop(DFB_WINDOW, judge_round, &j, 0);
	conclude(&j, old, lateness);
	arm_next(&j, detect_next(j.cfg, &run->detect, j.attempts, &j.step), seen);
	return 0;
}

/* --- probes leave ---------------------------------------------------------------------------- */

/* The payload of what may be a probe or its reply, by its shape; NULL: something else. */
static __always_inline struct dfb_probe *find_probe(const struct packet *pkt, int reply, void *end,
						    enum dfb_probe_kind *ret_kind)
{
	struct udphdr *udp = parse_udp(pkt, end);
	struct parse_echo *echo = parse_echo(pkt, end);
	struct dfb_probe *probe = NULL;
	__u8 type;

	if (pkt->l4_length < sizeof(struct udphdr) + sizeof(*probe)) /* both headers have this size */
		return NULL;
	if (udp) {
		probe = (struct dfb_probe *)(udp + 1);
		*ret_kind = DFB_PROBE_ECHO;
	} else if (echo) {
		type = pkt->ipv6 ? (reply ? PARSE_ICMP6_REPLY : PARSE_ICMP6_REQUEST) :
				   (reply ? PARSE_ICMP_REPLY : PARSE_ICMP_REQUEST);
		if (echo->type == type)
			probe = (struct dfb_probe *)(echo + 1);
		*ret_kind = DFB_PROBE_ICMP;
	}
	if (!probe || (void *)(probe + 1) > end)
		return NULL;
	if (probe->magic != bpf_htonl(DFB_PROBE_MAGIC) || probe->version != DFB_PROBE_VERSION)
		return NULL;
	return probe;
}

static __always_inline int is_from_prober(struct __sk_buff *skb)
{
	struct dfb_prober *p = bpf_map_lookup_elem(&prober, &(__u32){0});
	__u64 cookie = bpf_get_socket_cookie(skb);

	return p && cookie &&
	       (cookie == p->cookies[0] || cookie == p->cookies[1] || cookie == p->cookies[2] ||
		cookie == p->cookies[3]);
}

static __always_inline int has_port(const struct packet *pkt, int reply, __u16 port, void *end)
{
	struct udphdr *udp = parse_udp(pkt, end);

	return udp && bpf_ntohs(reply ? udp->source : udp->dest) == port;
}

/* Note the stamp; have the timer due when the reply must be there, unless it is due before. */
static __always_inline void stamp(struct dfb_target *cfg, struct dfb_target_run *run, __u32 seq, __u64 nonce)
{
	__u64 now = bpf_ktime_get_ns(), timeout = detect_timeout(cfg, &run->detect), armed;
	__u64 slack = detect_slack(cfg, &run->detect, timeout);

	detect_stamp(&run->detect, seq, nonce, now);
	armed = __sync_fetch_and_add(&run->armed_ns, 0);
	if (run->ready && (!armed || (__s64)(armed - (now + timeout)) > (__s64)slack))
		arm(run, now + timeout, now, slack);
}

SEC("tc")
int dfb_stamp(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct dfb_beat_counters *count = counters();
	enum dfb_probe_kind kind = DFB_PROBE_ECHO;
	struct packet pkt = {};
	struct dfb_target_run *run;
	struct dfb_target *cfg;
	struct dfb_probe *probe;
	__u32 address[4], id;

	if (!count || parse_frame(data, end, &pkt) != PARSE_OK || pkt.fragment)
		return TC_ACT_UNSPEC;
	probe = find_probe(&pkt, 0, end, &kind);
	if (!probe || (probe->flags & DFB_PROBE_REPLY))
		return TC_ACT_UNSPEC;
	if (!is_from_prober(skb)) {
		count->stamp_not_prober++;
		return TC_ACT_UNSPEC;
	}
	id = bpf_ntohl(probe->target);
	cfg = bpf_map_lookup_elem(&targets, &id);
	run = bpf_map_lookup_elem(&state, &id);
	parse_destination(&pkt, address);
	if (!cfg || !run || !cfg->server || cfg->probe != kind ||
	    !parse_same_address(address, cfg->address) || run->detect.generation != cfg->generation) {
		count->stamp_bad_target++;
		return TC_ACT_UNSPEC;
	}
	stamp(cfg, run, bpf_ntohl(probe->seq), probe->nonce);
	count->stamped++;
	return TC_ACT_UNSPEC;
}

/* --- replies arrive -------------------------------------------------------------------------- */

static __always_inline int consume(__u64 *counter)
{
	(*counter)++;
	return XDP_DROP;
}

/* Edges are told; and, once after somebody's began to hang, that this one has run since. */
static __always_inline void hear_userland(const struct dfb_target *cfg, struct dfb_userland *u,
					  const struct dfb_probe *probe, __u64 stamp_ns)
{
	__u32 said = probe->flags & DFB_PROBE_REPLY ? bpf_ntohs(probe->userland) : 0, old = u->state;
	__u64 *asked = bpf_map_lookup_elem(&hung, &(__u32){0});
	int news;

	if (!said && old == DFB_USERLAND_UNKNOWN)
		return;
	news = userland_hear(cfg, u, said, stamp_ns);
	if (!asked)
		return;
	if (news && u->state == DFB_USERLAND_HUNG && detect_reached(stamp_ns, *asked + 1))
		*asked = stamp_ns;
	if (!news && !userland_is_asked(u, *asked))
		return;
	u->told_ns = u->alive_ns;
	tell_userland(bpf_ntohl(probe->target), u, old);
}

static __always_inline int match(const struct dfb_target *cfg, struct dfb_target_run *run,
				 struct dfb_probe *probe, struct dfb_beat_counters *count)
{
	__u64 *last = bpf_map_lookup_elem(&alive, &(__u32){0});
	__u32 seq = bpf_ntohl(probe->seq);
	struct dfb_slot *slot = detect_slot(&run->detect, seq);

	switch (detect_match(&run->detect, seq, probe->nonce, bpf_ktime_get_ns())) {
	case DETECT_OLD:
		return consume(&count->reply_old);
	case DETECT_REPLAYED:
		return consume(&count->reply_replayed);
	case DETECT_FORGED:
		return consume(&count->reply_forged);
	default:
		break;
	}
	run->detect.cpu = bpf_get_smp_processor_id();
	if (last && (__s64)(slot->stamp_ns - *last) > 0)
		*last = slot->stamp_ns;
	hear_userland(cfg, &run->userland, probe, slot->stamp_ns);
	return consume(&count->replies);
}

SEC("xdp")
int dfb_reply(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct dfb_beat_counters *count = counters();
	enum dfb_probe_kind kind = DFB_PROBE_ECHO;
	struct packet pkt = {};
	struct dfb_target_run *run;
	struct dfb_target *cfg;
	struct dfb_probe *probe;
	__u32 address[4], id;

	if (!count || parse_frame(data, end, &pkt) != PARSE_OK || pkt.fragment)
		return XDP_PASS;
	probe = find_probe(&pkt, 1, end, &kind);
	if (!probe) {
		count->reply_truncated++;
		return XDP_PASS;
	}
	id = bpf_ntohl(probe->target);
	cfg = bpf_map_lookup_elem(&targets, &id);
	run = bpf_map_lookup_elem(&state, &id);
	if (!cfg || !run || !cfg->server || cfg->probe != kind) {
		count->reply_bad_target++;
		return XDP_PASS;
	}
	parse_source(&pkt, address);
	if (!parse_same_address(address, cfg->address) ||
	    (kind == DFB_PROBE_ECHO && !has_port(&pkt, 1, cfg->port, end))) {
		count->reply_bad_source++; /* perhaps another gateway's, on its way through us */
		return XDP_PASS;
	}
	return match(cfg, run, probe, count);
}

/* --- orders ---------------------------------------------------------------------------------- */

static __always_inline int order_switch(const struct dfb_order *order)
{
	struct dfb_pool *pool = bpf_map_lookup_elem(&pools, &order->id);
	struct dfb_switch change = {.from = order->from, .to = order->to, .reason = order->reason};

	if (!pool)
		return ENOENT;
	change.verdict_ns = bpf_ktime_get_ns();
	change.switched_ns = change.verdict_ns;
	return pool_set(pool, order, &change);
}

static __always_inline int order_committed(const struct dfb_order *order)
{
	struct dfb_pool *pool = bpf_map_lookup_elem(&pools, &order->id);

	if (!pool)
		return ENOENT;
	pool->committed = order->epoch;
	pool->committed_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int order_forget_pool(const struct dfb_order *order)
{
	struct dfb_pool *pool = bpf_map_lookup_elem(&pools, &order->id);

	if (!pool)
		return ENOENT;
	bpf_spin_lock(&pool->lock);
#pragma unroll
	for (int i = 0; i < DFB_SLOTS; i++)
		pool->slots[i] = 0;
	pool->lent = 0;
	pool->epoch = 0;
	pool->committed = 0;
	pool->committed_ns = 0;
	__builtin_memset(&pool->last, 0, sizeof(pool->last));
	bpf_spin_unlock(&pool->lock);
	return 0;
}

static long wipe_round(__u32 i, struct dfb_target_run **run)
{
	struct dfb_slot *slot = &(*run)->detect.slots[i & (DFB_WINDOW - 1)];

	__builtin_memset(slot, 0, sizeof(*slot));
	return 0;
}

static __always_inline int reset(__u32 id, struct dfb_target *cfg, struct dfb_target_run *run)
{
	struct dfb_attempts *tried = bpf_map_lookup_elem(&attempts, &id);
	struct dfb_rtt *hist = bpf_map_lookup_elem(&rtt, &id);

	if (!tried || !hist)
		return ENOENT;
	__builtin_memset(&run->detect, 0, __builtin_offsetof(struct dfb_detect, slots));
	bpf_loop(DFB_WINDOW, wipe_round, &run, 0);
	__builtin_memset(hist, 0, sizeof(*hist));
	__builtin_memset(&run->userland, 0, sizeof(run->userland));
	run->worst_lateness_ns = 0;
	run->detect.judged = tried->seq;
	run->detect.stamped = tried->seq;
	run->detect.since_ns = bpf_ktime_get_ns();
	run->detect.generation = cfg->generation;
	return 0;
}

/* Start the timer of a target, or give a running one this program's callback. */
static __always_inline int start(struct dfb_target *cfg, struct dfb_target_run *run)
{
	__u64 now = bpf_ktime_get_ns(), timeout = detect_timeout(cfg, &run->detect);
	long err = bpf_timer_init(&run->timer, &state, CLOCK_MONOTONIC);

	if (err && err != -EBUSY) /* busy: it was initialised before */
		return -err;
	err = bpf_timer_set_callback(&run->timer, on_deadline);
	if (err)
		return -err;
	run->ready = 1;
	if (!run->armed_ns || detect_reached(now, run->armed_ns + cfg->interval_ns))
		arm(run, now + timeout, now, timeout / 8);
	return 0;
}

/* A controller that changed an address and died before the reset is made up for at the next start. */
static __always_inline int order_target(const struct dfb_order *order)
{
	struct dfb_target_run *run = bpf_map_lookup_elem(&state, &order->id);
	struct dfb_target *cfg = bpf_map_lookup_elem(&targets, &order->id);
	int only_reset = order->kind == DFB_ORDER_RESET, err = 0;

	if (!run || !cfg || (!only_reset && !cfg->server))
		return ENOENT;
	if (only_reset || run->detect.generation != cfg->generation)
		err = reset(order->id, cfg, run);
	return err || only_reset ? err : start(cfg, run);
}

/* Never attached: the controller runs it with BPF_PROG_TEST_RUN. */
SEC("tc")
int dfb_order(struct __sk_buff *skb)
{
	struct dfb_order order = {};

	if (bpf_skb_load_bytes(skb, DFB_ORDER_OFFSET, &order, sizeof(order)))
		return EINVAL;
	switch (order.kind) {
	case DFB_ORDER_SWITCH:
		return order_switch(&order);
	case DFB_ORDER_COMMITTED:
		return order_committed(&order);
	case DFB_ORDER_ARM:
	case DFB_ORDER_RESET:
		return order_target(&order);
	case DFB_ORDER_FORGET_POOL:
		return order_forget_pool(&order);
	default:
		return EINVAL;
	}
}
