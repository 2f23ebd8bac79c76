#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Fifty upgrades and downgrades at random under load, as in selftests/net/upgrade_between_builds.sh.
# DEFIB_UPGRADES sets the number.
# timeout: 3600
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$root/selftests/lib/failover.sh"
# shellcheck source=selftests/lib/upgrade.sh
. "$root/selftests/lib/upgrade.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
need jq

bench_open upgrades '' 'Upgrades under 10,000 requests a second'
bench_columns upgrades upgrades 'starts killed' requests lost
upgrade_begin
for ((round = 1; round <= ${DEFIB_UPGRADES:-50}; round++)); do
	upgrade_round "$round"
done
upgrade_refused
upgrade_end
for kind in 'same version' 'newer version' 'older version'; do
	bench_cells upgrades "to the $kind" "${upgrades[$kind]:-0}" "${killed_starts[$kind]:-0}" \
		"${requests[$kind]:-0}" 0
done
bench_print upgrades
echo "seed ${SELFTEST_SEED:-1}; a request that is lost fails the run, as does a pool that moves"
bench_end
