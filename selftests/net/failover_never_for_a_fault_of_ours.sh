#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The uplink is cut, silently or with its carrier, or all servers die at once: nobody can be blamed, so
# nothing moves, all are unknown, and an event says why. When it is healed nothing flaps.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq nft

all_unknown()
{
	status_is 'all(.servers[]; .state == "unknown")'
}

# In one stroke: cut one after another, the first would be dead while the others are witnesses.
servers_die()
{
	on switch nft 'table bridge deaf { chain forward { type filter hook forward priority 0;
		iifname { "p1", "p2", "p3" } drop; oifname { "p1", "p2", "p3" } drop; }; }'
}

servers_live()
{
	on switch nft delete table bridge deaf
}

story() # HOW IT BEGINS, HOW IT ENDS
{
	local at
	at=$(event_count true)
	$1
	must 10 all_unknown
	must 10 service_is web down
	probes_pass 300
	all_unknown || fail "$1: $(status -c '.servers | map([.name, .state])')"
	code 5 defib status
	$2
	must 30 all_well
	stays "$epoch" s1
	must 5 all_well
	tail -n +$((at + 1)) "$work/events" >"$work/since"
	jq -es 'any(.[]; .kind == "no-switch" and .server == "s1" and (.reason | startswith("no-witness")))' \
		"$work/since" >/dev/null || fail "nothing says why: $(cat "$work/since")"
	jq -es 'all(.[]; .kind != "failover" and .kind != "commit") and
		all(.[] | select(.kind == "server-state"); .to != "down")' "$work/since" >/dev/null ||
		fail "$1: $(cat "$work/since")"
}

story_start --servers 3
clients_start
story "lab_cut uplink" "lab_heal uplink"
story servers_die servers_live
story "lab_cut uplink --carrier" "lab_heal uplink"
clients_stop s1
