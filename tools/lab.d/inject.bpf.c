// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loses, doubles and delays packets of one device in one direction, and knows exactly what it did: what a
 * counter of lost packets has to find out is held against that. tools/inject loads and asks it.
 *
 * What is to happen to a packet is decided under one lock, so each packet is decided and counted once, and no
 * number is torn, whatever processor it comes on. Packets that are on two processors at once may leave in
 * another order than they were decided in; those of one stream usually are not.
 *
 * What leaves as a copy comes through here again. It has a mark then, is counted, and goes on.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include <defib/wire.h>

#include "inject/hold.h"
#include "inject/inject.h"
#include "inject/loss.h"
#include "parse.h"

#define HEADERS 128 /* Ethernet, two tags, IPv6, UDP and a number are less */

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct inject_conf);
} inject_conf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct inject_state);
} inject_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_STREAMS);
	__type(key, struct stream_key);
	__type(value, struct stream);
} inject_streams SEC(".maps");

/* What a stream begins as; the stack has no room for it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stream);
} inject_blank SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct current);
} inject_current SEC(".maps");

/**
 * struct verdict - on a packet without a mark
 * @lost, @held: it is
 * @twice: and a copy
 */
struct verdict {
	__u32 lost;
	__u32 held;
	__u32 twice;
};

/**
 * struct subject - what is known of a packet
 * @stream: NULL: its packets are not held
 * @current: has a copy of it; NULL: there is none, for it is too long
 * @number: in its stream
 * @whole: it is one packet, none that will be cut into several
 * @l3, @l4, @ipv6: as in struct slot
 */
struct subject {
	struct stream *stream;
	struct current *current;
	__u32 number;
	__u32 whole;
	__u32 l3;
	__u32 l4;
	__u32 ipv6;
};

static __always_inline struct stream *stream_of(const struct stream_key *key)
{
	struct stream *stream = bpf_map_lookup_elem(&inject_streams, key), *blank;

	if (stream)
		return stream;
	blank = bpf_map_lookup_elem(&inject_blank, &(__u32){0});
	if (!blank)
		return NULL;
	bpf_map_update_elem(&inject_streams, key, blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&inject_streams, key);
}

/* Return: is it a packet of a stream? */
static __always_inline int read_stream(struct __sk_buff *skb, struct subject *p, struct stream_key *key)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct packet pkt = {};
	struct dfb_pktgen *head;
	struct udphdr *udp;

	if (parse_frame(data, end, &pkt) != PARSE_OK || pkt.fragment)
		return 0;
	udp = parse_udp(&pkt, end);
	if (!udp || pkt.l4_length < sizeof(*udp) + sizeof(*head))
		return 0;
	head = (void *)(udp + 1);
	if ((void *)(head + 1) > end || head->magic != bpf_htonl(DFB_PKTGEN_MAGIC))
		return 0;
	p->number = bpf_ntohl(head->seq);
	parse_source(&pkt, key->source);
	parse_destination(&pkt, key->destination);
	key->ports = (__u32)udp->source << 16 | udp->dest;
	key->vlan = skb->vlan_present ? TAGGED | (skb->vlan_tci & TAG_VLAN) : 0;
	p->l3 = pkt.l3 - data;
	p->l4 = pkt.l4 - data;
	p->ipv6 = pkt.ipv6;
	return 1;
}

static __always_inline void copy_packet(struct __sk_buff *skb, struct subject *p)
{
	struct current *current = bpf_map_lookup_elem(&inject_current, &(__u32){0});
	__u32 length = skb->len;
	struct slot *slot;

	if (!current || !p->whole || length < MIN_BYTES)
		return;
	APART(length);
	if (length > MAX_BYTES)
		return;
	slot = &current->slot;
	if (bpf_skb_load_bytes(skb, 0, slot->bytes, length))
		return;
	slot->length = length;
	slot->l3 = p->l3;
	slot->l4 = p->l4;
	slot->ipv6 = p->ipv6;
	slot->vlan_tci = skb->vlan_tci;
	slot->vlan_proto = skb->vlan_present ? skb->vlan_proto : 0;
	current->due = 0;
	p->current = current;
}

/* Return: is the packet one that we are here for? */
static __always_inline int read_packet(struct __sk_buff *skb, const struct inject_conf *c, enum kind kind,
				       struct subject *p)
{
	struct stream_key key = {};

	p->whole = !skb->gso_size;
	if (!c->streams)
		return 1;
	if (skb->data + HEADERS > skb->data_end)
		bpf_skb_pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS);
	if (!read_stream(skb, p, &key))
		return 0;
	if (!c->reorder)
		return 1;
	p->stream = stream_of(&key);
	if (kind == KIND_NONE)
		copy_packet(skb, p);
	return 1;
}

/* Under the lock. Return: has it found room? */
static __always_inline int hold(const struct inject_conf *c, struct inject_state *s, const struct subject *p)
{
	struct slot *slot = p->stream && p->current ? room(p->stream) : NULL;

	if (!slot) {
		s->not_held++;
		return 0;
	}
	__builtin_memcpy(slot, &p->current->slot, sizeof(*slot));
	slot->state = SLOT_HELD;
	slot->wait = c->hold_min + draw(c, s, DRAW_HOLD) % (c->hold_max - c->hold_min + 1);
	s->held++;
	return 1;
}

/* Under the lock. */
static __always_inline void decide(const struct inject_conf *c, struct inject_state *s,
				   const struct subject *p, __u64 now, struct verdict *ret_verdict)
{
	s->packets++;
	if (!s->begin_ns)
		s->begin_ns = now;
	ret_verdict->lost = lost(c, s, now);
	if (ret_verdict->lost)
		return;
	ret_verdict->held = c->reorder && happens(c, s, DRAW_REORDER, c->reorder) && hold(c, s, p);
	if (ret_verdict->held)
		return;
	ret_verdict->twice = c->duplicate && p->whole && happens(c, s, DRAW_DUPLICATE, c->duplicate);
	if (p->stream && p->current)
		count_down(p->stream, &p->current->due);
	if (c->ingress || !p->current || !p->current->due)
		account(s, p->stream, p->number, KIND_CURRENT);
}

/*
 * A copy leaves at once on the way out, and after the packet itself on the way in. So on the way out the
 * packet leaves as a copy if others have to leave behind it, and on the way in it gets its own bytes back.
 */
static __always_inline int release(struct __sk_buff *skb, const struct inject_conf *c, struct inject_state *s,
				   const struct subject *p, int twice)
{
	if (!c->ingress)
		send_copy(skb, c, s, KIND_CURRENT);
	if (twice)
		send_copy(skb, c, s, KIND_DUPLICATE);
	for (int i = 0; i < MAX_HELD; i++) {
		if (p->current->due & 1u << i)
			leave(skb, c, s, &p->stream->slots[i]);
	}
	if (!c->ingress)
		return TC_ACT_STOLEN;
	put(skb, p->current->slot.bytes, p->current->slot.length);
	return TC_ACT_UNSPEC;
}

struct flush {
	struct __sk_buff *skb;
	struct inject_conf *conf;
	struct inject_state *state;
	__u64 *work;
};

static long flush_stream(void *map, const void *key, struct stream *stream, struct flush *f)
{
	for (int i = 0; i < MAX_HELD; i++)
		flush_slot(f->skb, f->conf, f->state, &stream->slots[i], f->work);
	return 0;
}

static __always_inline int flush(struct __sk_buff *skb, struct inject_conf *c, struct inject_state *s)
{
	struct current *current = bpf_map_lookup_elem(&inject_current, &(__u32){0});
	struct flush f = {.skb = skb, .conf = c, .state = s};

	if (!current)
		return TC_ACT_STOLEN;
	f.work = current->slot.bytes;
	bpf_for_each_map_elem(&inject_streams, flush_stream, &f, 0);
	return TC_ACT_STOLEN;
}

SEC("tc")
int dfb_inject(struct __sk_buff *skb)
{
	struct inject_conf *c = bpf_map_lookup_elem(&inject_conf, &(__u32){0});
	struct inject_state *s = bpf_map_lookup_elem(&inject_state, &(__u32){0});
	__u64 now = bpf_ktime_get_ns();
	struct verdict verdict = {};
	struct subject packet = {};
	enum kind kind;

	if (!c || !s || c->mode == MODE_OFF)
		return TC_ACT_UNSPEC;
	kind = take_mark(skb, c);
	if (kind == KIND_FLUSH)
		return flush(skb, c, s);
	if ((kind == KIND_NONE && c->mode == MODE_ENDING) || !read_packet(skb, c, kind, &packet))
		return TC_ACT_UNSPEC;
	bpf_spin_lock(&s->lock);
	if (kind == KIND_NONE)
		decide(c, s, &packet, now, &verdict);
	else
		account(s, packet.stream, packet.number, kind);
	bpf_spin_unlock(&s->lock);
	/* Lost as on a wire: the sender is not told. */
	if (verdict.lost || verdict.held)
		return TC_ACT_STOLEN;
	if (packet.stream && packet.current && packet.current->due)
		return release(skb, c, s, &packet, verdict.twice);
	if (verdict.twice)
		send_copy(skb, c, s, KIND_DUPLICATE);
	return TC_ACT_UNSPEC;
}
