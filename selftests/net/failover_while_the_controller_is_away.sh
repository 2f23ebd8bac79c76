#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The controller and its worker are stopped, killed, or in the middle of a restart when a server dies,
# and when the next one dies, too: the clients are moved at once all the same. Back again, it adopts
# what happened, commits it, reports it, and moves nothing.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

# Both deaths happen without it. It is there again: what the kernel did stands.
two_die() # SERVER SECOND THIRD
{
	lab_cut "$1"
	must 10 served_by "$2"
	lab_cut "$2"
	must 10 served_by "$3"
	epoch=$((epoch + 2))
	code 3 defib status
	says "$out" "DOWN"
	moved "$epoch" "$3" || fail "the maps say $(status -c '.pools[0]'), not $epoch $3"
	expect "committed" "$(status .pools[0].committed)" $((epoch - 2))
	[ "$(via 4)" = "$1" ] || fail "who committed $(via 4)?"
}

adopted() # SERVER
{
	must 30 committed "$epoch" "$1"
	recorded "$1" || fail "the routing tables say $(via 4) $(via 6), not $1"
	must 10 told ".kind == \"failover\" and .epoch == $epoch and .to == \"$1\" and .detect_us > 0"
	must 10 told ".kind == \"commit\" and .epoch == $epoch and .server == \"$1\""
	stays "$epoch" "$1"
	must 10 recorded "$1"
}

heal_all()
{
	lab_heal all
	must 30 all_well
}

start_until() # CONDITION...: of a restart
{
	rm -f "/run/defib/$prefix/ctl.sock"
	: >"$work/defibd.log"
	daemon_start
	must 20 "$@"
}

story_start --servers 3
clients_start

kill -STOP "$daemon_pid" "$(worker_pid)"
worker=$(worker_pid)
two_die s1 s2 s3
kill -CONT "$daemon_pid" "$worker"
adopted s3
heal_all

daemon_stop KILL
two_die s3 s1 s2
daemon_start
adopted s2
heal_all

# Killed when it has hardly begun, when it has just adopted, and when it runs; each time a server dies.
served=s2
for next in s3 s1 s2; do
	daemon_stop
	case $next in
	s3) start_until test -S "/run/defib/$prefix/ctl.sock" ;;
	s1) start_until logged "^prober: " ;;
	s2) start_until logged "^instance .* runs" ;;
	esac
	daemon_stop KILL
	lab_cut "$served"
	must 10 served_by "$next"
	epoch=$((epoch + 1))
	lab_heal "$served"
	must 10 server_is "$served" up
	start_until test -S "/run/defib/$prefix/ctl.sock"
	adopted "$next"
	served=$next
done

# A start that goes on meanwhile.
daemon_stop
start_until test -S "/run/defib/$prefix/ctl.sock"
lab_cut s2
must 10 served_by s3
epoch=$((epoch + 1))
adopted s3
heal_all
stays "$epoch" s3
clients_stop "s1 s2 s3 s1 s2 s3 s1 s2 s3"
