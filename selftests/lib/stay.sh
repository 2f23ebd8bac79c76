# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh and lab.sh set root, prefix and work
#
# TCP connections that stay (tools/lab.d/stay.c), for test scripts: source it after selftests/lib/operate.sh.

STAY_PORT=9100

# stay_serve SERVER...: which keep connections; ends with the test
stay_serve()
{
	local server
	for server; do
		in_ns "$server" "$root/build/lab/stay" serve "$server" "$STAY_PORT" >"$work/stay.$server" &
		wait_until 10 grep -q ready "$work/stay.$server" || fail "no stay on $server"
	done
}

# stay_start NAME ADDRESS COUNT [PERIOD]: a client with so many connections, all of them open
stay_start()
{
	in_ns client "$root/build/lab/stay" "$2" "$STAY_PORT" "${@:3}" >"$work/stay.$1" 2>&1 &
	echo $! >"$work/stay.$1.pid"
	wait_until 10 grep -q '"open"' "$work/stay.$1" || fail "connections $1: $(cat "$work/stay.$1")"
}

# stay_with NAME: the server that they are with
stay_with()
{
	json 'select(has("from")).from' "$work/stay.$1"
}

# stay_ended NAME COUNT: have so many? For wait_until.
stay_ended()
{
	[ "$(grep -c '"ended"' "$work/stay.$1")" -ge "$2" ]
}

# stay_ends NAME: the ways in which they did, each once
stay_ends()
{
	json 'select(has("ended")).ended' "$work/stay.$1" | sort -u | xargs
}

# stay_times NAME: from the last lab_cut to each reset, in microseconds
stay_times()
{
	json --argjson cut "$cut_ns" 'select(.ended == "reset") | (.mono_ns - $cut) / 1000 | floor' \
		"$work/stay.$1" | sort -n | xargs
}

# stay_stop NAME [FILTER]: end the client; prints its sums
stay_stop()
{
	kill "$(cat "$work/stay.$1.pid")" 2>/dev/null || true
	wait_until 10 grep -q '^{"open"' "$work/stay.$1" || fail "connections $1: $(cat "$work/stay.$1")"
	tail -n 1 "$work/stay.$1" | json "${2:-.}"
}

# flows_known SERVER COUNT: does the kernel know of exactly so many connections with it? For wait_until.
flows_known()
{
	local id
	id=$(map servers | json "select(.value.name == \"$1\").key")
	map flows | json "select(.value.server == $id and .value.closing == 0) | 1" >"$work/known"
	[ "$(wc -l <"$work/known")" = "$2" ]
}

# --- a server that drains -------------------------------------------------------------------------

STAY_EACH=4 # connections of a family

# stay_both NAME SERVER: clients in both families are connected with that server, and the kernel knows
stay_both()
{
	local family
	for family in "${FAMILIES[@]}"; do
		stay_start "$1$family" "${SERVICE[$family]}" "$STAY_EACH" "${@:3}"
		expect "server of $1 over IPv$family" "$(stay_with "$1$family")" "$2"
	done
	must 10 flows_known "$2" $((2 * STAY_EACH))
}

# stay_both_end NAME HOW: all of them do
stay_both_end()
{
	local family
	for family in "${FAMILIES[@]}"; do
		must 10 stay_ended "$1$family" "$STAY_EACH"
		expect "how those of $1 over IPv$family ended" "$(stay_ends "$1$family")" "$2"
	done
}

# stay_both_are_well NAME: none has ended, and what was said came back
stay_both_are_well()
{
	local family sums
	for family in "${FAMILIES[@]}"; do
		sums=$(stay_stop "$1$family")
		expect "open connections of $1 over IPv$family" "$(json .open <<<"$sums")" "$STAY_EACH"
		[ "$(json ".heard > 50 and .said - .heard <= 5 * $STAY_EACH" <<<"$sums")" = true ] ||
			fail "connections of $1 over IPv$family: $sums"
	done
}

# draining SERVER: so many connections are left; null: it does not drain
draining()
{
	status ".servers[] | select(.name == \"$1\").draining.connections"
}

drained() # SERVER CONNECTIONS: that were left
{
	[ "$(draining "$1")" = "$2" ]
}

# drained_of SERVER REASON CONNECTIONS: that were cut
drained_of()
{
	local event
	event=$(event_wait 20 ".kind == \"drained\" and .server == \"$1\" and .reason == \"$2\"")
	expect "connections of $1 that were cut" "$(json '.connections // 0' <<<"$event")" "$3"
	must 5 drained "$1" null
}
