#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 500 services in 20 pools over 40 servers: a server's death moves the services it had, and no other. A reload
# of as many moves nothing.
# timeout: 240
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq

POOLS=20
SERVICES=25 # of each

# Pool p7 has s13 and s14, and the services w7-1 to w7-25.
configure()
{
	local p s
	{
		cat <<-END
			gateway: {name: gw, client-interfaces: [g0], server-interfaces: [e0]}
			heartbeat: {interval: 10ms, recover: {replies: 10, hold: 100ms}, damping: off}
			servers:
		END
		for ((s = 1; s <= 2 * POOLS; s++)); do
			echo "  - {name: s$s, address: [10.78.0.$((10 + s)), \"fd78::$((10 + s))\"]}"
		done
		echo "pools:"
		for ((p = 1; p <= POOLS; p++)); do
			echo "  - {name: p$p, servers: [s$((2 * p - 1)), s$((2 * p))]}"
		done
		echo "services:"
		for ((p = 1; p <= POOLS; p++)); do
			for ((s = 1; s <= SERVICES; s++)); do
				echo "  - {name: w$p-$s, pool: p$p, address: [10.79.$p.$s, \"fd79::$p:$s\"]}"
			done
		done
	} >"$work/defib.yaml"
}

# served: a line for each service: whose it is, and the epoch of its pool
served()
{
	status '. as $s | .services[] | .pool as $p | "\(.name) \(.server) \($s.pools[] | select(.name == $p).epoch)"' | sort
}

lab_start --servers $((2 * POOLS))
configure
daemon_ready
expect "services" "$(status '.services | length')" $((POOLS * SERVICES))

# One that it does not concern, and one that it does.
on s5 ip address add 10.79.3.1/32 dev lo
for server in s1 s2; do
	on "$server" ip address add 10.79.1.25/32 dev lo
done
traffic_start other --to 10.79.3.1 --rate 200
traffic_start moved --to 10.79.1.25 --rate 200
must 10 traffic_moved other s5
must 10 traffic_moved moved s1
before=$(served)
lab_cut s1
must 10 serves w1-1 s2
must 10 traffic_moved moved s2
after=$(served)
expect "moved" "$(diff <(echo "$before") <(echo "$after") | sed -n 's/^> //p' | sort)" \
	"$(for ((s = 1; s <= SERVICES; s++)); do echo "w1-$s s2 2"; done | sort)"

reload_daemon
must 10 logged 'reload'
must 10 settled
expect "after a reload" "$(served)" "$after"
expect "lost of the other" "$(traffic_stop other .lost)" 0
[ "$(traffic_stop moved .lost)" -lt 200 ] || fail "the client of s1 lost a second"
