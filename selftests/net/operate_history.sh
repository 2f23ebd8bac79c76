#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Failovers of the past: their list, and the line of time of one.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq

# listed N: so many failovers, all of which are committed; for wait_until
listed()
{
	[ "$(defib -j history list | json "[.failovers[] | select(.commit_us)] | length")" = "$1" ]
}

lab_start --servers 3
code 0 defib history list
says "$err" "nothing is recorded yet"
daemon_config --interval 2ms
daemon_ready
code 0 defib history list
lab_cut s1
must 5 serves web s2
must 5 settled
must 5 listed 1
code 0 defib service failover web --to s3
must 5 listed 2

code 0 defib history list
says "$out" "app*s1*s2*2*expired" "app*s2*s3*3*operator"
code 0 defib -j history list
expect "the list" "$(json -c '.failovers | map([.from, .to, .epoch])' <<<"$out")" '[["s1","s2",2],["s2","s3",3]]'
expect "phases" "$(json '.failovers[0] | .detect_us > 0 and .commit_us > 0' <<<"$out")" true
id=$(json '.failovers[0].id' <<<"$out")

# What came before the verdict, at its time, and after it; not what belongs to the next failover.
code 0 defib history show "$id"
says "$out" "pool app moved from s1 to s2, epoch 2*expired: * probes of s1 unanswered while * answered" \
	"-*ms*server-state*s1*up -> suspect" "+0.000 ms*failover" "+*ms*commit*s2"
code 0 defib -j history show "$id"
expect "kinds in order" "$(json -c '[.events[] | select(.server == "s1" or .kind == "failover" or .kind == "commit") |
	"\(.kind) \(.to // .server)"] | .[index("server-state suspect"):]' <<<"$out")" \
	'["server-state suspect","failover s2","server-state down","commit s2"]'
expect "in order" "$(json '[.events[].offset_us] | . == sort' <<<"$out")" true

# Without the daemon, and what is wrong.
daemon_stop
code 0 defib history list --since 1h
code 0 defib -j history list --since 2099-01-01
expect "of the future" "$(json -c .failovers <<<"$out")" '[]'
code 2 defib history show 999999
says "$err" "no failover 999999"
code 2 defib history show s1
code 2 defib history list --since yesterday
