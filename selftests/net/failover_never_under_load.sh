#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
# Eight CPU hogs for 30 s, with replies on the CPU they arrive on and on the other: probes every
# millisecond, three missed ones would be a verdict, and there is none.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

# Sums over all addresses of what was suspicious.
counts()
{
	status -c '[.servers[].addresses[]] | {expired: (map(.expired) | add),
		expired_again: (map(.expired_again) | add), unsent: (map(.unsent) | add),
		late: (map(.late) | add), graces: (map(.graces) | add),
		timer_late_worst_us: (map(.timer_late_worst_us) | max)}'
}

hogs() # WHAT
{
	local at
	at=$(event_count true)
	echo "$1, before: $(counts)"
	"$root/build/lab/hog" 8 30
	must 30 all_well
	echo "$1, after:  $(counts)"
	status -c '.prober | {sent, late, worst_late_us}'
	status -c '{timeouts_us: [.servers[].addresses[].timeout_us]}'
	tail -n +$((at + 1)) "$work/events" | jq -rs 'map(select(.kind == "server-state").to) |
		"told: suspect \(map(select(. == "suspect")) | length) times, unknown " +
		"\(map(select(. == "unknown")) | length), down \(map(select(. == "down")) | length)"'
	expect "epoch and server, $1" "$(status -c '.pools[0] | [.epoch, .active[0]]')" "[$epoch,\"s1\"]"
}

story_start --servers 3
clients_start --rate 500
hogs "without RPS"
lab rps on
hogs "with RPS"
lab rps off
clients_stop s1
expect "failovers" "$(history '.kind == "failover"')" ""
