#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What an operator orders for a time: a paused pool is moved by nobody, the kernel and a restarted daemon
# included, until the pause is over; maintenance has a reason and a limit, and outlives the machine.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool

orders=/var/lib/defib/$prefix/orders.json

paused_in_kernel()
{
	[ "$(map plans | json 'select(.value.name == "app").value.paused')" = "$1" ]
}

lab_start --servers 3
daemon_config --interval 2ms
daemon_ready
events_start
was=$(epoch)

# A pause: everybody says so, and a dead server keeps its pool, with and without the daemon.
code 0 defib service pause web --for 10m --reason 'we change the switch'
says "$out" "pool app, which has 1 service, is paused for 10 min"
must 5 service_is web paused
must 5 paused_in_kernel 1
code 5 defib status
says "$out" "pool app is paused for *, 10 min left: we change the switch"
code 0 defib top
says "$out" "pool app is paused for *"
code 5 defib -j service list
expect "paused" "$(json '.services[0].paused | "\(.reason) \(.forgotten) \(.left_s > 590 and .left_s <= 600)"' <<<"$out")" \
	"we change the switch false true"
code 0 defib service explain web
says "$out" "pool app is paused until 20*: nothing moves it but an operator: we change the switch"
defib doctor >"$work/doctor" || true
says "$(grep ' app ' "$work/doctor")" "warn*paused: it does not switch by itself*we change the switch"
event_wait 5 '.kind == "pause" and .pool == "app" and .to == "paused"' >/dev/null
lab_cut s1
must 5 server_is s1 down
must 5 service_is web down
daemon_stop KILL
expect "paused, says the kernel" "$(defib -j status | json -c '.pools[0].paused.since' || true)" null
expect "who serves" "$(defib -j status | json '.services[0].server' || true)" s1
daemon_start
must 10 server_is s1 down
must 10 service_is web down
events_start # the monitor ended with the daemon
expect "the reason after SIGKILL" "$(status '.services[0].paused.reason')" "we change the switch"
expect "epoch" "$(epoch)" "$was"

# It is over: the pool moves. Once more, by its limit.
code 0 defib service resume web
says "$out" "switches by itself again"
must 5 serves web s2
must 5 paused_in_kernel 0
expect "epoch" "$(epoch)" $((was + 1))
code 0 defib service resume web
says "$out" "was not paused"
must 5 settled
code 0 defib service pause web --for 2s
lab_cut s2
must 5 server_is s2 down
expect "who serves" "$(status '.services[0].server')" s2
must 8 serves web s3
must 5 settled
event_wait 5 '.kind == "pause" and .to == "resumed" and .reason == "its time is over"' >/dev/null

# An operator moves a paused pool; maintenance does not.
lab_heal all
must 10 all_well
code 0 defib service pause web
code 0 defib service failover web --to s1
must 5 serves web s1
code 0 defib server maintenance s1 on --reason disk
says "$out" "maintenance of s1 is on; pool app is paused and stays with it"
code 0 defib service resume web
must 5 serves web s2

# Maintenance: its reason and limit are seen, outlive SIGKILL and the loss of all that is in the kernel.
code 0 defib server maintenance s1 on --for 2h --reason 'disk, ticket 7'
says "$out" "maintenance of s1 is on for 2 h; connections with it may stay for 5 min"
code 0 defib status
says "$out" "server s1 is in maintenance for *, 120 min left: disk, ticket 7"
code 0 defib server show s1
says "$out" "until 20*: disk, ticket 7"
code 0 defib service explain web
says "$out" "s1 must not be chosen: it is in maintenance since 20*: disk, ticket 7"
expect "the file" "$(jq -r '.maintenance[0] | "\(.name) \(.reason)"' "$orders")" "s1 disk, ticket 7"
daemon_stop KILL
code 0 defib teardown
daemon_start
must 10 server_is s1 maintenance
must 10 serves web s2
expect "the reason" "$(status '.servers[0].maintenance.reason')" "disk, ticket 7"
expect "the limit" "$(status '.servers[0].maintenance.left_s > 7000')" true

# A limit that passes while nobody is there ends it at once; what is old is called forgotten.
daemon_stop TERM
sed -i 's/"until": "20[0-9]*/"until": "2001/' "$orders"
daemon_start
must 10 server_is s1 up
daemon_stop TERM
must 1 test ! -e "$orders"
jq -n '{schema: 1, maintenance: [{name: "s3", since: "2026-01-02T03:04:05Z", until: null, reason: "long ago"}]}' \
	>"$orders"
daemon_start
must 10 server_is s3 maintenance
must 10 logged 'maintenance: server s3.*forgotten.*it lasts for .* was it forgotten? long ago'
code 0 defib status
says "$out" "server s3 is in maintenance for * days: long ago - was it FORGOTTEN?"
defib doctor >"$work/doctor" || true
says "$(grep ' s3 ' "$work/doctor")" "warn*in maintenance for * days: was it forgotten?: long ago"

# A damaged file is told; the maps know.
daemon_stop TERM
echo '{"schema": 1, "maintenance": [{"name": "s3"}]}' >"$orders"
daemon_start
must 10 server_is s3 maintenance
must 5 logged 'orders.json: damaged'
code 0 defib server maintenance s3 off
must 10 all_well

code 2 defib service pause
code 2 defib service pause nosuch
code 2 defib service pause web --for 5
says "$err" "--for 5: a time from 1s to 720h"
code 2 defib service pause web --for 721h
code 2 defib service resume web --for 1h
code 2 defib server maintenance s1 off --for 1h
code 2 defib server maintenance s1 on --for
