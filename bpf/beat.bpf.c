// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: The heartbeat on the gateway
 *
 * dfb_stamp (clsact egress of the server side) notes when a probe leaves and makes sure that the
 * target's timer is due when its reply must be there. dfb_reply (XDP, behind dfb_root) matches the
 * reply and does no more. on_deadline, the timer's callback, is the only judge: it runs once per
 * probe, after its timeout, takes what was answered and what was not through bpf/detect.h, and on a
 * verdict moves the pools. It needs no process. dfb_order is how the controller changes state.
 */
#include <defib/wire.h>

#include "detect.h"
#include "maps.h"
#include "parse.h"
#include "pool.h"

#include <linux/errno.h>
#include <linux/pkt_cls.h>

#define CLOCK_MONOTONIC 1

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} nudges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dfb_beat_counters);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} beat_counters SEC(".maps");

/* How many server ids there are, 0 included. */
const volatile __u32 n_servers = 1;

/* Stamp of the latest probe that anybody answered: without a later one nobody can be a witness.
 * Pinned: after an upgrade old and new programs run side by side for a while. */
MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, __u64, 0) alive SEC(".maps");

static __always_inline struct dfb_beat_counters *counters(void)
{
	return bpf_map_lookup_elem(&beat_counters, &(__u32){0});
}

/* --- reports --------------------------------------------------------------------------------- */

static void tell(const struct dfb_event *about)
{
	struct dfb_event *ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);
	struct dfb_beat_counters *count = counters();

	if (!ev) {
		if (count)
			count->ring_full++;
		return;
	}
	__builtin_memcpy(ev, about, sizeof(*ev));
	bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
}

static void nudge(__u32 target)
{
	struct dfb_nudge *n = bpf_ringbuf_reserve(&nudges, sizeof(*n), 0);

	if (!n)
		return;
	n->target = target;
	n->pad = 0;
	bpf_ringbuf_submit(n, BPF_RB_FORCE_WAKEUP);
}

/* --- verdicts -------------------------------------------------------------------------------- */

/**
 * struct ruling - one verdict on a target, or one rescue by it, under way
 * @event: about to be told; holds the evidence
 * @question: what a witness must have answered
 * @who: of the target
 * @good_ns: stamp of the target's last answered probe
 * @server: of the target
 * @family: of the target
 * @again: the verdict was given before: only its own pools, as far as the kernel may move them
 */
struct ruling {
	struct dfb_event event;
	struct detect_question question;
	struct dfb_server *who;
	__u64 good_ns;
	__u32 server;
	__u32 family;
	__u32 again;
};

struct judging {
	struct detect_step step;
	struct dfb_target *cfg;
	struct dfb_target_run *run;
	struct dfb_attempts *attempts;
	__u32 target;
};

/* The evidence against a target that is down. */
static __always_inline void cite(struct dfb_switch *change, const struct dfb_detect *d)
{
	change->misses = d->misses;
	change->last_good_ns = d->last_good_ns;
	change->first_missed_ns = d->first_missed_ns;
	change->verdict_ns = d->since_ns;
}

/* Move the pool, or propose it to the controller, and say so. */
static __always_inline void apply(struct ruling *r, __u32 id, struct dfb_plan *plan, struct dfb_pool *pool,
				  __u32 from)
{
	struct dfb_beat_counters *count = counters();

	r->event.pool = id;
	r->event.change.from = from;
	if (!plan->fast) {
		r->event.kind = DFB_EVENT_PROPOSE;
		r->event.epoch = pool->epoch;
		tell(&r->event);
		return;
	}
	r->event.kind = DFB_EVENT_SWITCH;
	r->event.epoch = pool_move(pool, 0, from, &r->event.change);
	if (!r->event.epoch)
		return;
	if (count)
		count->switches++;
	tell(&r->event);
}

/* A dead server's pool: find who is next; whoever it is is a witness, too. */
static long bury_round(__u32 i, struct ruling *r)
{
	__u64 witness_ns = 0;
	struct dfb_plan *plan;
	struct dfb_pool *pool;
	__u32 id, next;
	int owned;

	if (i >= r->who->n_pools)
		return 1;
	id = r->who->pools[i & (DFB_SERVER_POOLS - 1)];
	plan = bpf_map_lookup_elem(&plans, &id);
	pool = bpf_map_lookup_elem(&pools, &id);
	if (!plan || !pool || !(plan->families & (1u << r->family)))
		return 0;
	owned = pool->slots[0] == r->server;
	if (r->again ? !owned || !plan->fast : !owned && r->event.change.witness)
		return 0;
	next = pool_next(plan, r->server, r->family, &r->question, &witness_ns);
	if (!next)
		return 0;
	r->event.change.witness = next;
	r->event.change.witness_ns = witness_ns;
	r->event.change.to = next;
	if (owned)
		apply(r, id, plan, pool, r->server);
	return 0;
}

/* No pool had a candidate: anybody else's answer proves the path, too. */
static long witness_round(__u32 server, struct ruling *r)
{
	if (server == r->server)
		return 0;
	for (__u32 family = 0; family < DFB_FAMILIES; family++) {
		__u64 stamp = witness_of(dfb_target_id(server, family), &r->question);

		if (!stamp)
			continue;
		r->event.change.witness = server;
		r->event.change.witness_ns = stamp;
		return 1;
	}
	return 0;
}

/* Did anybody at all answer since? */
static __always_inline int is_worth_asking(const struct ruling *r)
{
	__u64 *last = bpf_map_lookup_elem(&alive, &(__u32){0});

	return last && !detect_reached(r->question.after, *last);
}

static __always_inline void find_witness(struct ruling *r)
{
	if (!is_worth_asking(r))
		return;
	bpf_loop(DFB_SERVER_POOLS, bury_round, r, 0);
	if (!r->event.change.witness)
		bpf_loop(n_servers, witness_round, r, 0);
}

static __always_inline void tell_state(struct ruling *r, __u32 old)
{
	r->event.kind = DFB_EVENT_TARGET;
	r->event.pool = 0;
	r->event.epoch = 0;
	r->event.change.from = 0;
	r->event.change.to = 0;
	r->event.old_state = old;
	tell(&r->event);
}

static void give_verdict(struct ruling *r, struct dfb_target *cfg, struct dfb_detect *d)
{
	struct dfb_beat_counters *count = counters();
	__u32 old = d->state;

	r->event.new_state = DFB_STATE_DOWN;
	r->event.change.reason = d->stamped_misses ? DFB_REASON_EXPIRED : DFB_REASON_UNSENT;
	find_witness(r);
	detect_verdict(cfg, d, r->event.change.witness != 0, r->event.time_ns);
	if (count)
		count->verdicts++;
	if (d->state == old)
		return;
	r->event.new_state = d->state;
	r->event.damped = d->damped;
	r->event.change.reason = d->reason;
	tell_state(r, old);
}

/* It was down before, and nobody could take over then: who can by now? */
static void bury_again(struct ruling *r, struct judging *j)
{
	r->again = 1;
	r->event.change.reason = DFB_REASON_RESCUE;
	cite(&r->event.change, &j->run->detect);
	if (is_worth_asking(r))
		bpf_loop(DFB_SERVER_POOLS, bury_round, r, 0);
}

/* A pool's server that is down in a family in which this candidate could serve; or NULL. */
static __always_inline struct dfb_detect *find_down(__u32 server, __u32 candidate, struct dfb_plan *plan)
{
	for (__u32 family = 0; family < DFB_FAMILIES; family++) {
		__u32 target = dfb_target_id(server, family);
		struct dfb_target_run *run = bpf_map_lookup_elem(&state, &target);

		if (!(plan->families & (1u << family)) || !run)
			continue;
		if (has_target(server, family) && has_target(candidate, family) &&
		    run->detect.state == DFB_STATE_DOWN)
			return &run->detect;
	}
	return NULL;
}

/* All families of the pool in which the server has an address are up. */
static __always_inline int is_up(__u32 server, struct dfb_plan *plan)
{
	for (__u32 family = 0; family < DFB_FAMILIES; family++) {
		__u32 target = dfb_target_id(server, family);
		struct dfb_target_run *run = bpf_map_lookup_elem(&state, &target);

		if (!(plan->families & (1u << family)) || !run || !has_target(server, family))
			continue;
		if (run->detect.state != DFB_STATE_UP)
			return 0;
	}
	return 1;
}

/* A server came up: take over the pools whose server is down and that found nobody then. */
static long rescue_round(__u32 i, struct ruling *r)
{
	struct dfb_detect *down;
	struct dfb_plan *plan;
	struct dfb_pool *pool;
	__u32 id, owner;

	if (i >= r->who->n_pools)
		return 1;
	id = r->who->pools[i & (DFB_SERVER_POOLS - 1)];
	plan = bpf_map_lookup_elem(&plans, &id);
	pool = bpf_map_lookup_elem(&pools, &id);
	if (!plan || !pool)
		return 0;
	owner = pool->slots[0];
	if (!owner || owner == r->server || !is_up(r->server, plan))
		return 0;
	down = find_down(owner, r->server, plan);
	if (!down)
		return 0;
	cite(&r->event.change, down);
	r->event.change.to = r->server;
	r->event.change.witness = r->server;
	r->event.change.witness_ns = r->good_ns;
	r->event.change.reason = DFB_REASON_RESCUE;
	apply(r, id, plan, pool, owner);
	return 0;
}

/* --- the deadline ---------------------------------------------------------------------------- */

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

	r->server = dfb_target_server(j->target);
	r->family = dfb_target_family(j->target);
	r->who = bpf_map_lookup_elem(&servers, &r->server);
	r->good_ns = d->last_good_ns;
	r->event.time_ns = j->step.now;
	r->event.target = j->target;
	r->event.new_state = d->state;
	r->event.damped = d->damped;
	cite(&r->event.change, d);
	r->event.change.reason = d->reason;
	r->event.change.lateness_ns = lateness;
	r->event.change.verdict_ns = j->step.now;
}

/* What follows from the judgements: reports, nudges, verdicts, rescues. */
static void conclude(struct judging *j, __u32 old, __u32 lateness)
{
	struct dfb_detect *d = &j->run->detect;
	struct ruling r = {};

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
	detect_ask(j->cfg, d, j->attempts, &j->step, &r.question);
	if (j->step.verdict)
		give_verdict(&r, j->cfg, d);
	else if (j->step.again)
		bury_again(&r, j);
}

static int on_deadline(void *map, __u32 *key, struct dfb_target_run *run);

static __always_inline void arm(struct dfb_target_run *run, __u64 due, __u64 now)
{
	run->armed_ns = due;
	bpf_timer_start(&run->timer, detect_reached(now, due) ? 0 : due - now, 0);
}

/* A probe stamped while we were judging may be due before what we armed. */
static __always_inline void arm_next(struct judging *j, __u64 next, __u32 seen)
{
	struct dfb_detect *d = &j->run->detect;
	__u64 due;

	arm(j->run, next, bpf_ktime_get_ns());
	if (__sync_fetch_and_add(&d->stamped, 0) == seen)
		return;
	due = detect_slot(d, d->stamped)->stamp_ns + j->step.timeout;
	if ((__s64)(next - due) > 0)
		arm(j->run, due, bpf_ktime_get_ns());
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
		arm(run, now + j.step.timeout, now);
		return 0;
	}
	bpf_loop(DFB_WINDOW, judge_round, &j, 0);
	conclude(&j, old, lateness);
	arm_next(&j, detect_next(j.cfg, j.attempts, &j.step), seen);
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

	detect_stamp(&run->detect, seq, nonce, now);
	armed = __sync_fetch_and_add(&run->armed_ns, 0);
	if (run->ready && (!armed || (__s64)(armed - (now + timeout)) > (__s64)(timeout / 8)))
		arm(run, now + timeout, now);
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
	if (!cfg || !run || !cfg->server || cfg->probe != kind || !parse_same_address(address, cfg->address) ||
	    run->detect.generation != cfg->generation) {
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

static __always_inline int match(struct dfb_target_run *run, struct dfb_probe *probe,
				 struct dfb_beat_counters *count)
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
	if (last && (__s64)(slot->stamp_ns - *last) > 0)
		*last = slot->stamp_ns;
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
	    (kind == DFB_PROBE_ECHO && !has_port(&pkt, 1, cfg->port, end)))
		return consume(&count->reply_bad_source);
	return match(run, probe, count);
}

/* --- orders ---------------------------------------------------------------------------------- */

static __always_inline int order_switch(const struct dfb_order *order)
{
	struct dfb_pool *pool = bpf_map_lookup_elem(&pools, &order->id);
	struct dfb_switch change = {.to = order->to, .reason = order->reason};

	if (!pool)
		return ENOENT;
	change.from = pool->slots[0];
	change.verdict_ns = bpf_ktime_get_ns();
	if (change.from == change.to) /* who serves does not change, and so the epoch does not */
		return pool->epoch == order->epoch ? 0 : ESTALE;
	return pool_move(pool, 1, order->epoch, &change) ? 0 : ESTALE;
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
	__u64 now = bpf_ktime_get_ns();

	bpf_timer_init(&run->timer, &state, CLOCK_MONOTONIC); /* fails harmlessly if it was before */
	bpf_timer_set_callback(&run->timer, on_deadline);
	run->ready = 1;
	if (!run->armed_ns || detect_reached(now, run->armed_ns + cfg->interval_ns))
		arm(run, now + detect_timeout(cfg, &run->detect), now);
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
