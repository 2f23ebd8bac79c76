# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for the test; set by net.sh
#
# What the tests of `defib loss send` share: two hosts, a sender on a, a receiver on b. Source it after net.sh
# and operate.sh.

# what operate.sh needs to say
daemon_fail()
{
	fail "$@"
}

status()
{
	echo "sent: $(cat "$work/sent" 2>/dev/null); heard: $(tail -n 1 "$work/heard" 2>/dev/null)"
}

# two_hosts: a has 10.99.0.1 and fd99::1 on v0, b has 10.99.0.2 and fd99::2 on v1
two_hosts()
{
	local host device number
	ns_add a b
	wire a v0 b v1
	while read -r host device number; do
		in_ns "$host" ip addr add "10.99.0.$number/24" dev "$device"
		in_ns "$host" ip addr add "fd99::$number/64" dev "$device" nodad
	done <<<$'a v0 1\nb v1 2'
}

sender() # ARGUMENT...: defib loss send, -j first if wanted
{
	local json=()
	[ "${1:-}" != -j ] || json=(-j)
	in_ns a "$root/build/defib" "${json[@]}" loss send "${@:1+${#json[@]}}"
}

# sender_anyhow ARGUMENT...: on a busy machine it may say that it did not keep the rate
sender_anyhow()
{
	local status=0
	out=$(sender "$@" 2>"$work/err") || status=$?
	[ "$status" = 0 ] || grep -q 'was not kept' "$work/err" || fail "$* exits with $status: $(cat "$work/err")"
}

start_sender() # ARGUMENT...: in the background
{
	nsenter --net="/run/netns/$prefix-a" -- "$root/build/defib" loss send "$@" >"$work/sent" \
		2>"$work/err" &
	sending=$!
}

stop_sender() # SIGNAL
{
	local status=0
	kill "-$1" "$sending"
	wait "$sending" || status=$?
	[ "$status" = 0 ] || grep -q 'was not kept' "$work/err" || fail "exits with $status: $(cat "$work/err")"
}

# listen: at b's port 9 in both families, a line for each packet in $work/heard: source port, length, number,
# bytes in hexadecimal with points for the time, seconds of the time
listen()
{
	rm -f "$work/heard"
	nsenter --net="/run/netns/$prefix-b" -- perl -MIO::Socket::IP -MSocket=:all -e '
		my $s = IO::Socket::IP->new(LocalAddr => "::", LocalPort => 9, V6Only => 0, Proto => "udp")
			or die "$@";
		setsockopt($s, SOL_SOCKET, 33, pack("i", 16 << 20)) or die; # SO_RCVBUFFORCE
		open(my $f, ">", $ARGV[0]) or die;
		my $many = "";
		vec($many, fileno($s), 1) = 1;
		for (;;) {
			select(my $ready = $many, undef, undef, 0) or $f->flush;
			my $from = recv($s, my $text, 2048, 0) // next;
			next if length($text) < 16; # what makes a neighbour known
			my ($magic, $number, $second) = unpack("NNN", $text);
			my $hex = unpack("H*", $text);
			substr($hex, 16, 16) = "........";
			my ($port) = unpack_sockaddr_in6($from);
			printf $f "%d %d %d %s %d\n", $port, length($text), $number, $hex, $second;
		}' "$work/heard" &
	listening=$!
	wait_until 10 test -e "$work/heard" || fail "no receiver"
}

hush() # no receiver any more
{
	kill "$listening"
	wait "$listening" || true
}

heard() # NUMBER: so many came, for must
{
	[ "$(wc -l <"$work/heard")" -ge "$1" ]
}

# whole PORT NUMBER LENGTH: from that port came 1 to NUMBER, each once and in order, of this length
whole()
{
	awk -v port="$1" -v wanted="$2" -v long="$3" '
		$1 != port { next }
		$3 != last + 1 || $2 != long || $4 !~ /^be9be955/ {
			print "after " last ": " $0
			exit bad = 1
		}
		{ last = $3 }
		END {
			if (!bad && last != wanted) print "the last is " last
			exit bad || last != wanted
		}' "$work/heard" >"$work/odd" || fail "port $1, $2 of $3 bytes: $(cat "$work/odd")"
}

# tap, tapped NUMBER, untap: count what arrives at b's port 9 where nobody listens: each number once
tap()
{
	in_ns b nft 'add table ip tap; add chain ip tap in { type filter hook input priority 0; };
		add set ip tap numbers { typeof @th,96,32; size 65536; flags dynamic; };
		add rule ip tap in udp dport 9 add @numbers { @th,96,32 } counter'
}

tapped()
{
	[ "$(in_ns b nft -j list set ip tap numbers | jq '[.nftables[].set? // empty | .elem[]] | length')" = "$1" ]
}

untap()
{
	in_ns b nft delete table ip tap
}
