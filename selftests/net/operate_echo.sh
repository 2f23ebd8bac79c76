#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The responder: attached is not yet answering; it answers whom it may; it comes and goes without a
# trace, also on an interface that it shares with the gateway's programs.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool clang perl

PINS=/sys/fs/bpf/defib/echo

echo_on() # HOST ARGUMENT...: defib echo there
{
	on "$1" "$root/build/defib" "${@:2:1}" echo "${@:3}"
}

# show HOST FILTER: of the only responder there
show()
{
	on "$1" "$root/build/defib" -j echo show | json "$2"
}

pins_of() # HOST
{
	local inode
	inode=$(on "$1" stat -Lc %i /proc/self/ns/net)
	find "$PINS" -maxdepth 1 -name "$inode-*" 2>/dev/null | wc -l
}

xdp_on() # HOST DEVICE: what is there
{
	on "$1" bpftool net show dev "$2" | grep -o 'generic\|driver' || true
}

# ask HOST ADDRESS [PORT [SOURCE PORT [SIZE [COUNT]]]]: do echoes come back, byte for byte? Prints how many.
ask()
{
	on "$1" perl -MIO::Socket::IP -e '
		my ($to, $port, $from, $size, $count) = @ARGV;
		my $s = IO::Socket::IP->new(PeerHost => $to, PeerPort => $port || 7, LocalPort => $from || 0,
			LocalHost => $to =~ /:/ ? "::" : "0.0.0.0", Proto => "udp") or die "$@";
		my $got = 0;
		my %sent = map {
			my $text = sprintf("%-" . ($size || 64) . "d", $_); send($s, $text, 0); ($text, 1) }
			1 .. $count || 1;
		my $ready = "";
		vec($ready, fileno($s), 1) = 1;
		while (%sent && select(my $r = $ready, undef, undef, 0.15)) {
			defined(recv($s, my $text, 2048, 0)) or last;
			$got++ if delete $sent{$text};
		}
		print "$got\n";
		exit !$got' "${@:2}"
}

lab up --servers 2
at_exit lab_stop
at_exit 'for host in s1 s2; do on "$host" "$root/build/defib" echo detach eth0; done 2>/dev/null'
at_exit 'on gateway "$root/build/defib" echo detach e0 2>/dev/null'
defib_s1() { on s1 "$root/build/defib" "$@"; }

# Wrong arguments.
for words in "" "eth0" "--allow 10.78.0.0/24" "eth0 --allow" "eth0 --allow 10.78.0.0/33" "eth0 --allow fd78::/129" \
	"eth0 --allow server1" "eth0 --allow 10.78.0.1 --port 0" "eth0 --allow 10.78.0.1 --port 65536" \
	"eth0 --allow 10.78.0.1 --port" "eth0 --allow 10.78.0.1 --mode fast" "eth0 --allow 10.78.0.1 --rate many" \
	"eth0 --allow 10.78.0.1 --what 1" "eth0 --mode auto eth1 --allow 10.78.0.1"; do
	# shellcheck disable=SC2086 # words
	code 2 defib_s1 echo attach $words
	[ -n "$err" ] || fail "echo attach $words: no word of what is wrong"
done
code 2 defib_s1 echo show all
code 2 defib_s1 echo detach
code 2 defib_s1 echo detach eth0 eth1
code 1 defib_s1 echo attach nosuch --allow 10.78.0.1
says "$err" "no interface nosuch"
code 1 defib_s1 echo detach eth0
says "$err" "no responder is attached to eth0"
code 0 defib_s1 echo show
code 4 on s1 setpriv --bounding-set=-all --inh-caps=-all \
	"$root/build/defib" echo attach eth0 --allow 10.78.0.1
says "$err" "root, or CAP_BPF"
expect "pins" "$(pins_of s1)" 0
expect "XDP" "$(xdp_on s1 eth0)" ""

# Attached, then answering; who may ask, and who may not.
code 0 defib_s1 echo attach eth0 --allow 10.78.0.1 fd78::/64 --allow 10.77.0.0/16
says "$out" "eth0 answers UDP port 7"
expect "after attach" "$(show s1 '.responders[0] | "\(.state) \(.mode) \(.port) \(.allow | sort)"')" \
	'attached generic 7 ["10.77.0.0/16","10.78.0.1/32","fd78::/64"]'
ask gateway 10.78.0.11 >&2 || fail "no answer over IPv4"
ask gateway fd78::11 >&2 || fail "no answer over IPv6"
ask client 10.78.0.11 >&2 || fail "no answer to the client's network"
expect "state" "$(show s1 .responders[0].state)" answering
! ask client fd78::11 >&2 || fail "an answer outside the allow list"
! ask gateway 10.78.0.11 8 >&2 || fail "an answer from another port"
! ask gateway 10.78.0.11 7 1023 >&2 || fail "an answer to a low port"
! ask gateway 10.78.0.11 7 0 513 >&2 || fail "an answer of more than 512 bytes"
expect "counters" "$(show s1 '.responders[0].counters | "\(.echoed) \(.not_allowed) \(.low_port) \(.too_long)"')" \
	"3 1 1 1"
code 0 defib_s1 echo show
says "$out" "eth0: UDP port 7, generic mode: answering" "low_port"

# Attached twice is attached once, with what the second said.
code 0 defib_s1 echo attach eth0 --allow 10.78.0.0/24 --port 4007 --rate 0
expect "second attach" "$(show s1 '[.responders[] | "\(.port) \(.rate_per_s) \(.allow)"] | tostring')" \
	'["4007 0 [\"10.78.0.0/24\"]"]'
ask gateway 10.78.0.11 4007 >&2 || fail "no answer from the new port"
! ask gateway 10.78.0.11 7 >&2 || fail "an answer from the old port"
! ask gateway fd78::11 4007 >&2 || fail "an answer to whom the second attach does not allow"

# The rate.
code 0 defib_s1 echo attach eth0 --allow 0.0.0.0/0 --rate 10
answers=$(ask gateway 10.78.0.11 7 0 64 20)
case $answers in [1-9]) ;; *) fail "$answers of 20 answered at 10 a second" ;; esac
[ "$(show s1 .responders[0].counters.rate_limited)" -ge 10 ] || fail "$(show s1 .responders[0])"
code 0 defib_s1 echo detach eth0
says "$out" "eth0 answers no more"
expect "pins" "$(pins_of s1)" 0
expect "XDP" "$(xdp_on s1 eth0)" ""
! ask gateway 10.78.0.11 >&2 || fail "an answer after detach"
code 1 defib_s1 echo detach eth0

# Native mode on this kind of interface is attached, and does not answer: it is told.
code 0 defib_s1 echo attach eth0 --allow 10.78.0.0/24 --mode native
expect "mode" "$(show s1 .responders[0].mode)" native
! ask gateway 10.78.0.11 >&2 || fail "an answer in native mode: has the peer a program?"
expect "state" "$(show s1 .responders[0].state)" failing
code 0 defib_s1 echo show
says "$out" "its answers are not sent" "--mode generic"
code 0 defib_s1 echo detach eth0
code 0 defib_s1 echo attach eth0 --allow 10.78.0.0/24 --mode generic
ask gateway 10.78.0.11 >&2 || fail "no answer in generic mode"
code 0 defib_s1 echo detach eth0

# A foreign XDP program: named, and left.
clang -target bpf -O2 -c -x c -o "$work/foreign.o" - <<'END'
__attribute__((section("xdp"), used)) int foreign_xdp(void *ctx) { return 2; }
char _license[] __attribute__((section("license"), used)) = "GPL";
END
on s1 ip link set dev eth0 xdpgeneric obj "$work/foreign.o" sec xdp
code 1 defib_s1 echo attach eth0 --allow 10.78.0.1
says "$err" "eth0: the XDP program foreign_xdp (id" "detach it"
expect "pins" "$(pins_of s1)" 0
on s1 ip link set dev eth0 xdpgeneric off
expect "XDP" "$(xdp_on s1 eth0)" ""

# An interface that goes takes its responder along; the next attach sweeps its pins.
on s2 ip link add v0 type veth peer name v1
code 0 on s2 "$root/build/defib" echo attach v0 --allow 10.78.0.1
on s2 ip link del v0
expect "state" "$(show s2 .responders[0].state)" gone

# Two at once do not sweep each other away.
again_and_again() # HOST
{
	local i
	for i in 1 2 3 4 5 6; do
		on "$1" "$root/build/defib" echo attach eth0 --allow 10.78.0.1 &&
			on "$1" "$root/build/defib" echo detach eth0 ||
			return 1
	done
}
again_and_again s1 >"$work/one" 2>&1 &
one=$!
again_and_again s2 >"$work/two" 2>&1 || fail "s2, round $(wc -l <"$work/two"): $(tail -n 1 "$work/two")"
wait "$one" || fail "s1, round $(wc -l <"$work/one"): $(tail -n 1 "$work/one")"

# The gateway's programs and a responder on one interface: join and leave in any order.
lab serve
lab respond
daemon_config --interval 2ms
gateway_echo() { on gateway "$root/build/defib" echo "$@"; }
for order in "daemon first" "responder first"; do
	[ "$order" = "daemon first" ] || code 0 gateway_echo attach e0 --allow 10.78.0.0/16 fd78::/16
	daemon_start
	must 30 all_well
	[ "$order" = "responder first" ] || code 0 gateway_echo attach e0 --allow 10.78.0.0/16 fd78::/16
	expect "XDP programs, $order" "$(xdp_on gateway e0)" generic
	ask s1 10.78.0.1 >&2 || fail "$order: the gateway does not answer s1"
	ask s2 fd78::1 >&2 || fail "$order: the gateway does not answer s2"
	must 10 all_well
	if [ "$order" = "daemon first" ]; then
		daemon_stop
		code 0 defib teardown
		ask s1 10.78.0.1 >&2 || fail "$order: the responder went with the daemon's programs"
		code 0 gateway_echo detach e0
	else
		code 0 gateway_echo detach e0
		! ask s1 10.78.0.1 >&2 || fail "$order: an answer after detach"
		lab_cut s1
		must 10 serves web s2
		lab_heal s1
		must 10 all_well
		daemon_stop
		code 0 defib teardown
	fi
	expect "XDP in the end, $order" "$(xdp_on gateway e0)" ""
	expect "pins in the end, $order" "$(pins_of gateway)" 0
done
