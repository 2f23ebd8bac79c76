# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # for who sources it; net.sh and lab.sh set root, prefix and work
#
# The stresses of the ladder, and its oracle: source it after net.sh and lab.sh. row.sh says what a row is.

STRESSES=(hogs fifo memory flood echo forged controller prober rps clock)
STRESS_PAIRS=(hogs+rps flood+controller) # the checks have these

# --- the stresses: start_NAME, and stress_stop for all of them ------------------------------------

# stress PROGRAM ARGUMENT...: of build/lab, in the background, until stress_stop
stress()
{
	local program=$1
	shift
	"$root/build/lab/$program" "$@" 2>>"$work/stress.err" &
	echo $! >>"$work/stress.pids"
}

# stress_at HOST PROGRAM ARGUMENT...: in the network namespace of a host
stress_at()
{
	local host=$1 program=$2
	shift 2
	nsenter --net="/run/netns/$prefix-$host" -- "$root/build/lab/$program" "$@" 2>>"$work/stress.err" &
	echo $! >>"$work/stress.pids"
}

start_hogs()
{
	stress hog 8
}

# The prober has priority 50. Some rest is left to the machine, which is not ours alone.
start_fifo()
{
	stress hog --fifo 40 40ms "${DEFIB_FIFO_REST:-40ms}"
}

# The hog shares a memory cgroup with daemon and prober, and its limit is half of what the hog wants.
start_memory()
{
	local group
	group=$(memory_group) || fail "no memory cgroup can be made here"
	echo "$group" >"$work/stress.group"
	stress squeeze "$work/squeezed" 256
	for pid in "$(tail -n 1 "$work/stress.pids")" "$daemon_pid" "$(prober_pid)"; do
		echo "$pid" >"$group/cgroup.procs"
	done
}

start_flood()
{
	stress_at client flood udp 10.79.0.100 9 100000
}

# Two of three servers, together below the limit of their responders.
start_echo()
{
	local i
	for i in 1 2; do
		stress_at switch flood echo br0 "$(mac_of "s$i")" "10.78.0.1$i" 40000
	done
}

start_forged()
{
	stress_at switch flood forge up0 8
}

start_controller()
{
	stress halt "$daemon_pid" 10ms-1500ms 50ms-500ms
}

start_prober()
{
	stress halt "$(prober_pid)" 50ms 50ms-200ms
}

start_rps()
{
	lab rps on
	: >"$work/stress.rps"
}

start_clock()
{
	stress warp
}

# memory_is_there: can a memory cgroup be made?
memory_is_there()
{
	local group
	group=$(memory_group) && rmdir "$group"
}

# memory_group: makes the test's own, limited to 128 MiB; prints it
memory_group()
{
	local group
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		grep -qw memory /sys/fs/cgroup/cgroup.subtree_control || return 1
		group=/sys/fs/cgroup/$prefix
		mkdir -p "$group" 2>/dev/null && echo 128M >"$group/memory.max" || return 1
	else
		group=/sys/fs/cgroup/memory/$prefix
		mkdir -p "$group" 2>/dev/null && echo 128M >"$group/memory.limit_in_bytes" || return 1
	fi 2>/dev/null
	echo "$group"
}

mac_of() # HOST
{
	on "$1" ip -j link show eth0 | json ".[0].address"
}

# stress_stop: all of them
stress_stop()
{
	local pid group
	touch "$work/stress.pids"
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done <"$work/stress.pids"
	rm -f "$work/stress.pids"
	if [ -e "$work/stress.rps" ]; then
		lab rps off
		rm "$work/stress.rps"
	fi
	if [ -s "$work/stress.group" ]; then
		group=$(cat "$work/stress.group")
		while read -r pid; do
			echo "$pid" >"${group%/*}/cgroup.procs" || true
		done <"$group/cgroup.procs"
		rmdir "$group"
		rm "$work/stress.group"
	fi
}

# stress_lives: nothing that was started has ended by itself
stress_lives()
{
	local pid
	touch "$work/stress.pids"
	while read -r pid; do
		[ -e "/proc/$pid" ] || fail "a stress has ended by itself: $(cat "$work/stress.err")"
	done <"$work/stress.pids"
}

# --- the oracle -----------------------------------------------------------------------------------

# cables_prepare: before anything depends on the cables: a device stops for some milliseconds when it gets
# its clsact, and that would be a fault of ours
cables_prepare()
{
	local port
	for port in up0 p1 p2 p3; do
		on switch tc qdisc add dev $port clsact
	done
}

# oracle_start [ARGUMENT of oracle]...: and wait until it watches
oracle_start()
{
	"$root/build/selftests/stress/oracle" --lab "$prefix" --instance "$prefix" "$@" >"$work/oracle" \
		2>"$work/oracle.err" &
	oracle_pid=$!
	wait_until 120 grep -q ready "$work/oracle" ||
		fail "the oracle does not start: $(cat "$work/oracle.err")"
}

# oracle_wait: until it ends; sets oracle_status: 0, 3 (a verdict was false) or 4 (a death was not noticed)
oracle_wait()
{
	oracle_status=0
	wait "$oracle_pid" || oracle_status=$?
	case $oracle_status in
	0 | 3 | 4) ;;
	*) fail "the oracle failed: $(cat "$work/oracle" "$work/oracle.err")" ;;
	esac
}

# ruled RULING SERVER: has the oracle ruled so? For wait_until.
ruled()
{
	grep -q "\"server\":\"$2\".*\"ruling\":\"$1\"" "$work/oracle"
}

# --- the table ------------------------------------------------------------------------------------

STRESS_HEAD='%-22s %4s %8s %7s %7s %6s %7s %4s %5s %4s %8s %8s %8s\n'
STRESS_FORM='%-22s %4d %8d %7d %7d %6d %7d %4d %5d %4d %8d %8d %8d\n'

stress_head()
{
	# shellcheck disable=SC2059
	printf "$STRESS_HEAD" row s probes expired suspect grace unknown down false wire \
		 'late us' 'reply us' 'kill us'
}
