#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What one packet costs in each of our kernel programs, IPv4 and IPv6, as BPF_PROG_TEST_RUN tells.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"

bench_open ns ns 'What one packet costs in our programs, batches of 2,000'
"$root/build/selftests/bench/ns" "$root/build/selftests/bench/ns.bpf.o" >"$work/ns"
cut -f 1 "$work/ns" | awk '!seen[$0]++' | sort | while read -r row; do
	awk -F'\t' -v row="$row" '$1 == row { print $2 }' "$work/ns" | bench_add ns "$row"
done
bench_target ns 'echo answered' p50 150
bench_target ns 'reply matched' p50 250
bench_target ns "client's packet marked" p50 100
bench_print ns
bench_end
