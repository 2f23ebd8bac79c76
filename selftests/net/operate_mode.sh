#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A passive gateway judges and steers nothing: no marks, no rules, no routes. It is what the operator said
# last, also after a restart, until the configuration says something else.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool

# marked: packets so far
marked()
{
	status .counters.steer.marked
}

lab_start --servers 2
foreign=$(routing)
daemon_config --interval 2ms
daemon_ready
events_start
expect "mode" "$(defib gateway mode)" active
ours=$(routing | wc -l)

# Passive: nothing of ours is left, and the pool moves all the same.
code 0 defib gateway mode passive
expect "answer" "$out" "the gateway is passive"
must 5 eval '[ "$(routing)" = "$foreign" ]'
code 0 defib status
says "$out" "PASSIVE: it steers nothing"
before=$(marked)
on client ping -c 1 -W 1 10.79.0.100 >/dev/null 2>&1 && fail "a passive gateway serves a client"
expect "packets marked" "$(marked)" "$before"
lab_cut s1
must 5 serves web s2
expect "service" "$(status '.services[0].state')" degraded
event_wait 5 '.kind == "failover" and (.reason | endswith("(passive: nothing was steered)"))' >/dev/null
must 5 settled
expect "routing" "$(routing)" "$foreign"
code 0 defib service explain web
says "$out" "the gateway is passive"

# The operator's word outlives the daemon.
daemon_stop KILL
daemon_start
must 10 serves web s2
expect "mode" "$(defib gateway mode)" passive
must 5 settled
expect "routing" "$(routing)" "$foreign"

# Active again: it serves where it has judged.
code 0 defib gateway mode active
must 5 eval '[ "$(routing | wc -l)" = '"$ours"' ]'
must 5 eval 'on client ping -c 1 -W 1 10.79.0.100'
[ "$(marked)" -gt "$before" ] || fail "nothing is marked"
lab_heal s1
must 10 all_well

# By configuration; a reload that changes it is the last word.
sed -i 's/^gateway:/&\n  mode: passive/' "$work/defib.yaml"
code 0 defib config diff
says "$out" "edited   gateway: mode: active -> passive"
code 0 defib gateway mode active
code 0 defib config reload
must 5 eval '[ "$(routing)" = "$foreign" ]'
expect "mode" "$(defib -j gateway mode | json .mode)" passive
code 2 defib gateway mode idle
