#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On Debian 12's own kernel: packets lost, delayed, overtaken, doubled and damaged by netem are no reason to
# move, and do not hide a death.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec "$root/tools/vm/run" -t 1700 selftests/vm/guest/impaired.sh
