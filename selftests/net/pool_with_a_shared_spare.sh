#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two pools of two active servers each share a spare. It helps the one, then the other, then both; when it
# dies itself, each pool goes on round robin. Who is added by a reload goes to the end and disturbs nobody.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/pool.sh
. "$(dirname "$0")/../lib/pool.sh"
need jq

# configure SERVERS FRONT BACK: s1 and s2 serve the one pool at first, s3 and s4 the other
configure()
{
	local name
	{
		cat <<-END
			gateway: {name: gw, client-interfaces: [g0], server-interfaces: [e0]}
			heartbeat: {interval: 2ms, recover: {replies: 10, hold: 100ms}, damping: off}
			servers:
		END
		for name in ${1//,/ }; do
			echo "  - {name: $name, address: [10.78.0.1${name#s}, \"fd78::1${name#s}\"]}"
		done
		cat <<-END
			pools:
			  - {name: front, servers: [$2], active: 2}
			  - {name: back, servers: [$3], active: 2}
			services:
			  - {name: web, pool: front, address: [10.79.0.100, "fd79::100"]}
			  - {name: mail, pool: back, address: 10.79.0.101}
		END
	} >"$work/defib.yaml"
}

moves()
{
	event_count '.kind == "failover" or .kind == "joined"'
}

reload()
{
	reload_daemon
	must 10 event '.kind == "reload"'
}

lab_start --servers 6 --sources "$CLIENTS"
for server in s1 s2 s3 s4 s5 s6; do
	on "$server" ip addr add 10.79.0.101/32 dev lo
done
configure s1,s2,s3,s4,s5 s1,s2,s5 s3,s4,s5
daemon_begin
events_start
must 10 active s1,s2 2 front
must 10 active s3,s4 2 back
farm_start "${SERVICE[4]}" "${SERVICE[6]}"
second=$(of s2)
traffic_start mail --to 10.79.0.101 --rate 100

lab_cut s1
must 10 active s2,s5 3 front
must 10 on_servers "s2|s5"
active s3,s4 2 back || fail "the other pool moved: $(status -c .pools)"
lab_cut s3
must 10 active s4,s5 3 back
active s2,s5 3 front || fail "the first pool moved: $(status -c .pools)"

# Who is back waits; then it is the next after the last in order.
lab_heal s1
must 10 server_is s1 up
lab_cut s5
must 10 active s1,s2 4 front
must 10 active s4 4 back
must 10 on_servers "s1|s2"
expect_still s2 "$second"
expect "who has all of back" "$(status -c '.services[] | select(.name == "mail") | .server')" s4

# Of two who come back, the first fills the gap, and the other one waits.
lab_heal s5
must 10 active s4,s5 5 back
lab_heal s3
must 30 all_well
active s4,s5 5 back || fail "a failed primary took its place back: $(status -c .pools)"

# One more, at run time.
before=$(moves)
configure s1,s2,s3,s4,s5,s6 s1,s2,s5,s6 s3,s4,s5,s6
reload
must 10 server_is s6 up
must 30 all_well
expect "moves told" "$(moves)" "$before"
for pool in "s1,s2 4 front" "s4,s5 5 back"; do
	# shellcheck disable=SC2086 # three words
	active $pool || fail "the reload moved somebody: $(status -c .pools)"
done
expect "the last in order" "$(status -c '[.pools[].candidates[-1]]')" '["s6","s6"]'
expect_still s2 "$second"
lost_nothing "$second"

# And it can help: after s4 and s5 it is the next.
lab_cut s5
must 10 active s4,s6 6 back
active s1,s2 4 front || fail "the first pool moved: $(status -c .pools)"
