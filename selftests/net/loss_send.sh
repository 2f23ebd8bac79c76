#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The sender of streams: its format, its numbers (all, once, in order) and its words; what the far end and our
# own device do to it leaves no hole, what the network does is counted and does not end a run.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
# shellcheck source=selftests/lib/stream.sh
. "$(dirname "$0")/../lib/stream.sh"
need jq perl nft tc

two_hosts

# Wrong words: which, and what is right.
while IFS='|' read -r words text; do
	# shellcheck disable=SC2086 # words
	code 2 sender $words
	says "$err" "$text"
done <<'END'
|where to
v0|v0 is no address
v0 server1|server1 is no address
v0 10.99.0.2 v1|"v1" is too much
fe80::2|DEV fe80::2
10.99.0.2 --rate 0|--rate 0: packets per second
10.99.0.2 --rate 10,,100|--rate 10,,100: packets per second
10.99.0.2 --rate 10000001|1 to 10000000
10.99.0.2 --rate 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1|at most 16 rates
10.99.0.2 --rate|--rate needs a value
10.99.0.2 --count 0|--count 0
10.99.0.2 --count 4294967296|1 to 4294967295
10.99.0.2 --duration 10|with its unit
10.99.0.2 --duration 0s|--duration 0s
10.99.0.2 --duration 1000h --rate 10000|more than 4294967295 packets
10.99.0.2 --count 1 --duration 1s|not both
10.99.0.2 --size 57|at least 58
fd99::2 --size 77|at least 78
10.99.0.2 --size 1515|at most 1514
10.99.0.2 --port 65536|1 to 65535
10.99.0.2 --sport 0|1 to 65535
10.99.0.2 --sport 65535 --rate 1,2|use 65534 or less
10.99.0.2 --sender fast|auto, kernel or socket
10.99.0.2 --what 1|unknown option --what
END

# No way there.
code 1 sender nosuch 10.99.0.2
says "$err" "no interface nosuch here" "ip link"
code 1 sender 10.98.0.2
says "$err" "no route to 10.98.0.2" "ip route get"
code 1 sender v0 10.98.0.2
says "$err" "no route to 10.98.0.2 through v0" "ip route add 10.98.0.2 ... dev v0"
code 1 sender v0 fd98::2
says "$err" "no route to fd98::2 through v0" "ip -6 route add"
code 1 sender 10.99.0.255
says "$err" "not the address of one host"
if [ ! -e /proc/net/pktgen ]; then
	code 1 sender 10.99.0.2 --sender kernel
	says "$err" "modprobe pktgen"
fi
in_ns a ip link set v0 mtu 1400
code 1 sender 10.99.0.2 --count 1 --size 1415 --sender socket
says "$err" "1415 bytes is too long for v0" "--size"
in_ns a ip link set v0 mtu 1500

# Format: the first packet, byte for byte but for the time; 128 bytes are 86 of payload in IPv4.
listen
code 0 sender 10.99.0.2 --count 50 --sender socket
says "$out" "to 10.99.0.2 port 9 through v0, 128 bytes a frame, sent by a socket" \
	"1000/s from port 40000: 50 sent"
must 10 heard 50
whole 40000 50 86
expect "bytes" "$(head -n 1 "$work/heard" | cut -d ' ' -f 4)" \
	"be9be95500000001........64666c310000000000000000$(printf '%0116d' 0)"
now=$(date +%s)
at=$(head -n 1 "$work/heard" | cut -d ' ' -f 5)
if [ "$at" -gt "$now" ] || [ "$at" -lt $((now - 60)) ]; then
	fail "stamped $at, now it is $now"
fi
hush

# Several rates are as many streams; JSON says what was sent; a device may be named.
listen
code 0 sender -j v0 fd99::2 --rate 200,500,2000 --count 40 --sport 5000 --size 1514 --sender socket
must 10 heard 120
for port in 5000 5001 5002; do
	whole $port 40 1452
done
expect "document" "$(jq -c '[.schema, .sender, (.runs[] | .sport, .rate_per_s)]' <<<"$out")" \
	'[1,"socket",5000,200,5001,500,5002,2000]'
expect "runs" "$(jq -c '[.runs[] | .source, .destination, .interface, .dport, .size, .sent, .refused] |
	unique' <<<"$out")" '[0,9,40,1514,"fd99::1","fd99::2","v0"]'
jq -e 'all(.runs[]; .kept_rate_per_s > 0 and .late_max_us >= 0 and .duration_s > 0)' <<<"$out" >/dev/null ||
	fail "$out"
hush

# The smallest frames have no room for struct dfb_far; a time is as many numbers as are due within it.
listen
sender_anyhow -j 10.99.0.2 --duration 300ms --rate 1000 --size 69 --sender socket
sender_anyhow -j fd99::2 --duration 20ms --rate 30000 --size 78 --sport 6000 --sender socket
must 10 heard 900
whole 40000 300 27
whole 6000 600 16
expect "no room" "$(head -n 1 "$work/heard" | cut -d ' ' -f 4)" "be9be95500000001........$(printf '%022d' 0)"
hush
code 0 sender -j 127.0.0.1 --count 1
expect "the rate of one packet" "$(jq -c '.runs[0].kept_rate_per_s' <<<"$out")" null

# Nobody listens: every packet is refused over there, and is an error here for a later one. No hole.
tap
sender_anyhow -j 10.99.0.2 --count 300 --rate 1000 --sender socket
expect "sent to a closed port" "$(jq -c '.runs[0] | [.sent, .refused, .retried > 0]' <<<"$out")" '[300,0,true]'
must 10 tapped 300
untap

# Our device's queue is full: what it drops is sent again, and that the rate is not kept is told.
listen
in_ns a tc qdisc add dev v0 root tbf rate 400kbit burst 2kb limit 3kb
code 1 sender -j 10.99.0.2 --count 600 --rate 2000 --sender socket
in_ns a tc qdisc replace dev v0 root pfifo limit 1000
says "$err" "2000/s was not kept" "--sender kernel"
expect "through a narrow queue" "$(jq -c '.runs[0] | [.sent, .refused, .retried > 0]' <<<"$out")" '[600,0,true]'
must 10 heard 560
whole 40000 "$(wc -l <"$work/heard")" 86
in_ns a tc qdisc del dev v0 root
hush

# It sleeps before each number.
turns()
{
	awk '/^voluntary/ { print $2 }' "/proc/$sending/status"
}

# No way for a while: the run goes on, the numbers of that time are over.
listen
start_sender -j 10.99.0.2 --rate 500 --duration 60s --sender socket
must 10 heard 20
in_ns a ip link set v0 down
before=$(wc -l <"$work/heard")
turns=$(turns)
must 20 eval '[ "$(turns)" -ge $((turns + 100)) ]' # that many numbers the network is away
in_ns a ip link set v0 up
must 20 heard $((before + 20))
stop_sender INT
expect "refused" "$(jq -c '.runs[0] | [.sent > 40, .refused > 20, (.sent + .refused) < 25000]' "$work/sent")" \
	'[true,true,true]'
must 10 heard "$(jq .runs[0].sent "$work/sent")"
awk -v refused="$(jq .runs[0].refused "$work/sent")" -v sent="$(jq .runs[0].sent "$work/sent")" '
	$3 <= last { exit bad = 1 }
	{ last = $3 }
	END { exit bad || last > sent + refused }' "$work/heard" || fail "refused numbers came, or came twice"
hush

# A signal ends the run and those after it, and what was sent is told.
listen
start_sender -j 10.99.0.2 --rate 1000,10 --sport 7000
must 10 heard 10
stop_sender TERM
sent=$(jq .runs[0].sent "$work/sent")
expect "runs" "$(jq '.runs | length' "$work/sent")" 1
[ "$sent" -lt 10000 ] || fail "a signal did not end it: $sent sent"
must 10 heard "$sent"
whole 7000 "$sent" 86
hush

# Whose port it is, and what is forbidden.
in_ns a perl -MIO::Socket::IP -e 'my $s = IO::Socket::IP->new(LocalAddr => "10.99.0.1", LocalPort => 40001,
	Proto => "udp") or die; open(my $f, ">", $ARGV[0]); sleep 60' "$work/taken" &
must 10 test -e "$work/taken"
code 1 sender 10.99.0.2 --count 1 --rate 10,10 --sender socket
says "$err" "source port 40001: Address already in use" "--sport"
in_ns a nft 'add table ip shut; add chain ip shut out { type filter hook output priority 0; };
	add rule ip shut out udp dport 9 drop'
code 4 sender 10.99.0.2 --count 3 --sender socket
says "$err" "nothing was sent: Operation not permitted"
