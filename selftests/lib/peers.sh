# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/peers; net.sh and lab.sh set root, prefix and work
# shellcheck disable=SC2016 # jq's variables
#
# defib and its peers in one lab, one at a time, with the same client and the same faults: source it after
# selftests/lib/lab.sh. A peer is a file selftests/peers/NAME.sh with
#
#   NAME_PROGRAM                  what must be there
#   NAME_start INTERVAL_US        three missed intervals are a death
#   NAME_stop                     what is left when its processes are gone (optional)
#   NAME_ready                    all servers are well
#
# and, but for those that selftests/bench/balancers.sh measures,
#
#   NAME_ready                    the preferred server serves besides
#   NAME_takes INTERVAL_US        can it be asked for that interval?
#   NAME_flaps                    how many deaths it declared, or switches it made, so far
#   NAME_freezes                  processes worth stopping, lines of `PIDS<TAB>NAME`

COUNT=3
SERVERS='1 2 3'
FIRST=s1 # preferred by those that have a preference
SERVICE_ADDRESS=10.79.0.100
SERVICE_PORTS='9000 9100' # of pace and of stay, for those that have to know
PATIENCE=10 # seconds: "never" for an outage
HOGS=8
pids=() # of the peer that runs: pids[PID]="HOST NAME"
client=
peer=
hogs=

# peers_load NAME...: the files of those whose programs are installed; sets PEERS and MISSING
peers_load()
{
	local name program
	PEERS='' MISSING=''
	for name; do
		# shellcheck disable=SC1090
		. "$root/selftests/peers/$name.sh"
		program=${name}_PROGRAM
		if [ -x "${!program}" ]; then
			PEERS+=" $name"
		else
			MISSING+=" $name"
		fi
	done
	PEERS=${PEERS# } MISSING=${MISSING# }
}

# --- a peer's processes ---------------------------------------------------------------------------

# spawn HOST NAME COMMAND...: a process of the peer's, with what it says in $work/NAME.HOST.out.
# FIFO=PRIORITY in the environment gives it a real-time priority.
spawn()
{
	local host=$1 name=$2
	shift 2
	[ -z "${FIFO:-}" ] || set -- chrt -f "$FIFO" "$@"
	nsenter --net="/run/netns/$prefix-$host" -- "$@" >"$work/$name.$host.out" 2>&1 &
	pids[$!]="$host $name"
}

# pids_of HOST NAME: as it was spawned
pids_of()
{
	local pid
	for pid in "${!pids[@]}"; do
		[ "${pids[$pid]}" != "$1 $2" ] || echo "$pid"
	done
}

gone() # PID
{
	case $(sed -n 's/^State:.\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) in
	'' | Z) return 0 ;;
	*) return 1 ;;
	esac
}

# peer_start NAME INTERVAL_US: until it is ready. Where the machine is so busy that some session is always
# down, that never is; what its clients get is measured all the same.
peer_start()
{
	peer=$1
	"${peer}_start" "$2"
	wait_until 20 "${peer}_ready" || echo "$peer, 3 x $2 us: not all servers were well within 20 s"
}

# Ends what was spawned, with what it started: keepalived's child goes with its parent.
peer_stop()
{
	local pid
	[ -n "$peer" ] || return 0
	for pid in "${!pids[@]}"; do
		kill -CONT "$pid" 2>/dev/null || true
		kill -TERM "$pid" 2>/dev/null || true
	done
	for pid in "${!pids[@]}"; do
		wait_until 10 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		unset "pids[$pid]"
	done
	! declare -F "${peer}_stop" >/dev/null || "${peer}_stop"
	on gateway ip route flush "$SERVICE_ADDRESS/32"
	peer=
}

# route_via SERVER: does the gateway send the service's packets there?
route_via()
{
	on gateway ip route get "$SERVICE_ADDRESS" 2>/dev/null | grep -q "via 10.78.0.1${1#s} "
}

# --- load -----------------------------------------------------------------------------------------

hogs_start()
{
	"$root/build/lab/hog" "$HOGS" &
	hogs=$!
	disown
}

hogs_stop()
{
	[ -z "$hogs" ] || kill "$hogs" 2>/dev/null || true
	hogs=
}

# --- the client -----------------------------------------------------------------------------------

client_start() # REQUESTS_PER_SECOND [ARGUMENT of pace]...
{
	client=$work/traffic.web
	nsenter --net="/run/netns/$prefix-client" -- "$root/build/lab/pace" --json --follow --rate "$@" \
		--to "$SERVICE_ADDRESS" >"$client" 2>&1 &
	echo $! >"$client.pid"
	wait_until 60 grep -q '"from":""' "$client" || fail "$peer: nobody is served: $(cat "$client")"
}

# client_stop: prints its report
client_stop()
{
	traffic_stop web
}

# edges FILTER [ARGUMENT of jq]...: of the latest changes of who answers the client, oldest first
edges()
{
	local filter=$1
	shift
	tail -n 20 "$client" | grep '^{"from".*}$' | jq -rs "$@" "$filter"
}

# server_at NS: who answered the client last by then
server_at()
{
	edges 'map(select(.first_ns <= $at)) | last.to // ""' --argjson at "$1"
}

# outage_after NS SERVER: in us, of the first change away from that server after that time
outage_after()
{
	edges 'first(.[] | select(.first_ns > $at and .from == $server)) | .outage_us' \
		--argjson at "$1" --arg server "$2"
}

# client_left NS SERVER: for wait_until
client_left()
{
	outage_after "$@" | grep -q '[0-9]'
}

# --- kills ----------------------------------------------------------------------------------------

# A moment of up to 50 ms, so that no phase of the probes is preferred.
random_phase()
{
	sleep "$(printf '0.%03d' $((RANDOM % 50)))"
}

# kill_once: cuts the cable of whoever serves. Sets outage_us, empty if the client was never served again
# within PATIENCE. Fails if the peer moved the service by itself just then: that kill says nothing.
kill_once()
{
	local server
	wait_until 10 "${peer}_ready" || true # a peer that flaps may never be
	random_phase
	server=$(edges last.to)
	lab_wire cut "$server"
	if wait_until "$PATIENCE" client_left "$cut_ns" "$server"; then
		outage_us=$(outage_after "$cut_ns" "$server")
	else
		outage_us=
	fi
	[ "$(server_at "$cut_ns")" = "$server" ] || server=
	lab_wire mend "${cut_server}"
	[ -n "$server" ]
}

# lab_wire cut|mend SERVER: sets cut_ns and cut_server
lab_wire()
{
	cut_ns=$("$root/build/lab/wire" "$1" "$prefix-switch" "p${2#s}" | json .mono_ns)
	cut_server=$2
}
