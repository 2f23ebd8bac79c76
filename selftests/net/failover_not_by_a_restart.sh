#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The controller is stopped, or killed, and started again under 10,000 packets a second: none is lost,
# and nobody moves.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

story_start --servers 2
for family in "${FAMILIES[@]}"; do
	traffic_start "$family" --to "${SERVICE[$family]}" --rate 10000
	for signal in TERM KILL; do
		daemon_stop "$signal"
		daemon_begin
	done
	report=$(traffic_stop "$family")
	echo "IPv$family: $(json '"\(.lost) of \(.sent) lost, at most \(.longest_gap_us) us without a reply"' \
		<<<"$report")"
	expect "lost, twice, moves" "$(json -c '[.lost, .duplicates, (.edges | length)]' <<<"$report")" '[0,0,0]'
done
stays 1 s1
expect "failovers" "$(history '.kind == "failover"')" ""
