#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 7200
# How often loss alone makes a verdict on a living server, beside what the formula says (core/timing.h):
# from p and r as they were set, and from what was measured, as `defib config check` forecasts it.
# Three of four servers lose probes in bursts, the other one is the witness and serves. A verdict on the
# server that serves is a switch. DEFIB_SECONDS (60) is how long a row lasts.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"
# shellcheck source=selftests/lib/failover.sh
. "$root/selftests/lib/failover.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
need jq

SECONDS_A_ROW=${DEFIB_SECONDS:-60}
LOSSY='s2 s3 s4'

verdicts()
{
	jq -s 'map(select(.kind == "server-state" and .to == "down")) | length' "$work/events"
}

# forecast: seconds between two verdicts on any of the lossy servers' addresses, by what was measured
forecast()
{
	defib --json config check "$work/defib.yaml" |
		jq --arg lossy "$LOSSY" '[.loss[] | select(.server as $s | $lossy | split(" ") | index($s)) |
			1 / .mistakes_every_s] | 1 / add'
}

# measure P R INTERVAL TIMEOUT MISSES SPACING
measure()
{
	local p=$1 r=$2 interval=$3 timeout=$4 misses=$5 confirm=$(($5 - 1))/$6
	local server begin seconds made set told
	daemon_config --family 4 --interval "$interval" --timeout "$timeout" --misses "$misses" \
		--confirm "$confirm" --recover 2/1ms
	daemon_ready
	for server in $LOSSY; do
		lab loss "$server" --p "$p" --r "$r" --step 1ms --seed $((${server#s} + ${SELFTEST_SEED:-1}))
	done
	events_start
	begin=${EPOCHREALTIME/./}
	sleep "$SECONDS_A_ROW"
	made=$(verdicts)
	seconds=$(((${EPOCHREALTIME/./} - begin) * 3))
	set=$("$root/build/selftests/rate" --p "$p" --r "$r" --step 1ms --interval "$interval" \
		--timeout "$timeout" --misses "$misses" --confirm "$confirm" --seconds 1 | jq .predicted_s)
	told=$(forecast)
	serves web s1 || fail "$(status -c .)"
	for server in $LOSSY; do
		lab loss "$server" off
	done
	daemon_stop
	code 0 defib teardown
	[ "$made" -gt 0 ] || fail "no verdict in $SECONDS_A_ROW s of loss"
	bench_cells loss "p $p, r $r: $interval x $misses, confirm $confirm" "$made" \
		"$(awk -v us=$seconds -v n="$made" 'BEGIN { printf "%.2f", us / 1e6 / n }')" \
		"$(printf %.2f "$set")" "$(awk -v s="$told" 'BEGIN { printf "%.2f", s * 3 }')"
}

lab_start --servers 4
bench_open loss '' "Seconds from one verdict on a living server to the next, by loss alone, $SECONDS_A_ROW s a row"
bench_columns loss 'verdicts' 'measured s' 'from p and r' 'forecast'
measure 0.02 0.5 5ms 2ms 3 1ms
measure 0.05 0.6 5ms 2ms 3 1ms
measure 0.05 0.6 5ms 2ms 5 1ms
measure 0.05 0.6 5ms 2ms 5 3ms
measure 0.05 0.8 5ms 2ms 5 1ms
measure 0.1 0.7 2ms 1ms 4 2ms
bench_print loss
bench_end
