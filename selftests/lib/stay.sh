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
