// SPDX-License-Identifier: GPL-2.0-only
/* End to end over a cable: the prober's sockets, clsact, generic XDP on both ends, real timers. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "groups.h"
#include "rig.h"
#include "sense/clsact.h"
#include "sense/shout.h"
#include "sense/xdp.h"

#define COUNT(field) offsetof(struct dfb_beat_counters, field)
#define ECHO_COUNT(field) offsetof(struct dfb_echo_counters, field)

static struct {
	int gateway, server; /* namespaces */
	struct shout shout;
	char why[256];
} wire;

static int open_namespace(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void enter(int namespace)
{
	assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

static void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* g is the gateway's end, e the server's; the responder was told e's station. */
static void lay_cable(void)
{
	char command[128];

	wire.gateway = open_namespace();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	wire.server = open_namespace();
	enter(wire.gateway);
	run("ip link add name g type veth peer name e address 02:df:1b:00:00:11");
	snprintf(command, sizeof(command), "ip link set dev e netns /proc/%d/fd/%d", getpid(), wire.server);
	run(command);
	run("ip addr add 10.78.0.1/16 dev g && ip addr add fd78::1/64 dev g nodad && ip link set dev g up");
	enter(wire.server);
	run("for a in 10.78.1.1/16 10.78.1.2/16; do ip addr add $a dev e || exit; done");
	run("for a in fd78::101/64 fd78::102/64; do ip addr add $a dev e nodad || exit; done; ip link set dev e up");
	enter(wire.gateway);
}

static void join(const char *interface, enum dfb_xdp_slot slot, const struct bpf_program *prog)
{
	struct xdp_use use = {.ifindex = (int)if_nametoindex(interface), .slot = slot};

	snprintf(use.pins.link, sizeof(use.pins.link), "/sys/fs/bpf/%s-link", interface);
	snprintf(use.pins.slots, sizeof(use.pins.slots), "/sys/fs/bpf/%s-slots", interface);
	snprintf(use.pins.conf, sizeof(use.pins.conf), "/sys/fs/bpf/%s-conf", interface);
	if (xdp_join(&use, bpf_program__fd(prog), slot == DFB_XDP_ECHO ? DFB_ECHO_PORT : 0, wire.why,
		     sizeof(wire.why)))
		fail_msg("%s", wire.why);
	assert_true(xdp_is_generic(use.ifindex));
}

static void allow_all(void)
{
	struct dfb_prefix all = {.length = 0};
	uint32_t yes = 1;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig.echo->maps.echo_allow), &all, &yes, BPF_ANY), 0);
}

static int set_up(void **state)
{
	struct dfb_prober prober = {};
	uint64_t cookies[SHOUT_SOCKETS];
	bool made = false;
	int prog;

	rig_open(state);
	prog = bpf_program__fd(rig.beat->progs.dfb_stamp);
	lay_cable();
	allow_all();
	assert_int_equal(shout_open(&wire.shout, cookies), 0);
	memcpy(prober.cookies, cookies, sizeof(cookies));
	rig_put(rig.beat->maps.prober, 0, &prober);
	if (clsact_attach((int)if_nametoindex("g"), CLSACT_EGRESS, prog, "/sys/fs/bpf", &made, wire.why,
			  sizeof(wire.why)))
		fail_msg("%s", wire.why);
	assert_true(made);
	join("g", DFB_XDP_BEAT, rig.beat->progs.dfb_reply);
	enter(wire.server);
	join("e", DFB_XDP_ECHO, rig.echo->progs.dfb_echo);
	enter(wire.gateway);
	for (int i = 0; i < 2; i++)
		rig_server();
	rig_target(1, DFB_FAMILY_IPV6, DFB_PROBE_ECHO);
	rig_target(2, DFB_FAMILY_IPV4, DFB_PROBE_ICMP);
	rig_target(2, DFB_FAMILY_IPV6, DFB_PROBE_ICMP);
	return 0;
}

static int take_down(void **state)
{
	shout_close(&wire.shout);
	close(wire.gateway);
	close(wire.server);
	return rig_close(state);
}

static void shout(uint32_t target)
{
	struct dfb_attempts *a = &rig.attempts[target];
	struct dfb_target cfg = rig_config(target);
	struct dfb_probe probe = {
		.magic = htonl(DFB_PROBE_MAGIC),
		.version = DFB_PROBE_VERSION,
		.target = htonl(target),
		.seq = htonl(a->seq + 1),
		.nonce = rig_now() | 1,
	};

	assert_int_equal(shout_send(&wire.shout, &cfg, &probe), 0);
	a->seq++;
	a->at_ns[a->seq % DFB_WINDOW] = rig_now();
	rig_put(rig.beat->maps.attempts, target, a);
}

static uint64_t round_trip(uint32_t target)
{
	struct dfb_detect d = rig_detect(target);
	const struct dfb_slot *slot = &d.slots[rig.attempts[target].seq % DFB_WINDOW];

	return slot->seq == rig.attempts[target].seq ? slot->rtt_ns : 0;
}

/* Neighbours and the first probe come into being together, so the first may be lost. */
static void warm_up(uint32_t target)
{
	uint64_t limit = rig_now() + RIG_PATIENCE_NS;

	for (uint64_t patience = 1000000; !round_trip(target); patience *= 2) {
		uint64_t until = rig_now() + patience;

		assert_true(rig_now() < limit);
		shout(target);
		while (!round_trip(target) && rig_now() < until)
			rig_wait();
	}
}

static void probes_are_stamped_and_their_replies_believed(void **state)
{
	(void)state;
	for (uint32_t target = 2; target <= 5; target++) {
		bool udp = rig_config(target).probe == DFB_PROBE_ECHO;

		warm_up(target);
		rig_zero(rig.beat->maps.beat_counters);
		rig_zero(rig.echo->maps.echo_counters);
		shout(target);
		assert_int_equal(rig_count(rig.beat->maps.beat_counters, COUNT(stamped)), 1);
		RIG_UNTIL(round_trip(target));
		assert_int_equal(rig_count(rig.beat->maps.beat_counters, COUNT(replies)), 1);
		assert_int_equal(rig_count(rig.echo->maps.echo_counters, ECHO_COUNT(answered)), udp);
	}
}

static void who_answers_comes_up(void **state)
{
	(void)state;
	for (uint32_t target = 2; target <= 5; target++) {
		uint64_t limit = rig_now() + RIG_PATIENCE_NS;

		while (rig_detect(target).state != DFB_STATE_UP) {
			assert_true(rig_now() < limit);
			shout(target);
			RIG_UNTIL(rig_detect(target).judged == rig.attempts[target].seq);
		}
		assert_true(rig_detect(target).srtt_ns > 0);
	}
}

/* An ordinary client of the echo service (RFC 862), with checksums made by a kernel. */
static void the_responder_serves_ordinary_clients(void **state)
{
	const char *const addresses[] = {"::ffff:10.78.1.1", "fd78::101"};
	char out[300], in[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(DFB_ECHO_PORT)};
		struct timeval patience = {.tv_sec = 10};
		CLEAN_CLOSE int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		assert_int_equal(inet_pton(AF_INET6, addresses[i], &to.sin6_addr), 1);
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
		for (size_t size = 1; size <= sizeof(out); size += 23) {
			memset(out, (int)size, size);
			assert_int_equal(send(fd, out, size, 0), size);
			assert_int_equal(recv(fd, in, sizeof(in), 0), size);
			assert_memory_equal(in, out, size);
		}
	}
}

static bool leaves(uint32_t target)
{
	uint64_t before = rig_count(rig.beat->maps.beat_counters, COUNT(stamped));

	shout(target);
	return rig_count(rig.beat->maps.beat_counters, COUNT(stamped)) != before;
}

/* The kernel takes a moment to see that the carrier is gone. */
static void what_the_cable_no_longer_carries_is_a_miss(void **state)
{
	uint64_t unsent;

	(void)state;
	warm_up(2);
	enter(wire.server);
	run("ip link set dev e down");
	enter(wire.gateway);
	RIG_UNTIL(!leaves(2));
	RIG_UNTIL(rig_detect(2).judged == rig.attempts[2].seq);
	unsent = rig_detect(2).unsent;
	for (int i = 0; i < 3; i++)
		assert_false(leaves(2));
	RIG_UNTIL(rig_detect(2).judged == rig.attempts[2].seq);
	assert_int_equal(rig_detect(2).unsent, unsent + 3);
}

int wire_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_are_stamped_and_their_replies_believed),
		cmocka_unit_test(who_answers_comes_up),
		cmocka_unit_test(the_responder_serves_ordinary_clients),
		cmocka_unit_test(what_the_cable_no_longer_carries_is_a_miss),
	};

	return cmocka_run_group_tests_name("over a cable", tests, set_up, take_down);
}
