#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Somebody else says that a service's address is his: it is reported, and the clients are told again who has
# it. Who asks first, as duplicate address detection does, is told that it is taken.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/segment.sh
. "$(dirname "$0")/../lib/segment.sh"
need jq bpftool

# claims HOST DEVICE MAC: the kernel there announces its addresses when its MAC address changes
claims()
{
	on "$1" sysctl -qw "net.ipv4.conf.$2.arp_notify=1" "net.ipv6.conf.$2.ndisc_notify=1"
	on "$1" ip addr add "${SERVICE[4]}/24" dev "$2"
	on "$1" ip addr add "${SERVICE[6]}/64" dev "$2" nodad
	on "$1" ip link set "$2" address "$3"
}

gives_up() # HOST DEVICE
{
	on "$1" ip addr del "${SERVICE[4]}/24" dev "$2"
	on "$1" ip addr del "${SERVICE[6]}/64" dev "$2"
}

heard()
{
	vip_count claims
}

# Both families are claimed at once, and the event is one: a pool's.
client_is_right() # SERVER
{
	client_has 4 "$1" && client_has 6 "$1"
}

stranger=02:00:00:00:be:ef
segment_start
clients_start
must 10 served_by s1

ns_add stranger
ip link add x0 netns "$(ns stranger)" type veth peer name px netns "$(ns switch)"
on switch ip link set px master br0 up
on stranger sysctl -qw net.ipv6.conf.x0.accept_dad=1
on stranger ip link set x0 up

# It asks first, and is told.
on stranger ip addr add "${SERVICE[6]}/64" dev x0
dad_failed()
{
	on stranger ip -6 addr show dev x0 | grep -q dadfailed
}
wait_until 10 dad_failed || fail "it took ${SERVICE[6]}: $(on stranger ip addr show dev x0)"
on stranger ip addr del "${SERVICE[6]}/64" dev x0
expect "claims" "$(heard)" 0

# It does not.
claims stranger x0 $stranger
claim=$(event_wait 10 '.kind == "address-claimed"')
gives_up stranger x0
says "$claim" "$stranger, a stranger"
expect "the claim" "$(json -c '[.service, .pool, .server]' <<<"$claim")" '["web","app",null]'
wait_until 10 client_is_right s1 || fail "the client has $(on client ip neigh show dev c1)"
must 10 served_by s1
stays "$epoch" s1
[ "$(event_count '.kind == "address-claimed"')" -le 2 ] || fail "said too often: $(cat "$work/events")"
echo "claims heard: $(heard), of which not told: $(vip_count muted); $(json .reason <<<"$claim")"

# A server that does not hold it silently: it asks for others with it. It is known, and named; ten seconds
# after the stranger.
on s3 sysctl -qw net.ipv4.conf.all.arp_announce=0
on s3 ip route add 10.78.0.250/32 dev eth0 src "${SERVICE[4]}"
server_is_told()
{
	on s3 bash -c 'echo >/dev/udp/10.78.0.250/9'
	event '.kind == "address-claimed" and .server == "s3"'
}
wait_until 20 server_is_told || fail "not told: $(cat "$work/events")"
wait_until 10 client_is_right s1 || fail "the client has $(on client ip neigh show dev c1)"
must 10 served_by s1
must 20 all_well
says "$(defib doctor || true)" "times that a service's address was theirs"
stays "$epoch" s1
