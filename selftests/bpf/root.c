// SPDX-License-Identifier: GPL-2.0-only
/* dfb_root: whose a packet is. The slots hold programs that only say which slot they are. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <unistd.h>

#include "groups.h"
#include "rig.h"

#define ECHO XDP_TX   /* what the program in the slot says */
#define BEAT XDP_DROP
#define LOSS XDP_ABORTED
#define VIP XDP_REDIRECT
#define NONE XDP_PASS /* what the root says */

enum only {
	BOTH,
	IPV4,
	IPV6,
};

struct row {
	const char *name;
	struct frame in;
	uint32_t verdict;
	enum only only;
};

#define TEXT .payload = FRAME_TEXT
#define REPLY .sport = 7, .dport = 40000
#define PING4 .proto = IPPROTO_ICMP
#define PING6 .proto = IPPROTO_ICMPV6

static const struct row rows[] = {
	{"a probe to the echo port", .in = {.length = 0}, ECHO},
	{"anything to the echo port", .in = {TEXT, .length = 9}, ECHO},
	{"nothing to the echo port", .in = {TEXT}, ECHO},
	{"the echo port, with options", .in = {.options = 8}, ECHO, IPV4},
	{"the echo port, first fragment", .in = {.fragment = IP_MF}, ECHO, IPV4},
	{"a later fragment", .in = {.fragment = 8}, NONE, IPV4},
	{"an IPv6 fragment", .in = {.fragment = 1}, NONE, IPV6},
	{"an extension header", .in = {.extension = true}, NONE, IPV6},
	{"our magic from the echo port", .in = {REPLY}, BEAT},
	{"our magic, with options", .in = {REPLY, .options = 8}, BEAT, IPV4},
	{"our magic, behind more bytes than a probe has", .in = {REPLY, .length = 64}, BEAT},
	{"our magic, but too short for a probe", .in = {REPLY, .length = 31}, NONE},
	{"another magic", .in = {REPLY, .probe.magic = 1}, NONE},
	{"a stream's packet", .in = {REPLY, .payload = FRAME_STREAM}, LOSS},
	{"a stream's packet of 16 bytes", .in = {REPLY, .payload = FRAME_STREAM, .length = 16}, LOSS},
	{"a stream's packet of 15 bytes", .in = {REPLY, .payload = FRAME_STREAM, .length = 15}, NONE},
	{"a stream's packet to the echo port", .in = {.payload = FRAME_STREAM}, ECHO},
	{"other UDP", .in = {REPLY, TEXT, .length = 40}, NONE},
	{"our magic in an echo reply", .in = {PING4, .icmp = ICMP_ECHOREPLY}, BEAT, IPV4},
	{"our magic in an ICMPv6 echo reply", .in = {PING6, .icmp = ICMP6_ECHO_REPLY}, BEAT, IPV6},
	{"our magic in an echo request", .in = {PING4, .icmp = ICMP_ECHO}, NONE, IPV4},
	{"our magic in an ICMPv6 echo request", .in = {PING6, .icmp = ICMP6_ECHO_REQUEST}, NONE, IPV6},
	{"another echo reply", .in = {PING4, .icmp = ICMP_ECHOREPLY, TEXT, .length = 56}, NONE, IPV4},
	{"another ICMPv6 echo reply", .in = {PING6, .icmp = ICMP6_ECHO_REPLY, TEXT, .length = 56}, NONE, IPV6},
	{"ICMP in IPv6", .in = {PING4, .icmp = ICMP_ECHOREPLY}, NONE, IPV6},
	{"ICMPv6 in IPv4", .in = {PING6, .icmp = ICMP6_ECHO_REPLY}, NONE, IPV4},
	{"TCP", .in = {.proto = IPPROTO_TCP}, NONE},
	{"a neighbour solicitation", .in = {PING6, .icmp = ND_NEIGHBOR_SOLICIT}, VIP, IPV6},
	{"a neighbour advertisement", .in = {PING6, .icmp = ND_NEIGHBOR_ADVERT}, VIP, IPV6},
	{"a router solicitation", .in = {PING6, .icmp = ND_ROUTER_SOLICIT}, NONE, IPV6},
	{"a neighbour solicitation in IPv4", .in = {PING4, .icmp = ND_NEIGHBOR_SOLICIT}, NONE, IPV4},
	{"ARP", .in = {.ethertype = 0x0806}, VIP},
	{"RARP", .in = {.ethertype = 0x8035}, NONE},
	{"not IP's version", .in = {.version = 7}, NONE},
	{"three tags", .in = {.tags = 3}, NONE},
};

static uint32_t verdict_on(const uint8_t *packet, size_t size)
{
	struct rig_run run = {};

	rig_xdp(rig.root->progs.dfb_root, packet, size, &run);
	assert_int_equal(run.size, size);
	assert_memory_equal(run.out, packet, size);
	return run.verdict;
}

static uint32_t verdict_on_frame(const struct frame *f)
{
	uint8_t packet[FRAME_ROOM];

	return verdict_on(packet, frame_build(f, packet));
}

static void set_echo_port(uint32_t port)
{
	struct dfb_xdp_conf conf = {.echo_port = port};

	rig_put(rig.root->maps.xdp_conf, 0, &conf);
}

static void each_packet_goes_to_its_slot(void **state)
{
	(void)state;
	set_echo_port(DFB_ECHO_PORT);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int variant = 0; variant < 6; variant++) {
			struct frame in = rows[i].in;
			uint32_t verdict;

			in.ipv6 = variant & 1;
			in.tags = in.tags ? in.tags : (uint8_t)(variant / 2);
			if (rows[i].only == (in.ipv6 ? IPV4 : IPV6))
				continue;
			verdict = verdict_on_frame(&in);
			if (verdict != rows[i].verdict)
				fail_msg("%s (variant %d): verdict %u", rows[i].name, variant, verdict);
		}
	}
}

static void only_the_configured_port_is_the_echo_port(void **state)
{
	struct frame in = {TEXT, .dport = 4007}, usual = {TEXT, .length = 0}, zero = {TEXT};
	uint8_t packet[FRAME_ROOM];
	size_t size = frame_build(&zero, packet);

	(void)state;
	packet[frame_l3(packet) + 22] = packet[frame_l3(packet) + 23] = 0; /* to port 0 */
	set_echo_port(4007);
	assert_int_equal(verdict_on_frame(&in), ECHO);
	assert_int_equal(verdict_on_frame(&usual), NONE);
	set_echo_port(0); /* no responder */
	assert_int_equal(verdict_on_frame(&in), NONE);
	assert_int_equal(verdict_on(packet, size), NONE);
	set_echo_port(DFB_ECHO_PORT);
}

static void a_probe_cut_anywhere_is_nobodys(void **state)
{
	(void)state;
	for (int variant = 0; variant < 6; variant++) {
		struct frame in = {REPLY, .ipv6 = variant & 1, .tags = (uint8_t)(variant / 2)};
		uint8_t packet[FRAME_ROOM];
		size_t size = frame_build(&in, packet);

		for (size_t cut = RIG_LEAST; cut < size; cut++)
			assert_int_equal(verdict_on(packet, cut), NONE);
	}
}

static void an_empty_slot_lets_pass(void **state)
{
	int fd = bpf_map__fd(rig.root->maps.xdp_slots);
	struct frame request = {.length = 0}, reply = {REPLY};

	(void)state;
	assert_int_equal(bpf_map_delete_elem(fd, &(uint32_t){DFB_XDP_ECHO}), 0);
	assert_int_equal(verdict_on_frame(&request), NONE);
	assert_int_equal(verdict_on_frame(&reply), BEAT);
	assert_int_equal(bpf_map_delete_elem(fd, &(uint32_t){DFB_XDP_BEAT}), 0);
	assert_int_equal(verdict_on_frame(&reply), NONE);
}

/* return VERDICT; */
static void fill_slot(uint32_t slot, int verdict)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP); /* as the root */
	CLEAN_CLOSE int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "says", "GPL", code, ARRAY_SIZE(code), &opts);

	assert_true(fd >= 0);
	rig_put(rig.root->maps.xdp_slots, slot, &fd);
}

static int set_up(void **state)
{
	rig_open(state);
	fill_slot(DFB_XDP_ECHO, ECHO);
	fill_slot(DFB_XDP_BEAT, BEAT);
	fill_slot(DFB_XDP_LOSS, LOSS);
	fill_slot(DFB_XDP_VIP, VIP);
	return 0;
}

int root_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_packet_goes_to_its_slot),
		cmocka_unit_test(only_the_configured_port_is_the_echo_port),
		cmocka_unit_test(a_probe_cut_anywhere_is_nobodys),
		cmocka_unit_test(an_empty_slot_lets_pass),
	};

	return cmocka_run_group_tests_name("dfb_root", tests, set_up, rig_close);
}
