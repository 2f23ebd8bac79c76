#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# defib beside keepalived with IPVS and HAProxy: outage of new TCP connections and of established ones.
# timeout: 28800
#
# Only if DEFIB_PEERS names "balancers"; DEFIB_KILLS (100) per row, DEFIB_INTERVAL (250) in milliseconds. In
# a virtual machine with Debian 12's own kernel, for many a kernel has no IPVS. How each is configured and
# what the numbers mean: Documentation/performance/peers.rst.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"

# keep_tables: those that the guest prints between its marks, the latest of each; the rest is told
keep_tables()
{
	awk -v folder="$BENCH_DIR" '
		/^bench: end$/ { close(file); file = ""; next }
		/^bench: / { file = folder "/" $2 ".tsv"; printf "" >file; next }
		file != "" { print >file; next }
		{ print; fflush() }'
}

[[ " ${DEFIB_PEERS:-} " == *' balancers '* ]] || skip "takes hours, so only if asked for: make bench-peers"
mkdir -p "$BENCH_DIR"
"$root/tools/vm/run" -n 0 -t 28000 selftests/vm/guest/balancers.sh "${DEFIB_KILLS:-100}" "${DEFIB_INTERVAL:-250}" |
	keep_tables
bench_print peers-connections
bench_print peers-established
bench_end
