#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `fast: false`: the controller switches, on the kernel's evidence. Nothing moves while it is stopped or
# dead; it does what is due as soon as it goes on.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

dies_unheard() # SERVER
{
	lab_cut "$1"
	must 10 server_is "$1" down
	probes_pass 300
	moved "$epoch" "$1" || fail "it moved without the controller: $(status -c .pools)"
}

moves() # SERVER
{
	must 60 served_by "$1"
	epoch=$((epoch + 1))
	must 10 committed "$epoch" "$1"
	must 10 recorded "$1"
	must 10 told ".kind == \"failover\" and .epoch == $epoch and .to == \"$1\""
	stays "$epoch" "$1"
	lab_heal s1 s2 s3
	must 30 all_well
	stays "$epoch" "$1"
}

lab_start --servers 3
daemon_config --fast false
daemon_begin
expect "fast" "$(status '.pools[0].fast')" false
clients_start
lab_cut s1
moves s2

kill -STOP "$daemon_pid"
dies_unheard s2
kill -CONT "$daemon_pid"
moves s3

daemon_stop KILL
dies_unheard s3
daemon_start
# s1 is next in order, unless its last answers were late when s3 was found dead: then the witness, s2.
must 60 eval 'served_by s1 || served_by s2'
last=$(status '.services[0].server')
moves "$last"
clients_stop "s1 s2 s3 $last" 60
