#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Another build takes over, of the same ABI version or of another one, up and down, under 10,000 packets a
# second: none is lost, nobody moves, what was decided stays, and the next death is noticed. A start that is
# killed in the middle is completed by the next one. DEFIB_UPGRADES (3) is how many.
# timeout: 1800
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/upgrade.sh
. "$(dirname "$0")/../lib/upgrade.sh"
need jq

upgrade_begin
for ((round = 1; round <= ${DEFIB_UPGRADES:-3}; round++)); do
	upgrade_round "$round"
done
upgrade_refused
upgrade_end
