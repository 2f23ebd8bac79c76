# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh, lab.sh and failover.sh set root, prefix, work and more
#
# kill -9 of whatever is ours, at any moment, for the net and the bench tier: source it after
# selftests/lib/failover.sh. The test plays systemd, which starts the daemon again after 200 ms.
#
# A round is planned with RANDOM, so a seed repeats it up to the moments at which things happen. Then a
# fault and a kill happen at the same time, more or less. The judges are the client (who was answered, and
# by whom), the kernel (maps, rules, routes, pins, programs, processes), and what the lab did.

KILLS_RESTART=0.2	 # RestartSec of the unit
KILLS_DETECT_US=1000000	 # a death, once a prober runs; a hundred times of what it takes on an idle machine
KILLS_INTERVAL=2ms
KILLS_QUIET="defib-probe,defibd,defibd: worker"
VICTIMS=(defibd defibd start start defib-probe defib-probe worker hook cli cli cli)
FAULTS=(nothing cut cut cut standby uplink reload restart failover)
VERBS=(failover maintenance status explain list monitor doctor echo echo)
services=1
kills=0
declare -A shapes

# --- ours -----------------------------------------------------------------------------------------

# ours NAME: pids of what has this name in the gateway's namespace
ours()
{
	local pid
	for pid in $(ip netns pids "$prefix-gateway"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
	done
}

# processes: of the gateway, by name
processes()
{
	local pid
	for pid in $(ip netns pids "$prefix-gateway"); do
		cat "/proc/$pid/comm" 2>/dev/null || true
	done | sort | paste -sd,
}

# files: pins and files of the instance, and the pins of responders
files()
{
	local n
	find "/sys/fs/bpf/defib/$prefix" "/run/defib/$prefix" "/var/lib/defib/$prefix" ! -name 'history.db?*' |
		sed 's,prog-[0-9]*$,prog,' | sort
	for ((n = 1; n <= 3; n++)); do
		find /sys/fs/bpf/defib/echo -path "*/$(stat -Lc %i "/run/netns/$prefix-s$n")-*" | sort
	done
}

# attached: how many of our programs there are, and where
attached()
{
	local pools
	pools=$(bpftool -j map show pinned "/sys/fs/bpf/defib/$prefix/maps/pools" | json .id)
	bpftool -j prog show | jq "[.[] | select(.map_ids // [] | index($pools))] | length"
	on gateway bpftool net show | sed -E 's,(:\[[0-9]+])? id [0-9]+.*,,'
}

# shape: all that there is of ours, whoever serves
shape()
{
	processes
	files
	attached
	routing | sed -E 's/(10\.78\.0\.|fd78::)1[1-3]\>/\1N/g' | sort
}

# --- the rounds -----------------------------------------------------------------------------------

kills_begin()
{
	RANDOM=${SELFTEST_SEED:-1}
	printf '#!/bin/sh\nsleep 0.1\n' >"$work/hook"
	chmod +x "$work/hook"
	chmod 755 "$work"
	lab_start --servers 3
	nothing=$(routing)
	for services in 2 1; do
		kills_config
		daemon_begin
		must 10 shape_is_known
		daemon_stop
		code 0 defib teardown
	done
	daemon_begin
	must 10 quiet
}

kills_config()
{
	daemon_config --interval $KILLS_INTERVAL --hook "$work/hook" --services "$services"
}

# quiet: no hook runs; for wait_until
quiet()
{
	[ "$(processes)" = "$KILLS_QUIET" ]
}

# shape_is_known: what there is of ours is remembered, once no hook runs; for wait_until
shape_is_known()
{
	shapes[$services]=$(shape)
	[ "${shapes[$services]%%$'\n'*}" = "$KILLS_QUIET" ]
}

pick() # WORD...
{
	shift $((RANDOM % $#))
	picked=$1
}

# plan: the round's fault, the server that dies, who is killed, doing what, when
plan()
{
	local others=(s1 s2 s3)
	before=$(status '.pools[0].active[0]')
	others=("${others[@]/$before/}")
	read -ra others <<<"${others[*]}"
	pick "${FAULTS[@]}" && fault=$picked
	pick "${VICTIMS[@]}" && victim=$picked
	pick "${VERBS[@]}" && verb=$picked
	pick "${others[@]}" && chosen=$picked
	other=${others[0]}
	[ "$other" != "$chosen" ] || other=${others[1]}
	late=$(printf '0.%03d' $((RANDOM % (RANDOM % 2 ? 300 : 30))))
	early=$(printf '0.%03d' $((RANDOM % (RANDOM % 2 ? 100 : 10))))
	case $fault in
	cut) dead=$before ;;
	standby) dead=$chosen ;;
	uplink) dead=uplink ;;
	*) dead= ;;
	esac
	[ "$victim" = cli ] || verb=
	soon=$(printf '0.%03d' $((RANDOM % 12)))
	[[ $verb != echo && $verb != doctor ]] || soon=$(printf '0.%03d' $((RANDOM % 100)))
	# Who takes part in what the command line does lives.
	[ "$fault" = standby ] && chosen=$other
	cut_ns=0
}

do_fault()
{
	case $fault in
	cut | standby | uplink) lab_cut "$dead" ;;
	failover) defib service failover web --to "$chosen" >/dev/null 2>&1 || true ;;
	reload)
		services=$((3 - services))
		kills_config
		[ -z "$daemon_pid" ] || kill -HUP "$daemon_pid" 2>/dev/null || true
		;;
	restart)
		[ -n "$daemon_pid" ] || return 0
		{ kill "$daemon_pid" && wait "$daemon_pid"; } 2>/dev/null || true
		daemon_start
		;;
	esac
}

# run_verb: becomes it
run_verb()
{
	local host=gateway words
	case $verb in
	failover) words="service failover web --to $chosen" ;;
	maintenance) words="server maintenance $chosen on" ;;
	status) words=status ;;
	explain) words="service explain web" ;;
	list) words="event list" ;;
	monitor) words="event monitor" ;;
	doctor | teardown) words=$verb ;;
	echo) host=$chosen words="echo attach eth0 --allow 10.78.0.0/16 fd78::/16" ;;
	esac
	# shellcheck disable=SC2086
	exec nsenter --net="/run/netns/$prefix-$host" -- "$root/build/defib" --instance "$prefix" $words \
		>/dev/null 2>&1
}

# victims: pids of what is to be killed now; without a hook that runs, it is the worker
victims()
{
	case $victim in
	hook) ours hook; ours 'defibd: worker' ;;
	worker) ours 'defibd: worker' ;;
	*) ours "$victim" ;;
	esac
}

# strike: one of ours, at its moment; notes the pid, if it was really killed
strike()
{
	local pid status=137
	: >"$work/struck"
	if [ "$victim" = cli ]; then
		run_verb &
		pid=$!
		sleep "$soon"
	else
		sleep "$late"
		pid=$(victims | sed -n 1p)
	fi
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null || return 0
	[ "$victim" != cli ] || { status=0 && wait "$pid" || status=$?; } 2>/dev/null
	[ "$status" != 137 ] || echo "$pid" >"$work/struck"
}

# strike_start: the daemon that starts, while the fault happens
strike_start()
{
	daemon_stop "$([ $((RANDOM % 2)) = 0 ] && echo TERM || echo KILL)"
	do_fault
	[ -n "$daemon_pid" ] || daemon_start
	sleep "$late"
	echo "$daemon_pid" >"$work/struck"
	kill -KILL "$daemon_pid" 2>/dev/null || true
}

# supervise: as systemd does; a daemon that ended by itself is a finding
supervise()
{
	local status=0
	if [ "$(cat "$work/struck")" = "$daemon_pid" ]; then
		{ wait "$daemon_pid" || status=$?; } 2>/dev/null
		expect "$round: how the daemon ended" "$status" 137
		seen_by_maps
		sleep "$KILLS_RESTART"
		daemon_start
	fi
	kill -0 "$daemon_pid" || daemon_fail "$round: the daemon ended by itself"
}

# seen_by_maps: without the daemon, status tells what the maps say, and says so
seen_by_maps()
{
	local code=0
	[ "$victim" = defibd ] || return 0
	defib -j status >"$work/maps" || code=$?
	expect "$round: exit status, and the daemon, after its death" "$code $(json .daemon "$work/maps")" "3 down"
	expect "$round: servers that the maps know" "$(json '[.servers[].name] | join(" ")' "$work/maps")" "s1 s2 s3"
}

# --- the verdict ----------------------------------------------------------------------------------

# status_is_true: it says of each server, and of the number of services, what the lab did
status_is_true()
{
	defib -j status >"$work/look.status" || true
	# shellcheck disable=SC2016 # jq's variables
	jq -e --arg dead "$dead" --arg verb "$verb" --argjson services "$services" '
		def truth($name):
			if $dead == "uplink" then "unknown" elif $name == $dead then "down" else "up" end;
		.daemon == "up" and (.services | length) == $services and
		all(.pools[]; .epoch == .committed and .active[0] != $dead) and
		all(.servers[]; .state == truth(.name) or ($verb == "maintenance" and .state == $verb))' \
		"$work/look.status"
}

# agreed: maps and tables of record say the same as status does, and that is true; for wait_until
agreed()
{
	status_is_true || return 1
	map pools | jq -s . >"$work/look.pools"
	map servers | jq -s . >"$work/look.servers"
	via 4 >"$work/look.via"
	via 6 >>"$work/look.via"
	# shellcheck disable=SC2016 # jq's variables
	jq -en --slurpfile status "$work/look.status" --slurpfile pools "$work/look.pools" \
		--slurpfile servers "$work/look.servers" --rawfile via "$work/look.via" '
		$status[0].pools[0] as $pool | $pool.active[0] as $name |
		first($servers[0][] | select(.value.name == $name)).key as $id |
		first($pools[0][] | select(.value.epoch == $pool.epoch)).value.slots as $slots |
		($slots | unique) == [$id] and $via == "\($name)\n\($name)\n"'
}

# shape_is_right: nothing of ours too much or too little; for wait_until
shape_is_right()
{
	shape >"$work/shape"
	[ "$(cat "$work/shape")" = "${shapes[$services]}" ]
}

# moves: how often the pool may have moved
moves_allowed()
{
	local n=0
	case $fault in cut | failover) n=1 ;; esac
	case $verb in failover | maintenance) n=$((n + 1)) ;; esac
	echo "$n"
}

# ownerless FAMILY REPORT: sets ownerless and respawned, us: since the cut, and until a prober ran again
ownerless()
{
	local began served
	began=$(map prober | json .value.started_ns)
	served=$(json --arg dead "$dead" 'first(.edges[] | select(.from == $dead)).first_ns // 0' <<<"$2")
	[ "${served:-0}" -gt 0 ] || daemon_fail "$round: IPv$1 stayed with the dead: $2"
	ownerless=0
	respawned=0
	[ "$served" -gt "$cut_ns" ] || return 0 # an operator was faster
	ownerless=$(((served - cut_ns) / 1000))
	if [ "$began" -gt "$prober_began" ] && [ "$began" -gt "$cut_ns" ] && [ "$began" -lt "$served" ]; then
		respawned=$(((began - cut_ns) / 1000))
	fi
	echo "$victim $ownerless $respawned" >>"$work/ownerless"
}

# judge_client FAMILY: what it saw is the fault's doing, or nothing
judge_client()
{
	local report lost moves served ownerless respawned
	report=$(traffic_stop "$1" 'tojson')
	read -r lost moves served < <(json '"\(.lost) \(.edges | length) " +
		(if .edges == [] then .servers | keys[0] else .edges[-1].to end)' <<<"$report")
	told+="; IPv$1: $moves moves, $lost lost"
	[ "$moves" -le "$(moves_allowed)" ] || daemon_fail "$round: IPv$1 moved too often: $report"
	expect "$round: who answers over IPv$1" "$served" "$(json '.pools[0].active[0]' "$work/look.status")"
	[ "$fault" != uplink ] || return 0
	if [ "$fault" != cut ]; then
		[ "$lost" = 0 ] || daemon_fail "$round: IPv$1: lost: $report"
		return 0
	fi
	ownerless "$1" "$report"
	told+=", $ownerless us without an owner"
	[ "$respawned" = 0 ] || told+=", $respawned of them without a prober"
	[ $((ownerless - respawned)) -le $KILLS_DETECT_US ] ||
		daemon_fail "$round: IPv$1: $ownerless us without an owner, $respawned of them without a prober"
	[ "$lost" -le $((ownerless / 1000 + 20)) ] ||
		daemon_fail "$round: IPv$1: lost while it had an owner: $report"
}

# history_is_right: it has the last failover; for wait_until
history_is_right()
{
	local epoch server
	read -r epoch server < <(json '.pools[0] | "\(.epoch) \(.active[0])"' "$work/look.status")
	[ "$epoch" = 1 ] || told ".kind == \"failover\" and .epoch == $epoch and .to == \"$server\""
}

# told_answers: of the responder that was replaced; answers_are_told FROM: they grow; for wait_until
told_answers()
{
	on "$chosen" "$root/build/defib" -j echo show | json '.responders[0].counters.answered'
}

answers_are_told() # FROM
{
	[ "$(told_answers)" -gt "$1" ]
}

# finish_verb: what was begun is finished, or taken back
finish_verb()
{
	case $verb in
	maintenance) code 0 defib server maintenance "$chosen" off ;;
	echo)
		must 10 answers_are_told "$(told_answers)"
		code 0 on "$chosen" "$root/build/defib" echo attach eth0 --allow 10.78.0.0/16 fd78::/16
		;;
	esac
}

kills_round() # NUMBER
{
	local striker
	plan
	round="round $1 (seed ${SELFTEST_SEED:-1}): $fault${dead:+ $dead}, $victim${verb:+ $verb $chosen}"
	told=
	prober_began=$(map prober | json .value.started_ns)
	clients_start --rate 1000
	if [ "$victim" = start ]; then
		strike_start
	else
		strike &
		striker=$!
		sleep "$early"
		do_fault
		wait "$striker"
	fi
	supervise
	wait_until 30 agreed || daemon_fail "$round: no agreement: $(cat "$work"/look.*; routing)"
	kill "$(cat "$work/traffic.4.pid")" "$(cat "$work/traffic.6.pid")"
	[ "$fault" != uplink ] || lab_heal uplink
	judge_client 4
	judge_client 6
	[ -z "$dead" ] || [ "$dead" = uplink ] || lab_heal "$dead"
	finish_verb
	must 30 all_well
	dead=
	wait_until 10 shape_is_right ||
		daemon_fail "$round: left over: $(diff <(echo "${shapes[$services]}") "$work/shape")"
	verb=
	wait_until 10 agreed || daemon_fail "$round: no agreement afterwards: $(cat "$work"/look.*)"
	must 10 history_is_right
	count_kill
}

# count_kill: and tell the round
count_kill()
{
	local struck=no
	if [ -s "$work/struck" ]; then
		kills=$((kills + 1))
		struck="kill $kills"
	fi
	echo "$round: $struck$told"
}

# kills_rounds NUMBER: as many kills
kills_rounds()
{
	local n
	for ((n = 1; kills < $1; n++)); do
		kills_round "$n"
	done
}

# kills_bare NUMBER: the first start is killed, and the teardown; what is left is enough for the next
kills_bare()
{
	local n
	daemon_stop
	code 0 defib teardown
	for ((n = 0; n < $1; n++)); do
		daemon_start
		sleep "$(printf '0.%03d' $((RANDOM % 300)))"
		daemon_stop KILL
		verb=teardown run_verb &
		sleep "$(printf '0.%03d' $((RANDOM % 40)))"
		{ kill -KILL $! && wait $!; } 2>/dev/null || true
		if ((RANDOM % 2)); then
			code 0 defib teardown
			kills_clean
		fi
	done
	daemon_begin
	must 10 quiet
	wait_until 10 shape_is_right || daemon_fail "left over: $(diff <(echo "${shapes[$services]}") "$work/shape")"
}

# nobody_left: a killed daemon's worker ends by itself; for wait_until
nobody_left()
{
	[ -z "$(processes)" ]
}

kills_clean()
{
	expect "rules, routes" "$(routing)" "$nothing"
	expect "pins, files" "$(find "/sys/fs/bpf/defib/$prefix" "/run/defib/$prefix" 2>/dev/null)" ""
	must 10 nobody_left
	expect "programs" "$(on gateway bpftool net show | grep -c dfb_)" 0
}

kills_end()
{
	daemon_stop
	code 0 defib teardown
	kills_clean
}
