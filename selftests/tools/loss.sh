#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Loss alone makes verdicts as often as core/timing.h says: in virtual time, from p and r as they are
# and from what the detector has counted of them.
. "$(dirname "$0")/../lib/net.sh"
need jq

[ -x "$root/build/selftests/rate" ] || skip "build/selftests/rate is not built: make tests"

# agrees WITHIN ARGUMENT...: measured and predicted, as a ratio
agrees()
{
	local within=$1 result
	shift
	result=$("$root/build/selftests/rate" "$@")
	jq -e --argjson n "$within" '.verdicts >= 100 and
		(.measured_s / .predicted_s | . < $n and . > 1 / $n) and
		(.measured_s / .forecast_s | . < $n and . > 1 / $n)' <<<"$result" >/dev/null ||
		fail "$*: $result"
}

agrees 1.5 --p 0.01 --r 0.5 --interval 10ms --confirm 2/1ms --seconds 1000
agrees 1.5 --p 0.02 --r 0.8 --interval 10ms --confirm 4/3ms --misses 5 --seconds 1000
agrees 1.5 --p 0.05 --r 0.6 --interval 2ms --timeout 1500us --misses 2 --seconds 100
