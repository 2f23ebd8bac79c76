#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Servers die one after another, and the clients of both families are with the next in order within
# milliseconds; each death is told, counted and committed once. Who comes back is a standby.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

failover() # EPOCH: selects the event
{
	echo ".kind == \"failover\" and .epoch == $1"
}

check_events() # DEAD NEXT EPOCH
{
	local event at
	event=$(event_wait 5 "$(failover "$3")")
	jq -e --arg from "$1" --arg to "$2" --argjson cut "$cut_ns" '.from == $from and .to == $to and
		.pool == "app" and .service == "web" and .mono_ns > $cut and .detect_us > 0 and
		.detect_us < 1000000 and .switch_us < 1000000 and
		(.reason | startswith("expired")) and (.time | test("T..:..:..[.][0-9]{6}Z$"))' \
		<<<"$event" >/dev/null || fail "cut at $cut_ns, but $event"
	at=$(json .mono_ns <<<"$event")
	event_wait 5 ".kind == \"commit\" and .epoch == $3" |
		jq -e --argjson at "$at" '.mono_ns > $at and .commit_us > 0 and .pool == "app"' >/dev/null ||
		fail "the commit: $(event '.kind == "commit"')"
	event_wait 5 ".kind == \"server-state\" and .server == \"$1\" and .to == \"down\" and
		.mono_ns >= $at" >/dev/null
	event ".kind == \"server-state\" and .server == \"$1\" and .to == \"suspect\" and
		.mono_ns <= $at" >/dev/null || fail "$1 was never suspected: $(cat "$work/events")"
}

check_status() # DEAD NEXT EPOCH
{
	status -c . >"$work/status"
	jq -e --arg from "$1" --arg to "$2" '.schema == 1 and (.gateway | length > 0) and .uptime_s > 0 and
		(.services[0] | .name == "web" and .pool == "app" and .redirect == "route" and
		.server == $to and (.last_failover | .from == $from and .to == $to and .detect_us > 0 and
		.switch_us >= 0 and .commit_us >= 0 and (.at | test("T..:..:..[.][0-9]{6}Z$"))))' \
		"$work/status" >/dev/null || fail "services: $(cat "$work/status")"
	jq -e --arg dead "$1" 'all(.servers[]; .name and .since_s >= 0 and .rtt_p50_us > 0 and
		.rtt_p99_us >= .rtt_p50_us and .probes_sent > 0 and .replies > 0 and .expired >= 0) and
		any(.servers[]; .name == $dead and .state == "down" and .expired > 0)' \
		"$work/status" >/dev/null || fail "servers: $(cat "$work/status")"
	expect "epoch, committed" "$(json -c '.pools[0] | [.epoch, .committed]' "$work/status")" "[$3,$3]"
}

dies() # SERVER NEXT EPOCH
{
	lab_cut "$1"
	must 10 served_by "$2"
	must 10 committed "$3" "$2"
	recorded "$2" || fail "the routing tables say $(via 4) $(via 6), not $2"
	must 10 server_is "$1" down
	check_events "$1" "$2" "$3"
	check_status "$1" "$2" "$3"
}

story_start --servers 3
expect "at first" "$(status -c '.pools[0] | [.active[0], .next, .epoch]')" '["s1","s2",1]'
clients_start
dies s1 s2 2
code 0 defib status
dies s2 s3 3
code 5 defib status
expect "with one server left" "$(status -c '[.services[0].state, .pools[0].next]')" '["degraded",null]'

# The first one is back, and waits until it is needed.
lab_heal s1
must 10 server_is s1 up
stays 3 s3
expect "next" "$(status '.pools[0].next')" s1
dies s3 s1 4

lab_heal all
must 10 all_well
stays 4 s1
code 0 defib status
clients_stop "s1 s2 s3 s1"
expect "failovers told" "$(event_count '.kind == "failover"')" 3
expect "commits told" "$(event_count '.kind == "commit"')" 3
expect "failovers in the history" "$(history '.kind == "failover"' | wc -l)" 3
