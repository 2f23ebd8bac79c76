#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two gateways with one configuration, and keepalived between them: the passive one judges alike and steers
# nothing; when the active one dies, clients go on through the other.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
need jq keepalived

STEP=10

# gateway N COMMAND...: defib of that gateway
gateway()
{
	local number=$1
	shift
	in_ns "gw$number" "$root/build/defib" --instance "$prefix-$number" "$@"
}

# look N FILTER: of its status
look()
{
	{ gateway "$1" -j status || true; } | jq -r "$2"
}

# is N FILTER: is it true? For wait_until.
is()
{
	[ "$(look "$1" "$2")" = true ]
}

# must COMMAND...: within a while, or fail with what the daemons say
must()
{
	wait_until "$STEP" "$@" && return
	tail -n 12 "$work"/defibd.* "$work"/keepalived.*.out >&2
	fail "line ${BASH_LINENO[0]}: not within $STEP s: $*"
}

# host NAME SEGMENT DEV ADDRESS...: a host with one cable into a switch
host()
{
	local name=$1 segment=$2 dev=$3 address
	shift 3
	[ -e "/run/netns/$(ns "$name")" ] || ns_add "$name"
	wire "$name" "$dev" switch "$segment-$name"
	in_ns switch ip link set "$segment-$name" master "$segment"
	for address; do
		in_ns "$name" ip address add "$address" dev "$dev" nodad 2>/dev/null
	done
}

# server N: it routes back through the virtual address, and has the service's
server()
{
	host "s$1" srv eth0 "10.78.0.1$1/24" "fd78::1$1/64"
	in_ns "s$1" ip route add default via 10.78.0.1
	in_ns "s$1" ip -6 route add default via fd78::1
	in_ns "s$1" ip address add 10.79.0.100/32 dev lo
	in_ns "s$1" ip -6 address add fd79::100/128 dev lo
	in_ns "s$1" "$root/build/lab/pace" serve --name "s$1" >"$work/serve.$1" 2>&1 &
}

# The documented configuration, with this test's paths and interfaces.
keepalived_config()
{
	sed -e "s|/usr/bin/defib|$root/build/defib --instance $prefix-$1|; /enable_script_security/d" \
		-e "s/priority 100/priority $((110 - $1 * 10))/" "$root/Documentation/examples/keepalived.conf"
}

start_gateway()
{
	local number=$1
	host "gw$number" lan g0 "10.77.0.1$number/24" "fd77::1$number/64"
	host "gw$number" srv e0 "10.78.0.10$number/24" "fd78::10$number/64"
	in_ns "gw$number" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.rp_filter=0
	in_ns "gw$number" "$root/build/defibd" -c "$work/defib.yaml" --instance "$prefix-$number" \
		>>"$work/defibd.$number" 2>&1 &
	must is "$number" 'all(.servers[]; .state == "up") and .services[0].server != null'
	keepalived_config "$number" >"$work/keepalived.$number.conf"
	in_ns "gw$number" keepalived --vrrp --dont-fork --log-console --no-syslog \
		--use-file="$work/keepalived.$number.conf" --pid="$work/keepalived.$number.pid" \
		--vrrp_pid="$work/vrrp.$number.pid" >"$work/keepalived.$number.out" 2>&1 &
	eval "keepalived_$number=$!"
}

# ours N: rules and routes of ours on a gateway
ours()
{
	local family
	for family in -4 -6; do
		in_ns "gw$1" ip "$family" rule show | grep "lookup 78" || true
		in_ns "gw$1" ip "$family" route show table all proto 223
	done
	in_ns "gw$1" ip nexthop show proto 223
}

# cable up|down NAME: of a host, in each segment it has one in
cable()
{
	local port
	for port in lan srv; do
		[ -z "$(in_ns switch ip -br link show "$port-$2" 2>/dev/null)" ] ||
			in_ns switch ip link set "$port-$2" "$1"
	done
}

ask()
{
	in_ns client "$root/build/lab/pace" --json --to "$1" --count 1 --rate 100 | jq -r '.lost' | grep -qx 0
}

finish()
{
	local number
	for number in 1 2; do
		gateway "$number" teardown >/dev/null 2>&1 || true
	done
}
at_exit finish

ns_add switch client
in_ns switch ip link add lan type bridge
in_ns switch ip link add srv type bridge
in_ns switch ip link set lan up
in_ns switch ip link set srv up
host client lan c0 10.77.0.99/24 fd77::99/64
in_ns client ip route add default via 10.77.0.1
in_ns client ip -6 route add default via fd77::1
server 1
server 2
cat >"$work/defib.yaml" <<END
gateway: {name: gw, mode: passive, client-interfaces: [g0], server-interfaces: [e0]}
heartbeat: {probe: icmp, interval: 5ms, recover: {replies: 10, hold: 100ms}, damping: off}
servers:
  - {name: s1, address: [10.78.0.11, "fd78::11"]}
  - {name: s2, address: [10.78.0.12, "fd78::12"]}
pools: [{name: app, servers: [s1, s2]}]
services: [{name: web, pool: app, address: [10.79.0.100, "fd79::100"]}]
END
start_gateway 1
must is 1 '.mode == "active"'
start_gateway 2
must is 2 '.mode == "passive"'

# The passive one knows who would serve, and makes nothing.
must ask 10.79.0.100
must ask fd79::100
expect "gw2 would choose" "$(look 2 '.services[0].server')" s1
expect "what gw2 made" "$(ours 2)" ""
[ -n "$(ours 1)" ] || fail "gw1 has no routes"
gateway 2 status >"$work/status" || true
grep -q 'PASSIVE: it steers nothing' "$work/status" || fail "$(cat "$work/status")"
expect "mode of gw2" "$(gateway 2 gateway mode)" passive

# A server dies: both judge alike.
cable down s1
must is 1 '.services[0].server == "s2"'
must is 2 '.services[0].server == "s2"'
must is 1 'all(.pools[]; .epoch == .committed)'
must ask 10.79.0.100
must ask fd79::100
expect "what gw2 made" "$(ours 2)" ""
grep -q 'failover: .*s1 -> s2.*(passive: nothing was steered)' "$work/defibd.2" || fail "gw2 does not say so"

# The gateway that steers dies: the other one takes the addresses, and what it had judged.
epoch=$(look 2 '.pools[0].epoch')
start=${EPOCHREALTIME/./}
cable down gw1
must is 2 '.mode == "active"'
must ask 10.79.0.100
echo "from the gateway's death to an answer through the other: $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
must ask fd79::100
expect "gw2 serves" "$(look 2 '.services[0].server')" s2
expect "epoch of gw2" "$(look 2 '.pools[0].epoch')" "$epoch"
[ -n "$(ours 2)" ] || fail "gw2 has no routes"

# It comes back as the second one, and lets go of everything.
cable up gw1
must is 1 '.mode == "passive"'
must eval '[ -z "$(ours 1)" ]'
expect "gw2 is still" "$(look 2 .mode)" active
must ask 10.79.0.100
