// SPDX-License-Identifier: GPL-2.0-only
/* dfb_vip: who is told what about an address, whose claims are heard, and what is left alone. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <stdio.h>

#include "groups.h"
#include "rig.h"

#define COUNT(field) ((int)offsetof(struct dfb_vip_counters, field))

#define LOOPBACK 1 /* where a test run's packets come in */
#define SERVER 7
#define STANDBY 8
#define POOL 1
#define HELD_POOL 2
#define EMPTY_POOL 3
#define AWAY_POOL 4 /* its server is on another segment */

#define EVERYBODY "\xff\xff\xff\xff\xff\xff"
#define ASKED6 "\x33\x33\xff\x00\x01\x00"
#define NOBODY "\0\0\0\0\0\0"
#define GATEWAY "\x02\xdf\x1b\x00\x00\xfe"
#define ACTIVE "\x02\xdf\x1b\x00\x00\x07"
#define OTHER "\x02\xdf\x1b\x00\x00\x08"
#define CLIENT "\x02\xdf\x1b\x00\x00\xc1"
#define GROUP "\x01\xdf\x1b\x00\x00\xc1"

#define VIP4 "10.78.0.100"
#define HELD4 "10.78.0.101"
#define EMPTY4 "10.78.0.102"
#define AWAY4 "10.78.0.103"
#define ROUTED4 "10.79.0.100"
#define CLIENT4 "10.78.0.200"
#define VIP6 "fd78::100"
#define CLIENT6 "fd78::200"
#define ROUTED6 "fd79::100"
#define SOLICITED6 "ff02::1:ff00:100"

/* --- frames ---------------------------------------------------------------------------------- */

/**
 * struct arp_in - fields that are 0 take the usual value: a client's request for VIP4
 * @cut: bytes missing at the end; @padding: bytes behind it
 */
struct arp_in {
	uint16_t op, hardware, protocol;
	uint8_t hardware_size, protocol_size;
	const char *to, *from, *sender, *target;
	const char *sender_ip, *target_ip;
	size_t cut, padding;
};

/** struct nd_in - likewise, a client's solicitation for VIP6 with where it is; @bare: without */
struct nd_in {
	uint8_t type, code, hop_limit;
	const char *to, *from, *source, *destination, *target;
	const char *station; /* in the option */
	uint8_t option, units;
	bool bare, nonce, wrong;
	size_t cut, padding;
	int more; /* added to the length field */
};

static const void *or(const void *given, const void *usual)
{
	return given ? given : usual;
}

static size_t put_link(uint8_t *p, const char *to, const char *from, int tags, uint16_t type)
{
	size_t at = 12;

	memcpy(p, to, 6);
	memcpy(p + 6, from, 6);
	for (int i = 0; i < tags; i++, at += 4)
		memcpy(p + at, i + 1 < tags ? "\x88\xa8\x00\x64" : "\x81\x00\x00\x65", 4);
	p[at] = (uint8_t)(type >> 8);
	p[at + 1] = (uint8_t)type;
	return at + 2;
}

static size_t build_arp(const struct arp_in *in, int tags, uint8_t *p)
{
	struct ether_arp arp = {
		.ea_hdr = {
			.ar_hrd = htons(in->hardware ? in->hardware : ARPHRD_ETHER),
			.ar_pro = htons(in->protocol ? in->protocol : ETHERTYPE_IP),
			.ar_hln = in->hardware_size ? in->hardware_size : 6,
			.ar_pln = in->protocol_size ? in->protocol_size : 4,
			.ar_op = htons(in->op ? in->op : ARPOP_REQUEST),
		},
	};
	size_t at = put_link(p, or(in->to, EVERYBODY), or(in->from, CLIENT), tags, ETHERTYPE_ARP);

	memcpy(arp.arp_sha, or(in->sender, or(in->from, CLIENT)), 6);
	memcpy(arp.arp_tha, or(in->target, NOBODY), 6);
	inet_pton(AF_INET, or(in->sender_ip, CLIENT4), arp.arp_spa);
	inet_pton(AF_INET, or(in->target_ip, VIP4), arp.arp_tpa);
	memcpy(p + at, &arp, sizeof(arp));
	memset(p + at + sizeof(arp), 0, in->padding);
	return at + sizeof(arp) + in->padding - in->cut;
}

/* Over addresses and message, as if the header had no length of its own. */
static uint16_t nd_sum(const uint8_t *ip, size_t length)
{
	uint32_t sum = frame_sum(ip + 8, 32, (uint32_t)length + IPPROTO_ICMPV6);

	sum = frame_sum(ip + 40, length, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static size_t put_options(const struct nd_in *in, uint8_t *at)
{
	uint8_t *start = at;

	if (!in->bare) {
		at[0] = in->option ? in->option : in->type == ND_NEIGHBOR_ADVERT ? 2 : 1;
		at[1] = in->units;
		memcpy(at + 2, or(in->station, or(in->from, CLIENT)), 6);
		at += 8;
	}
	if (in->nonce) { /* RFC 3971, 5.3.2: Linux has it in its duplicate address detection */
		memcpy(at, "\x0e\x01" "123456", 8);
		at += 8;
	}
	return (size_t)(at - start);
}

static size_t build_nd(const struct nd_in *in, int tags, uint8_t *p)
{
	size_t at = put_link(p, or(in->to, ASKED6), or(in->from, CLIENT), tags, ETHERTYPE_IPV6);
	uint8_t *ip = p + at, *message = ip + 40;
	size_t length;
	uint16_t sum;

	memset(ip, 0, 64);
	ip[0] = 0x6e; /* with a traffic class, which is not to be answered with */
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = in->hop_limit ? in->hop_limit : 255;
	inet_pton(AF_INET6, or(in->source, CLIENT6), ip + 8);
	inet_pton(AF_INET6, or(in->destination, SOLICITED6), ip + 24);
	message[0] = in->type ? in->type : ND_NEIGHBOR_SOLICIT;
	message[1] = in->code;
	inet_pton(AF_INET6, or(in->target, VIP6), message + 8);
	length = 24 + put_options(in, message + 24);
	sum = (uint16_t)~nd_sum(ip, length);
	message[2] = (uint8_t)(sum >> 8);
	message[3] = (uint8_t)(sum ^ (in->wrong ? 1 : 0));
	ip[4] = 0;
	ip[5] = (uint8_t)((int)length + in->more);
	memset(message + length, 0, in->padding);
	return at + 40 + length + in->padding - in->cut;
}

/* --- tables ---------------------------------------------------------------------------------- */

struct arp_row {
	const char *name;
	struct arp_in in;
	int counter; /* answered: and how; others: passed, untouched */
	const char *claimed; /* told by the ring, as whose */
};

#define GARP(who) .from = (who), .sender_ip = VIP4, .target_ip = VIP4

static const struct arp_row arp_rows[] = {
	{"a request", {0}, .counter = COUNT(answered)},
	{"a request in a padded frame", {.padding = 18}, .counter = COUNT(answered)},
	{"a request to us alone", {.to = GATEWAY}, .counter = COUNT(answered)},
	{"a probe (RFC 5227)", {.sender_ip = "0.0.0.0"}, .counter = COUNT(answered)},
	{"a standby server's request", {.from = OTHER, .sender_ip = "10.78.0.12"},
	 .counter = COUNT(answered)},
	{"another address", {.target_ip = "10.78.0.1"}, .counter = COUNT(no_service)},
	{"a routed service", {.target_ip = ROUTED4}, .counter = COUNT(no_service)},
	{"a service that is withdrawn", {.target_ip = HELD4}, .counter = COUNT(held)},
	{"a service that nobody serves", {.target_ip = EMPTY4}, .counter = COUNT(no_server)},
	{"a server on another segment", {.target_ip = AWAY4}, .counter = COUNT(no_station)},
	{"a request to another station", {.to = ACTIVE}, .counter = COUNT(not_for_us)},
	{"the server's own probe", {.from = ACTIVE, .sender_ip = "0.0.0.0"}, .counter = COUNT(own_request)},
	{"a group as the sender", {.from = GROUP}, .counter = COUNT(bad_sender)},
	{"a reply to somebody", {.op = ARPOP_REPLY}, .counter = COUNT(no_service)},
	{"reverse ARP", {.op = 3}, .counter = COUNT(no_service)},
	{"not Ethernet", {.hardware = 6}, .counter = COUNT(not_ethernet)},
	{"not IPv4", {.protocol = ETHERTYPE_IPV6}, .counter = COUNT(not_ethernet)},
	{"long hardware addresses", {.hardware_size = 8}, .counter = COUNT(not_ethernet)},
	{"long protocol addresses", {.protocol_size = 16}, .counter = COUNT(not_ethernet)},
	{"cut", {.cut = 1}, .counter = COUNT(truncated)},
	{"an announcement of a stranger", {GARP(CLIENT)}, .counter = COUNT(claims), CLIENT},
	{"an announcement as a reply", {GARP(OTHER), .op = ARPOP_REPLY, .target = OTHER},
	 .counter = COUNT(claims), OTHER},
	{"an answer of a standby server", {.from = OTHER, .op = ARPOP_REPLY, .to = GATEWAY, .sender_ip = VIP4,
	 .target_ip = CLIENT4}, .counter = COUNT(claims), OTHER},
	{"a standby server asks with it", {.from = OTHER, .sender_ip = VIP4, .target_ip = CLIENT4},
	 .counter = COUNT(claims),
	 OTHER},
	{"a frame of one says it for another", {.from = ACTIVE, .sender = OTHER, .sender_ip = VIP4},
	 .counter = COUNT(claims),
	 OTHER},
	{"the server's own announcement", {GARP(ACTIVE)}, .counter = COUNT(confirmed)},
	{"our own announcement", {GARP(GATEWAY)}, .counter = -1},
	{"a claim of what is withdrawn", {.sender_ip = HELD4}, .counter = COUNT(held)},
};

struct nd_row {
	const char *name;
	struct nd_in in;
	int counter;
	const char *claimed;
};

#define PROBE .source = "::", .bare = true
#define NA .type = ND_NEIGHBOR_ADVERT

static const struct nd_row nd_rows[] = {
	{"a solicitation", {0}, .counter = COUNT(answered)},
	{"a solicitation without where from", {.bare = true}, .counter = COUNT(answered)},
	{"a solicitation with two options", {.nonce = true}, .counter = COUNT(answered)},
	{"a solicitation in a padded frame", {.padding = 3}, .counter = COUNT(answered)},
	{"a solicitation to us alone", {.to = GATEWAY, .destination = VIP6}, .counter = COUNT(answered)},
	{"duplicate address detection", {PROBE}, .counter = COUNT(answered)},
	{"duplicate address detection with a nonce", {PROBE, .nonce = true}, .counter = COUNT(answered)},
	{"another address", {.target = "fd78::1"}, .counter = COUNT(no_service)},
	{"a routed service", {.target = ROUTED6}, .counter = COUNT(no_service)},
	{"an advertisement of another", {NA, .target = "fd78::1"}, .counter = COUNT(no_service)},
	{"a router solicitation", {.type = ND_ROUTER_SOLICIT}, .counter = COUNT(no_service)},
	{"from behind a router", {.hop_limit = 254}, .counter = COUNT(bad_hop_limit)},
	{"a code", {.code = 1}, .counter = COUNT(bad_message)},
	{"a wrong checksum", {.wrong = true}, .counter = COUNT(bad_checksum)},
	{"an option of length 0", {.units = 0xff}, .counter = COUNT(bad_message)},
	{"an option beyond the message", {.units = 2}, .counter = COUNT(bad_message)},
	{"a message longer than the frame", {.more = 8}, .counter = COUNT(bad_message)},
	{"a length that is no multiple of 8", {.more = 1, .padding = 1}, .counter = COUNT(bad_message)},
	{"a message too short", {.more = -16}, .counter = COUNT(bad_message)},
	{"from nobody, with where from", {.source = "::"}, .counter = COUNT(bad_message)},
	{"from nobody, to one", {PROBE, .destination = VIP6}, .counter = COUNT(bad_message)},
	{"cut", {.bare = true, .cut = 1}, .counter = COUNT(truncated)},
	{"a group as the sender", {.from = GROUP}, .counter = COUNT(bad_sender)},
	{"to another station", {.to = ACTIVE}, .counter = COUNT(not_for_us)},
	{"the server's own detection", {PROBE, .from = ACTIVE}, .counter = COUNT(own_request)},
	{"an advertisement of a stranger", {NA}, .counter = COUNT(claims), CLIENT},
	{"one that says it for another", {NA, .station = OTHER}, .counter = COUNT(claims), OTHER},
	{"one without where", {NA, .bare = true, .from = OTHER}, .counter = COUNT(claims), OTHER},
	{"the server's own advertisement", {NA, .from = ACTIVE}, .counter = COUNT(confirmed)},
	{"a standby server asks with it", {.from = OTHER, .source = VIP6, .target = CLIENT6},
	 .counter = COUNT(claims), OTHER},
	{"a claim with a wrong checksum", {NA, .wrong = true}, .counter = COUNT(bad_checksum)},
	{"a claim from behind a router", {NA, .hop_limit = 64}, .counter = COUNT(bad_hop_limit)},
};

/* --- answers --------------------------------------------------------------------------------- */

static struct dfb_claim last_claim;
static uint32_t n_claims;

static int on_claim(void *arg, void *data, size_t size)
{
	(void)arg;
	assert_int_equal(size, sizeof(last_claim));
	memcpy(&last_claim, data, sizeof(last_claim));
	n_claims++;
	return 0;
}

static void check_arp_answer(const struct arp_in *in, int tags, const uint8_t *out, size_t size)
{
	struct arp_in expected = {
		.op = ARPOP_REPLY, .to = or(in->from, CLIENT), .from = GATEWAY, .sender = ACTIVE,
		.target = or(in->from, CLIENT), .sender_ip = or(in->target_ip, VIP4),
		.target_ip = or(in->sender_ip, CLIENT4), .padding = in->padding,
	};
	uint8_t packet[FRAME_ROOM];

	assert_int_equal(size, build_arp(&expected, tags, packet));
	assert_memory_equal(out, packet, size);
}

static void check_nd_answer(const struct nd_in *in, int tags, const uint8_t *out, size_t size)
{
	bool detection = in->source && !strcmp(in->source, "::");
	struct nd_in expected = {
		NA, .to = detection ? "\x33\x33\x00\x00\x00\x01" : or(in->from, CLIENT), .from = GATEWAY,
		.source = VIP6, .destination = detection ? "ff02::1" : or(in->source, CLIENT6),
		.station = ACTIVE, .units = 1,
	};
	uint8_t packet[FRAME_ROOM], *message;
	size_t at = frame_l3(out);

	assert_int_equal(size, build_nd(&expected, tags, packet));
	message = packet + at + 40;
	packet[at] = 0x60;
	message[4] = detection ? 0x20 : 0x60; /* override, solicited */
	memcpy(message + 2, out + at + 42, 2);
	assert_memory_equal(out, packet, size);
	assert_int_equal(nd_sum(out + at, 32), 0xffff);
}

static void check_claim(const char *name, const char *whose, bool ipv6)
{
	assert_int_equal(ring_buffer__consume(rig.ring), whose ? 1 : 0);
	if (n_claims != (whose ? 1 : 0))
		fail_msg("%s: %u claims were told", name, n_claims);
	if (!whose)
		return;
	assert_memory_equal(last_claim.station, whose, 6);
	assert_int_equal(last_claim.pool, POOL);
	assert_int_equal(last_claim.ifindex, LOOPBACK);
	assert_int_equal(last_claim.address[10], ipv6 ? 0 : 0xff);
	assert_true(last_claim.time_ns && last_claim.time_ns <= rig_now());
}

/* What was claimed before is forgotten, so that the next claim is told. */
static void begin(void)
{
	const struct dfb_claim none = {0};

	rig_put(rig.vip->maps.claims, POOL, &none);
	rig_zero(rig.vip->maps.vip_counters);
	n_claims = 0;
}

static void end(const char *name, int tags, int counter, const struct rig_run *run, const uint8_t *in,
		size_t size)
{
	char text[160];

	snprintf(text, sizeof(text), "%s (%d tags)", name, tags);
	rig_only(rig.vip->maps.vip_counters, counter, text);
	if (run->verdict != (counter == COUNT(answered) ? XDP_TX : XDP_PASS))
		fail_msg("%s: verdict %u", text, run->verdict);
	if (run->verdict != XDP_PASS)
		return;
	assert_int_equal(run->size, size);
	assert_memory_equal(run->out, in, size);
}

static void arp_is_answered_heard_or_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(arp_rows); i++) {
		for (int tags = 0; tags <= 2; tags++) {
			const struct arp_row *row = &arp_rows[i];
			uint8_t packet[FRAME_ROOM];
			size_t size = build_arp(&row->in, tags, packet);
			struct rig_run run = {};

			begin();
			rig_xdp(rig.vip->progs.dfb_vip, packet, size, &run);
			end(row->name, tags, row->counter, &run, packet, size);
			check_claim(row->name, row->claimed, false);
			if (row->counter == COUNT(answered))
				check_arp_answer(&row->in, tags, run.out, run.size);
		}
	}
}

static void nd_is_answered_heard_or_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nd_rows); i++) {
		for (int tags = 0; tags <= 2; tags++) {
			struct nd_in in = nd_rows[i].in;
			uint8_t packet[FRAME_ROOM];
			struct rig_run run = {};
			size_t size;

			in.units = in.units == 0xff ? 0 : in.units ? in.units : 1;
			size = build_nd(&in, tags, packet);
			begin();
			rig_xdp(rig.vip->progs.dfb_vip, packet, size, &run);
			end(nd_rows[i].name, tags, nd_rows[i].counter, &run, packet, size);
			check_claim(nd_rows[i].name, nd_rows[i].claimed, true);
			if (nd_rows[i].counter == COUNT(answered))
				check_nd_answer(&in, tags, run.out, run.size);
		}
	}
}

static void an_answer_follows_the_pool(void **state)
{
	struct dfb_order order = {.kind = DFB_ORDER_SWITCH, .id = POOL, .to = STANDBY};
	struct arp_in in = {0};
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];
	size_t size = build_arp(&in, 0, packet);

	(void)state;
	order.epoch = rig_pool_state(POOL).epoch;
	assert_int_equal(rig_order(order), 0);
	rig_xdp(rig.vip->progs.dfb_vip, packet, size, &run);
	assert_int_equal(run.verdict, XDP_TX);
	assert_memory_equal(run.out + 22, OTHER, 6);
	order.epoch++;
	order.to = SERVER;
	assert_int_equal(rig_order(order), 0);
}

static void a_storm_of_claims_is_told_once(void **state)
{
	struct arp_in in = {GARP(CLIENT)};
	struct rig_run run = {};
	uint8_t packet[FRAME_ROOM];
	size_t size = build_arp(&in, 0, packet);

	(void)state;
	begin();
	for (int i = 0; i < 5; i++)
		rig_xdp(rig.vip->progs.dfb_vip, packet, size, &run);
	assert_int_equal(rig_count(rig.vip->maps.vip_counters, (size_t)COUNT(claims)), 5);
	ring_buffer__consume(rig.ring);
	assert_int_equal(n_claims + rig_count(rig.vip->maps.vip_counters, (size_t)COUNT(muted)), 5);
	assert_in_range(n_claims, 1, 2); /* two, if the machine stood still for a tenth of a second */
}

/* --- the world ------------------------------------------------------------------------------- */

static void add_service(const char *address, uint32_t pool, enum dfb_redirect redirect)
{
	struct dfb_service service = {.pool = pool, .redirect = redirect, .name = "web"};
	int fd = bpf_map__fd(rig.beat->maps.services);
	struct dfb_service_key key;

	assert_int_equal(inet_pton(AF_INET6, address, key.address), 1);
	assert_int_equal(bpf_map_update_elem(fd, &key, &service, BPF_ANY), 0);
}

static void add_pool(uint32_t id, uint32_t server, bool held)
{
	struct dfb_plan plan = {.name = "p", .families = 3, .fast = 1, .held = held};

	rig_put(rig.beat->maps.plans, id, &plan);
	if (server)
		rig_order((struct dfb_order){.kind = DFB_ORDER_SWITCH, .id = id, .to = server});
}

static void add_station(uint32_t server, uint32_t ifindex, const char *address)
{
	struct dfb_station station = {.ifindex = ifindex};

	memcpy(station.address, address, 6);
	memcpy(station.own, GATEWAY, 6);
	for (uint32_t family = 0; family < DFB_FAMILIES; family++)
		rig_put(rig.beat->maps.stations, dfb_target_id(server, family), &station);
}

static int set_up(void **state)
{
	rig_open(state);
	add_pool(POOL, SERVER, false);
	add_pool(HELD_POOL, SERVER, true);
	add_pool(EMPTY_POOL, 0, false);
	add_pool(AWAY_POOL, STANDBY + 1, false);
	add_station(SERVER, LOOPBACK, ACTIVE);
	add_station(STANDBY, LOOPBACK, OTHER);
	add_station(STANDBY + 1, LOOPBACK + 1, ACTIVE);
	add_service("::ffff:" VIP4, POOL, DFB_REDIRECT_VIP);
	add_service(VIP6, POOL, DFB_REDIRECT_VIP);
	add_service("::ffff:" HELD4, HELD_POOL, DFB_REDIRECT_VIP);
	add_service("::ffff:" EMPTY4, EMPTY_POOL, DFB_REDIRECT_VIP);
	add_service("::ffff:" AWAY4, AWAY_POOL, DFB_REDIRECT_VIP);
	add_service("::ffff:" ROUTED4, POOL, DFB_REDIRECT_ROUTE);
	add_service(ROUTED6, POOL, DFB_REDIRECT_ROUTE);
	return ring_buffer__add(rig.ring, bpf_map__fd(rig.vip->maps.claim_events), on_claim, NULL);
}

int vip_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_is_answered_heard_or_counted),
		cmocka_unit_test(nd_is_answered_heard_or_counted),
		cmocka_unit_test(an_answer_follows_the_pool),
		cmocka_unit_test(a_storm_of_claims_is_told_once),
	};

	return cmocka_run_group_tests_name("dfb_vip", tests, set_up, rig_close);
}
