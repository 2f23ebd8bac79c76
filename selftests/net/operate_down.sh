#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The daemon is down: the maps still tell, teardown takes all away or leaves the routes serving, and a
# neighbour's lab is not disturbed.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool

probers()
{
	pgrep -cf "defib-probe --instance $prefix\$" || true
}

# nothing_of_ours [ROUTES]: neither pins, programs, prober, rules nor, unless kept, routes
nothing_of_ours()
{
	[ ! -e "/sys/fs/bpf/defib/$prefix" ] || fail "pins: $(find "/sys/fs/bpf/defib/$prefix")"
	[ ! -e "/run/defib/$prefix" ] || fail "files: $(find "/run/defib/$prefix")"
	expect "probers" "$(probers)" 0
	expect "programs" "$(on gateway bpftool net show | grep -c dfb || true)" 0
	expect "rules" "$(on gateway ip rule show | grep -c 'proto 223' || true)" 0
	expect "rules, IPv6" "$(on gateway ip -6 rule show | grep -c 'proto 223' || true)" 0
	[ "${1:-}" = routes ] || expect "routes" "$(routing)" "$clean"
}

# few_lost WHEN: the kernel suspends an interface's queues while clsact is added or removed, for a
# millisecond, or some more on a busy machine; a tenth of a second is too much
few_lost()
{
	local report
	report=$(traffic_stop web)
	jq -e ".lost < 200" <<<"$report" >/dev/null || fail "lost $1: $report"
}

# Nothing is here yet.
lab up --servers 2
at_exit lab_stop
code 3 defib status
says "$err" "instance \"$prefix\" is not here" "nothing is pinned"
code 0 defib teardown
expect "teardown of nothing" "$out" "instance $prefix: nothing to remove"
lab serve
lab respond
clean=$(routing)
daemon_config --interval 2ms
daemon_ready

# It runs: no teardown.
code 1 defib teardown
says "$err" "the daemon of instance $prefix runs; stop it first"
must 5 all_well
code 2 defib teardown now
code 2 defib teardown --all

# It is down, however it went: the maps tell, everything, with exit status 3; commands say so.
while_up=$(status '[.servers, .pools, .services[]? | .name?] | tostring')
keys=$(status 'keys - ["uptime_s"] | tostring')
for signal in TERM KILL; do
	daemon_stop "$signal"
	code 3 defib -j status
	expect "keys" "$(json 'keys - ["uptime_s"] | tostring' <<<"$out")" "$keys"
	expect "daemon" "$(json -c '[.daemon, .services[0].state, .services[0].server, .pools[0].next]' <<<"$out")" \
		'["down","serving","s1","s2"]'
	code 3 defib status
	says "$out" "the daemon is DOWN" "web " "serving" "s1 " "s2 "
	for command in "server list" "service list" "server show s1" "service explain web"; do
		# shellcheck disable=SC2086 # words
		code 3 defib $command
		[ -n "$out" ] || fail "defib $command says nothing"
	done
	for command in "service failover web" "server maintenance s1 on" "event monitor"; do
		# shellcheck disable=SC2086
		code 3 defib $command
		says "$err" "no daemon of instance" "is defibd running?"
	done
	code 1 defib doctor
	says "$out" "fail  daemon"
	expect "lost" "$(traffic --to fd79::100 --count 20 | json .lost)" 0
	[ "$(probers)" = 1 ] || fail "the prober is gone"
	[ "$signal" = KILL ] || { daemon_start; must 30 all_well; }
done
expect "names" "${while_up:0:1}" "["

# A daemon that is stopped: as if it were down.
daemon_start
must 30 all_well
kill -STOP "$daemon_pid"
code 3 defib -j status
expect "daemon" "$(json .daemon <<<"$out")" down
kill -CONT "$daemon_pid"
must 10 all_well

# A neighbour with an instance of its own, started and torn down: nobody notices.
traffic_start web --to 10.79.0.100 --rate 2000
before=$(routing)
other=$prefix-b
at_exit "\"$root/tools/lab\" down --name $other"
"$root/tools/lab" up --name "$other" --servers 2
"$root/tools/lab" serve --name "$other"
"$root/tools/lab" respond --name "$other"
"$root/tools/lab" config --name "$other" --interval 2ms >"$work/other.yaml"
there() { nsenter --net="/run/netns/$other-gateway" -- "$@"; }
nsenter --net="/run/netns/$other-gateway" -- "$root/build/defibd" -c "$work/other.yaml" --instance "$other" >"$work/other.log" 2>&1 &
neighbour=$!
other_serves()
{
	there "$root/build/defib" -j --instance "$other" status | jq -e '.services[0].state == "serving"'
}
wait_until 30 other_serves || fail "the neighbour does not come up: $(cat "$work/other.log")"
code 0 there "$root/build/defib" --instance "$other" service failover web
kill -KILL "$neighbour"
wait "$neighbour" 2>/dev/null || true
code 0 there "$root/build/defib" --instance "$other" teardown
expect "answer" "$out" "instance $other is gone"
expect "routes" "$(routing)" "$before"
must 5 all_well
expect "lost beside a neighbour" "$(traffic_stop web .lost)" 0

# Without programs and daemon the committed routes go on serving; a second teardown takes them.
# The rest of it comes back with the next start.
daemon_stop
traffic_start web --to fd79::100 --rate 2000
code 0 defib teardown --keep-routes
expect "answer" "$out" "instance $prefix is gone; its committed routes go on serving"
nothing_of_ours routes
says "$(route_of -4 10.79.0.100)" "nhid" "via 10.78.0.11"
says "$(route_of -6 fd79::100)" "nhid" "via fd78::11"
few_lost "by teardown"
code 0 defib teardown
says "$out" "nothing to remove"
traffic_start web --to fd79::100 --rate 2000
daemon_start
must 30 all_well
few_lost "by the start"
daemon_stop KILL
code 0 defib -j teardown
expect "as JSON" "$(json -c . <<<"$out")" '{"schema":1,"removed":true}'
nothing_of_ours
code 0 defib teardown
