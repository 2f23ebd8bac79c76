#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest, by selftests/vm/*.sh: a server dies, its clients move in IPv4 and IPv6, it comes back, and
# teardown leaves nothing. Arguments go to `tools/lab config`.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../../lib/operate.sh"

declare -A SERVICE=([4]=10.79.0.100 [6]=fd79::100)

tables() # what the gateway routes by, its programs and our pins
{
	local family
	for family in 4 6; do
		on gateway ip "-$family" rule
		on gateway ip "-$family" route show table all
	done
	on gateway ip nexthop
	on gateway tc filter show dev e0 egress
	on gateway tc filter show dev g0 ingress
	on gateway ip -o -d link show dev e0 | grep -o 'prog/xdp' || true
	find "/sys/fs/bpf/defib/$prefix" "/run/defib/$prefix" 2>/dev/null || true
}

moved() # SERVER: both families are served by it, for wait_until
{
	traffic_moved 4 "$1" && traffic_moved 6 "$1"
}

committed() # EPOCH
{
	status_is ".pools[0] | .epoch == $1 and .committed == $1"
}

report() # FAMILY SERVERS
{
	local all
	all=$(traffic_stop "$1")
	expect "who served over IPv$1" \
		"$(jq -rs 'map(select(has("from")).to) | join(" ")' "$work/traffic.$1")" "$2"
	echo "IPv$1: $(jq -r '"\(.lost) of \(.sent) lost, outage \(.outage_us / 1000) ms"' <<<"$all")"
}

echo "kernel $(uname -r)"
lab_start --servers 3
tables >"$work/before"
daemon_config --interval 10ms --recover 10/500ms "$@"
daemon_start
must 60 all_well
events_start
epoch=$(epoch)
traffic_start 4 --rate 100 --to "${SERVICE[4]}"
traffic_start 6 --rate 100 --to "${SERVICE[6]}"
must 10 moved s1

lab_cut s1
must 30 moved s2
must 30 committed $((epoch + 1))
event_wait 10 '.kind == "failover" and .from == "s1" and .to == "s2"' >"$work/failover"
jq -r '"verdict \((.mono_ns - $cut) / 1e6) ms after the cut, switch \(.switch_us // 0) us later: \(.reason)"' \
	--argjson cut "$cut_ns" "$work/failover"
lab_heal s1
must 60 all_well
expect "epoch after it came back" "$(epoch)" $((epoch + 1))
report 4 "s1 s2"
report 6 "s1 s2"

daemon_stop
code 0 defib teardown
tables >"$work/after"
diff "$work/before" "$work/after" >"$work/diff" || fail "teardown leaves: $(cat "$work/diff")"
