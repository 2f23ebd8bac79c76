#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `defib loss` by hand: what is wrong is said; it shares an interface with a responder; forward and return
# loss are told apart where the far end can; it comes and goes without a trace.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"
# shellcheck source=selftests/lib/stream.sh
. "$root/selftests/lib/stream.sh"
need jq bpftool clang perl

PINS=/sys/fs/bpf/defib/loss

loss() { in_ns a "$root/build/defib" loss "$@"; }
loss_b() { in_ns b "$root/build/defib" loss "$@"; }

pins_of() # HOST
{
	local inode
	inode=$(in_ns "$1" stat -Lc %i /proc/self/ns/net)
	find "$PINS/$inode" 2>/dev/null | wc -l
}

xdp_on() # HOST DEVICE
{
	in_ns "$1" bpftool net show dev "$2" | grep -c 'generic\|driver' || true
}

stream() # FILTER SPORT: of answers to it, on a
{
	in_ns a "$root/build/defib" -j loss show | json "[.streams[] | select(.dport == $2)] | first | $1"
}

# A switch in between, as what XDP sends back passes no egress filter of its own interface.
ns_add a m b
wire a v0 m p0
wire m p1 b v1
in_ns m ip link add br0 type bridge
for port in p0 p1; do
	in_ns m ip link set "$port" master br0
done
in_ns m ip link set br0 up
for host in a/v0/1 b/v1/2; do
	IFS=/ read -r name device number <<<"$host"
	in_ns "$name" ip addr add "10.99.0.$number/24" dev "$device"
	in_ns "$name" ip addr add "fd99::$number/64" dev "$device" nodad
done
at_exit 'in_ns a "$root/build/defib" loss detach v0 >/dev/null 2>&1'
at_exit 'in_ns b "$root/build/defib" loss detach v1 >/dev/null 2>&1'
at_exit 'in_ns b "$root/build/defib" echo detach v1 >/dev/null 2>&1'

# --- wrong ways ----------------------------------------------------------------------------------

for words in "attach" "attach v0 v1" "attach v0 --mode fast" "attach v0 --mode" "attach v0 --blackout soon" \
	"attach v0 --blackout 1us" "attach v0 --expire 2d" "attach v0 --what 1" "detach" "detach v0 v1" "show all" \
	"watch now" "watch --every 1ms" "watch --every" "watch --count 0" "watch --count x" "reset all" \
	"report --since" "report all" "send"; do
	# shellcheck disable=SC2086 # words
	code 2 loss $words
	[ -n "$err" ] || fail "loss $words: no word of what is wrong"
done
code 1 loss attach nosuch
says "$err" "no interface nosuch"
code 1 loss detach v0
says "$err" "counts no streams on v0"
for verb in show watch reset; do
	code 1 loss "$verb"
	says "$err" "no streams are counted here"
done
code 4 in_ns a setpriv --bounding-set=-all --inh-caps=-all "$root/build/defib" loss attach v0
[ -n "$err" ] || fail "not permitted, and nothing said"
expect "pins" "$(pins_of a)" 0
expect "XDP" "$(xdp_on a v0)" 0

# --- there and back ------------------------------------------------------------------------------

code 0 loss attach v0
says "$out" "streams that arrive on v0 are counted"
code 0 loss show
says "$out" "no stream has come so far"
code 0 in_ns b "$root/build/defib" echo attach v1 --allow 10.99.0.0/24 fd99::/64
code 0 loss_b attach v1 # beside the responder; what it answers it counts itself
for address in 10.99.0.2 fd99::2; do
	sport=$((${sport:-6000} + 1))
	in_ns m "$root/tools/inject" p1 egress --streams --every 10
	in_ns m "$root/tools/inject" p0 egress --streams --every 7
	to=("$address" --sender socket --port 7 --sport "$sport" --rate 1000)
	sender_anyhow "${to[@]}" --count 201 # the last arrives
	there=$(in_ns m "$root/tools/inject" p1 egress off | json .lost)
	back=$(in_ns m "$root/tools/inject" p0 egress off | json .lost)
	sender_anyhow "${to[@]}" --count 1 # begins again
	expect "lost there and back" "1 $there $back told apart" \
		"$(stream '"\(.restarts) \(.forward_lost) \(.return_lost) \(.lost_on)"' "$sport")"
done
code 0 loss show
says "$out" "FORWARD" "[[]fd99::2]:7 > [[]fd99::1]:6002"

# Another echo tells nothing: only the sum is known, and it says so.
in_ns b "$root/build/defib" echo detach v1 >&2
nsenter --net="/run/netns/$prefix-b" -- perl -MIO::Socket::IP -e '
	my $s = IO::Socket::IP->new(LocalHost => "0.0.0.0", LocalPort => 7, Proto => "udp") or die "$@";
	while (my $peer = recv($s, my $text, 2048, 0)) { send($s, $text, 0, $peer) }' &
echo_pid=$!
wait_until 10 eval '[ -n "$(in_ns b ss -Hlun "sport = 7")" ]' || fail "no echo"
sender_anyhow 10.99.0.2 --sender socket --port 7 --sport 6010 --count 50 --rate 1000
wait_until 10 eval '[ "$(stream .received 6010)" = 50 ]' || fail "$(stream . 6010)"
expect "a plain echo" "$(stream '"\(.lost_on) \(.forward_lost)"' 6010)" "both ways null"
code 0 loss show
says "$out" "lost on both ways together"
kill "$echo_pid"
wait "$echo_pid" || true

# --- views ---------------------------------------------------------------------------------------

code 0 loss watch --count 2 --every 100ms
expect "two pictures" "$(grep -c '^STREAM' <<<"$out")" 2
expect "lines wider than 80" "$(perl -CSD -ne 'chomp; print "$_\n" if length > 80' <<<"$out")" ""
code 0 in_ns a "$root/build/defib" -j loss watch --count 2 --every 100ms
expect "two documents" "$(jq -s 'length' <<<"$out")" 2
code 0 in_ns a env LC_ALL=C "$root/build/defib" loss watch --count 1
expect "plain characters" "$(LC_ALL=C grep -c '[^ -~]' <<<"$out" || true)" 0

# --- coming and going ----------------------------------------------------------------------------

code 0 loss attach v0 --blackout 50ms --expire 1h # again: what was counted stays
expect "still there" "$(stream .received 6010)" 50
in_ns a ip link add v8 type veth peer name v9
code 0 loss attach v8
code 0 loss detach v8
expect "still there" "$(stream .received 6010)" 50
code 0 loss attach v8
in_ns a ip link del v8 # and it is gone
code 0 loss reset
expect "after reset" "$(in_ns a "$root/build/defib" -j loss show | json '.streams | length')" 0
code 0 loss detach v0
expect "pins" "$(pins_of a)" 0
expect "XDP" "$(xdp_on a v0)" 0
code 0 loss_b detach v1
expect "pins" "$(pins_of b)" 0

# A namespace goes with what was attached in it; the next one to look takes its pins away.
ns_add c
in_ns c ip link add v8 type veth peer name v9
in_ns c "$root/build/defib" loss attach v8 >&2
gone=$(in_ns c stat -Lc %i /proc/self/ns/net)
[ -e "$PINS/$gone/loss" ] || fail "no pins in $PINS/$gone"
ip netns del "$prefix-c"
swept() # for wait_until: a namespace goes a moment later
{
	in_ns a "$root/build/defib" loss show >/dev/null 2>&1 || true
	[ ! -e "$PINS/$gone" ]
}
wait_until 20 swept || fail "$(find "$PINS")"

# A foreign program: named, and left.
clang -target bpf -O2 -c -x c -o "$work/foreign.o" - <<'END'
__attribute__((section("xdp"), used)) int foreign_xdp(void *ctx) { return 2; }
char _license[] __attribute__((section("license"), used)) = "GPL";
END
in_ns a ip link set dev v0 xdpgeneric obj "$work/foreign.o" sec xdp
code 1 loss attach v0
says "$err" "v0: the XDP program foreign_xdp (id" "detach it"
expect "pins" "$(pins_of a)" 0
in_ns a ip link set dev v0 xdpgeneric off
