#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: the kernel's packet generator is the sender of streams. All its numbers arrive, in both
# families and with a checksum that the receiver's kernel accepts; it is given back as it was found.
# shellcheck source=selftests/vm/guest/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"
# shellcheck source=selftests/lib/stream.sh
. "$root/selftests/lib/stream.sh"

RATE=500
EACH=1000

capture() # what arrives at b, in $work/b.pcap
{
	nsenter --net="/run/netns/$prefix-b" -- tcpdump -Z root -n -U -p -Q in -B 8192 -i v1 -w "$work/b.pcap" \
		udp dst port 9 and greater 80 2>"$work/b.said" &
	capturing=$!
	wait_until 20 grep -q listening "$work/b.said" || fail "tcpdump: $(cat "$work/b.said")"
}

captured() # FAMILY NUMBER: so many, for wait_until
{
	[ "$(numbers b "$1" | wc -l)" -ge "$2" ]
}

capture_end()
{
	kill -INT "$capturing"
	wait "$capturing" || true
}

ports_closed() # COUNTER NUMBER: so many datagrams with a good checksum found nobody, for wait_until
{
	[ "$(in_ns b nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }')" -ge "$2" ]
}

generator() # a's files
{
	in_ns a sh -c 'cd /proc/net/pktgen && ls && cat kpktgend_*' | grep -v Result
}

two_hosts
in_ns a ethtool -K v0 tx off >/dev/null # the generator itself makes the checksum
[ ! -e /proc/net/pktgen ] || fail "pktgen is here already"
code 1 sender 10.99.0.2 --sender kernel
says "$err" "modprobe pktgen"
modprobe pktgen
generator >"$work/before"

# Both families, all numbers. Out of a veth the kernel's is only for who insists.
declare -A to=([4]=10.99.0.2 [6]=fd99::2) counter=([4]=UdpNoPorts [6]=Udp6NoPorts)
for family in 4 6; do
	capture
	sender_anyhow -j v0 "${to[$family]}" --sender kernel --rate $RATE --count $EACH
	echo "$out"
	expect "IPv$family" "$(jq -c '[.sender, (.runs[0] | .interface, .sent, .refused, .late_max_us)]' <<<"$out")" \
		"[\"kernel\",\"v0\",$EACH,0,null]"
	wait_until 20 captured "$family" $EACH || fail "IPv$family: $(numbers b "$family" | wc -l) arrived"
	capture_end
	numbers b "$family" | cut -d ' ' -f 1 | cmp - <(seq $EACH) || fail "IPv$family: not 1 to $EACH"
	wait_until 10 ports_closed "${counter[$family]}" $EACH ||
		fail "IPv$family: not accepted: $(in_ns b nstat -asz)"
done

# Several rates, each from its own port, as long as they are told to.
code 0 sender 10.99.0.2 --sender kernel --rate 100,200 --duration 1s
says "$out" "sent by the kernel" "100/s from port 40000: 100 sent" "200/s from port 40001: 200 sent"

# A signal, and a cable that is pulled.
start_sender -j 10.99.0.2 --sender kernel --rate 100 --duration 500s
wait_until 20 ports_closed UdpNoPorts $((EACH + 350)) || fail "nothing arrives"
stop_sender INT
expect "ended by a signal" "$(jq -c '.runs[0] | [.sent >= 50, .sent < 50000]' "$work/sent")" '[true,true]'
start_sender -j 10.99.0.2 --sender kernel --rate 100 --duration 500s
wait_until 20 in_ns a grep -q 'Running: v0' /proc/net/pktgen/kpktgend_0 || fail "it does not run"
in_ns b ip link set v1 down
status=0
wait "$sending" || status=$?
expect "without a carrier" "$status" 1
says "$(cat "$work/err")" "loses its carrier"
in_ns b ip link set v1 up
generator | diff "$work/before" - || fail "the generator is not as it was"

# A neighbour that is not there.
code 1 sender 10.99.0.77 --sender kernel --count 1
says "$err" "10.99.0.77, the next hop, does not answer on v0"

# Somebody else's is left alone.
in_ns a sh -c 'echo add_device v0 >/proc/net/pktgen/kpktgend_1'
code 1 sender 10.99.0.2 --sender kernel --count 1
says "$err" "kpktgend_1 has v0 already"
code 0 sender -j 10.99.0.2 --rate 10 --count 2
says "$err" "sending through a socket" "kpktgend_1 has v0 already"
expect "sender" "$(jq -r .sender <<<"$out")" socket
in_ns a grep -q 'Stopped: v0' /proc/net/pktgen/kpktgend_1 || fail "somebody else's device is gone"
