#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tools/inject says it did to packets is what a receiver sees, to the packet: lost, late, duplicate, in
# both directions, over IPv4 and IPv6; what passes is intact; other traffic is left alone; nothing stays.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
need jq bpftool perl ping taskset

PORT=9
COUNT=200 # of each of two streams; all of them fit into a processor's queue
seed=${SELFTEST_SEED:-1}

# The text behind a number, of an odd length: so the receiver knows whether it got what was sent.
BODY='
	use IO::Socket::IP;
	use Socket qw(SOL_SOCKET NI_NUMERICHOST NI_NUMERICSERV getnameinfo);
	sub body {
		my $n = shift;
		return pack("NNNN", 0xbe9be955, $n, 0, 0) . "$n," x 2 . "." x (31 - 2 * length("$n,"));
	}
	sub dial {
		return IO::Socket::IP->new(PeerHost => $_[0], PeerPort => $_[1], Proto => "udp") || die "$@";
	}
'

# receive: both families; until `end EXPECTED COUNT`, then until it has as many, and for a moment more. Prints
# what was lost, as FAMILY:NUMBER, and how often a late packet had so many higher ones ahead of it.
receive()
{
	in_ns two perl -e "$BODY"'
		my ($port, @to) = @ARGV;
		my (%seen, %top, %ahead, %got, $bits, $end, $count);
		my ($duplicates, $late, $bad, $all) = (0, 0, 0, 0);
		my @sockets = map {
			IO::Socket::IP->new(LocalHost => $_, LocalPort => $port, Proto => "udp") || die "$@";
		} @to;
		setsockopt($_, SOL_SOCKET, 33, pack("i", 1 << 23)) or die for @sockets;
		vec($bits, fileno($_), 1) = 1 for @sockets;
		sub take {
			my ($from, $text) = @_;
			my $n = unpack("x4N", $text);
			$all++; $got{substr($from, 0, 1)}++;
			$bad++ if $text ne body($n);
			if ($seen{$from}{$n}++) { $duplicates++; return }
			my $higher = grep { $_ > $n } keys %{$seen{$from}};
			$late++, $ahead{$higher}++ if $higher;
		}
		$| = 1;
		print "ready\n";
		for (my $wait = 20;; $wait = !defined $end ? 20 : $all < $end ? 5 : 0.05) {
			select(my $ready = $bits, undef, undef, $wait) or last;
			for my $family (0 .. $#sockets) {
				vec($ready, fileno($sockets[$family]), 1) or next;
				my $peer = recv($sockets[$family], my $text, 2048, 0);
				if ($text =~ /^end (\d+) (\d+)/) { ($end, $count) = ($1, $2); next }
				my @from = getnameinfo($peer, NI_NUMERICHOST | NI_NUMERICSERV);
				take((4, 6)[$family] . $from[2], $text);
			}
		}
		my @lost;
		for my $from (sort keys %seen) {
			my $which = substr($from, 0, 1);
			push @lost, map { "$which:$_" } grep { !$seen{$from}{$_} } 1 .. $count;
		}
		my %say = (all => $all, v4 => $got{4} // 0, v6 => $got{6} // 0, lost => scalar(@lost),
			duplicates => $duplicates, late => $late, bad => $bad);
		my $ahead = join(",", map { "\"$_\":$ahead{$_}" } keys %ahead);
		print "{", map({ "\"$_\":$say{$_}," } keys %say), "\"ahead\":{$ahead},\"which\":\"@lost\"}\n";
		' "$PORT" "$@"
}

# transmit COUNT PAUSE ADDRESS...: to each in turn, from ports of their own; PAUSE seconds between them
transmit()
{
	in_ns one perl -e "$BODY"'
		my ($port, $count, $pause, @to) = @ARGV;
		my @sockets = map { dial($_, $port) } @to;
		for my $n (1 .. $count) {
			send($_, body($n), 0) for @sockets;
			select(undef, undef, undef, $pause) if $pause;
		}' "$PORT" "$@"
}

say_end() # EXPECTED COUNT
{
	in_ns one perl -e "$BODY"'send(dial(@ARGV), $ARGV[2], 0)' "$to4" "$PORT" "end $1 $2"
}

inject() # DIRECTION ARGUMENT...: at the sender's end on the way out, at the receiver's on the way in
{
	case $1 in
	egress) in_ns one "$root/tools/inject" "${base[0]}" "$@" ;;
	ingress) in_ns two "$root/tools/inject" "${base[1]}" "$@" ;;
	esac
}

listen()
{
	: >"$work/seen"
	receive "$to4" "$to6" >"$work/seen" &
	receiver=$!
	wait_until 10 grep -q ready "$work/seen" || fail "no receiver"
}

# finish DIRECTION: sets did, what the injector says, and seen, what came
finish()
{
	did=$(inject "$1" off)
	say_end "$(jq '.passed + .duplicated + .released' <<<"$did")" "$COUNT"
	wait "$receiver"
	seen=$(tail -n 1 "$work/seen")
}

told() # FILTER: of what the injector said
{
	jq -r "$1" <<<"$did"
}

saw() # FILTER: of what came
{
	jq -r "$1" <<<"$seen"
}

# agree WHAT SENT [IPV6]: the injector and the receiver, about everything
agree()
{
	expect "$1: packets" "$(told .packets)" "$2"
	expect "$1: both families: $seen" "$(saw '.v4 > 0 and (.v6 > 0) == '"${3:-true}")" true
	expect "$1: lost, late, duplicates, intact: $did $seen" \
		"$(saw '"\(.all) \(.lost) \(.late) \(.duplicates) \(.bad)"')" \
		"$(told '"\(.passed + .duplicated + .released) \(.lost) \(.late) \(.duplicated) 0"')"
	expect "$1: what became of all: $did" "$(told '.passed + .lost + .held == .packets and .held == .released and
		.failed == 0 and .lost == .lost_cut + .lost_drop + .lost_every + .lost_burst')" true
}

# run DIRECTION OPTION...: both streams through it
run()
{
	listen
	inject "$@"
	transmit "$COUNT" 0 "$to4" "$to6"
	finish "$1"
	agree "$*" $((2 * COUNT))
}

refused() # STATUS PATTERN ARGUMENT...
{
	local status=0 said
	said=$(in_ns one "$root/tools/inject" "${@:3}" 2>&1 >/dev/null) || status=$?
	expect "status of ${*:3}: $said" "$status" "$1"
	expect "lines of ${*:3}: $said" "$(wc -l <<<"$said")" 1
	# shellcheck disable=SC2053 # a pattern it is
	[[ $said == $2 ]] || fail "${*:3}: '$said' is not like '$2'"
}

nothing_left()
{
	! bpftool prog show id "$program"
}

ns_add one two
wire one a0 two b0
in_ns one ip address add 10.99.0.1/24 dev a0
in_ns two ip address add 10.99.0.2/24 dev b0
in_ns one ip address add fd99::1/64 dev a0 nodad
in_ns two ip address add fd99::2/64 dev b0 nodad
base=(a0 b0) to4=10.99.0.2 to6=fd99::2

# What is wrong with it is said in a line.
refused 2 '*ingress or egress*' a0 sideways
refused 2 "*--drop '2': a number from 0 to 1*" a0 egress --drop 2
refused 2 "*--drop: its value is missing*" a0 egress --drop
refused 2 "*--every '0': a number from 1 on*" a0 egress --every 0
refused 2 "*--cut '5ms': FROM,TO*" a0 egress --cut 5ms
refused 2 "*it begins before it ends*" a0 egress --cut 5ms,5ms
refused 2 "*--cut '5': a time such as*" a0 egress --cut 5,6
# shellcheck disable=SC2046 # words
refused 2 "*at most 8*" a0 egress $(printf -- '--cut %dms,99ms ' {1..9})
refused 2 "*--p P and --r R go together*" a0 egress --p 0.1
refused 2 "*--r 0.1: at least as much as --p*" a0 egress --p 0.2 --r 0.1
refused 2 "*for bursts*" a0 egress --step 1ms
refused 2 "*--reorder works with --streams only*" a0 egress --reorder 0.1
refused 2 "*--duplicate works with --streams only*" a0 egress --duplicate 0.1
refused 2 "*behind the comma*" a0 egress --streams --reorder 0.1,0
refused 2 "*from 1 to 64*" a0 egress --streams --reorder 0.1,65
refused 2 "*the lower one first*" a0 egress --streams --reorder 0.1,9-3
refused 2 "*--seed 'x'*" a0 egress --seed x
refused 2 "*unknown option --loss*" a0 egress --loss 1
refused 2 "*unknown argument 'on'*" a0 egress on
refused 1 "*no device nosuch*" nosuch egress --drop 0.1
refused 1 "*nothing is injected on a0, ingress*" a0 ingress show
refused 1 "*nothing is injected on a0, egress*" a0 egress off
in_ns one setpriv --bounding-set=-all --inh-caps=-all \
	"$root/tools/inject" a0 egress --drop 0.1 2>"$work/said" && fail "no privilege, and no complaint"
grep -q '^inject: it takes root' "$work/said" || fail "$(cat "$work/said")"

# All at once; each packet is told, and none is counted twice.
for direction in egress ingress; do
	run $direction --streams --drop 0.05 --every 20 --p 0.05 --r 0.5 --reorder 0.1,3-9 --duplicate 0.1 \
		--seed "$seed"
	expect "each kind: $did" \
		"$(told 'all(.lost_drop, .lost_every, .lost_burst, .duplicated, .held, .late; . > 0)')" true
done

# Exactly so many go ahead; what is left at the end leaves then, with less ahead of it, intact.
for direction in egress ingress; do
	run $direction --streams --reorder 0.2,5 --seed "$seed"
	expect "$direction: higher ones ahead of late ones: $seen" \
		"$(saw '([.ahead | keys[] | tonumber] | max) == 5 and .late - .ahead["5"] <= 10 and .late > 20')" true
	expect "lost" "$(saw .lost)" 0
done
run egress --streams --reorder 1,64
expect "held: $did" "$(told '.held >= 16 and .not_held == .passed')" true

# The same seed, the same fate.
fates=''
for n in 7 7 8; do
	run egress --streams --drop 0.2 --p 0.1 --r 0.6 --seed $n
	fates+=$(saw .which | cksum)$'\n'
	expect "again: $did" "$(told '.lost_again > 0 and .lost_again < .lost')" true
done
expect "fates of three runs, two with one seed: $fates" \
	"$(sort <<<"${fates%$'\n'}" | uniq -c | awk '{ print $1 }' | sort | xargs)" "1 2"

# Every tenth, and a copy of each that is left; IPv4 alone.
listen
inject egress --streams --every 10 --duplicate 1
transmit $COUNT 0 "$to4"
finish egress
agree "every tenth" $COUNT false
expect "which" "$(saw .which)" "$(seq -f 4:%g -s ' ' 10 10 $COUNT)"
expect "copies" "$(told .duplicated)" $((COUNT - COUNT / 10))

# A cut, and its true length. The sender is slow enough to be in it.
listen
inject egress --streams --cut 100ms,200ms --cut 300ms,310ms
transmit $COUNT 0.002 "$to4" "$to6"
finish egress
agree "cuts" $((2 * COUNT))
expect "cuts: $did" "$(told '.begin_ns as $begin | (.cuts | length == 2) and .cuts[0].packets > 0 and
	([.cuts[].packets] | add) == .lost_cut and .lost == .lost_cut and
	all(.cuts[] | select(.packets > 0); .first_ns - $begin >= .from_ns and .last_ns - $begin < .to_ns and
		.first_ns <= .last_ns)')" true

# What is no stream is left alone, or is not. Both directions of a device are apart.
inject egress --streams --drop 1
in_ns one "$root/tools/inject" a0 ingress --every 1000
in_ns one ip neigh flush dev a0
in_ns one ping -qc 1 -W 5 $to4 >&2 || fail "no IPv4 besides streams"
in_ns one ping -qc 1 -W 5 $to6 >&2 || fail "no IPv6 besides streams"
expect "packets" "$(inject egress show | jq .packets)" 0
in_ns one "$root/tools/inject" a0 ingress show | jq -e '.packets >= 2 and .passed == .packets' >&2 ||
	fail "on the way in"
inject egress --drop 1
! in_ns one ping -qc 1 -W 0.2 $to4 >&2 || fail "an answer to what was lost"
inject egress show | jq -e '.packets >= 1 and .lost_drop == .packets and .passed == 0' >&2 ||
	fail "$(inject egress show)"
program=$(in_ns one tc -j filter show dev a0 egress | jq '[.[].options.prog.id // empty][0]')
inject egress off >"$work/last"
jq -e '.lost >= 1' "$work/last" >&2 || fail "off says nothing"
in_ns one "$root/tools/inject" a0 ingress show >&2 || fail "off ends the other direction, too"
in_ns one "$root/tools/inject" a0 ingress off >&2
wait_until 5 nothing_left || fail "left: $(in_ns one tc filter show dev a0 egress) $(bpftool prog show id "$program")"

# Two processors at once, two streams each.
listen
inject egress --streams --drop 0.1 --reorder 0.1,2 --duplicate 0.1
transmit $COUNT 0 "$to4" "$to6" &
other=$!
taskset -p -c $(($(nproc) - 1)) $! >&2
transmit $COUNT 0 "$to4" "$to6"
wait $other
finish egress
agree "two processors" $((4 * COUNT))

# Behind VLAN interfaces, where the kernel has them.
if in_ns one ip link add link a0 name a0.5 type vlan id 5 2>/dev/null; then
	in_ns two ip link add link b0 name b0.5 type vlan id 5
	in_ns one ip address add 10.98.0.1/24 dev a0.5
	in_ns two ip address add 10.98.0.2/24 dev b0.5
	in_ns one ip address add fd98::1/64 dev a0.5 nodad
	in_ns two ip address add fd98::2/64 dev b0.5 nodad
	in_ns one ip link set a0.5 up
	in_ns two ip link set b0.5 up
	to4=10.98.0.2 to6=fd98::2
	for direction in egress ingress; do
		run $direction --streams --drop 0.1 --reorder 0.3,9 --duplicate 0.1
	done
fi
