#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Failovers of a service that is translated: what a client notices, and how long the commit takes, with next
# to nothing in connection tracking and with 50,000 entries of the server that dies.
# DEFIB_KILLS sets the number of kills per row (20).

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$root/selftests/lib/failover.sh"
# shellcheck source=selftests/lib/nat.sh
. "$root/selftests/lib/nat.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"

KILLS=${DEFIB_KILLS:-20}
ENTRIES=50000

# kills ROW FAMILY N SEED
kills()
{
	on gateway "$root/build/lab/outages" --lab "$prefix" --instance "$prefix" --to "${SERVICE[$2]}" \
		--kills "$3" --seed "$4" --stamps "$work/stamps" --json >"$work/row" ||
		daemon_fail "$1: $(cat "$work/row")"
	expect 'false switches' "$(jq .false_switches "$work/row")" 0
	awk -F'\t' 'NR > 1 { print ($13 - $4) / 1e6 }' "$work/stamps" | bench_add nat "$1"
	awk -F'\t' 'NR > 1 { print ($11 - $9) / 1e3 }' "$work/stamps" | bench_add nat-commit "$1"
}

# fill: entries in the zone of the server that serves
fill()
{
	# shellcheck disable=SC2016 # for the other shell
	on client bash -c 'for ((i = 0; i < $0; i++)); do echo >"/dev/udp/$1/$((10000 + i))"; done' \
		$ENTRIES "${SERVICE[4]}" 2>/dev/null || true
	[ "$(on gateway conntrack -C)" -ge $ENTRIES ] || fail "only $(on gateway conntrack -C) entries"
}

bench_open nat ms 'Outage that a client of a translated service notices, 1 ms x 3'
bench_open nat-commit us 'From the switch to the end of the commit'
bench_target nat IPv4 p50 6
bench_target nat IPv6 p50 6
bench_target nat-commit IPv max 50000
nat_start --recover 3/20ms
for family in 4 6; do
	kills "IPv$family" $family "$KILLS" "${SELFTEST_SEED:-1}"
done
for ((round = 1; round <= KILLS; round++)); do
	fill
	kills "IPv4, $ENTRIES entries" 4 1 $((${SELFTEST_SEED:-1} + round))
	must 30 all_well
done
bench_print nat
bench_print nat-commit
bench_end
