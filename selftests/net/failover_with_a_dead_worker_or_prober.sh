#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The worker is killed or stopped: switches go on, and the history is complete. The prober is killed or
# stopped: nobody is blamed for its silence, it is started again, and detection goes on.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

other_worker() # PID
{
	local pid
	pid=$(worker_pid) && [ "$pid" != "$1" ]
}

other_prober() # PID
{
	status_is ".prober.pid != $1 and .prober.alive_ms_ago < 500"
}

operator_moves() # SERVER
{
	code 0 defib service failover web --to "$1"
	must 10 served_by "$1"
	epoch=$((epoch + 1))
	must 10 committed "$epoch" "$1"
}

complete() # each change of who serves, once
{
	local wanted
	wanted=$(seq -s ' ' 2 "$epoch")
	[ "$(history '.kind == "failover"' | jq -s 'map(.epoch) | sort | .[]' | xargs)" = "$wanted" ] &&
		[ "$(history '.kind == "commit" and .epoch > 1' | jq -s 'map(.epoch) | sort | .[]' | xargs)" = \
			"$wanted" ]
}

story_start --servers 3
clients_start
for _ in 1 2 3; do
	worker=$(worker_pid)
	kill -KILL "$worker"
	operator_moves s2
	operator_moves s1
	must 10 other_worker "$worker"
	operator_moves s3
done
worker=$(worker_pid)
kill -STOP "$worker"
operator_moves s1
lab_cut s1
must 10 served_by s2
epoch=$((epoch + 1))
must 10 committed "$epoch" s2
kill -CONT "$worker"
must 20 complete
lab_heal s1
must 30 all_well

# The prober dies twice, once while the controller is away.
at=$(event_count true)
prober=$(prober_pid)
kill -KILL "$prober"
must 10 other_prober "$prober"
event_wait 10 ".kind == \"prober\" and .to == \"gone\" and (.reason | test(\"pid $prober\$\"))" >/dev/null
event_wait 10 ".kind == \"prober\" and .to == \"running\" and
	(.reason | test(\"pid $(prober_pid)\$\"))" >/dev/null
stays "$epoch" s2

# It is stopped for so long that all probes would be overdue: delay is no verdict.
prober=$(prober_pid)
kill -STOP "$prober"
must 10 status_is '.prober.alive_ms_ago > 1000'
lab_cut s2
must 10 status_is '.prober.alive_ms_ago > 1500'
expect "without probes" "$(status -c '.pools[0] | [.epoch, .active[0]]')" "[$epoch,\"s2\"]"
kill -CONT "$prober"
must 10 served_by s3
epoch=$((epoch + 1))
must 10 committed "$epoch" s3
silent=$(tail -n +$((at + 1)) "$work/events" | jq -r 'select(.kind == "server-state" and
	.to == "down") | .server' | xargs)
expect "who was called dead" "$silent" s2
lab_heal s2
must 30 all_well

prober=$(prober_pid)
daemon_stop KILL
kill -KILL "$prober"
lab_cut s3
daemon_start
must 60 served_by s1
epoch=$((epoch + 1))
must 10 committed "$epoch" s1
stays "$epoch" s1
clients_stop "s1 s2 s1 s3 s2 s1 s3 s2 s1 s3 s1 s2 s3 s1"
