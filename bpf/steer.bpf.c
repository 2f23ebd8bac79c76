// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients' side of the gateway, clsact ingress: marks each packet for a service of ours with the
 * server that serves it. Routing rules do the rest, so firewall, TTL and MTU apply as ever.
 * A service is an address here: fragments need no ports. Where several servers serve at once, the client's
 * address chooses one, or its flow does (`spread`), by way of the pool's slots.
 */
#include "flow.h"
#include "maps.h"
#include "parse.h"
#include "slots.h"
#include "spread.h"

#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dfb_steer_counters);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} steer_counters SEC(".maps");

/* Clients' packets by pool: whether it is idle is for the prober to know. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DFB_MAX_POOLS + 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} traffic SEC(".maps");

const volatile __u32 mark_mask = 0;
const volatile __u32 mark_shift = 0;

/* With one server all slots are equal. */
static __always_inline __u32 slot_of(const struct dfb_plan *plan, const struct packet *pkt, void *end)
{
	__u32 client[4], ports = 0;

	if (plan->active <= 1)
		return 0;
	spread_client(pkt, end, client, &ports);
	return slots_hash(client, plan->spread == DFB_SPREAD_FLOW ? ports : 0);
}

/* Who serves the client now; 0: nobody, or nobody may. */
static __always_inline __u32 serving(__u32 id, const struct packet *pkt, void *end,
				     struct dfb_steer_counters *count, __u32 *ret_drains)
{
	struct dfb_plan *plan = bpf_map_lookup_elem(&plans, &id);
	struct dfb_pool *pool = bpf_map_lookup_elem(&pools, &id);
	__u32 server;

	if (plan && plan->held) {
		count->held++;
		return 0;
	}
	server = plan && pool ? pool->slots[slot_of(plan, pkt, end) & (DFB_SLOTS - 1)] : 0;
	if (!server)
		count->no_server++;
	*ret_drains = plan ? plan->drains : 0;
	return server;
}

static __always_inline void count_packet(__u32 pool)
{
	__u64 *packets = bpf_map_lookup_elem(&traffic, &pool);

	if (packets)
		++*packets;
}

SEC("tc")
int dfb_steer(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct dfb_steer_counters *count = bpf_map_lookup_elem(&steer_counters, &(__u32){0});
	struct dfb_service *service;
	struct packet pkt = {};
	enum parse_result result;
	__u32 destination[4], server, drains = 0;

	if (!count)
		return TC_ACT_UNSPEC;
	result = parse_frame(data, end, &pkt);
	if (result != PARSE_OK) {
		if (result == PARSE_TRUNCATED)
			count->truncated++;
		else
			count->not_ip++;
		return TC_ACT_UNSPEC;
	}
	parse_destination(&pkt, destination);
	service = bpf_map_lookup_elem(&services, destination);
	if (!service) {
		count->no_service++;
		return TC_ACT_UNSPEC;
	}
	server = serving(service->pool, &pkt, end, count, &drains);
	count_packet(service->pool);
	if (server) {
		count->marked++;
		server = flow_server(&pkt, end, service->pool, server, drains, count);
		skb->mark = (skb->mark & ~mark_mask) | ((server << mark_shift) & mark_mask);
	}
	return TC_ACT_UNSPEC;
}
