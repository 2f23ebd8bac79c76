# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/lib/peers.sh; set by it
#
# defib that translates connections; the rest is as where it routes them.

# shellcheck source=selftests/peers/defib_route.sh
. "$root/selftests/peers/defib_route.sh"

defib_nat_PROGRAM=$defib_PROGRAM

defib_nat_start() # INTERVAL_US
{
	defib_checked_start "$1" nat
}

defib_nat_stop()
{
	defib_stop
}

defib_nat_ready()
{
	defib_route_ready
}
