#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On Debian 12's own kernel: which of a VLAN interface and the one below it has to be named.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec "$root/tools/vm/run" -t 1500 selftests/vm/guest/vlan.sh
