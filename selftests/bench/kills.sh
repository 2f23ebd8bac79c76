#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two hundred kills at random moments, as in selftests/net/kill_at_any_moment.sh, and how long the service was
# without an owner when its server died meanwhile. DEFIB_KILLS sets the number.
# timeout: 3600
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$root/selftests/lib/failover.sh"
# shellcheck source=selftests/lib/kills.sh
. "$root/selftests/lib/kills.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
need jq bpftool

declare -A WHAT=([defibd]=controller [start]="controller that starts" [defib-probe]=prober
	[worker]=worker [hook]=hook [cli]=command)

# kills_row VICTIM
kills_row()
{
	awk -v victim="$1" '$1 == victim { print $2 / 1000 }' "$work/ownerless" |
		bench_add kills "${WHAT[$1]}"
}

bench_open kills ms 'Without an owner: a server dies while a process of ours is killed'
kills_begin
kills_rounds "${DEFIB_KILLS:-200}"
kills_bare "${DEFIB_BARE_KILLS:-20}"
kills_end
for victim in defibd start defib-probe worker hook cli; do
	kills_row $victim
done
bench_print kills
echo "$kills kills, ${DEFIB_BARE_KILLS:-20} more of a first start and a teardown, seed ${SELFTEST_SEED:-1}: nothing found"
bench_end
