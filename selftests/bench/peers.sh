#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# defib beside BIRD, FRR and keepalived: outages by interval, false switches under load, frozen daemons, CPU.
# timeout: 28800
#
# DEFIB_PEERS ("cpu frozen outage flaps"; "balancers" is balancers.sh's) what to measure, DEFIB_KILLS (100) per row, DEFIB_SECONDS (600) of load
# per row. Documentation/performance/peers.rst tells how each is configured and what the numbers mean.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
# shellcheck source=selftests/lib/peers.sh
. "$root/selftests/lib/peers.sh"

KILLS=${DEFIB_KILLS:-100}
SECONDS_OF_LOAD=${DEFIB_SECONDS:-600}
MEASURE=${DEFIB_PEERS:-}
MEASURE=${MEASURE//balancers/}
RATE=10000    # requests a second where outages are measured: their resolution
BLOCK=10      # kills of one peer before it is the next one's turn
SLICE=60      # seconds of load of one peer before it is the next one's turn
FROZEN=5      # seconds that a daemon is frozen
WINDOW=$((SECONDS_OF_LOAD < 20 ? SECONDS_OF_LOAD : 20)) # seconds of measuring CPU time
REALTIME=10   # priority of peers that are given one

interval_name() # US
{
	[ "$1" -lt 1000 ] && echo "$1 us x 3" || echo "$(($1 / 1000)) ms x 3"
}

# --- outages --------------------------------------------------------------------------------------

# kill_block ROW KILLS: a kill that hit nobody is done again, a bounded number of times
kill_block()
{
	local done=0 tries=0
	client_start $RATE
	while [ $done -lt "$2" ] && [ $tries -lt $(($2 * 5)) ]; do
		tries=$((tries + 1))
		kill_once || continue
		done=$((done + 1))
		bench_add peers-outage "$1" "$(awk -v us="${outage_us:-$((PATIENCE * 1000000))}" \
			'BEGIN { printf "%.3f", us / 1000 }')"
	done
	client_stop >/dev/null
}

measure_outages()
{
	local left=$KILLS interval name row block
	bench_open peers-outage ms 'Outage that a client notices, defib and peers'
	while [ "$left" -gt 0 ]; do
		block=$((left < BLOCK ? left : BLOCK))
		left=$((left - block))
		for interval in 10000 1000 250; do
			for name in $PEERS; do
				"${name}_takes" $interval || continue
				row="$(interval_name $interval), $name"
				peer_start "$name" $interval
				kill_block "$row" "$block"
				hogs_start
				kill_block "$row, $HOGS hogs" "$block"
				hogs_stop
				peer_stop
			done
		done
	done
	bench_print peers-outage
}

# --- false switches -------------------------------------------------------------------------------

declare -A deaths=() moves=() lost=() sent=()
rows=()

# flap_slice NAME INTERVAL_US SECONDS ROW: adds to what is counted for the row
flap_slice()
{
	local before after report row=$4
	peer_start "$1" "$2"
	client_start 1000
	hogs_start
	before=$("${1}_flaps")
	sleep "$3" # what is measured
	after=$("${1}_flaps")
	report=$(client_stop)
	hogs_stop
	peer_stop
	[ -n "${deaths[$row]:-}" ] || rows+=("$row")
	deaths[$row]=$((${deaths[$row]:-0} + after - before))
	moves[$row]=$((${moves[$row]:-0} + $(json '.edges | length' <<<"$report")))
	lost[$row]=$((${lost[$row]:-0} + $(json .lost <<<"$report")))
	sent[$row]=$((${sent[$row]:-0} + $(json .sent <<<"$report")))
}

# The peers as they are installed, and with the real-time priority that they do not take by themselves.
flap_round() # SECONDS
{
	local interval name
	for interval in 10000 1000; do
		for name in $PEERS; do
			"${name}_takes" $interval || continue
			flap_slice "$name" $interval "$1" "$(interval_name $interval), $name"
			[ "$name" != defib ] || continue
			FIFO=$REALTIME flap_slice "$name" $interval "$1" \
				"$(interval_name $interval), $name, SCHED_FIFO"
		done
	done
}

measure_flaps()
{
	local left=$SECONDS_OF_LOAD slice row
	bench_open peers-flaps '' "False switches in $SECONDS_OF_LOAD s under $HOGS CPU hogs, nothing dead"
	bench_columns peers-flaps 'deaths declared' 'moves' 'requests lost' 'lost %'
	while [ "$left" -gt 0 ]; do
		slice=$((left < SLICE ? left : SLICE))
		left=$((left - slice))
		flap_round "$slice"
	done
	for row in "${rows[@]}"; do
		bench_cells peers-flaps "$row" "${deaths[$row]}" "${moves[$row]}" "${lost[$row]}" \
			"$(awk -v l="${lost[$row]}" -v s="${sent[$row]}" 'BEGIN { printf "%.3f", s ? 100 * l / s : 0 }')"
	done
	bench_print peers-flaps
}

# --- frozen daemons -------------------------------------------------------------------------------

# signal_all SIGNAL PID...
signal_all()
{
	kill -s "$@"
}

# freeze_and_kill PID...: then the serving server dies; prints what the client noticed
freeze_and_kill()
{
	local PATIENCE=$FROZEN
	client_start $RATE
	signal_all STOP "$@"
	# shellcheck disable=SC2317 # kill_once calls it: who is frozen cannot be asked
	eval "${peer}_ready() { :; }"
	if ! kill_once; then
		echo 'moved by itself'
	elif [ -n "$outage_us" ]; then
		awk -v us="$outage_us" 'BEGIN { printf "%.1f ms\n", us / 1000 }'
	else
		echo "never within $FROZEN s"
	fi
	signal_all CONT "$@"
	client_stop >/dev/null
}

# freeze_only PID...: nothing dies; prints `MOVES<TAB>LONGEST TIME WITHOUT A REPLY`
freeze_only()
{
	client_start $RATE
	signal_all STOP "$@"
	sleep $FROZEN # what is measured
	signal_all CONT "$@"
	wait_until "$PATIENCE" "${peer}_ready" || true
	client_stop | json '"\(.edges | length)\t\(.longest_gap_us / 100 | round / 10) ms"'
}

# freeze_case NAME NUMBER: the NUMBERth that the peer offers, from fresh starts
freeze_case()
{
	local who what outage quiet
	peer_start "$1" 10000
	IFS=$'\t' read -r who what < <("${1}_freezes" | sed -n "$2p")
	# shellcheck disable=SC2086
	quiet=$(freeze_only $who)
	peer_stop
	peer_start "$1" 10000
	read -r who < <("${1}_freezes" | sed -n "$2p" | cut -f 1)
	# shellcheck disable=SC2086
	outage=$(freeze_and_kill $who)
	peer_stop
	bench_cells peers-frozen "$1: $what" "$outage" "${quiet%%$'\t'*}" "${quiet#*$'\t'}"
}

measure_frozen()
{
	local name i
	bench_open peers-frozen '' "A daemon frozen for $FROZEN s, 10 ms x 3, idle"
	bench_columns peers-frozen 'outage if the server dies' 'moves if none does' 'longest gap then'
	for name in $PEERS; do
		peer_start "$name" 10000
		for i in $("${name}_freezes" | awk '{ print NR }'); do
			peer_stop
			freeze_case "$name" "$i"
		done
		peer_stop
	done
	bench_print peers-frozen
}

# --- CPU ------------------------------------------------------------------------------------------

# processes HOST: what is not the lab's own
processes()
{
	local pid
	for pid in $(ip netns pids "$(ns "$1")"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = pace ] || echo "$pid"
	done
}

# ticks HOST: of CPU time that they used so far
ticks()
{
	local pid
	for pid in $(processes "$1"); do
		sed 's/.*) //' "/proc/$pid/stat"
	done | awk '{ n += $12 + $13 } END { print n + 0 }'
}

# memory HOST: MB, shared pages in parts
memory()
{
	local pid
	for pid in $(processes "$1"); do
		cat "/proc/$pid/smaps_rollup"
	done | awk '/^Pss:/ { n += $2 } END { printf "%.1f", n / 1024 }'
}

# machine_busy: ticks that all CPUs were busy, with what interrupts took
machine_busy()
{
	awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# cpu_window: prints `GATEWAY SERVER MACHINE` in percent of one CPU
cpu_window()
{
	local gateway server busy
	gateway=$(ticks gateway) server=$(ticks s1) busy=$(machine_busy)
	sleep $WINDOW # what is measured
	awk -v g=$(($(ticks gateway) - gateway)) -v s=$(($(ticks s1) - server)) \
		-v b=$(($(machine_busy) - busy)) -v hz="$(getconf CLK_TCK)" -v w=$WINDOW \
		'BEGIN { k = 100 / hz / w; printf "%.2f %.2f %.1f\n", g * k, s * k, b * k }'
}

measure_cpu()
{
	local interval name base gateway server busy
	bench_open peers-cpu '' 'CPU time in percent of one CPU, and memory, three servers, nothing happening'
	bench_columns peers-cpu 'on the gateway' 'on a server' 'machine, above idle' 'MB on the gateway' \
		'MB on a server'
	for interval in 10000 1000 250; do
		for name in $PEERS; do
			"${name}_takes" $interval || continue
			base=$(cpu_window | cut -d ' ' -f 3)
			peer_start "$name" $interval
			read -r gateway server busy < <(cpu_window)
			bench_cells peers-cpu "$(interval_name $interval), $name" "$gateway" "$server" \
				"$(awk -v a="$busy" -v b="$base" 'BEGIN { printf "%.1f", a - b }')" \
				"$(memory gateway)" "$(memory s1)"
			peer_stop
		done
	done
	bench_print peers-cpu
}

# --- start ----------------------------------------------------------------------------------------

[ -n "${MEASURE// /}" ] || skip "takes hours, so only if asked for: make bench-peers"
peers_load defib bird frr keepalived
[ "$PEERS" != defib ] || skip "no bird, FRR or keepalived on this machine: ./tools/setup bench-peers"
[ -z "$MISSING" ] || echo "not installed and left out: $MISSING"
at_exit lab_stop # they run in the reverse order
at_exit hogs_stop
at_exit peer_stop
lab up --servers "$COUNT"
lab serve
for what in $MEASURE; do
	case $what in
	outage) measure_outages ;;
	flaps) measure_flaps ;;
	frozen) measure_frozen ;;
	cpu) measure_cpu ;;
	*) fail "DEFIB_PEERS: there is no '$what' to measure" ;;
	esac
done
bench_end
