#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 2400
# Client-seen outage over repeated kills of the serving server, at random phases: by interval, load, state
# of the controller when the server dies, and family. DEFIB_KILLS sets the number per row (100),
# DEFIB_ROWS a regular expression of the rows to measure (all).
#
# With the controller stopped or dead it stays away for all kills of a row: who is next, and when a server
# is up again, is then the kernel's alone.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"

KILLS=${DEFIB_KILLS:-100}
ROWS=${DEFIB_ROWS:-.}
HOGS=8
declare -A SERVICE=([4]=10.79.0.100 [6]=fd79::100)
false_switches=0
hogs=
n_rows=0

# load idle|loaded
load()
{
	[ -z "$hogs" ] || kill "$hogs"
	hogs=
	[ "$1" = loaded ] || return 0
	"$root/build/lab/hog" $HOGS &
	hogs=$!
	disown
}

# kills ROW FAMILY [ARGUMENT of outages]...: into both tables
kills()
{
	local row=$1 family=$2
	shift 2
	n_rows=$((n_rows + 1))
	on gateway "$root/build/lab/outages" --lab "$prefix" --instance "$prefix" \
		--to "${SERVICE[$family]}" --kills "$KILLS" --seed $((${SELFTEST_SEED:-1} + n_rows)) \
		--stamps "$work/stamps" --json "$@" >"$work/row" || daemon_fail "$row: $(cat "$work/row")"
	false_switches=$((false_switches + $(jq .false_switches "$work/row")))
	awk -F'\t' 'NR > 1 { print ($13 - $4) / 1e6 }' "$work/stamps" | bench_add outage "$row"
	awk -F'\t' 'NR > 1 { print ($12 - $3) / 1e6 }' "$work/stamps" | bench_add outage-cut "$row"
	printf '%s: %s\n' "$row" "$(jq -c .outage_us "$work/row")"
}

# rows INTERVAL CONTROLLER [ARGUMENT of outages]...: idle and loaded, both families
rows()
{
	local interval=$1 controller=$2 load family row
	shift 2
	for load in idle loaded; do
		for family in 4 6; do
			row="$interval x 3, $load, $controller, IPv$family"
			[[ $row =~ $ROWS ]] || continue
			load $load
			kills "$row" $family "$@"
		done
	done
	load idle
}

# measure INTERVAL: with the controller alive, stopped and dead
measure()
{
	local interval=$1
	[ -z "${daemon_pid:-}" ] || daemon_stop
	daemon_config --interval "${interval/ /}" --recover 3/20ms
	daemon_ready
	rows "$interval" alive
	kill -STOP "$daemon_pid"
	rows "$interval" stopped --away
	kill -CONT "$daemon_pid"
	daemon_stop KILL
	rows "$interval" dead --away
}

bench_open outage ms 'Outage that a client notices, last reply of the dead server to first of the next'
bench_open outage-cut ms 'From the kill to the first request that the next server answers'
if [ "$ROWS" = . ]; then
	bench_target outage '1 ms x 3' p50 3.2
	bench_target outage '1 ms x 3' p99 6
	bench_target outage '250 us x 3' p50 1.2
fi
lab_start --servers 3
for interval in '250 us' '1 ms' '10 ms'; do
	measure "$interval"
done
bench_print outage
bench_print outage-cut
echo "$KILLS kills per row, $HOGS CPU hogs in those that are loaded, 10,000 requests a second"
expect 'false switches' "$false_switches" 0
bench_end
