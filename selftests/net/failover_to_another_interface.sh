#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# All servers behind one interface die, one behind another lives: it takes over. Its own cable is pulled:
# a death of its own kind, for its probes do not even leave.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

story_start --servers 2 --direct 1
clients_start
lab_cut uplink
must 10 served_by s3
must 10 committed $((epoch + 1)) s3
recorded s3 || fail "the routing tables say $(via 4) $(via 6)"
must 10 server_is s1 down
must 10 server_is s2 down
event_wait 5 '.kind == "failover" and .from == "s1" and .to == "s3" and
	(.reason | test("^(expired|rescue)"))' >/dev/null
lab_heal uplink
must 30 all_well
stays $((epoch + 1)) s3

lab_cut s3 --carrier
must 10 served_by s1
must 10 committed $((epoch + 2)) s1
event=$(event_wait 5 '.kind == "failover" and .from == "s3"')
echo "verdict $(($(json .mono_ns <<<"$event") / 1000 - cut_ns / 1000)) us after the carrier went"
jq -e --argjson cut "$cut_ns" '.to == "s1" and (.reason | test("^(unsent|expired):")) and
	.mono_ns - $cut < 1000000000' <<<"$event" >/dev/null || fail "$event"
must 10 server_is s3 down
must 10 status_is '[.servers[] | select(.name == "s3").addresses[].cannot_leave] | all'
lab_heal s3
must 30 all_well
stays $((epoch + 2)) s1
clients_stop "s1 s3 s1"
