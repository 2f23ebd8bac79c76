// SPDX-License-Identifier: GPL-2.0-only
/*
 * The responder: UDP echo (RFC 862) on a server, with no process behind it.
 *
 * A probe of ours comes back with the reply bit and its reserved area filled, a packet of a stream with
 * what was counted of it where its sender left room for that; anything else byte for byte. What it refuses
 * is counted by reason, and passed to the host or dropped as the comments in struct dfb_echo_counters say:
 * drop what could only be an attack or a loop (RFC 862 has none of these guards; CERT CA-1996-01 tells why
 * they are needed), pass what may be somebody else's.
 */
#include <defib/echo.h>
#include <defib/wire.h>

#include "account.h"
#include "parse.h"

#define ECHO_HOP_LIMIT 64
#define ECHO_SOURCES 1024
#define ECHO_PRIVILEGED_PORTS 1024
#define ECHO_CHUNK 64
#define ECHO_MAX_CHUNKS ((sizeof(struct udphdr) + DFB_ECHO_MAX_PAYLOAD + ECHO_CHUNK - 1) / ECHO_CHUNK)
#define ECHO_PROBE (sizeof(struct udphdr) + sizeof(struct dfb_probe)) /* what a prober of ours sends */
#define ECHO_STREAM_NS 10000000000ull /* a stream's place is free after so long a silence */
#define ECHO_LENGTH_MASK 1023 /* of a datagram that is answered */

char LICENSE[] SEC("license") = "GPL";

/* Set before loading. */
const volatile __be16 station[ETH_ALEN / 2] = {}; /* the interface's own link-layer address */
const volatile __u64 tick_ns = 1;	     /* a jiffy: what the rate is measured in */
const volatile __u64 rate_step_ns = 0;	     /* between two answers at the full rate; 0: no limit */
const volatile __u64 rate_burst_ns = 0;	     /* how far ahead of it we may run */

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct dfb_prefix);
	__type(value, __u32);
} echo_allow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ECHO_SOURCES);
	__type(key, struct dfb_service_key);
	__type(value, __u32);
} echo_sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} echo_rate SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dfb_echo_counters);
} echo_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dfb_echo_conf);
} echo_conf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DFB_ECHO_STREAMS);
	__type(key, __u32);
	__type(value, struct dfb_echo_stream);
} echo_streams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dfb_agent);
} echo_userland SEC(".maps");

static __always_inline int refuse(__u64 *counter, int fate)
{
	(*counter)++;
	return fate;
}

static __always_inline int is_multicast_station(const __be16 *address)
{
	return address[0] & bpf_htons(0x0100);
}

static __always_inline int is_our_station(const __be16 *address)
{
	return address[0] == station[0] && address[1] == station[1] && address[2] == station[2];
}

static __always_inline int is_unicast_ip4(__be32 address)
{
	__u32 host = bpf_ntohl(address);

	return host >> 24 && host >> 24 != 127 && host >> 28 < 0xe; /* 0/8, 127/8, 224/4, 240/4 */
}

static __always_inline int is_unicast_ip6(const struct in6_addr *address)
{
	const __be32 *word = address->in6_u.u6_addr32;

	if (address->in6_u.u6_addr8[0] == 0xff)
		return 0;
	if (word[0] || word[1])
		return 1;
	if (word[2] == bpf_htonl(0xffff)) /* never on a wire; the allow list means IPv4 by it */
		return 0;
	return word[2] || bpf_ntohl(word[3]) > 1; /* :: and ::1 */
}

static __always_inline int is_unicast(const struct packet *pkt)
{
	if (is_multicast_station(pkt->link->to))
		return 0;
	if (pkt->ipv6) {
		struct ipv6hdr *ip = pkt->l3;

		return is_unicast_ip6(&ip->saddr) && is_unicast_ip6(&ip->daddr);
	} else {
		struct iphdr *ip = pkt->l3;

		return is_unicast_ip4(ip->saddr) && is_unicast_ip4(ip->daddr);
	}
}

/* Services that answer any datagram: two of them would talk to each other for ever. Those below
 * 1024 are refused as a class. */
static __always_inline int is_reflector(__u16 port)
{
	switch (port) {
	case 1434:  /* SQL Server resolution */
	case 1900:  /* SSDP */
	case 3283:  /* Apple remote desktop */
	case 3478:  /* STUN */
	case 3702:  /* WS-Discovery */
	case 5060:  /* SIP */
	case 5353:  /* mDNS */
	case 5683:  /* CoAP */
	case 11211: /* memcached */
		return 1;
	default:
		return 0;
	}
}

/* Only who was allowed is a source, and the list is made before the first packet: a source that is known
 * needs no second look. */
static __always_inline int is_allowed(const __u32 source[4])
{
	struct dfb_prefix key = {.length = 128};

	__builtin_memcpy(key.address, source, 16);
	return bpf_map_lookup_elem(&echo_allow, &key) != NULL;
}

/* Generic cell rate algorithm (ITU-T I.371): one number says when the next answer is due. Losing
 * the race for it to another CPU costs one answer too many, which does no harm. Ticks are fine enough for
 * a burst of many of them, and cost nothing to read; the clock costs as much as finding a source. */
static __always_inline int is_above_rate(void)
{
	__u64 *due = bpf_map_lookup_elem(&echo_rate, &(__u32){0});
	__u64 old, start, now;

	if (!due || !rate_step_ns)
		return 0;
	now = bpf_jiffies64() * tick_ns;
	old = *due;
	start = (__s64)(old - now) > 0 ? old : now;
	if (start - now > rate_burst_ns)
		return 1;
	__sync_val_compare_and_swap(due, old, start + rate_step_ns);
	return 0;
}

static __always_inline __u32 count_source(const __u32 source[4], __u32 *known)
{
	__u32 one = 1;

	if (known)
		return __sync_fetch_and_add(known, 1) + 1;
	bpf_map_update_elem(&echo_sources, source, &one, BPF_ANY);
	return 1;
}

static __always_inline void swap_stations(struct parse_link *link)
{
#pragma unroll
	for (int i = 0; i < ETH_ALEN / 2; i++) {
		__be16 half = link->from[i];

		link->from[i] = link->to[i];
		link->to[i] = half;
	}
}

/* What is at most the mask, said again: kernel 6.1 forgets the bounds of what was compared in 32 bits and
 * kept on the stack. */
static __always_inline __u32 bounded(__u32 value, __u32 mask)
{
	asm volatile("" : "+r"(value));
	return value & mask;
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Swapping addresses changes no checksum; a new TTL does (RFC 1624, equation 3). */
static __always_inline void turn_ip4(struct iphdr *ip)
{
	__be32 source = ip->saddr;
	__u64 sum = (__u16)~ip->check;

	sum += (__u16)~bpf_htons(ip->ttl << 8) + bpf_htons(ECHO_HOP_LIMIT << 8);
	ip->saddr = ip->daddr;
	ip->daddr = source;
	ip->ttl = ECHO_HOP_LIMIT;
	ip->check = fold(sum);
}

static __always_inline void turn_ip6(struct ipv6hdr *ip)
{
	struct in6_addr source = ip->saddr;

	ip->saddr = ip->daddr;
	ip->daddr = source;
	ip->hop_limit = ECHO_HOP_LIMIT;
}

static __always_inline __u64 add_words(__u64 sum, const void *at, int n)
{
	const __u32 *word = at;

	for (int i = 0; i < n; i++)
		sum += word[i];
	return sum;
}

/* A datagram of any length: a copy of each piece, as the verifier knows no length of a packet's bytes. */
static __always_inline __u64 add_datagram(__u64 sum, struct xdp_md *ctx, __u32 at, __u32 length)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	for (__u32 i = 0; i < ECHO_MAX_CHUNKS && length; i++) {
		__u32 chunk[ECHO_CHUNK / 4] = {}, n = length < ECHO_CHUNK ? length : ECHO_CHUNK;

		n = bounded(n - 1, ECHO_CHUNK - 1) + 1;
		if (bpf_xdp_load_bytes(ctx, at, chunk, n))
			return 0;
		sum = (__u32)bpf_csum_diff(NULL, 0, chunk, sizeof(chunk), (__u32)sum);
		at += n;
		length -= n;
	}
	return sum;
}

/* The whole checksum: a virtual interface may have handed us a packet that carries only a part. */
static __always_inline __be16 udp6_checksum(struct xdp_md *ctx, const struct ipv6hdr *ip, struct udphdr *udp,
					    __u32 length)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 sum = (__u64)bpf_htons(IPPROTO_UDP) + bpf_htonl(length);
	__u16 check;

	sum = add_words(sum, &ip->saddr, 8);
	if (length == ECHO_PROBE && (void *)udp + ECHO_PROBE <= end)
		sum = add_words(sum, udp, ECHO_PROBE / 4);
	else
		sum = add_datagram(sum, ctx, (__u32)((void *)udp - data), length);
	check = fold(sum);
	return check ? check : 0xffff;
}

static __always_inline void turn_udp(struct udphdr *udp)
{
	__be16 source = udp->source;

	udp->source = udp->dest;
	udp->dest = source;
	udp->check = 0; /* none (RFC 768); mandatory in IPv6, filled in later */
}

/* To look at the clock twice takes longer than all the rest of an answer: a few answers tell for all.
 * Return: when this one's probe arrived; 0: it does not tell. */
static __always_inline __u64 note_arrival(const struct dfb_echo_counters *count)
{
	return count->answered % DFB_PROBE_MEASURED ? 0 : bpf_ktime_get_ns();
}

/* How long the agent has not run. A clock that is only as fine as a tick costs nothing to read. */
static __always_inline __be16 userland_age(void)
{
	const struct dfb_agent *agent = bpf_map_lookup_elem(&echo_userland, &(__u32){0});
	__u64 alive = agent ? *(volatile const __u64 *)&agent->alive_ns : 0, now, age;

	if (!alive)
		return 0;
	now = bpf_ktime_get_coarse_ns();
	age = (__s64)(now - alive) > 0 ? (now - alive) >> DFB_USERLAND_SHIFT : 0;
	return bpf_htons(age < DFB_USERLAND_MAX ? age + 1 : DFB_USERLAND_MAX);
}

static __always_inline void fill_probe(struct dfb_probe *probe, __u32 received, __u64 arrived)
{
	probe->flags |= DFB_PROBE_REPLY;
	probe->userland = userland_age();
	probe->received = bpf_htonl(received);
	probe->residence_ns = arrived ? bpf_htonl((__u32)(bpf_ktime_get_ns() - arrived)) : 0;
}

static __always_inline int is_probe(struct dfb_probe *probe, __u32 payload, void *end)
{
	return payload >= sizeof(*probe) && (void *)(probe + 1) <= end &&
	       probe->magic == bpf_htonl(DFB_PROBE_MAGIC) && probe->version == DFB_PROBE_VERSION;
}

static __always_inline void give_place(struct dfb_echo_stream *s, const __u32 source[4], __u32 sport)
{
	__builtin_memset(&s->account, 0, offsetof(struct dfb_account, gaps));
	__builtin_memcpy(s->source, source, sizeof(s->source));
	s->sport = sport;
}

/* Global, so the verifier looks at it once. Return: was it counted? Another stream may have the place. */
__noinline int count_stream(const struct dfb_service_key *source, __u32 sport, const struct account_packet *p,
			    struct dfb_far *ret_far)
{
	struct dfb_echo_stream *s;
	const __u32 *word = (const __u32 *)source;
	__u32 place, ours;

	if (!source || !p || !ret_far)
		return 0;
	place = (word[0] ^ word[1] ^ word[2] ^ word[3] ^ sport << 16 ^ sport) * 0x9e3779b1u >> 24;
	s = bpf_map_lookup_elem(&echo_streams, &place);
	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	ours = s->sport == sport && parse_same_address(s->source, word);
	if (!ours && p->now_ns - s->account.last_ns > ECHO_STREAM_NS) {
		give_place(s, word, sport);
		ours = 1;
	}
	if (ours)
		account_take(&s->account, p);
	ret_far->received = bpf_htonl((__u32)s->account.received);
	ret_far->lost = bpf_htonl((__u32)(s->account.expected - s->account.arrived));
	bpf_spin_unlock(&s->lock);
	return (int)ours;
}

/* A packet of a stream with room for it is told what has arrived of the stream. */
static __always_inline void fill_far(const __u32 source[4], struct udphdr *udp, void *end)
{
	struct dfb_pktgen *head = parse_pktgen(udp, end);
	struct dfb_far *far = head ? parse_far(udp, end) : NULL, counted = {};
	struct dfb_service_key key = {};
	struct account_packet p;

	if (!far)
		return;
	p.seq = bpf_ntohl(head->seq);
	p.bytes = bpf_ntohs(udp->len);
	p.stamp_us = bpf_ntohl(head->sec) * 1000000ull + bpf_ntohl(head->usec);
	p.now_ns = bpf_ktime_get_ns();
	__builtin_memcpy(&key, source, sizeof(key));
	if (!count_stream(&key, bpf_ntohs(udp->source), &p, &counted))
		return;
	far->received = counted.received;
	far->lost = counted.lost;
	far->responder = (__be32)station[1] << 16 | station[2];
}

/* Why a datagram to our port gets no answer; XDP_TX: it does. */
static __always_inline int judge(const struct packet *pkt, struct udphdr *udp, const __u32 source[4],
				 const __u32 *known, struct dfb_echo_counters *count)
{
	__u16 port = bpf_ntohs(udp->source);
	__u32 destination[4];

	parse_destination(pkt, destination);
	if (!is_unicast(pkt))
		return refuse(&count->not_unicast, XDP_PASS);
	if (!is_our_station(pkt->link->to))
		return refuse(&count->not_for_us, XDP_PASS);
	if (is_our_station(pkt->link->from) || parse_same_address(source, destination))
		return refuse(&count->own_source, XDP_DROP);
	if (!known && !is_allowed(source))
		return refuse(&count->not_allowed, XDP_PASS);
	if (port < ECHO_PRIVILEGED_PORTS)
		return refuse(&count->low_port, XDP_DROP);
	if (udp->source == udp->dest || is_reflector(port))
		return refuse(&count->reflector_port, XDP_DROP);
	return XDP_TX;
}

SEC("xdp")
int dfb_echo(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct dfb_echo_counters *count = bpf_map_lookup_elem(&echo_counters, &(__u32){0});
	struct packet pkt = {};
	struct dfb_probe *probe;
	__u32 source[4], length, *known;
	struct udphdr *udp;
	__u64 arrived;
	int fate, ours;

	if (!count || parse_frame(data, end, &pkt) != PARSE_OK)
		return XDP_PASS;
	if (pkt.fragment)
		return refuse(&count->fragment, XDP_PASS);
	if (pkt.options)
		return refuse(&count->options, XDP_PASS);
	udp = parse_udp(&pkt, end);
	if (!udp)
		return refuse(&count->truncated, XDP_PASS);
	length = bpf_ntohs(udp->len);
	if (length < sizeof(*udp) || length > pkt.l4_length)
		return refuse(&count->truncated, XDP_PASS);
	arrived = note_arrival(count);
	parse_source(&pkt, source);
	known = bpf_map_lookup_elem(&echo_sources, source);
	fate = judge(&pkt, udp, source, known, count);
	if (fate != XDP_TX)
		return fate;
	if (length > sizeof(*udp) + DFB_ECHO_MAX_PAYLOAD)
		return refuse(&count->too_long, XDP_DROP);
	length = bounded(length, ECHO_LENGTH_MASK);
	if ((void *)udp + length > end)
		return refuse(&count->truncated, XDP_PASS);
	probe = (struct dfb_probe *)(udp + 1);
	ours = is_probe(probe, length - sizeof(*udp), end);
	if (ours && (probe->flags & DFB_PROBE_REPLY))
		return refuse(&count->reply_bit, XDP_DROP);
	if (is_above_rate())
		return refuse(&count->rate_limited, XDP_DROP);

	if (ours && (void *)(probe + 1) <= end)
		fill_probe(probe, count_source(source, known), arrived);
	else
		fill_far(source, udp, end);
	swap_stations(pkt.link);
	turn_udp(udp);
	if (pkt.ipv6) {
		turn_ip6(pkt.l3);
		udp->check = udp6_checksum(ctx, pkt.l3, udp, length);
	} else {
		turn_ip4(pkt.l3);
	}
	return refuse(ours ? &count->answered : &count->echoed, XDP_TX);
}
