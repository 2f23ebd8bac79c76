#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What one packet costs in each of our kernel programs, IPv4 and IPv6, as BPF_PROG_TEST_RUN tells: their own
# cost, without what a test run itself takes.
#
# A batch is 1,000 runs of a program on one packet, on one CPU; the kernel tells their mean. Before and
# after each comes a batch in which a program that does nothing has its place, and the lesser of the two is
# subtracted. Echo and reply are measured as they arrive, through the XDP root; a request, a reply and its
# spent nonce are made new before each run by a program in front (ns.bpf.c), which is in front of nothing,
# too. The responder has a limit of answers per second, as by default. Counters say that each run did what
# it was for.
#
# The last two rows are what was subtracted from those that need nothing made new: a call of a program, and
# the loop around it.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"

bench_need bench/ns bench/ns.bpf.o
bench_open ns ns 'What one packet costs in our programs, batches of 1,000'
"$root/build/selftests/bench/ns" "$root/build/selftests/bench/ns.bpf.o" >"$work/ns"
cut -f 1 "$work/ns" | awk '!seen[$0]++' | sort | while read -r row; do
	awk -F'\t' -v row="$row" '$1 == row { print $2 }' "$work/ns" | bench_add ns "$row"
done
bench_target ns 'echo answered' p50 150
bench_target ns 'reply matched' p50 250
bench_target ns "client's packet marked" p50 100
bench_target ns "stream's packet" p50 120
bench_print ns
bench_end
