// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loss in bursts, for one direction of a lab's cable: the model of Gilbert ("Capacity of a burst-noise
 * channel", 1960) and Elliott ("Estimates of error rates for codes on burst-noise channels", 1963).
 *
 * The cable is good or bad, and has a chance of loss in each. It changes with a chance per step; a step
 * is a packet (as in netem), or a time. After n steps of time the chance to be bad follows at once:
 *
 *   share + (now - share) (1 - enter - leave)^n        share = enter / (enter + leave)
 *
 * Chances are fractions of 2^32. Filled in and read by tools/lab.d/loss.sh, through the map.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#define CERTAIN (1ull << 32)
#define DOUBLINGS 32 /* n is below 2^32 steps */

char LICENSE[] SEC("license") = "GPL";

/**
 * struct loss - the first six are set, the others start at 0
 * @enter: chance per step that good becomes bad
 * @leave: and bad good; together at most CERTAIN
 * @good: chance of loss while it is good
 * @bad: and while it is bad
 * @step_ns: 0: a step is a packet
 * @random: seed
 * @last_ns: time of the last step
 * @is_bad: 1: it is
 * @was_lost: 1: the last packet was
 */
struct loss {
	__u64 enter;
	__u64 leave;
	__u64 good;
	__u64 bad;
	__u64 step_ns;
	__u64 random;
	__u64 last_ns;
	__u64 is_bad;
	__u64 was_lost;
	__u64 packets;
	__u64 lost;
	__u64 lost_again;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct loss);
} loss SEC(".maps");

/* splitmix64 (Steele, Lea, Flood 2014). Return: does what has this chance happen? */
static __always_inline int happens(struct loss *l, __u64 chance)
{
	__u64 z = l->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return (z >> 32) < chance;
}

static __always_inline __u64 times(__u64 a, __u64 b)
{
	if (a >= CERTAIN)
		return b;
	return b >= CERTAIN ? a : a * b >> 32;
}

/* How many steps have passed since the last packet? */
static __always_inline __u64 steps(struct loss *l)
{
	__u64 now = bpf_ktime_get_ns(), n;

	if (!l->step_ns)
		return 1;
	if (!l->last_ns || now < l->last_ns) {
		l->last_ns = now;
		return 0;
	}
	n = (now - l->last_ns) / l->step_ns;
	l->last_ns += n * l->step_ns;
	return n;
}

static __always_inline void walk(struct loss *l, __u64 n)
{
	__u64 change = l->enter + l->leave, kept = CERTAIN, square = CERTAIN - change, share;

	if (!change || change > CERTAIN || !n)
		return;
	for (int i = 0; i < DOUBLINGS; i++) {
		if (n & 1)
			kept = times(kept, square);
		square = times(square, square);
		n >>= 1;
	}
	share = (l->enter << 31) / change << 1; /* at most 2^32, without an overflow */
	share = times(share, CERTAIN - kept);
	l->is_bad = happens(l, l->is_bad ? share + kept : share);
}

SEC("tc")
int dfb_loss(struct __sk_buff *skb)
{
	struct loss *l = bpf_map_lookup_elem(&loss, &(__u32){0});

	if (!l)
		return TC_ACT_UNSPEC;
	walk(l, steps(l));
	l->packets++;
	if (!happens(l, l->is_bad ? l->bad : l->good)) {
		l->was_lost = 0;
		return TC_ACT_UNSPEC;
	}
	l->lost++;
	l->lost_again += l->was_lost;
	l->was_lost = 1;
	return TC_ACT_SHOT;
}
