/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets that are held: their bytes are kept, the packet itself is dropped. When it is their turn they are
 * written into a packet of the same stream, or into one that tools/inject made, and leave as its copies.
 *
 * A packet of veth's often has a checksum of its pseudo header only, which the kernel completes or takes for
 * good. That stands in the bytes and is true of any packet of the stream with this length, so it is true
 * where the packet that lends itself is of that kind too, as those of one stream are.
 */
#ifndef INJECT_HOLD_H
#define INJECT_HOLD_H

#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "inject.h"

#define TAGGED 0x10000
#define TAG_VLAN 0xfff

/** enum kind - of a packet that goes on */
enum kind {
	KIND_NONE, /* it has no mark */
	KIND_CURRENT,
	KIND_DUPLICATE,
	KIND_RELEASED,
	KIND_FLUSH, /* no packet: it asks for all that is held */
};

#define MARK 0x64666900u /* "dfi", and the kind */

/* Two comparisons stay two: Linux 6.1's verifier does not see through what the compiler makes of them. */
#define APART(value) asm volatile("" : "+r"(value))

/* Only counts up, and beside the lock. */
static __always_inline void failed(struct inject_state *s)
{
	__sync_fetch_and_add(&s->failed, 1);
}

/* A mark lives from here to our next sight of the copy; nobody else reads this part of the buffer. */
static __always_inline void send_copy(struct __sk_buff *skb, const struct inject_conf *c,
				      struct inject_state *s, enum kind kind)
{
	__u32 old[3] = {skb->cb[0], skb->cb[1], skb->cb[2]};
	long err;

	skb->cb[0] = (__u32)c->token;
	skb->cb[1] = (__u32)(c->token >> 32);
	skb->cb[2] = MARK | kind;
	err = bpf_clone_redirect(skb, skb->ifindex, c->ingress ? BPF_F_INGRESS : 0);
	skb->cb[0] = old[0];
	skb->cb[1] = old[1];
	skb->cb[2] = old[2];
	/* On the way in it now waits in the processor's queue; on the way out it has been here already. */
	if (err < 0 || (err && c->ingress))
		failed(s);
}

static __always_inline enum kind take_mark(struct __sk_buff *skb, const struct inject_conf *c)
{
	__u32 kind = skb->cb[2] ^ MARK;

	if (skb->cb[0] != (__u32)c->token || skb->cb[1] != (__u32)(c->token >> 32) || kind > KIND_FLUSH)
		return KIND_NONE;
	skb->cb[0] = 0;
	skb->cb[1] = 0;
	skb->cb[2] = 0;
	return kind;
}

/* Under the lock. Return: a free slot, or NULL. */
static __always_inline struct slot *room(struct stream *stream)
{
	for (int i = 0; i < MAX_HELD; i++) {
		if (stream->slots[i].state == SLOT_FREE)
			return &stream->slots[i];
	}
	return NULL;
}

/* Under the lock: a packet passes. @due: bit n: slot n is to leave behind it */
static __always_inline void count_down(struct stream *stream, __u64 *due)
{
	for (int i = 0; i < MAX_HELD; i++) {
		struct slot *slot = &stream->slots[i];

		if (slot->state != SLOT_HELD || --slot->wait)
			continue;
		slot->state = SLOT_LEAVING;
		*due |= 1u << i;
	}
}

/* Under the lock: a packet goes on. */
static __always_inline void account(struct inject_state *s, struct stream *stream, __u32 number,
				    enum kind kind)
{
	int overtaken = stream && stream->begun && (__s32)(stream->highest - number) > 0;

	s->passed += kind == KIND_CURRENT;
	s->duplicated += kind == KIND_DUPLICATE;
	s->released += kind == KIND_RELEASED;
	s->late += kind == KIND_RELEASED && overtaken;
	if (stream && !overtaken) {
		stream->highest = number;
		stream->begun = 1;
	}
}

/* Lets a packet have these bytes. */
static __always_inline long put(struct __sk_buff *skb, const void *bytes, __u32 length)
{
	if (length < MIN_BYTES)
		return -1;
	APART(length);
	if (length > MAX_BYTES)
		return -1;
	if (skb->len != length && bpf_skb_change_tail(skb, length, 0))
		return -1;
	return bpf_skb_store_bytes(skb, 0, bytes, length, BPF_F_RECOMPUTE_CSUM);
}

static __always_inline void leave(struct __sk_buff *skb, const struct inject_conf *c, struct inject_state *s,
				  struct slot *slot)
{
	if (put(skb, slot->bytes, slot->length))
		failed(s);
	else
		send_copy(skb, c, s, KIND_RELEASED);
	__sync_lock_test_and_set(&slot->state, SLOT_FREE);
}

static __always_inline __u16 fold(__u64 sum)
{
	for (int i = 0; i < 3; i++)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum ?: 0xffff;
}

/*
 * The whole checksum (RFC 768, RFC 8200 section 8.1), for a packet that nobody completes it for.
 * @work: MAX_BYTES for our use
 */
static __always_inline long complete(struct __sk_buff *skb, const struct slot *slot, __u64 *work)
{
	__u32 at = slot->l4, addresses = slot->l3 + (slot->ipv6 ? 8 : 12), n;
	__u16 check, length;
	__s64 sum;

	if (bpf_skb_load_bytes(skb, at + 6, &check, sizeof(check)) || !check)
		return 0; /* RFC 768: none */
	if (bpf_skb_load_bytes(skb, at + 4, &length, sizeof(length)))
		return -1;
	__builtin_memset(work, 0, MAX_BYTES);
	if (bpf_skb_load_bytes(skb, addresses, work, slot->ipv6 ? 32 : 8))
		return -1;
	sum = bpf_csum_diff(NULL, 0, (__be32 *)work, 32, 0);
	__builtin_memset(work, 0, 32);
	n = bpf_ntohs(length);
	if (n < 8)
		return -1;
	APART(n);
	if (n > MAX_BYTES - 4)
		return -1;
	if (bpf_skb_load_bytes(skb, at, work, n))
		return -1;
	((__u16 *)work)[3] = 0;
	sum = bpf_csum_diff(NULL, 0, (__be32 *)work, (n + 3) & ~3u, (__wsum)sum);
	check = fold((__u32)sum + (__u64)length + bpf_htons(IPPROTO_UDP));
	return bpf_skb_store_bytes(skb, at + 6, &check, sizeof(check), 0);
}

static __always_inline void flush_slot(struct __sk_buff *skb, const struct inject_conf *c,
				       struct inject_state *s, struct slot *slot, __u64 *work)
{
	if (__sync_val_compare_and_swap(&slot->state, SLOT_HELD, SLOT_LEAVING) != SLOT_HELD)
		return;
	if (put(skb, slot->bytes, slot->length) || complete(skb, slot, work) ||
	    (slot->vlan_proto && bpf_skb_vlan_push(skb, (__be16)slot->vlan_proto, (__u16)slot->vlan_tci)))
		failed(s);
	else
		send_copy(skb, c, s, KIND_RELEASED);
	if (slot->vlan_proto)
		bpf_skb_vlan_pop(skb);
	__sync_lock_test_and_set(&slot->state, SLOT_FREE);
}

#endif
