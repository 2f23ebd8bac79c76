# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/lib/peers.sh; set by it
#
# defib: the responder in each server's kernel, the daemon on the gateway, defaults but for the interval and
# the lab's short hold, so that a healed server counts again soon. IPv4 only, as the others.

defib_PROGRAM=$root/build/defibd

defib_takes() # INTERVAL_US
{
	[ "$1" -ge 250 ]
}

defib_start() # INTERVAL_US
{
	lab respond
	daemon_config --family 4 --interval "$1us"
	: >"$work/defibd.log"
	daemon_start
	pids[daemon_pid]='gateway defibd'
}

defib_stop()
{
	local i
	defib teardown >/dev/null
	for i in $SERVERS; do
		on "s$i" "$root/build/defib" echo detach eth0 >/dev/null
	done
	daemon_pid=
}

defib_ready()
{
	all_well
}

# What it took for a death.
defib_flaps()
{
	grep -c 'server-state.* -> down' "$work/defibd.log" || true
}

# defib_freezes: what may be frozen, a line each: PIDS<TAB>NAME
defib_freezes()
{
	printf '%s\t%s\n' "$daemon_pid" 'defibd' "$(status .prober.pid)" 'the prober'
}
