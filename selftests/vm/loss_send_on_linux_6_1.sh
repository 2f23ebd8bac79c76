#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On Debian 12's own kernel: `defib loss send` has the kernel's packet generator send, and leaves alone what
# somebody else has set up there.
set -euo pipefail
root=${SELFTEST_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec "$root/tools/vm/run" -t 600 selftests/vm/guest/loss_send.sh
