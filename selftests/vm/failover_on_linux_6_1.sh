#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On Debian 12's own kernel: a server dies, its clients move in IPv4 and IPv6 and stay there when it comes
# back, teardown leaves nothing. One processor: it stalls as a whole, and a stall is no verdict.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec "$root/tools/vm/run" -c 1 -t 900 selftests/vm/guest/failover.sh
