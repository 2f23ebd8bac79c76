#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `pace --tcp`, the client that opens connections: each is counted as answered, refused or unanswered.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
need jq

# ask RULE: what the report of 40 connections to each address says
ask()
{
	local address
	for address in 127.0.0.1 ::1; do
		{ in_ns one "$root/build/lab/pace" --tcp --json --to "$address" --rate 400 --count 40 || true; } |
			jq -c "$1"
	done | sort -u
}

listens() # for wait_until
{
	grep -q ready "$work/server"
}

ns_add one
in_ns one "$root/build/lab/pace" serve --name a >"$work/server" &
wait_until 10 listens
server=$(ip netns pids "$(ns one)")
expect "answered" "$(ask '[.received, .lost, .errors, .servers]')" '[40,0,0,{"a":40}]'
kill -STOP "$server"
expect "accepted, unanswered" "$(ask '[.received, .lost, .errors, .servers]')" '[0,40,0,{}]'
kill -CONT "$server"
wait_until 10 eval '[ "$(ask .received)" = 40 ]' || fail "it does not answer again"
kill "$server"
wait "$server" 2>/dev/null || true
wait_until 10 eval '! kill -0 "$server"' || fail "the server does not end"
expect "refused" "$(ask '[.received, .lost, .errors, .servers]')" '[0,40,40,{}]'
