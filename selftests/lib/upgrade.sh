# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh, lab.sh and failover.sh set root, prefix, work, epoch
#
# Upgrades of a running gateway, for the net and the bench tier: source it after selftests/lib/failover.sh.
# Three builds: this one, this one again from other files, and one with another ABI version.

# shellcheck source=selftests/lib/stay.sh
. "$root/selftests/lib/stay.sh"

BUILDS=(this again next)
LAP=(next this again)
build=this
declare -A upgrades killed_starts requests # by kind

upgrade_program() # BUILD
{
	case $1 in
	this) echo "$root/build/defibd" ;;
	again) echo "$work/again/defibd" ;;
	next) echo "$root/build/next/defibd" ;;
	esac
}

# start_build BUILD: in the background; sets daemon_pid
start_build()
{
	build=$1
	nsenter --net="/run/netns/$prefix-gateway" -- "$(upgrade_program "$1")" -c "$work/defib.yaml" \
		--instance "$prefix" >>"$work/defibd.log" 2>&1 &
	daemon_pid=$!
}

# Whose prober is it? For wait_until.
prober_is_of() # BUILD
{
	[ "$(readlink "/proc/$(prober_pid)/exe")" = "$(dirname "$(upgrade_program "$1")")/defib-probe" ]
}

# pins_are_whole: one set of maps, programs of one build
pins_are_whole()
{
	local at=/sys/fs/bpf/defib/$prefix
	[ -d "$at/maps" ] && [ ! -e "$at/heir" ] && [ ! -e "$at/former" ] &&
		[ "$(find "$at/links" -name 'prog-*' | wc -l)" = 2 ]
}

# streams_are_counted: in the maps that are in force, by one program; sends five packets more each time
streams_are_counted()
{
	on client "$root/build/defib" loss send "${SERVICE[4]}" --sender socket \
		--count 5 --rate 1000 --sport 6789 >/dev/null 2>&1 || true
	defib -j loss show | json -e 'any(.streams[]; .sport == 6789 and .received >= 5)' >/dev/null &&
		[ "$(find "/sys/fs/bpf/defib/$prefix/links" -name 'loss-prog-*' | wc -l)" = 1 ]
}

# kind FROM TO: of an upgrade
kind()
{
	local from=1 to=1
	[ "$1" != next ] || from=2
	[ "$2" != next ] || to=2
	case $((to - from)) in
	0) echo 'same version' ;;
	1) echo 'newer version' ;;
	*) echo 'older version' ;;
	esac
}

# traffic_is_whole: not one lost, nobody moved
traffic_is_whole()
{
	local report
	report=$(traffic_stop load)
	[ "$(json -c '[.lost, (.edges | length)]' <<<"$report")" = '[0,0]' ] ||
		fail "round $1, $2: $(json -c . <<<"$report")"
	requests[$kind]=$((${requests[$kind]:-0} + $(json .sent <<<"$report")))
}

upgrade_begin()
{
	[ -x "$root/build/next/defibd" ] || skip "no build of another version (make next)"
	RANDOM=${SELFTEST_SEED:-1}
	mkdir "$work/again"
	cp "$root/build/defibd" "$root/build/defib-probe" "$work/again/"
	lab_start --servers 3
	daemon_config --interval 5ms
	stay_serve s1 s2 s3
	daemon_begin
	code 0 defib server maintenance s3 on
}

# Killed somewhere between its first system call and its being ready, a few times or not at all.
interrupted_starts() # BUILD
{
	local n=$((RANDOM % 3))
	killed_starts[$kind]=$((${killed_starts[$kind]:-0} + n))
	for ((; n > 0; n--)); do
		start_build "${BUILDS[RANDOM % 3]}"
		sleep "0.$(printf '%03d' $((RANDOM % 250)))"
		kill -KILL "$daemon_pid" 2>/dev/null || true
		wait "$daemon_pid" 2>/dev/null || true
	done
	start_build "$1"
}

# What a client and an operator would notice if it were lost.
decision()
{
	status -c '[(.pools[] | [.name, .active[0], .epoch]), (.servers[] | [.name, .state])]'
}

ready()
{
	status_is '(.pools | all(.epoch == .committed)) and all(.servers[]; .state == "up" or
		.state == "maintenance") and .daemon == "up" and .prober.alive_ms_ago < 1000'
}

# upgrade_round N: another build, up, down, the same version, then at random; then the serving server dies
upgrade_round()
{
	local to=${LAP[$1 - 1]:-${BUILDS[RANDOM % 3]}} from=$build family=${FAMILIES[RANDOM % 2]}
	local before server other kind
	kind=$(kind "$from" "$to")
	before=$(decision)
	traffic_start load --to "${SERVICE[$family]}" --rate 10000
	stay_start idle "${SERVICE[$family]}" 2
	if ((RANDOM % 2)); then
		daemon_stop TERM
	else
		daemon_stop KILL
	fi
	interrupted_starts "$to"
	must 60 ready
	must 10 prober_is_of "$to"
	must 10 pins_are_whole
	must 10 streams_are_counted
	traffic_is_whole "$1" "$from to $to"
	expect "decision after $from to $to" "$(decision)" "$before"
	server=$(status -c '.pools[0].active[0]' | tr -d '"')
	other=$([ "$server" = s1 ] && echo s2 || echo s1)
	epoch=$(epoch)
	clients_start
	lab_cut "$server"
	must 20 served_by "$other"
	must 20 committed $((epoch + 1)) "$other"
	clients_stop "$server $other"
	must 20 stay_ended idle 2 # who only listened before the upgrade is told, too
	expect "idle connections after $from to $to" "$(stay_ends idle)" reset
	lab_heal "$server"
	must 30 ready
	upgrades[$kind]=$((${upgrades[$kind]:-0} + 1))
	echo "round $1: $from to $to, IPv$family"
}

# What cannot be understood is refused, and the old one goes on.
upgrade_refused()
{
	local status=0
	daemon_stop
	rm "/sys/fs/bpf/defib/$prefix/maps/btf"
	[ "$build" = next ] && build=this || build=next
	start_build "$build"
	wait "$daemon_pid" || status=$?
	daemon_pid=
	expect "exit status" "$status" 1
	logged "cannot take them over.*teardown --keep-routes" || daemon_fail "not told"
	traffic --to "${SERVICE[4]}" --count 100 >"$work/four"
	expect "lost" "$(json .lost "$work/four")" 0
}

upgrade_end()
{
	[ -z "${daemon_pid:-}" ] || daemon_stop
	defib teardown >/dev/null || true
	expect "pins" "$(find "/sys/fs/bpf/defib/$prefix" 2>/dev/null)" ""
}
