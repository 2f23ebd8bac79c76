#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
# Ten seconds of the stress ladder at 1 ms x 3, with two stresses at once: nothing is switched, the wire
# confirms every verdict, and real deaths are noticed meanwhile.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/stress/stresses.sh
. "$root/selftests/stress/stresses.sh"
# shellcheck source=selftests/stress/lanes.sh
. "$root/selftests/stress/lanes.sh"
need jq

stress_head
lanes 10 flood+controller
