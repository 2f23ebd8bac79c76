#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What `defib loss` says of streams is what the injector did to them, to the packet; a cut is a blackout of
# its length, within one period, and with the packets that it took.
# DEFIB_PACKETS: of each family, 6,000 without it; 500,000 take three minutes, 25,000 at a time
# timeout: 900
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"
# shellcheck source=selftests/lib/stream.sh
. "$root/selftests/lib/stream.sh"
need jq bpftool taskset chrt

left=${DEFIB_PACKETS:-6000}
packets=$((left > 25000 ? 25000 : left)) # at a time
rate=$((left > packets ? 5000 : 2000))
count=$((packets + 4 * rate)) # sent of each family: some before the harm begins, the last ones after it
seed=${SELFTEST_SEED:-1}
compared=0
LATE_US=1000

loss() # ARGUMENT...: on b
{
	in_ns b "$root/build/defib" loss "$@"
}

stream() # FILTER SPORT: of the stream from there
{
	in_ns b "$root/build/defib" -j loss show | json "[.streams[] | select(.sport == $2)] | first | $1"
}

stream_is() # SPORT FILTER: for wait_until
{
	[ "$(stream "$2" "$1")" = true ]
}

inject()
{
	in_ns a "$root/tools/inject" v0 egress "$@"
}

two_hosts
# A sender makes up for lost time with a burst, which waits here, behind the injector; the cable holds 256.
in_ns a tc qdisc add dev v0 root tbf rate 40mbit burst 4kb limit 100mb
in_ns a tc qdisc add dev v0 clsact # to add it later costs packets
at_exit 'in_ns b "$root/build/defib" loss detach v1 >/dev/null 2>&1'
loss attach v1 --mode native >&2 # generic XDP does not see what tc has redirected, as the injector does

# What arrives is not to wait for a processor behind all that runs there: 256 packets do, then they are lost.
hasten() # DEVICE of b
{
	local thread
	ip netns exec "$prefix-b" sh -c "echo 1 >/sys/class/net/$1/threaded" || return 0
	for thread in $(pgrep "^napi/$1-"); do
		chrt -f -p 45 "$thread" || true
	done
}
hasten v1

# --- the numbers ---------------------------------------------------------------------------------

# From one processor, as two that share a stream change its order behind the injector.
numbered() # CPU SPORT ADDRESS: more than are harmed, so that the last one arrives
{
	nsenter --net="/run/netns/$prefix-a" -- taskset -c "$1" chrt -f 40 "$root/build/defib" loss send "$3" --sender socket \
		--count $count --rate "$rate" --sport "$2" >"$work/sent.$2" 2>&1 &
	numbered+=($!)
}

harmed() # enough of them; for wait_until
{
	[ "$(inject show | json .packets)" -ge $((2 * packets)) ]
}

both_begun() # what was lost before a stream's first packet, nobody knows; for wait_until
{
	[ "$(in_ns b "$root/build/defib" -j loss show | json '.streams | length')" = 2 ]
}

fell_silent() # for wait_until
{
	[ "$(in_ns b "$root/build/defib" -j loss show | json '[.streams[] | select(.state == "silent")] | length')" = 2 ]
}

# What the cable itself had no room for, after a stall of the sender: then the injector does not know all.
overflows()
{
	in_ns a ip -j -s link show v0 | json '.[0].stats64.tx.dropped'
}

harm() # sets truth and found
{
	local numbered=()
	loss reset >&2
	numbered 0 5004 10.99.0.2
	numbered $(($(nproc) > 1)) 5006 fd99::2
	wait_until 20 both_begun || fail "they do not begin: $(loss show)"
	inject --streams --drop 0.01 --p 0.01 --r 0.6 --duplicate 0.005 --reorder 0.01,1-40 --seed "$seed"
	wait_until $((packets / rate + 120)) harmed || fail "the senders do not get there: $(inject show)"
	truth=$(inject off)
	wait "${numbered[@]}" || true # on a busy machine a rate may not be kept, which does not matter
	wait_until 10 fell_silent || fail "they do not end: $(loss show)"
	found=$(in_ns b "$root/build/defib" -j loss show)
}

compare() # FIELD OF THE TRUTH
{
	expect "$1, of $((2 * count)) packets with seed $seed" \
		"$(json "[.streams[].$1] | add" <<<"$found")" "$(json ".$2" <<<"$truth")"
}

# A run in which the cable itself lost nothing; sets truth and found. On a busy machine it may take several.
harm_only()
{
	local before after stale
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		before=$(overflows)
		harm
		after=$(overflows)
		stale=$(json '[.streams[].stale] | add' <<<"$found")
		[ "$before $stale" != "$after 0" ] || return 0
		echo "the cable dropped $((after - before)) packets and held $stale back for more than the window: again"
	done
	fail "packets were lost or held by the cable in each run"
}

compare_all()
{
	local sum='"\(.received) \(.lost) \(.late) \(.duplicates) \(.streams)"' what
	compare lost lost
	compare late late
	compare duplicates duplicated
	expect "failed, and not held" "$(json '"\(.failed) \(.not_held)"' <<<"$truth")" "0 0"
	expect "restarts" "$(json '[.streams[].restarts] | add' <<<"$found")" 0
	expect "received" "$(json '[.streams[].received] | add' <<<"$found")" \
		"$(json "$((2 * count)) - .lost + .duplicated" <<<"$truth")"
	expect "the total" "$(json ".total | $sum" <<<"$found")" \
		"$(json '"\([.streams[].received] | add) \([.streams[].lost] | add) \(
			[.streams[].late] | add) \([.streams[].duplicates] | add) 2"' <<<"$found")"
	for what in lost late duplicated; do
		[ "$(json ".$what" <<<"$truth")" -ge $((packets / 500)) ] || fail "not much of a test: $truth"
	done
	compared=$((compared + $(json .packets <<<"$truth")))
}

while [ "$left" -gt 0 ]; do
	harm_only
	compare_all
	left=$((left - packets))
	seed=$((seed + 1))
done
echo "$compared packets harmed and compared"

# --- a sender that begins again loses nothing ---------------------------------------------------

for _ in 1 2 3; do
	sender_anyhow 10.99.0.2 --sender socket --count 200 --rate 2000 --sport 5100
done
expect "begun again" "$(stream '"\(.restarts) \(.lost) \(.received)"' 5100)" "2 0 600"

# --- blackouts -----------------------------------------------------------------------------------

# cut MS RATE SPORT: after 300 ms; sets truth and late_us. A sender that was late itself is of no use, nor is
# a machine that stood still after the cut, so that another hole is the last: again, for some times.
cut()
{
	local try lost
	for try in 1 2 3 4 5 6; do
		loss reset >&2
		inject --streams --cut "300ms,$((300 + $1))ms"
		out=$(nsenter --net="/run/netns/$prefix-a" -- chrt -f 40 "$root/build/defib" -j loss send 10.99.0.2 \
			--sender socket --rate "$2" --duration "$((1000 + $1 + 3000 / $2))ms" --sport "$3" 2>&2) || true
		truth=$(inject off)
		late_us=$(json '.runs[0].late_max_us' <<<"$out")
		lost=$(json '.lost_cut' <<<"$truth")
		[ "$late_us" -gt "$LATE_US" ] || [ "$lost" = 0 ] || [ "$(stream .last_hole.lost "$3")" != "$lost" ] ||
			return 0
		echo "the sender was $late_us us late, or something stood still: again ($try)"
	done
}

# within MS HOLE: that is its length, give or take a period, and it lost as many
within()
{
	if [ "$late_us" -gt "$LATE_US" ]; then
		echo "a cut of $1 ms: this machine is too busy to send in time, so only what was lost is compared"
		return
	fi
	json -e ". as \$hole | $truth as \$truth | \$hole.lost == \$truth.cuts[0].packets and
		\$hole.length_us >= ${1}000 - \$hole.resolution_us - $LATE_US and
		\$hole.length_us <= ${1}000 + \$hole.resolution_us + $LATE_US" <<<"$2" >/dev/null ||
		fail "a cut of $1 ms: $2, while the injector says $truth, and the sender was at most $late_us us late"
}

sport=5200
for ms in 2 20 200; do
	cut "$ms" 1000 "$sport"
	within "$ms" "$(stream .last_hole "$sport")"
	expect "lost" "$(stream .lost "$sport")" "$(json .lost_cut <<<"$truth")"
	[ "$ms" = 2 ] || [ "$late_us" -gt "$LATE_US" ] || [ "$(stream '.blackouts' "$sport")" -ge 1 ] ||
		fail "no blackout: $(stream . "$sport")"
	sport=$((sport + 1))
done

# At 10/s a cut of 120 ms takes one packet or two, and what is said of it is honest.
cut 120 10 5300
within 120 "$(stream .last_hole 5300)"
[ "$late_us" -gt "$LATE_US" ] || [ "$(stream '.last_hole.resolution_us >= 90000' 5300)" = true ] ||
	fail "$(stream .last_hole 5300)"

# --- reset ---------------------------------------------------------------------------------------

code 0 loss reset
expect "after reset" "$(in_ns b "$root/build/defib" -j loss show |
	json '"\(.streams | length) \(.total.received) \(.refused.fragment)"')" "0 0 0"
sender_anyhow 10.99.0.2 --sender socket --count 100 --rate 2000 --sport 5400
expect "from then on" "$(stream '"\(.received) \(.lost)"' 5400)" "100 0"
