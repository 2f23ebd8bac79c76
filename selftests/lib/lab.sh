# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh sets root, prefix and work
# shellcheck disable=SC2119,SC2120 # functions with optional arguments
#
# A lab (tools/lab) with a daemon in it, for test scripts: source it after selftests/lib/net.sh.
# The lab and the instance of defibd are named by the test's prefix, and go when the test ends.

# lab COMMAND...: tools/lab for this test's lab
lab()
{
	local command=$1
	shift
	"$root/tools/lab" "$command" --name "$prefix" "$@"
}

# lab_start [ARGUMENT of `tools/lab up`]...: with servers that answer probes and clients
lab_start()
{
	at_exit lab_stop
	lab up "$@"
	lab serve
	lab respond
}

# lab_stop: what is left of daemon, prober, programs and namespaces
lab_stop()
{
	[ -z "${daemon_pid:-}" ] || daemon_stop KILL 2>/dev/null || true
	[ ! -e "/run/netns/$prefix-gateway" ] || defib teardown >/dev/null 2>&1 || true
	lab down
}

# on HOST COMMAND...: in the network namespace of a host
on()
{
	in_ns "$@"
}

# lab_cut HOST... / lab_heal HOST...: sets cut_ns / heal_ns, CLOCK_MONOTONIC
lab_cut()
{
	# shellcheck disable=SC2034 # for the test
	cut_ns=$(lab cut "$@" | json .mono_ns)
}

lab_heal()
{
	# shellcheck disable=SC2034 # for the test
	heal_ns=$(lab heal "$@" | json .mono_ns)
}

# --- the daemon -----------------------------------------------------------------------------------

# defib ARGUMENT...: the command line tool, for this test's instance, on the gateway
defib()
{
	on gateway "$root/build/defib" --instance "$prefix" "$@"
}

# json FILTER: jq for what is one line
json()
{
	jq -r "$@"
}

# status FILTER: of `defib status -j`, whatever its exit status
status()
{
	{ defib -j status || true; } | json "$@"
}

# status_is FILTER: is it true? For wait_until.
status_is()
{
	[ "$(status "$1")" = true ]
}

# server_is NAME STATE / service_is NAME STATE / serves SERVICE SERVER
server_is()
{
	status_is "any(.servers[]; .name == \"$1\" and .state == \"$2\")"
}

service_is()
{
	status_is "any(.services[]; .name == \"$1\" and .state == \"$2\")"
}

serves()
{
	status_is "any(.services[]; .name == \"$1\" and .server == \"$2\")"
}

# all_well: the daemon answers, every server is up, every service serves, the tables of record agree
all_well()
{
	status_is '.daemon == "up" and (.services | length > 0) and all(.servers[]; .state == "up") and
		all(.services[]; .state == "serving") and all(.pools[]; .epoch == .committed)'
}

# daemon_config [OPTION of `tools/lab config`]...: writes $work/defib.yaml
daemon_config()
{
	lab config "$@" >"$work/defib.yaml"
}

# daemon_start [ARGUMENT]...: with $work/defib.yaml, in the background; sets daemon_pid
daemon_start()
{
	[ -e "$work/defib.yaml" ] || daemon_config
	nsenter --net="/run/netns/$prefix-gateway" -- "$root/build/defibd" -c "$work/defib.yaml" \
		--instance "$prefix" "$@" >>"$work/defibd.log" 2>&1 &
	daemon_pid=$! # nsenter becomes the daemon
}

# daemon_ready: start it if it is not running, and wait until all is well
daemon_ready()
{
	[ -n "${daemon_pid:-}" ] || daemon_start "$@"
	wait_until 30 all_well || daemon_fail "the lab did not come up: $(status -c .)"
}

# daemon_stop [SIGNAL]: and wait for its end; the data path stays
daemon_stop()
{
	kill -s "${1:-TERM}" "$daemon_pid"
	{ wait "$daemon_pid" || true; } 2>/dev/null # the shell would say how it ended
	daemon_pid=
}

# daemon_fail TEXT...: fail, with the end of the daemon's log
daemon_fail()
{
	tail -n 30 "$work/defibd.log" >&2 2>/dev/null || true
	echo "${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*" >"$work/why"
	exit 1
}

# --- events ---------------------------------------------------------------------------------------

# events_start: collect what happens from now on in $work/events, one JSON object a line
events_start()
{
	: >"$work/events"
	nsenter --net="/run/netns/$prefix-gateway" -- "$root/build/defib" -j --instance "$prefix" \
		event monitor >>"$work/events" 2>>"$work/events.err" &
	events_pid=$!
	wait_until 10 events_flow || fail "the monitor does not start: $(cat "$work/events.err")"
}

# events_flow: the monitor has asked, and sleeps until there are events; for wait_until
events_flow()
{
	[ -n "$(find "/proc/$events_pid/fd" -lname "socket:*")" ] &&
		grep -q "^State:.S" "/proc/$events_pid/status"
}

# event FILTER: the first event that it selects; fails if there is none
event()
{
	jq -cn "first(inputs | select($1))" "$work/events" 2>/dev/null | grep .
}

# event_wait SECONDS FILTER: until there is one, printed
event_wait()
{
	wait_until "$1" event "$2" || fail "no event $2 within $1 s: $(cat "$work/events")"
	event "$2"
}

# event_count FILTER: how many
event_count()
{
	jq -c "select($1)" "$work/events" | wc -l
}

# --- traffic --------------------------------------------------------------------------------------

# traffic_start NAME [ARGUMENT of pace]...: a client; NAME is for traffic_stop
traffic_start()
{
	local name=$1
	shift
	nsenter --net="/run/netns/$prefix-client" -- "$root/build/lab/pace" --json --follow "$@" \
		>"$work/traffic.$name" 2>&1 &
	echo $! >"$work/traffic.$name.pid"
	wait_until 10 grep -q '"from":""' "$work/traffic.$name" ||
		fail "traffic $name: no reply: $(cat "$work/traffic.$name")"
}

# traffic_moved NAME SERVER: is it answered by SERVER now? For wait_until.
traffic_moved()
{
	grep '"from"' "$work/traffic.$1" | tail -n 1 | grep -q "\"to\":\"$2\""
}

# traffic_stop NAME [FILTER]: end it; prints its report, or what the filter picks
traffic_stop()
{
	local pid
	pid=$(cat "$work/traffic.$1.pid")
	kill "$pid" 2>/dev/null || true
	# Not `wait`: whoever wants the report calls this in a subshell, whose child it is not.
	wait_until 10 grep -q '^{"schema".*}$' "$work/traffic.$1" ||
		fail "traffic $1: no report: $(cat "$work/traffic.$1")"
	tail -n 1 "$work/traffic.$1" | json "${2:-.}"
}

# traffic [ARGUMENT of pace]...: in the foreground; prints its report
traffic()
{
	on client "$root/build/lab/pace" --json "$@"
}
