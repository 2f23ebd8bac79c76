#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On Debian 12's own kernel, servers behind VLAN interfaces, one of a hundred packets lost in each direction:
# nothing moves; then a server dies, and its clients move in IPv4 and IPv6.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec "$root/tools/vm/run" -t 1500 selftests/vm/guest/failover.sh --vlan 100 --loss 1 --misses 5
