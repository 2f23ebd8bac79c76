#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each branch of the kernel programs, on Debian 12's own kernel.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
[ -x "$root/build/selftests/packets" ] || { echo "build/selftests/packets is missing; run make tests" >&2; exit 1; }
exec "$root/tools/vm/run" -c 1 -t 900 build/selftests/packets
