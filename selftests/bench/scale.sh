#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 2400
# Thousands of targets: what they cost in processor time and memory, whether each probe is answered, how
# soon a death is known and committed, also during a status or a reload, and how long those two take.
# DEFIB_SCALE sets the sizes, "servers/interval", each server with two addresses; DEFIB_KILLS the deaths.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"
# shellcheck source=selftests/lib/farm.sh
. "$root/selftests/lib/farm.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"
# shellcheck source=selftests/lib/cost.sh
. "$root/selftests/lib/cost.sh"

SIZES=${DEFIB_SCALE:-500/50ms 500/10ms 5000/500ms 5000/100ms}
KILLS=${DEFIB_KILLS:-9}
ROUNDS=3
ROUND_S=5

need bpftool

now_us()
{
	echo "${EPOCHREALTIME/./}"
}

# up_ms: since the machine started; the clock of mono_ns, in steps of 10 ms
up_ms()
{
	awk '{ printf "%.0f\n", $1 * 1000 }' /proc/uptime
}

# timed COMMAND...: milliseconds it takes
timed()
{
	local begin
	begin=$(now_us)
	"$@" >/dev/null
	echo $((($(now_us) - begin) / 1000))
}

# --- what it costs --------------------------------------------------------------------------------

# prober_map FIELD: without the daemon's help
prober_map()
{
	map prober | json ".value.$1"
}

# round PID...: sets cpu_percent[PID], system_percent and probes_per_s, over ROUND_S seconds
round()
{
	local pid begin us busy sent
	local -A was
	for pid; do was[$pid]=$(cpu_ns "$pid"); done
	begin=$(now_us) busy=$(busy_ticks) sent=$(prober_map sent)
	wait_until "$ROUND_S" false || true
	us=$(($(now_us) - begin))
	for pid; do cpu_percent[$pid]=$(awk -v n=$(($(cpu_ns "$pid") - was[$pid])) -v us=$us \
		'BEGIN { printf "%.1f", n / us / 10 }'); done
	system_percent=$(awk -v n=$(($(busy_ticks) - busy)) -v us=$us 'BEGIN { printf "%.1f", n * 1e6 / us }')
	probes_per_s=$((($(prober_map sent) - sent) * 1000000 / us))
}

mb_of_maps()
{
	local path
	for path in "/sys/fs/bpf/defib/$prefix/maps/"*; do
		bpftool -j map show pinned "$path" | json .bytes_memlock
	done | awk '{ s += $1 } END { printf "%.1f\n", s / 1048576 }'
}

# unanswered: probes of which no reply was matched, but for those under way
unanswered()
{
	status '.counters.beat | .stamped - .replies'
}

# costs ROW: the prober is stopped every other round, so that what others do on the machine is in both
costs()
{
	local prober worker i memory
	local -A cpu_percent
	prober=$(prober_map pid) worker=$(pgrep -P "$daemon_pid")
	memory=$(mb_of "$daemon_pid" "$worker" "$prober")
	for ((i = 0; i < ROUNDS; i++)); do
		round "$prober" "$daemon_pid"
		echo "${cpu_percent[$prober]}" >>"$work/cpu.prober"
		echo "${cpu_percent[$daemon_pid]}" >>"$work/cpu.daemon"
		echo "$system_percent" >>"$work/cpu.busy"
		echo "$probes_per_s" >>"$work/probes"
		kill -STOP "$prober"
		round "$prober"
		kill -CONT "$prober"
		echo "$system_percent" >>"$work/cpu.idle"
	done
	bench_cells scale "$1" "$(median <"$work/probes")" "$(unanswered)" \
		"$(event_count '.kind == "failover"')" \
		"$(median <"$work/cpu.prober")" "$(median <"$work/cpu.daemon")" \
		"$(median <"$work/cpu.busy")" "$(median <"$work/cpu.idle")" "$memory" "$(mb_of_maps)"
}

# --- how long it takes ----------------------------------------------------------------------------

# failovers: how many were told
failovers()
{
	event_count '.kind == "commit" and .pool == "app"'
}

more_failovers() # THAN
{
	[ "$(failovers)" -gt "$1" ]
}

up_again() # SERVER
{
	jq -cs "map(select(.kind == \"server-state\" and .server == \"$1\")) | last.to" "$work/events" |
		grep -q '"up"'
}

# kill_one ROW: the server of the lab's pool dies, and comes back
kill_one()
{
	local server before
	server=$(jq -rs 'map(select(.kind == "commit" and .pool == "app")) | last.server // "s1"' \
		"$work/events")
	before=$(failovers)
	lab_cut "$server"
	wait_until 30 more_failovers "$before" || fail "$server died, and nobody took over"
	jq -rs --argjson cut "$cut_ns" 'map(select(.kind == "failover" and .pool == "app")) | last |
		(.mono_ns - $cut) / 1e6' "$work/events" | bench_add scale-kills "$1: cut to failover"
	jq -rs 'map(select(.kind == "commit" and .pool == "app")) | last.commit_us / 1e3' "$work/events" |
		bench_add scale-kills "$1: switch to commit"
	lab_heal "$server"
	wait_until 60 up_again "$server" || fail "$server does not come back"
}

# statuses: again and again, until it is ended
statuses()
{
	while :; do defib -j status >/dev/null || true; done
}

# reloads: likewise
reloads()
{
	local n
	while :; do
		n=$(event_count '.kind == "reload"')
		reload_daemon
		wait_until 60 more_reloads "$n"
	done
}

more_reloads() # THAN
{
	[ "$(event_count '.kind == "reload"')" -gt "$1" ]
}

# kills ROW [MEANWHILE]
kills()
{
	local i pid=''
	if [ $# -gt 1 ]; then
		"$2" &
		pid=$!
	fi
	for ((i = 0; i < KILLS; i++)); do
		kill_one "$1${2:+, during $2}"
	done
	[ -z "$pid" ] || kill "$pid"
}

# reload_ms: from the signal to the word that it is in force
reload_ms()
{
	local begin n
	n=$(event_count '.kind == "reload"')
	begin=$(up_ms)
	reload_daemon
	wait_until 60 more_reloads "$n" || fail 'no reload'
	jq -rs --argjson begin "$begin" 'map(select(.kind == "reload")) | last.mono_ns / 1e6 - $begin' \
		"$work/events"
}

# works ROW SERVERS: status and reloads
works()
{
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		timed status .gateway | bench_add scale-work "$1: status"
		reload_ms | bench_add scale-work "$1: reload, nothing changed"
	done
	sed -i "0,/name: f$((FARM_FIRST + $2 - 1)),/s//name: other,/
		s/, f$((FARM_FIRST + $2 - 1))\]/, other]/" "$work/defib.yaml"
	reload_ms | bench_add scale-work "$1: reload, one server changed"
	sed -i 's/^  misses: 3/  misses: 4/' "$work/defib.yaml"
	reload_ms | bench_add scale-work "$1: reload, all changed"
}

# daemon_up ROW: until it says that it runs
daemon_up()
{
	local begin
	: >"$work/defibd.log"
	begin=$(now_us)
	daemon_start
	wait_until 120 logged 'gateway .* runs$' || daemon_fail 'it does not start'
	bench_add scale-work "$1" $((($(now_us) - begin) / 1000))
	must 120 all_well
}

# size SERVERS INTERVAL
size()
{
	local row="$((2 * $1)) targets, $2"
	rm -f "$work"/cpu.* "$work/probes"
	farm_config "$1" --interval "$2" >"$work/defib.yaml"
	daemon_up "$row: first start"
	daemon_stop
	daemon_up "$row: start beside what is there"
	events_start
	costs "$row"
	kills "$row"
	kills "$row" statuses
	kills "$row" reloads
	works "$row" "$1"
	kill "$events_pid"
	daemon_stop
	defib teardown >/dev/null
}

bench_open scale '' 'Many targets; processor time in percent of one'
bench_columns scale 'probes/s' unanswered switches 'prober' 'defibd' 'all' 'all, no probes' \
	'MB processes' 'MB maps'
bench_open scale-kills ms 'A death among many targets'
bench_open scale-work ms 'Status, reload and start with many targets'
lab_start --servers 3
servers=0
for each in $SIZES; do
	[ "${each%/*}" -le "$servers" ] || servers=${each%/*}
done
farm_start "$servers"
for each in $SIZES; do
	size "${each%/*}" "${each#*/}"
done
for table in scale scale-kills scale-work; do
	bench_print "$table"
done
bench_end
