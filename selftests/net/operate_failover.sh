#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An operator moves a pool: exactly once, to whom he says, and never to where it would not serve.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq

lab_start --servers 4
daemon_config --servers s1,s2,s3 --interval 2ms
sed -i 's/^pools:/  - {name: watched, address: 10.78.0.14}\n&/' "$work/defib.yaml"
daemon_ready
events_start
first=$(epoch)

# A dry run tells, and does nothing.
code 0 defib service failover web --dry-run
says "$out" "would move pool app from s1 to s2, epoch $first to $((first + 1))"
says "$out" "service web (10.79.0.100, fd79::100): packets are marked for s2, its route follows"
code 0 defib service failover web --to s3 --dry-run
says "$out" "would move pool app from s1 to s3, epoch $first to $((first + 1))"
code 0 defib -j service failover web --dry-run
expect "as JSON" "$(json -c '[.schema, (.text | type), .plan.from, .plan.to, .plan.services[0].name, .plan.connections]' \
	<<<"$out")" '[1,"string","s1","s2","web",0]'
expect "epoch" "$(epoch)" "$first"
expect "who serves" "$(status '.services[0].server')" s1

# It moves to the next, or to whom one says; the client loses nothing.
traffic_start four --to 10.79.0.100 --rate 2000
traffic_start six --to fd79::100 --rate 2000
code 0 defib service failover web
expect "answer" "$out" "pool app moved to s2, epoch $((first + 1))"
must 5 traffic_moved four s2
must 5 traffic_moved six s2
must 5 settled
code 0 defib service failover --to s1 web
expect "answer" "$out" "pool app moved to s1, epoch $((first + 2))"
must 5 traffic_moved four s1
must 5 traffic_moved six s1
must 5 settled
expect "epoch" "$(epoch)" $((first + 2))
for name in four six; do
	# A server that was not scheduled for a moment answers after the next one: then there are more edges.
	lost=$(traffic_stop "$name" '"\(.lost) \(.edges | [.[0].to, .[-1].to]) \([.edges[].to] | unique)"')
	expect "lost, and from whom, $name" "$lost" '0 ["s2","s1"] ["s1","s2"]'
done

# It is told: by whose will, and that the tables of record follow.
event_wait 5 ".kind == \"failover\" and .epoch == $((first + 2))" |
	jq -e '.reason == "operator" and .from == "s2" and .to == "s1" and .pool == "app"' >/dev/null ||
	fail "events: $(cat "$work/events")"
event_wait 5 ".kind == \"commit\" and .epoch == $((first + 2))" >/dev/null
expect "route" "$(on gateway ip route get 10.79.0.100 | grep -o 'via [0-9.]*')" "via 10.78.0.11"
expect "route" "$(on gateway ip -6 route get fd79::100 | grep -o 'via [0-9a-f:]*')" "via fd78::11"

# What it refuses, and how.
code 1 defib service failover web --to s1
says "$err" "s1 serves already"
code 2 defib service failover nosuch
says "$err" "no service nosuch"
code 2 defib service failover web --to nosuch
says "$err" "no server nosuch"
code 2 defib service failover web --to watched
says "$err" "pool app has no server watched"
code 2 defib service failover
code 2 defib service failover web s2
code 2 defib service failover web --too s2
code 2 defib service failover web --to
code 0 defib server maintenance s3 on
code 1 defib service failover web --to s3
says "$err" "s3 is maintenance"
code 1 defib service failover web --to s3 --dry-run
code 0 defib server maintenance s3 off
lab_cut s2
must 5 server_is s2 down
code 1 defib service failover web --to s2
says "$err" "s2 is down"
code 0 defib service failover web --dry-run
says "$out" "from s1 to s3"
lab_cut s3
must 5 server_is s3 down
code 1 defib service failover web
says "$err" "no other server of pool app is up"
expect "epoch" "$(epoch)" $((first + 2))
expect "who serves" "$(status '.services[0].server')" s1
