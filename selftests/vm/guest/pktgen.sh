#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: the kernel's packet generator is the client, in IPv4 and IPv6. Each of its packets is marked
# and reaches the server that serves, in order and once; when that one dies only those in between are lost,
# as many as the rate makes of the outage.
# shellcheck source=selftests/vm/guest/guest.sh
. "$(dirname "$0")/guest.sh"

RATE=500
PORT=9
EACH=12000 # packets in each family
declare -A WAY=([4]="dst 10.79.0.100|src_min 10.77.0.2|src_max 10.77.0.2" [6]="dst6 fd79::100|src6 fd77::2")

pktgen() # FILE COMMAND: of the client's /proc/net/pktgen
{
	# shellcheck disable=SC2016 # for the shell in the namespace
	on client sh -c 'echo "$2" >"/proc/net/pktgen/$1"' sh "$1" "$2" || fail "pktgen $1 refuses: $2"
}

generator() # FAMILY: c0@FAMILY, to the service
{
	local command mac
	mac=$(on gateway ip -j link show g0 | json '.[0].address')
	pktgen kpktgend_0 "add_device c0@$1"
	while IFS= read -r command; do
		pktgen "c0@$1" "$command"
	done < <(tr '|' '\n' <<<"${WAY[$1]}|dst_mac $mac|count $EACH|pkt_size 120")
	pktgen "c0@$1" "udp_dst_min $PORT"
	pktgen "c0@$1" "udp_dst_max $PORT"
	pktgen "c0@$1" "ratep $RATE"
}

capture() # SERVER: what arrives for the service, in $work/SERVER.pcap
{
	nsenter --net="/run/netns/$prefix-$1" -- tcpdump -Z root -n -U -p -Q in -B 8192 -i eth0 -w "$work/$1.pcap" \
		udp dst port "$PORT" 2>"$work/$1.said" &
	captures+=($!)
	wait_until 20 grep -q listening "$work/$1.said" || fail "tcpdump on $1: $(cat "$work/$1.said")"
}

received() # SERVER BYTES: so much was captured, for wait_until
{
	[ "$(stat -c %s "$work/$1.pcap")" -ge "$2" ]
}

# in_order FILE: numbers without a gap and without a repetition
in_order()
{
	awk 'NR > 1 && $1 != last + 1 { print "after " last " came " $1; bad = 1 }
		{ last = $1 }
		END { exit bad }' "$1"
}

judge() # FAMILY
{
	local first last lost outage_us by_rate
	numbers s1 "$1" >"$work/at.s1"
	numbers s2 "$1" >"$work/at.s2"
	in_order "$work/at.s1" || fail "IPv$1: lost, repeated or out of order on the way to s1"
	in_order "$work/at.s2" || fail "IPv$1: lost, repeated or out of order on the way to s2"
	read -r last outage_us < <(tail -n 1 "$work/at.s1")
	read -r first by_rate < <(head -n 1 "$work/at.s2")
	outage_us=$((by_rate - outage_us))
	lost=$((first - last - 1))
	by_rate=$((outage_us * RATE / 1000000))
	echo "IPv$1: $(wc -l <"$work/at.s1") packets to s1, $lost lost, $(wc -l <"$work/at.s2") to s2;" \
		"$outage_us us at $RATE/s are $by_rate"
	expect "IPv$1: the first to s1" "$(head -n 1 "$work/at.s1" | cut -d ' ' -f 1)" 1
	expect "IPv$1: all but the lost" $(($(cat "$work/at.s1" "$work/at.s2" | wc -l) + lost)) "$EACH"
	# What a generator could not send in time it sends at once when it can: a stall shows here.
	if [ "$lost" -lt 1 ] || [ "$lost" -gt $((2 * by_rate + RATE / 2)) ]; then
		fail "IPv$1: not what the rate makes"
	fi
}

captures=()
lab_start --servers 3
world e0 >"$work/before"
daemon_config --interval 10ms --recover 10/200ms
echo 'loss: off' >>"$work/defib.yaml" # XDP in generic mode on g0 would be fatal: loss.sh says why
daemon_begin
events_start
marked=$(status .counters.steer.marked)
modprobe pktgen
generator 4
generator 6
capture s1
capture s2
nsenter --net="/run/netns/$prefix-client" -- sh -c 'echo start >/proc/net/pktgen/pgctrl' &
generating=$!
must 60 received s1 100000
lab_cut s1
must 60 moved $((epoch + 1)) s2
epoch=$((epoch + 1))
must 120 received s2 100000
wait "$generating"
for family in 4 6; do
	on client cat "/proc/net/pktgen/c0@$family" | grep -A 1 '^Result'
done
must 30 at_least .counters.steer.marked $((marked + 2 * EACH))
for capture in "${captures[@]}"; do
	kill -INT "$capture"
	wait "$capture" || true
done
grep -h 'dropped by kernel' "$work"/s[12].said
for family in 4 6; do
	judge "$family"
done
lab_heal s1
must 60 all_well
story_end e0
