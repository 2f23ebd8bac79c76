#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A server dies, and clients that only listen on their connections learn of it at once, in both families;
# who is busy with a live server of another pool notices nothing.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/stay.sh
. "$root/selftests/lib/stay.sh"
need jq

KILLS=${KILLS:-4}
EACH=5 # connections of a family
ALL=$((2 * EACH))
BUSY=10.79.0.200

# The same for another pool, of s3 alone.
add_busy_pool()
{
	sed -i -e 's/^    servers: \[s1, s2, s3\]/    servers: [s1, s2]/' \
		-e 's/^services:/  - {name: busy, servers: [s3]}\n&/' "$work/defib.yaml"
	echo "  - {name: busy, pool: busy, address: $BUSY}" >>"$work/defib.yaml"
	on s3 ip address add "$BUSY/32" dev lo
}

told_in_status() # SERVER
{
	status_is "any(.services[]; .name == \"web\" and .last_failover.from == \"$1\" and
		.last_failover.connections_reset == $ALL)"
}

dies() # SERVER NEXT: with everybody on it
{
	local family told
	for family in "${FAMILIES[@]}"; do
		stay_start "$family" "${SERVICE[$family]}" "$EACH"
		expect "server of IPv$family" "$(stay_with "$family")" "$1"
	done
	must 5 flows_known "$1" "$ALL"
	lab_cut "$1"
	for family in "${FAMILIES[@]}"; do
		must 5 stay_ended "$family" "$EACH"
		expect "how those of IPv$family ended" "$(stay_ends "$family")" reset
		stay_times "$family" | xargs -n 1 >>"$work/times.$family"
	done
	must 5 serves web "$2"
	told=$(event_wait 5 ".kind == \"flows-reset\" and .server == \"$1\" and .pool == \"app\"")
	expect "connections told of" "$(json .connections <<<"$told")" "$ALL"
	must 5 told_in_status "$1"
	code 0 defib service explain web
	says "$out" "$ALL connections with $1"
	must 5 flows_known "$1" 0 # what is poked again says that it has ended
	lab_heal "$1"
	must 10 server_is "$1" up
	: >"$work/events"
}

lab_start --servers 3
daemon_config
add_busy_pool
daemon_begin
events_start
stay_serve s1 s2 s3
stay_start busy "$BUSY" 3 5ms
for ((i = 0; i < KILLS; i += 2)); do
	dies s1 s2
	dies s2 s1
done

busy=$(stay_stop busy)
expect "busy connections that are open" "$(json .open <<<"$busy")" 3
[ "$(json '.heard > 1000 and .said - .heard <= 15' <<<"$busy")" = true ] || fail "busy connections: $busy"
for family in "${FAMILIES[@]}"; do
	sort -n "$work/times.$family" >"$work/sorted"
	n=$(wc -l <"$work/sorted")
	expect "resets" "$n" $((KILLS * EACH))
	echo "IPv$family: $n resets, p50 $(sed -n $(((n + 1) / 2))p "$work/sorted") us," \
		"worst $(tail -n 1 "$work/sorted") us after the death"
done
