#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A pool that no client uses is probed at `idle-interval`; the first client wakes it, and so does a first
# missed probe: the death of an idle server is found out after one idle interval, not after three.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq

IDLE_MS=700

all_idle() # BOOLEAN
{
	status_is "[.servers[].addresses[].idle] | all(. == $1)"
}

sent()
{
	status '[.servers[].probes_sent] | add'
}

# probes_in SECONDS: how many were sent, per target and second
probes_in()
{
	local before
	before=$(sent)
	sleep "$1" # what is measured
	echo $((($(sent) - before) / (6 * $1)))
}

lab_start --servers 3
daemon_config --interval 10ms
sed -i "s/^\( *\)interval: 10ms/&\n\1idle-interval: ${IDLE_MS}ms/" "$work/defib.yaml"
grep -q "idle-interval" "$work/defib.yaml" || fail "$(cat "$work/defib.yaml")"
daemon_ready
events_start
[ "$(probes_in 1)" -ge 30 ] || fail "few probes at first"
must 30 all_idle true
rate=$(probes_in 3)
[ "$rate" -le 10 ] || fail "$rate probes a second for each target that is idle"

# The first client.
traffic_start web --to 10.79.0.100 --rate 10
must 5 all_idle false
[ "$(probes_in 1)" -ge 30 ] || fail "few probes with a client"
traffic_stop web >/dev/null
must 30 all_idle true

# The first missed probe: verdict and successor are the kernel's.
lab_cut s1
must 10 serves web s2
event_wait 5 '.kind == "failover" and .from == "s1" and .to == "s2"' >"$work/failover"
[ "$(json '.detect_us' <"$work/failover")" -lt $((IDLE_MS * 2000)) ] || fail "$(cat "$work/failover")"
expect "idle, of who is down" "$(status '[.servers[] | select(.name == "s1").addresses[].idle] | any')" false

# What cannot be.
sed -i "s/idle-interval: ${IDLE_MS}ms/idle-interval: 1ms/" "$work/defib.yaml"
code 2 defib config check "$work/defib.yaml"
says "$err" "idle-interval 1ms is shorter than interval 10ms, raise it or leave it out"
