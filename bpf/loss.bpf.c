// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts of streams (include/defib/wire.h): whatever it counts, it passes on.
 *
 * A stream's account is one element of `loss`, whatever processor its packets come on; it is held for a
 * packet's arithmetic. Its timer runs now and then, so a packet need not set it, and adds what was counted
 * meanwhile to `loss_total`. A table that is full refuses further streams and forgets none: a stream goes
 * when it was silent for long.
 */
#include <defib/loss.h>
#include <defib/wire.h>

#include "hold.h"
#include "parse.h"
#include "stream.h"

#define CLOCK_MONOTONIC 1

char LICENSE[] SEC("license") = "GPL";

/* What a stream begins with. */
static const __u8 nothing[sizeof(struct dfb_stream)] = {};

#define LOSS_MAP(kind, entries, flags, key_type, value_type) \
	struct {                                             \
		__uint(type, kind);                          \
		__uint(max_entries, entries);                \
		__uint(map_flags, flags);                    \
		__type(key, key_type);                       \
		__type(value, value_type);                   \
		__uint(pinning, LIBBPF_PIN_BY_NAME);         \
	}

LOSS_MAP(BPF_MAP_TYPE_HASH, DFB_STREAMS, 0, struct dfb_stream_key, struct dfb_stream)
loss SEC(".maps");
LOSS_MAP(BPF_MAP_TYPE_PERCPU_ARRAY, 1, 0, __u32, struct dfb_loss_counters) loss_counters SEC(".maps");
LOSS_MAP(BPF_MAP_TYPE_ARRAY, 1, 0, __u32, struct dfb_loss_total) loss_total SEC(".maps");
LOSS_MAP(BPF_MAP_TYPE_ARRAY, 1, 0, __u32, struct dfb_loss_conf) loss_conf SEC(".maps");
LOSS_MAP(BPF_MAP_TYPE_HASH, DFB_LOSS_INTERFACES, 0, __u32, struct dfb_loss_name) loss_interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DFB_LOSS_EVENTS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} loss_events SEC(".maps");

static __always_inline struct dfb_loss_counters *counters(void)
{
	return bpf_map_lookup_elem(&loss_counters, &(__u32){0});
}

static __always_inline int hold_stream(struct dfb_stream *s)
{
	if (!hold_take(&s->held))
		return 0;
	*(volatile __u32 *)&s->version += 1;
	return 1;
}

static __always_inline void release_stream(struct dfb_stream *s)
{
	*(volatile __u32 *)&s->version += 1;
	hold_release(&s->held);
}

static __always_inline int refuse(__u64 *counter)
{
	(*counter)++;
	return XDP_PASS;
}

/* --- telling --------------------------------------------------------------------------------- */

static __always_inline void tell_ring(const struct dfb_stream_key *key, enum dfb_silence_kind kind,
				      const struct dfb_blackout *blackout)
{
	struct dfb_loss_counters *count = counters();
	struct dfb_silence *record = bpf_ringbuf_reserve(&loss_events, sizeof(*record), 0);

	if (!record) {
		if (count)
			count->ring_full++;
		return;
	}
	record->kind = kind;
	record->key = *key;
	record->blackout = *blackout;
	bpf_ringbuf_submit(record, 0);
}

static __always_inline void tell(const struct dfb_stream_key *key, const struct stream_news *news)
{
	struct dfb_blackout begin = {
		.began_ns = news->blackout.began_ns,
		.resolution_ns = news->blackout.resolution_ns,
	};

	if (news->unnoticed)
		tell_ring(key, DFB_SILENCE_BEGAN, &begin);
	tell_ring(key, news->kind, &news->blackout);
}

#define TAKE_NEW(sum, s, from, field)                    \
	do {                                             \
		(sum)->field = (from) - (s)->told.field; \
		(s)->told.field = (from);                \
	} while (0)

/* While the stream is held: what the total does not know yet. */
static __always_inline void take_untold(struct dfb_stream *s, struct dfb_loss_total *sum)
{
	TAKE_NEW(sum, s, s->account.received, received);
	TAKE_NEW(sum, s, s->account.lost, lost);
	TAKE_NEW(sum, s, s->account.late, late);
	TAKE_NEW(sum, s, s->account.duplicates, duplicates);
	TAKE_NEW(sum, s, s->account.stale, stale);
	TAKE_NEW(sum, s, s->account.restarts, restarts);
	TAKE_NEW(sum, s, s->account.bytes, bytes);
	TAKE_NEW(sum, s, s->blackouts, blackouts);
	TAKE_NEW(sum, s, s->blackout_ns, blackout_ns);
}

static __always_inline void add_to_total(const struct dfb_loss_total *sum)
{
	struct dfb_loss_total *total = bpf_map_lookup_elem(&loss_total, &(__u32){0});

	if (!total)
		return;
	__sync_fetch_and_add(&total->received, sum->received);
	__sync_fetch_and_add(&total->lost, sum->lost);
	__sync_fetch_and_add(&total->late, sum->late);
	__sync_fetch_and_add(&total->duplicates, sum->duplicates);
	__sync_fetch_and_add(&total->stale, sum->stale);
	__sync_fetch_and_add(&total->restarts, sum->restarts);
	__sync_fetch_and_add(&total->bytes, sum->bytes);
	__sync_fetch_and_add(&total->blackouts, sum->blackouts);
	__sync_fetch_and_add(&total->blackout_ns, sum->blackout_ns);
	__sync_fetch_and_add(&total->streams, sum->streams);
	__sync_fetch_and_add(&total->expired, sum->expired);
	__sync_fetch_and_add(&total->table_full, sum->table_full);
}

/* --- the timer ------------------------------------------------------------------------------- */

static int on_silence(void *map, struct dfb_stream_key *key, struct dfb_stream *s)
{
	struct dfb_loss_conf *conf = bpf_map_lookup_elem(&loss_conf, &(__u32){0});
	struct dfb_loss_total sum = {};
	struct stream_news news = {};
	struct dfb_stream_key copy = *key;
	__u64 now = bpf_ktime_get_ns();

	if (!conf)
		return 0;
	if (!hold_stream(s)) {
		bpf_timer_start(&s->timer, STREAM_LOOK_NS, 0);
		return 0;
	}
	stream_look(s, now, conf, &news);
	take_untold(s, &sum);
	if (news.look_ns) /* as long as it is held: a packet may set it anew */
		bpf_timer_start(&s->timer, news.look_ns, 0);
	release_stream(s);
	if (news.kind)
		tell(&copy, &news);
	if (!news.look_ns && !bpf_map_delete_elem(&loss, &copy)) {
		sum.streams = -1;
		sum.expired = 1;
	}
	add_to_total(&sum);
	return 0;
}

/* --- packets --------------------------------------------------------------------------------- */

static __always_inline void refuse_stream(void)
{
	struct dfb_loss_counters *count = counters();
	struct dfb_loss_total one = {.table_full = 1};

	if (count)
		count->table_full++;
	add_to_total(&one);
}

static __always_inline void name_interface(struct dfb_stream *s, __u32 interface)
{
	const struct dfb_loss_name *found = bpf_map_lookup_elem(&loss_interfaces, &interface);

	if (found)
		__builtin_memcpy(s->interface, found->name, sizeof(s->interface));
}

static __noinline struct dfb_stream *begin_stream(const struct dfb_stream_key *key)
{
	struct dfb_loss_counters *count = counters();
	struct dfb_loss_total one = {.streams = 1};
	struct dfb_stream *s;
	int made = !bpf_map_update_elem(&loss, key, nothing, BPF_NOEXIST);

	s = bpf_map_lookup_elem(&loss, key);
	if (!s) {
		refuse_stream();
		return NULL;
	}
	if (!made) /* another processor has */
		return s;
	add_to_total(&one);
	name_interface(s, key->interface);
	if ((bpf_timer_init(&s->timer, &loss, CLOCK_MONOTONIC) ||
	     bpf_timer_set_callback(&s->timer, on_silence) ||
	     bpf_timer_start(&s->timer, STREAM_SINGLE_NS, 0)) &&
	    count)
		count->no_timer++;
	return s;
}

/* One packet in one account. Global, so the verifier looks at it once and not for every way to it; that of
 * 6.1 looks a key up only if it is on the function's own stack. */
__noinline int count_packet(const struct dfb_stream_key *caller_key, const struct account_packet *p,
			    const struct stream_far *far)
{
	struct dfb_loss_conf *conf = bpf_map_lookup_elem(&loss_conf, &(__u32){0});
	struct dfb_loss_counters *count = counters();
	struct stream_news news = {};
	struct dfb_stream_key key;
	struct dfb_stream *s;

	if (!caller_key || !p || !far || !conf || !count)
		return 0;
	key = *caller_key;
	s = bpf_map_lookup_elem(&loss, &key);
	if (!s)
		s = begin_stream(&key);
	if (!s) /* counted there */
		return 0;
	if (!hold_stream(s))
		return refuse(&count->held);
	stream_take(s, p, far, conf, &news);
	if (news.look_ns)
		bpf_timer_start(&s->timer, news.look_ns, 0);
	release_stream(s);
	count->received++;
	if (news.kind)
		tell(&key, &news);
	return 0;
}

static __always_inline void find_key(struct xdp_md *ctx, const struct packet *pkt, const struct udphdr *udp,
				     struct dfb_stream_key *ret_key)
{
	parse_source(pkt, (__u32 *)ret_key->source);
	parse_destination(pkt, (__u32 *)ret_key->destination);
	ret_key->sport = bpf_ntohs(udp->source);
	ret_key->dport = bpf_ntohs(udp->dest);
	ret_key->interface = ctx->ingress_ifindex;
	ret_key->vlan = pkt->vlan[0];
	ret_key->inner_vlan = pkt->vlan[1];
}

static __always_inline void find_packet(const struct dfb_pktgen *head, __u32 bytes,
					struct account_packet *ret_packet)
{
	ret_packet->seq = bpf_ntohl(head->seq);
	ret_packet->bytes = bytes;
	ret_packet->stamp_us = bpf_ntohl(head->sec) * 1000000ull + bpf_ntohl(head->usec);
	ret_packet->now_ns = bpf_ktime_get_ns();
}

static __always_inline void find_far(const struct udphdr *udp, void *end, struct stream_far *ret_far)
{
	const struct dfb_far *far = parse_far(udp, end);

	ret_far->received = far ? bpf_ntohl(far->received) : 0;
	ret_far->lost = far ? bpf_ntohl(far->lost) : 0;
	ret_far->responder = far ? bpf_ntohl(far->responder) : 0;
}

SEC("xdp")
int dfb_loss(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct dfb_loss_counters *count;
	struct dfb_stream_key key;
	struct account_packet p;
	struct dfb_pktgen *head;
	struct packet pkt = {};
	struct stream_far far;
	struct udphdr *udp;

	if (parse_frame(data, end, &pkt) != PARSE_OK)
		return XDP_PASS;
	udp = parse_udp(&pkt, end);
	head = udp ? parse_pktgen(udp, end) : NULL;
	if (!head)
		return XDP_PASS;
	if (pkt.fragment) {
		count = counters();
		return count ? refuse(&count->fragment) : XDP_PASS;
	}
	find_key(ctx, &pkt, udp, &key);
	find_packet(head, (__u32)(end - data), &p);
	find_far(udp, end, &far);
	count_packet(&key, &p, &far);
	return XDP_PASS;
}
