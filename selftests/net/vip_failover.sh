#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Clients on the servers' own segment, which no router can move: the gateway answers for the address, and
# tells them when another server has it.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/segment.sh
. "$(dirname "$0")/../lib/segment.sh"
need jq bpftool

segment_start
clients_start
must 10 served_by s1
for family in 4 6; do
	client_has "$family" s1 || fail "IPv$family: the client found $(on client ip neigh show dev c1)"
done
lab_cut s1
must 10 served_by s2
must 10 committed $((epoch + 1)) s2
# Not by routing: the frames went to the server itself.
for family in 4 6; do
	client_has "$family" s2 || fail "IPv$family: the client has $(on client ip neigh show dev c1)"
done
[ "$(status .counters.vip.answered)" -ge 2 ] || fail "counters: $(status -c .counters.vip)"
lab_heal s1
must 20 all_well
clients_stop "s1 s2"
