# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/lib/peers.sh; set by it
#
# defib that routes connections: heartbeats and the service's HTTP check at the same interval.

# shellcheck source=selftests/peers/defib.sh
. "$root/selftests/peers/defib.sh"
# shellcheck source=selftests/lib/checks.sh
. "$root/selftests/lib/checks.sh"

defib_route_PROGRAM=$defib_PROGRAM

defib_checked_start() # INTERVAL_US REDIRECT
{
	lab respond
	daemon_config --family 4 --interval "$1us" --redirect "$2"
	checked web "{kind: http, every: $1us, fast: $1us, timeout: $1us, fall: 3, rise: 2}"
	: >"$work/defibd.log"
	daemon_start
	pids[daemon_pid]='gateway defibd'
}

defib_route_start() # INTERVAL_US
{
	defib_checked_start "$1" route
}

defib_route_stop()
{
	defib_stop
}

# All servers are up, and pass.
defib_route_ready()
{
	all_well && status_is 'all(.services[].checks[]; .state == "pass")'
}
