#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: what the kernel's packet generator sends is counted on the other end of a cable, each packet
# once, at any rate, in both families, and on VLAN interfaces. What netem takes, doubles and lets overtake on
# the way is what the account says.
# shellcheck source=selftests/vm/guest/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"
# shellcheck source=selftests/lib/stream.sh
. "$root/selftests/lib/stream.sh"

declare -A TO=([4]=10.99.0.2 [6]=fd99::2)
declare -A COUNT=([10]=30 [100]=300 [1000]=2000 [10000]=20000)
NUMBERS='[.received, .lost, .late, .duplicates, .stale, .restarts]'
port=41000 # each stream has one of its own

loss() # HOST WORD...
{
	local host=$1
	shift
	in_ns "$host" "$root/build/defib" -j loss "$@"
}

# account HOST INTERFACE FILTER: of the stream from $port
account()
{
	loss "$1" show | jq -c --arg on "$2" --argjson port "$port" \
		"first(.streams[] | select(.interface == \$on and .sport == \$port)) | $3"
}

# shows HOST INTERFACE FILTER: it is true of the stream, for wait_until
shows()
{
	[ "$(account "$@")" = true ]
}

# send HOST ARGUMENT...: by the packet generator, from $port; on a busy machine it may not keep the rate
send()
{
	local host=$1 status=0
	shift
	loss "$host" send "$@" --sport "$port" --sender kernel >"$work/sent" 2>"$work/err" || status=$?
	[ "$status" = 0 ] || grep -q 'was not kept' "$work/err" || fail "$* exits with $status: $(cat "$work/err")"
}

sent()
{
	jq '.runs[0].sent' "$work/sent"
}

# exact WHAT INTERFACE NUMBER RESTARTS: so many packets came from $port, each once and in order. What the
# cable has no room for the generator sends again.
exact()
{
	wait_until 10 shows b "$2" ".received >= $3" || true
	expect "$1, $NUMBERS" "$(account b "$2" "$NUMBERS")" "[$3,0,0,0,0,$4]"
	echo "$1: $(jq -c '.runs[0] | [.rate_per_s, .kept_rate_per_s, .retried]' "$work/sent") $(account b "$2" "$NUMBERS")"
}

at_rates() # FAMILY
{
	local rate
	for rate in 10 100 1000 10000; do
		port=$((port + 1))
		send a v0 "${TO[$1]}" --rate "$rate" --count "${COUNT[$rate]}"
		expect "sent" "$(sent)" "${COUNT[$rate]}"
		exact "IPv$1" v1 "${COUNT[$rate]}" 0
	done
}

restart() # FAMILY: the same stream again, twice
{
	local times
	port=$((port + 1))
	for times in 0 1 2; do
		send a v0 "${TO[$1]}" --rate 1000 --count 700
		exact "IPv$1, restarts" v1 $((700 * (times + 1))) "$times"
	done
}

# A tag is in the frame that XDP sees only where the device does not take it off, or has not put it in. A veth
# pair passes it beside the frame, so v1 sees none; with the sender's offload off v1 sees it.
vlans()
{
	local host device number tag
	for host in 'a v0 1' 'b v1 2'; do
		read -r host device number <<<"$host"
		in_ns "$host" ip link add link "$device" name "$device.100" type vlan id 100
		in_ns "$host" ip addr add "10.99.1.$number/24" dev "$device.100"
		in_ns "$host" ip link set "$device.100" up
	done
	loss b attach v1.100 >"$work/out"
	for tag in 0 100; do
		[ "$tag" = 0 ] || in_ns a ethtool -K v0 tx-vlan-hw-insert off >/dev/null
		port=$((port + 1))
		send a v0.100 10.99.1.2 --rate 1000 --count 1000
		exact "on the VLAN interface" v1.100 1000 0
		exact "on the one below" v1 1000 0
		expect "tag on the VLAN interface" "$(account b v1.100 .vlan)" 0
		expect "tag on the one below" "$(account b v1 .vlan)" "$tag"
	done
}

# --- impairments ----------------------------------------------------------------------------------

# a_bridge: c, a bridge, d; nothing is on the way from c to d but streams
a_bridge()
{
	local host
	ns_add c m d
	for host in c m d; do
		in_ns "$host" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	done
	wire c c0 m m0
	wire m m1 d d1
	in_ns m ip link add br0 type bridge
	in_ns m ip link set m0 master br0
	in_ns m ip link set m1 master br0
	in_ns m ip link set br0 up
	in_ns c ip addr add 10.99.2.1/24 dev c0
	in_ns d ip addr add 10.99.2.2/24 dev d1
	in_ns c ip neigh replace 10.99.2.2 lladdr "$(mac d d1)" dev c0 nud permanent
	in_ns d ip neigh replace 10.99.2.1 lladdr "$(mac c c0)" dev d1 nud permanent
	loss d attach d1 >"$work/out"
}

mac() # HOST DEVICE
{
	in_ns "$1" ip -j link show "$2" | jq -r '.[0].address'
}

netem_says() # FIELD
{
	in_ns m tc -j -s qdisc show dev m1 | jq ".[0].$1"
}

netem_passed() # NUMBER, for wait_until
{
	[ "$(netem_says packets)" -ge "$1" ]
}

netem_empty()
{
	[ "$(netem_says qlen)" = 0 ] && shows d d1 ".received == $(netem_says packets)"
}

capture() # what arrives at d, in $work/d.pcap
{
	nsenter --net="/run/netns/$prefix-d" -- tcpdump -Z root -n -U -p -Q in -B 8192 -i d1 -w "$work/d.pcap" \
		udp src port "$port" 2>"$work/d.said" &
	capturing=$!
	wait_until 20 grep -q listening "$work/d.said" || fail "tcpdump: $(cat "$work/d.said")"
}

late() # packets that came for the first time after a higher number, as captured
{
	kill -INT "$capturing"
	wait "$capturing" || true
	grep -q '^0 packets dropped' "$work/d.said" || fail "tcpdump: $(cat "$work/d.said")"
	numbers d 4 | awk 'seen[$1]++ { next } $1 < top { n++ } $1 > top { top = $1 } END { print n + 0 }'
}

# distinct: numbers that arrived; netem may drop one of two copies, which then was neither lost nor doubled
distinct()
{
	numbers d 4 | awk '!seen[$1]++ { n++ } END { print n + 0 }'
}

# impaired PARAMETER...: of netem, in the middle of a stream, so that a number that is missing has one before
# and one behind it
impaired()
{
	local sending passed dropped overtaken arrived
	port=$((port + 1))
	capture
	in_ns m tc qdisc replace dev m1 root netem limit 100000
	send c c0 10.99.2.2 --rate 1000 --count 5000 &
	sending=$!
	wait_until 30 netem_passed 200 || fail "nothing arrives"
	in_ns m tc qdisc change dev m1 root netem limit 100000 "$@"
	wait_until 60 netem_passed 4000 || fail "netem $*: $(in_ns m tc -s qdisc show dev m1)"
	in_ns m tc qdisc change dev m1 root netem limit 100000
	wait "$sending" || fail "netem $*: not sent"
	wait_until 20 netem_empty || fail "netem $*: $(netem_says .), $(account d d1 "$NUMBERS")"
	passed=$(netem_says packets)
	dropped=$(netem_says drops)
	overtaken=$(late) # which ends the capture
	arrived=$(distinct)
	expect "netem $*, $NUMBERS" "$(account d d1 "$NUMBERS")" \
		"[$passed,$((5000 - arrived)),$overtaken,$((passed - arrived)),0,0]"
	[ "$dropped" -ge $((5000 - arrived)) ] || fail "netem $*: $dropped dropped, but only $arrived arrived"
	echo "netem $*: $passed passed, $dropped dropped: $(account d d1 "$NUMBERS")"
	in_ns m tc qdisc del dev m1 root
}

echo "kernel $(uname -r), $(nproc) processors"
modprobe pktgen
two_hosts
in_ns a ethtool -K v0 tx off >/dev/null # the generator itself makes the checksum
# Linux 6.1 panics if the generator's packets, which are shared, come to XDP in generic mode through nothing
# but a veth pair: pskb_expand_head() in do_xdp_generic(). Native mode copies them, a bridge clones them.
loss b attach v1 --mode native >"$work/out"
for family in 4 6; do
	at_rates $family
	restart $family
done
vlans

a_bridge
impaired loss 1%
expect "some were lost" "$(account d d1 '.lost > 5')" true
impaired duplicate 2%
expect "some came twice" "$(account d d1 '.duplicates > 10')" true
impaired delay 10ms reorder 25% 50%
expect "some came late" "$(account d d1 '.late > 100')" true
impaired delay 5ms 4ms loss 1% duplicate 1%

for host in b d; do
	expect "refused" "$(loss $host show | jq -c '[.refused[]] | unique')" "[0]"
done
loss b detach v1.100 >"$work/out"
loss b detach v1 >"$work/out"
loss d detach d1 >"$work/out"
[ ! -e /sys/fs/bpf/defib ] || fail "left: $(find /sys/fs/bpf/defib)"
