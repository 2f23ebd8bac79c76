#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With the capabilities of the unit file and no others the daemon starts, is killed, starts again, finds
# its programs and serves; its prober has none left.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq setpriv

# bounding_set: of the unit file, in the words of setpriv(1)
bounding_set()
{
	sed -n 's/^CapabilityBoundingSet=//p' "$root/systemd/defibd.service" | tr ' ' '\n' |
		sed 's/^CAP_\(.*\)/,+\L\1/' | tr -d '\n'
}

start_confined()
{
	nsenter --net="/run/netns/$prefix-gateway" -- setpriv --inh-caps -all --bounding-set "-all$set" \
		"$root/build/defibd" -c "$work/defib.yaml" --instance "$prefix" >>"$work/defibd.log" 2>&1 &
	daemon_pid=$!
	must 30 all_well
}

set=$(bounding_set)
lab_start --servers 2
daemon_config --interval 5ms
start_confined
grep -q '^CapBnd:.*[1-9a-f]' "/proc/$daemon_pid/status" || fail "nothing is allowed: $set"
expect "of the prober" "$(sed -n 's/^CapEff:\t0*//p' "/proc/$(prober_pid)/status")" ""
for signal in TERM KILL; do
	daemon_stop "$signal"
	start_confined
done
! logged '^error' || daemon_fail "errors are logged"
! logged tampered || daemon_fail "programs of ours are taken for others'"
epoch=$(epoch)
clients_start
lab_cut s1
must 10 served_by s2
must 10 committed $((epoch + 1)) s2
clients_stop "s1 s2"
