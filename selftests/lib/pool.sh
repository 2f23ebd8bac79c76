# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # set by net.sh and lab.sh
#
# What the tests of pools with several active servers share: source it after selftests/lib/failover.sh, start
# the lab with --sources "$CLIENTS".

CLIENTS=4 # of each family
clients=()

# now NAME: the server that answers a client
now()
{
	grep '"from"' "$work/traffic.$1" | tail -n 1 | json .to
}

# on_servers FILTER: do all clients have a server among these ("s1|s2")? For wait_until.
on_servers()
{
	local name
	for name in "${clients[@]}"; do
		[[ $(now "$name") =~ ^($1)$ ]] || return 1
	done
}

# of SERVER: the clients that it answers
of()
{
	local name
	for name in "${clients[@]}"; do
		[ "$(now "$name")" != "$1" ] || echo "$name"
	done
}

# active NAMES EPOCH [POOL] ("s1,s2"): these serve, and the routing tables of record know it; for wait_until
active()
{
	status_is "first(.pools[] | select(.name == \"${3:-app}\")) |
		(.active | sort | join(\",\")) == \"$1\" and .epoch == $2 and .committed == $2"
}

# The same clients as before have each of these servers: nobody else moved.
expect_still() # SERVER NAMES
{
	local name
	for name in $2; do
		expect "$name" "$(now "$name")" "$1"
	done
}

# farm_start ADDRESS4 ADDRESS6: clients from all sources; sets clients; fails if one server has them all
farm_start()
{
	local i
	for ((i = 2; i < 2 + CLIENTS; i++)); do
		traffic_start "four$i" --from "10.77.0.$i" --to "$1" --rate 100
		traffic_start "six$i" --from "fd77::$i" --to "$2" --rate 100
		clients+=("four$i" "six$i")
	done
	if [ -z "$(of s1)" ] || [ -z "$(of s2)" ]; then
		fail "all clients have one server"
	fi
}

# lost_nothing NAMES: ends these clients, whose requests were all answered
lost_nothing()
{
	local name
	for name in $1; do
		expect "requests of $name that were lost" "$(json .lost <<<"$(traffic_stop "$name")")" 0
	done
}

# --- a connection that is busy ----------------------------------------------------------------------

DOWNLOAD_MB=24

# download_stop: for at_exit
download_stop()
{
	local pid
	for pid in "${download_pids[@]:-}"; do
		[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	done
}

# serve_file SERVER...: each has the same file on port 9200
serve_file()
{
	local server
	at_exit download_stop
	head -c "${DOWNLOAD_MB}M" /dev/urandom >"$work/file"
	for server; do
		nsenter --net="/run/netns/$prefix-$server" -- \
			socat -t 60 TCP-LISTEN:9200,reuseaddr,fork "SYSTEM:cat $work/file" 2>/dev/null &
		download_pids+=($!)
		wait_until 10 in_ns "$server" grep -q ':23F0 .* 0A ' /proc/net/tcp ||
			fail "no file on $server"
	done
}

# download_start SOURCE ADDRESS: for some seconds
download_start()
{
	nsenter --net="/run/netns/$prefix-client" -- curl -sS --http0.9 --limit-rate 6M --max-time 60 \
		--interface "$1" -o "$work/got" "http://$2:9200/" 2>"$work/download" &
	download=$!
	download_pids+=($!)
	must 10 test -s "$work/got"
}

# download_whole: it is complete, and what was sent
download_whole()
{
	wait "$download" || fail "the download broke: $(cat "$work/download")"
	cmp -s "$work/file" "$work/got" || fail "the download differs"
}
