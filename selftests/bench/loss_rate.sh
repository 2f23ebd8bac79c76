#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How many packets a second one processor can send through a veth pair and have counted at its other end, by
# dfb_loss in the driver's XDP, with 1, 1,000 and 4,096 streams at once: all of it, sending, the cable and
# counting, on one processor. None may be missing from the accounts.
# DEFIB_PACKETS: of each row, 2,000,000 without it

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
need jq taskset

packets=${DEFIB_PACKETS:-2000000}
ROUNDS=5

ns_add a b
wire a v0 b v1
in_ns b ip link set v1 address 02:df:1b:00:00:11
at_exit 'in_ns b "$root/build/defib" loss detach v1 >/dev/null 2>&1'
in_ns b "$root/build/defib" loss attach v1 --mode native >&2

bench_need bench/flood bench/flood.bpf.o
bench_open loss-rate 1000/s "Packets through a cable into their accounts, one processor"
for streams in 1 1000 4096; do
	for ((round = 0; round < ROUNDS; round++)); do
		in_ns b "$root/build/defib" loss reset >&2
		in_ns a taskset -c 0 "$root/build/selftests/bench/flood" \
			"$root/build/selftests/bench/flood.bpf.o" v0 "$streams" "$packets" >"$work/sent"
		found=$(in_ns b "$root/build/defib" -j loss show |
			jq -r '"\([.streams[].received] | add) \([.streams[].lost] | add) \(.streams | length)"')
		[ "$found" = "$packets 0 $streams" ] ||
			fail "$packets packets of $streams streams were sent; counted, lost, streams: $found"
		awk '{ print $1 * 1e6 / $2 }' "$work/sent"
	done | bench_add loss-rate "$streams streams"
done
bench_print loss-rate
bench_end
