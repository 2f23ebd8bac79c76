#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On Debian 12's own kernel: what its packet generator sends reaches the server that serves, and only what
# was sent during the outage is lost.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec "$root/tools/vm/run" -t 1500 selftests/vm/guest/pktgen.sh
