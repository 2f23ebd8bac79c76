#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A service may use some ports of the gateway's own address: these move from server to server, and what else
# is at that address stays with the gateway, connections that are open included.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/nat.sh
. "$(dirname "$0")/../lib/nat.sh"
need jq nft conntrack socat

SERVICE=([4]=10.77.0.1 [6]=fd77::1)

own_config()
{
	nat_config --ports "[tcp/9000, udp/9000]"
	sed -i 's/address: \[10.79.0.100, "fd79::100"\]/address: [10.77.0.1, "fd77::1"]/' "$work/defib.yaml"
}

# session_says: the open connection to the gateway is answered
session_says()
{
	local word
	echo hello >&"${session[1]}"
	read -r -t 5 word <&"${session[0]}" && [ "$word" = hello ]
}

# gateway_answers: new connections to another port, with what they say
gateway_answers()
{
	[ "$(hears client 4 9022) $(hears client 6 9022)" = "hello hello" ]
}

lab_start --servers 3
own_config
daemon_begin
nsenter --net="/run/netns/$prefix-gateway" -- socat TCP6-LISTEN:9022,fork,reuseaddr,ipv6only=0 PIPE &
must 10 gateway_answers
coproc session { exec nsenter --net="/run/netns/$prefix-client" -- socat - TCP:10.77.0.1:9022; }
session_says || fail "the gateway does not answer"
clients_start

lab_cut s1
must 10 served_by s2
must 10 committed 2 s2
session_says || fail "a failover breaks what is not the service's"
! tracked | grep "dport=9022" || fail "what is not the service's is tracked in a server's zone"
for family in "${FAMILIES[@]}"; do
	expect "TCP over IPv$family" "$(hears client "$family")" s2
done
gateway_answers || fail "the gateway does not answer new connections"
expect "routes of the addresses" "$(on gateway ip route show proto 223; on gateway ip -6 route show proto 223)" ""
lab_heal s1
must 30 all_well
session_says || fail "something later breaks what is not the service's"
clients_stop "s1 s2"
expect "told" "$(grep -c "sync-failed\|commit-failed" "$work/defibd.log" || true)" 0
