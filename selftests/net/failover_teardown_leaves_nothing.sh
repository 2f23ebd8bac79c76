#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# After a failover and `defib teardown` the gateway is what it was: rules, routes, nexthop objects,
# qdiscs, filters, programs, pins and processes; what belongs to others stays. With --keep-routes the
# committed routes go on serving.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq bpftool

processes() # of the gateway, by name
{
	local pid
	for pid in $(ip netns pids "$prefix-gateway"); do
		cat "/proc/$pid/comm" 2>/dev/null || true
	done
}

gateway()
{
	local device
	routing
	on gateway tc qdisc show
	for device in g0 e0; do
		on gateway tc filter show dev "$device" ingress
		on gateway tc filter show dev "$device" egress
		on gateway ip -o -d link show dev "$device"
	done
	on gateway bpftool net show
	on gateway sysctl -a 2>/dev/null | grep '^net.ipv[46].*\(conf\|nexthop\|forward\)'
	find "/sys/fs/bpf/defib/$prefix" "/run/defib/$prefix" 2>/dev/null || true
	processes
}

run()
{
	daemon_begin
	clients_start
	lab_cut s1
	must 10 served_by s2
	must 10 committed $((epoch + 1)) s2
	lab_heal s1
	must 30 all_well
	clients_stop "s1 s2"
}

same() # AFTER
{
	gateway >"$work/after"
	diff "$work/before" "$work/after" >"$work/diff" || fail "$1 there is left: $(cat "$work/diff")"
}

lab_start --servers 2
# What somebody else has there.
on gateway tc qdisc add dev g0 clsact
on gateway ip route add 192.0.2.0/24 via 10.78.0.11 table 123
on gateway ip rule add pref 99 fwmark 0x1/0xff table 123
on gateway ip -6 rule add pref 99 fwmark 0x1/0xff table 123
on gateway ip nexthop add id 77 via 10.78.0.12 dev e0
on gateway ip route add 198.51.100.0/24 nhid 77
gateway >"$work/before"

run
code 1 defib teardown
says "$err" "runs; stop it first"
committed $((epoch + 1)) s2 || fail "a refused teardown did something: $(status -c .)"
daemon_stop
code 0 defib teardown
same "after teardown"
code 0 defib teardown
says "$out" "nothing to remove"

# A killed controller, and a prober that does not hear.
run
prober=$(prober_pid)
daemon_stop KILL
kill -STOP "$prober"
code 0 defib teardown
same "after a crash and teardown"

run
daemon_stop
code 0 defib teardown --keep-routes
recorded s2 || fail "--keep-routes leaves $(via 4) $(via 6)"
for family in "${FAMILIES[@]}"; do
	expect "served by the routes alone" \
		"$(traffic --to "${SERVICE[$family]}" --count 20 | json -c .servers)" '{"s2":20}'
done
expect "processes" "$(processes)" ""
expect "pins" "$(find "/sys/fs/bpf/defib/$prefix" 2>/dev/null)" ""
