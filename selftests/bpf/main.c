// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel programs: packets through BPF_PROG_TEST_RUN, timers in a namespace of our own.
 * Needs root; leaves nothing behind, whatever ends it: all that it makes is its own namespaces'.
 */
#include "groups.h"
#include "rig.h"

int main(void)
{
	int failed = 0;

	libbpf_set_print(NULL);
	failed += echo_tests();
	failed += echo_limit_tests();
	failed += root_tests();
	failed += steer_tests();
	failed += spread_tests();
	failed += flow_tests();
	failed += stamp_tests();
	failed += reply_tests();
	failed += userland_tests();
	failed += order_tests();
	failed += verdict_tests();
	failed += successor_tests();
	failed += several_tests();
	failed += wire_tests();
	failed += loss_tests();
	failed += far_tests();
	failed += vip_tests();
	failed += stack_tests();
	return failed ? 1 : 0;
}
