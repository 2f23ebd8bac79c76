#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Interfaces that are not there yet, go, and come again; servers that are not on-link; a service
# address that is the gateway's own: it is told, and all is well as soon as the world is right.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool tc

# cable DEVICE: between the gateway and the switch, as tools/lab makes it
cable()
{
	local port=up${1#e}
	ip link add "$1" netns "$(ns gateway)" type veth peer name "$port" netns "$(ns switch)"
	on switch ip link set "$port" master "br${1#e}" up
	on gateway ip link set "$1" up
	on gateway ip addr add "10.78.${1#e}.1/24" dev "$1"
	on gateway ip addr add "$([ "$1" = e0 ] && echo fd78:: || echo fd78:1::)1/64" dev "$1" nodad
}

ours_on() # DEVICE: our programs there
{
	on gateway bpftool net show dev "$1" | grep -o 'dfb_[a-z]*\|generic' | sort -u | paste -sd' '
}

lab_start --servers 2 --direct 1
daemon_config --interval 2ms
on gateway ip link del e1

# An interface that is missing at start: the rest works, and it is used as soon as it appears.
daemon_start
must 30 logged "interface e1 does not exist; it is used as soon as it appears"
must 30 serves web s1
must 10 server_is s2 up
events_start
must 5 eval 'defib -j server show s3 | json -e ".server.flags == [\"unroutable\"]"'
must 10 server_is s3 down
cable e1
must 20 all_well
expect "programs on e1" "$(ours_on e1)" "dfb_stamp generic"
event_wait 5 '.kind == "unroutable" and .server == "s3" and .to == "routable"' >/dev/null

# The interface of the serving server goes: no witness is needed where nothing can leave; s3, behind
# the other one, takes over. It comes again: programs, routes, probes, everything.
before=$(routing)
index=$(on gateway cat /proc/net/dev | grep -c .)
traffic_start web --to 10.79.0.100 --rate 1000
on gateway ip link del e0
must 10 serves web s3
must 10 traffic_moved web s3
event_wait 5 '.kind == "unroutable" and .server == "s1" and .to == "unroutable" and
	(.reason | test("interface e0 (is|went) (gone|down)"))' >/dev/null
event_wait 5 '.kind == "tampered" and (.reason | test("interface e0 (is|went) (gone|down)"))' >/dev/null
event_wait 5 '.kind == "failover" and .from == "s1" and .to == "s3"' >/dev/null
must 10 settled
cable e0
must 20 all_well
expect "interfaces" "$(on gateway cat /proc/net/dev | grep -c .)" "$index"
expect "programs on e0" "$(ours_on e0)" "dfb_stamp generic"
event_wait 5 '.kind == "unroutable" and .server == "s1" and .to == "routable"' >/dev/null
code 0 defib service failover web --to s1
must 10 traffic_moved web s1
wait_until 10 eval '[ "$(routing)" = "$before" ]' || fail "routes: $(diff <(echo "$before") <(routing))"
traffic_stop web >/dev/null
expect "noted interfaces" "$(map interfaces | json .value.name | sort | paste -sd' ')" "e0 e1 g0"

# The clients' interface goes and comes.
on gateway ip link del g0
must 10 eval '[ "$(map interfaces | json .value.name | sort | paste -sd" ")" = "e0 e1" ]'
ip link add g0 netns "$(ns gateway)" type veth peer name c0 netns "$(ns client)"
on client ip link set c0 up
on client ip addr add 10.77.0.2/24 dev c0
on client ip route add default via 10.77.0.1
on gateway ip link set g0 up
on gateway ip addr add 10.77.0.1/24 dev g0
must 10 eval '[ "$(ours_on g0)" = "dfb_steer generic" ]'
expect "lost" "$(traffic --to 10.79.0.100 --count 20 | json .lost)" 0
must 10 eval '[ "$(map interfaces | json .value.name | sort | paste -sd" ")" = "e0 e1 g0" ]'

# A server that becomes off-link, and one that is so at start.
on gateway ip route add 10.78.0.12/32 via 10.77.0.2
on gateway ip -6 route add fd78::12/128 via fd78::11
event_wait 5 '.kind == "unroutable" and .server == "s2" and .to == "unroutable" and
	(.reason | test("10.78.0.12 is not on-link: routed via 10.77.0.2 dev g0"))' >/dev/null
code 1 defib service failover web --to s2
says "$err" "not on-link"
daemon_stop
: >"$work/defibd.log"
daemon_start
must 30 logged "unroutable: server s2.*not on-link"
events_start
code 1 defib service failover web --to s2
on gateway ip route del 10.78.0.12/32
on gateway ip -6 route del fd78::12/128
must 20 all_well

# A service address that is the gateway's own.
daemon_stop
code 0 defib teardown
clean=$(routing)
on gateway ip addr add 10.79.0.100/32 dev lo
local_routes=$(routing)
: >"$work/defibd.log"
daemon_start
must 30 logged "service address 10.79.0.100 is this gateway's own, take it off the interface"
must 20 serves web s1
expect "committed" "$(status '.pools[0].committed')" 0
expect "routes of the service" "$(route_of -4 10.79.0.100)$(route_of -6 fd79::100)" ""
on gateway ip addr del 10.79.0.100/32 dev lo
must 20 all_well
must 5 eval '[ -n "$(route_of -4 10.79.0.100)" ] && [ -n "$(route_of -6 fd79::100)" ]'
expect "no less than before" "$([ "$clean" != "$local_routes" ] && echo yes)" yes
daemon_stop
code 0 defib teardown
expect "after teardown" "$(routing)" "$clean"
