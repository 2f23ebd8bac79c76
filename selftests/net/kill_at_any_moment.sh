#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# kill -9 of a random process of ours at a random moment, with clients, dying servers, reloads and operators:
# clients lose nothing by it, a death is noticed all the same, status, maps, routes and who answers agree
# afterwards, and nothing is left over. DEFIB_KILLS (20) is how many.
# timeout: 3000
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/kills.sh
. "$(dirname "$0")/../lib/kills.sh"
need jq bpftool

kills_begin
kills_rounds "${DEFIB_KILLS:-20}"
kills_bare "${DEFIB_BARE_KILLS:-3}"
kills_end
