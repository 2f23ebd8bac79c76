#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two of three servers serve at once. When one dies, only its clients move: to the spare, and when there is
# none, to those that serve. Who comes back fills the gap with what was lent, or waits. A connection to a
# server that lives loses nothing, and the routing tables of record show each step.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/pool.sh
. "$(dirname "$0")/../lib/pool.sh"
need jq socat curl

# ways FAMILY: the servers that the table of record leads to, by the routes that `ip` shows
ways()
{
	on gateway ip "-$1" route show "${SERVICE[$1]}" | grep -o 'via [^ ]*' | sed 's/.*1\([0-9]\)$/s\1/' |
		sort | paste -sd,
}

expect_ways() # NAMES
{
	local family
	for family in "${FAMILIES[@]}"; do
		expect "routes of IPv$family" "$(ways "$family")" "$1"
	done
}

# --- a connection that lasts ------------------------------------------------------------------------

stream_stop()
{
	[ -z "${stream_pid:-}" ] || kill "$stream_pid" 2>/dev/null || true
	for pid in "${echo_pids[@]:-}"; do
		[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	done
}

stream_start() # SOURCE
{
	local server
	at_exit stream_stop
	for server in s1 s2 s3; do
		in_ns "$server" socat TCP-LISTEN:9100,reuseaddr,fork PIPE &
		echo_pids+=($!)
		wait_until 10 listens "$server" || fail "no echo on $server"
	done
	mkfifo "$work/stream.in"
	nsenter --net="/run/netns/$prefix-client" -- \
		socat -u "OPEN:$work/stream.in,rdonly" STDOUT 2>/dev/null |
		nsenter --net="/run/netns/$prefix-client" -- \
			socat "TCP:${SERVICE[4]}:9100,bind=$1" STDIO,ignoreeof >"$work/stream.out" 2>"$work/stream.err" &
	stream_pid=$!
	exec 7>"$work/stream.in"
}

listens() # SERVER
{
	in_ns "$1" grep -q ':238C .* 0A ' /proc/net/tcp
}

stream_says() # TEXT
{
	echo "$1" >&7
	must 10 grep -qx "$1" "$work/stream.out"
}

# --- the story --------------------------------------------------------------------------------------

lab_start --servers 3 --sources "$CLIENTS"
daemon_config --interval 1ms --misses 3
sed -i 's/^    when-none/    active: 2\n    when-none/' "$work/defib.yaml"
daemon_begin
events_start
expect "at first" "$(status -c '.pools[0] | [.active, .next, .epoch]')" '[["s1","s2"],"s3",2]'
code 0 defib service list
says "$out" "web *serving *s1 50%, s2 50% *app *s3"
expect_ways s1,s2

farm_start "${SERVICE[4]}" "${SERVICE[6]}"
first=$(of s1) second=$(of s2)
source=$(grep -m 1 four <<<"$second") || fail "no IPv4 client of s2"
stream_start "10.77.0.${source#four}"
stream_says "before"
serve_file s1 s2 s3
download_start "10.77.0.${source#four}" "${SERVICE[4]}"

lab_cut s1
must 10 active s2,s3 3
must 10 on_servers "s2|s3"
expect_still s2 "$second"
expect_still s3 "$first"
expect_ways s2,s3
stream_says "one is dead"
event_wait 5 '.kind == "failover" and .from == "s1" and .to == "s3" and .epoch == 3' >/dev/null
must 10 service_is web degraded

lab_cut s3
must 10 active s2 4
must 10 on_servers s2
expect_ways s2
stream_says "two are dead"
download_whole
event_wait 5 '.kind == "failover" and .from == "s3" and .epoch == 4 and (.reason | test("share"))' >/dev/null
code 5 defib service list
says "$out" "web *degraded *s2 * s3 -> the others, detect"

# The controller is away: what the kernel knows is kept, and adopted.
daemon_stop KILL
daemon_start
must 20 active s2 4

lab_heal s1
must 20 active s1,s2 5
must 10 on_servers "s1|s2"
expect_ways s1,s2
expect_still s2 "$second"
expect_still s1 "$first"
stream_says "one is back"
must 10 service_is web degraded

lab_heal s3
must 30 all_well
probes_pass 500
expect "in the end" "$(status -c '.pools[0] | [(.active | sort), .next, .epoch]')" '[["s1","s2"],"s3",5]'
stream_says "all are back"

lost_nothing "$second"

# An operator says whom to replace.
defib service failover web 2>"$work/which" && fail "which one is to be replaced?"
grep -q -- "--from" "$work/which" || fail "$(cat "$work/which")"
defib service failover web --from s2 >/dev/null
must 10 active s1,s3 6
expect_ways s1,s3

daemon_stop
defib teardown >/dev/null
[ -z "$(on gateway ip nexthop; on gateway ip route show proto 223; on gateway ip rule | grep 223)" ] ||
	fail "left behind: $(on gateway ip nexthop; on gateway ip route show proto 223)"
