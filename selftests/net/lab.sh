#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The lab is what its page says: all reach each other, a cut is silent and quick and cuts both ways,
# a pulled cable is seen, what was cut can be healed, and nothing stays.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
need jq ping

reaches() # HOST ADDRESS
{
	on "$1" ping -c 1 -W 1 "$2" >/dev/null
}

carrier() # HOST DEVICE
{
	on "$1" ip -br link show dev "$2" | awk '{ print $2 }'
}

at_exit lab_stop
lab up --servers 2 --direct 1 --sources 2
lab serve

for address in 10.78.0.11 10.78.0.12 10.78.1.13 fd78::11 fd78::12 fd78:1::13; do
	reaches client "$address" || fail "the client does not reach $address"
done
reaches s1 fd77::3 || fail "a server does not reach the client's second address"
expect "interfaces" "$(lab config | grep server-interfaces)" "  server-interfaces: [e0, e1]"

# A service is answered from its own address, in both families, by UDP and TCP.
on gateway ip route add 10.79.0.100 via 10.78.0.11
on gateway ip route add fd79::100 via fd78:1::13
expect "UDP/IPv4" "$(traffic --to 10.79.0.100 --count 50 | json -c .servers)" '{"s1":50}'
expect "UDP/IPv6" "$(traffic --to fd79::100 --count 50 | json -c .servers)" '{"s3":50}'
expect "TCP/IPv6" "$(on client bash -c 'exec 3<>/dev/tcp/fd79::100/9000; cat <&3')" s3

# A cut is silent.
traffic_start four --to 10.79.0.100
lab_cut s1
on gateway ip route replace 10.79.0.100 via 10.78.0.12
wait_until 5 traffic_moved four s2 || fail "the client did not move"
expect "carrier at s1" "$(carrier s1 eth0)" UP
expect "carrier at e0" "$(carrier gateway e0)" UP
! reaches s1 10.78.0.1 || fail "s1 can still send"
expect "list" "$(lab list | grep -c '^  s1 .*e0, cut$')" 1
traffic_stop four .edges >"$work/edges"
jq -e --argjson cut "$cut_ns" 'length == 1 and .[0].last_ns < $cut + 5000000 and .[0].first_ns > $cut' \
	"$work/edges" >/dev/null || fail "cut at $cut_ns, but $(cat "$work/edges")"

# The uplink and a pulled cable.
lab_cut uplink
! reaches gateway 10.78.0.12 || fail "e0 is not silent"
expect "carrier at e0" "$(carrier gateway e0)" UP
reaches gateway 10.78.1.13 || fail "e1 is silent, too"
lab_cut s3 --carrier
expect "carrier at e1" "$(carrier gateway e1)" DOWN

lab_heal all
for address in 10.78.0.11 10.78.0.12 10.78.1.13; do
	wait_until 5 reaches gateway "$address" || fail "$address is not healed"
done
lab rps on
reaches client 10.78.0.11 || fail "with RPS nothing arrives"
lab rps off

# down is complete, and does no harm where nothing is.
lab down
expect "what is left" "$(clean_list "$prefix"; clean_processes "$prefix" | grep pace || true)" ""
lab down
