// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: Addresses on the clients' own segment
 *
 * All servers hold such an address and none of them says so. Who asks for it (ARP, RFC 826; neighbour
 * solicitation, RFC 4861) is answered here, in place of the server that serves at this moment, with that
 * server's MAC address: a pool's slots are read for each answer, so answers change with the kernel's switch.
 * Our own address is the source of the frame, or switches would look for the server where we are.
 *
 * Nothing can be sent here that was not asked for. Whoever knows the address already hears of a switch by the
 * controller's announcement; so does everybody when somebody else claims it, which is told through a ring.
 */
#include "maps.h"
#include "neighbour.h"

char LICENSE[] SEC("license") = "GPL";

#define CLAIM_PAUSE_NS 100000000ull /* at most so often is a pool's claim told */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dfb_vip_counters);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} vip_counters SEC(".maps");

MAP_OF(BPF_MAP_TYPE_ARRAY, __u32, struct dfb_claim, 0) claims SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} claim_events SEC(".maps");

/**
 * struct question - an address that a message is about, and what is right to say of it
 * @address: as maps have it
 * @family: DFB_FAMILY_*
 * @pool: that serves it
 * @right: who serves, on the segment that the message came from
 * @own: our own address there
 */
struct question {
	__u32 address[4];
	__u32 family;
	__u32 pool;
	struct station right;
	struct station own;
};

static __always_inline int pass(__u64 *counter)
{
	(*counter)++;
	return XDP_PASS;
}

static __always_inline int no(__u64 *counter)
{
	(*counter)++;
	return 0;
}

static __always_inline int is_ours(struct question *q)
{
	struct dfb_service *service = bpf_map_lookup_elem(&services, q->address);

	if (!service || service->redirect != DFB_REDIRECT_VIP)
		return 0;
	q->pool = service->pool;
	return 1;
}

static __always_inline int find_right(struct question *q, __u32 ifindex, struct dfb_vip_counters *count)
{
	struct dfb_plan *plan = bpf_map_lookup_elem(&plans, &q->pool);
	struct dfb_pool *pool = bpf_map_lookup_elem(&pools, &q->pool);
	__u32 server = plan && pool ? pool->slots[0] : 0, target = dfb_target_id(server, q->family);
	struct dfb_station *station = bpf_map_lookup_elem(&stations, &target);

	if (plan && plan->held)
		return no(&count->held);
	if (!server)
		return no(&count->no_server);
	if (!station || station->ifindex != ifindex)
		return no(&count->no_station);
	__builtin_memcpy(&q->right, station->address, sizeof(q->right));
	__builtin_memcpy(&q->own, station->own, sizeof(q->own));
	return 1;
}

/* --- claims ---------------------------------------------------------------------------------- */

static __always_inline void tell_claim(const struct question *q, __u32 ifindex, const struct station *who,
				       struct dfb_vip_counters *count)
{
	struct dfb_claim *last = bpf_map_lookup_elem(&claims, &q->pool);
	__u64 now = bpf_ktime_get_ns();

	count->claims++;
	if (!last)
		return;
	if (last->time_ns && now - last->time_ns < CLAIM_PAUSE_NS) {
		count->muted++;
		return;
	}
	last->time_ns = now;
	last->pool = q->pool;
	last->ifindex = ifindex;
	__builtin_memcpy(last->address, q->address, sizeof(last->address));
	__builtin_memcpy(last->station, who, sizeof(last->station));
	if (bpf_ringbuf_output(&claim_events, last, sizeof(*last), 0))
		count->ring_full++;
}

/* Somebody says that an address is his. */
static __always_inline void hear_claim(struct question *q, __u32 ifindex, const struct station *who,
				       struct dfb_vip_counters *count)
{
	if (!find_right(q, ifindex, count) || station_is_same(who, &q->own))
		return;
	if (station_is_same(who, &q->right))
		count->confirmed++;
	else
		tell_claim(q, ifindex, who, count);
}

/* --- answers --------------------------------------------------------------------------------- */

/* Is it for us to answer, and with what? */
static __always_inline int may_answer(struct question *q, const struct parse_link *link, __u32 ifindex,
				      struct dfb_vip_counters *count)
{
	const struct station *to = (const struct station *)link->to;
	const struct station *from = (const struct station *)link->from;

	if (!find_right(q, ifindex, count))
		return 0;
	if (!station_is_group(to) && !station_is_same(to, &q->own))
		return no(&count->not_for_us);
	if (station_is_group(from))
		return no(&count->bad_sender);
	if (station_is_same(from, &q->right))
		return no(&count->own_request);
	return 1;
}

static __always_inline void address_frame(struct parse_link *link, const struct station *to,
					  const struct station *from)
{
	__builtin_memcpy(link->to, to, sizeof(link->to));
	__builtin_memcpy(link->from, from, sizeof(link->from));
}

static __always_inline int on_arp(struct packet *pkt, void *end, __u32 ifindex,
				  struct dfb_vip_counters *count)
{
	struct question asked = {.family = DFB_FAMILY_IPV4}, claimed = asked;
	struct arp *arp = pkt->l3;
	struct station sender;

	if ((void *)(arp + 1) > end)
		return pass(&count->truncated);
	if (!arp_is_ethernet(arp))
		return pass(&count->not_ethernet);
	sender = arp->sender;
	arp_address(arp->sender_ip, claimed.address);
	arp_address(arp->target_ip, asked.address);
	if (is_ours(&claimed)) {
		hear_claim(&claimed, ifindex, &sender, count);
		return XDP_PASS;
	}
	if (arp->op != bpf_htons(ARP_REQUEST) || !is_ours(&asked))
		return pass(&count->no_service);
	if (!may_answer(&asked, pkt->link, ifindex, count))
		return XDP_PASS;
	address_frame(pkt->link, (struct station *)pkt->link->from, &asked.own);
	arp->op = bpf_htons(ARP_REPLY);
	arp->target = sender;
	arp->sender = asked.right;
	__builtin_memcpy(arp->target_ip, arp->sender_ip, sizeof(arp->target_ip));
	__builtin_memcpy(arp->sender_ip, &asked.address[3], sizeof(arp->sender_ip));
	count->answered++;
	return XDP_TX;
}

/* What the sender of a solicitation from `::` cannot be told alone (RFC 4861, 7.2.4). */
static const struct station all_nodes = {{bpf_htons(0x3333), 0, bpf_htons(1)}};

/* The frame has the answer's length. */
static __always_inline int write_advertisement(struct xdp_md *ctx, const struct question *q,
					       struct dfb_vip_counters *count)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet pkt = {};
	struct station asker;
	struct ipv6hdr *ip;
	__u32 source[4];
	struct nd *nd;
	__s32 sum;

	if (parse_frame(data, end, &pkt) != PARSE_OK || !pkt.ipv6)
		return pass(&count->no_room);
	ip = pkt.l3;
	nd = (struct nd *)(ip + 1);
	if ((void *)&nd->options[1] > end)
		return pass(&count->no_room);
	parse_source(&pkt, source);
	__builtin_memcpy(&asker, pkt.link->from, sizeof(asker));
	nd->flags = bpf_htonl(ND_OVERRIDE | (is_unspecified(source) ? 0 : ND_SOLICITED));
	if (is_unspecified(source)) {
		source[0] = bpf_htonl(0xff020000);
		source[3] = bpf_htonl(1);
		asker = all_nodes;
	}
	address_frame(pkt.link, &asker, &q->own);
	*(__be16 *)ip = bpf_htons(0x6000);
	ip->payload_len = bpf_htons(sizeof(*nd) + sizeof(nd->options[0]));
	__builtin_memcpy(&ip->saddr, q->address, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, source, sizeof(ip->daddr));
	nd->type = PARSE_ICMP6_ADVERTISEMENT;
	nd->options[0] = (struct nd_option){.type = ND_TARGET_OPTION, .units = 1, .station = q->right};
	nd->check = 0;
	sum = nd_checksum(ip, nd, sizeof(*nd) + sizeof(nd->options[0]), end);
	if (sum < 0)
		return pass(&count->no_room);
	nd->check = (__u16)~sum;
	count->answered++;
	return XDP_TX;
}

static __always_inline int advertise(struct xdp_md *ctx, const struct packet *pkt, const struct question *q,
				     struct dfb_vip_counters *count)
{
	__u32 behind = sizeof(struct nd) + sizeof(struct nd_option);
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	int more = (int)(pkt->l4 - data) + (int)behind - (int)(end - data);

	if (more && bpf_xdp_adjust_tail(ctx, more))
		return pass(&count->no_room);
	return write_advertisement(ctx, q, count);
}

/* What RFC 4861, 7.1, demands of both kinds of message. */
static __always_inline int nd_is_valid(const struct packet *pkt, const struct nd *nd, int options, void *end,
				       struct dfb_vip_counters *count)
{
	struct ipv6hdr *ip = pkt->l3;

	if (ip->hop_limit != ND_HOP_LIMIT)
		return no(&count->bad_hop_limit);
	if (nd->code || options < 0)
		return no(&count->bad_message);
	if (nd_checksum(ip, nd, pkt->l4_length, end) != 0xffff)
		return no(&count->bad_checksum);
	return 1;
}

static __always_inline int is_multicast(const struct ipv6hdr *ip)
{
	return *(const __u8 *)&ip->daddr == 0xff;
}

/* A solicitation from `::` is a host's that would like to have the address: it asks all, and does not say
 * where it is. */
static __always_inline int on_nd(struct xdp_md *ctx, struct packet *pkt, void *end, __u32 ifindex,
				 struct dfb_vip_counters *count)
{
	struct question asked = {.family = DFB_FAMILY_IPV6}, claimed = asked;
	struct nd *nd = pkt->l4;
	struct station sender;
	int solicits, ours, theirs, options;

	if ((void *)(nd + 1) > end)
		return pass(&count->truncated);
	if (!nd_has_length(pkt->l4_length))
		return pass(&count->bad_message);
	solicits = nd->type == PARSE_ICMP6_SOLICITATION;
	if (!solicits && nd->type != PARSE_ICMP6_ADVERTISEMENT)
		return pass(&count->no_service);
	__builtin_memcpy(asked.address, nd->target, sizeof(asked.address));
	__builtin_memcpy(claimed.address, nd->target, sizeof(claimed.address));
	if (solicits)
		parse_source(pkt, claimed.address);
	ours = solicits && is_ours(&asked);
	theirs = is_ours(&claimed);
	if (!ours && !theirs)
		return pass(&count->no_service);
	__builtin_memcpy(&sender, pkt->link->from, sizeof(sender));
	options = nd_read_options(nd, pkt->l4_length, solicits ? ND_SOURCE_OPTION : ND_TARGET_OPTION, end,
				  &sender);
	if (solicits && is_unspecified(claimed.address) && (options > 0 || !is_multicast(pkt->l3)))
		options = -1;
	if (!nd_is_valid(pkt, nd, options, end, count))
		return XDP_PASS;
	if (theirs) {
		hear_claim(&claimed, ifindex, &sender, count);
		return XDP_PASS;
	}
	if (!may_answer(&asked, pkt->link, ifindex, count))
		return XDP_PASS;
	return advertise(ctx, pkt, &asked, count);
}

SEC("xdp")
int dfb_vip(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct dfb_vip_counters *count = bpf_map_lookup_elem(&vip_counters, &(__u32){0});
	enum parse_result result;
	struct packet pkt = {};

	if (!count)
		return XDP_PASS;
	result = parse_frame(data, end, &pkt);
	if (result == PARSE_NOT_IP && pkt.type == bpf_htons(ETH_P_ARP))
		return on_arp(&pkt, end, ctx->ingress_ifindex, count);
	if (result == PARSE_OK && pkt.ipv6 && pkt.proto == IPPROTO_ICMPV6)
		return on_nd(ctx, &pkt, end, ctx->ingress_ifindex, count);
	return pass(&count->truncated);
}
