#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A server that is taken out of service keeps the connections it has until they end, while new ones go to the
# next server: over restarts of the daemon, up to a deadline, and not when it dies.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/stay.sh
. "$root/selftests/lib/stay.sh"
need jq

ALL=$((2 * STAY_EACH))

lab_start --servers 3
daemon_config --interval 2ms
daemon_begin
events_start
stay_serve s1 s2 s3

# They stay and are served, whoever is restarted; new ones are with the next server.
stay_both old s1 10ms
code 0 defib server maintenance s1 on --deadline 5m
says "$out" "maintenance of s1 is on; connections with it may stay for 5 min"
must 5 serves web s2
stay_both new s2
must 10 drained s1 $ALL
code 0 defib status
says "$out" "server s1 drains, 5* min left: $ALL TCP connections are still with it"
code 0 defib server show s1
says "$out" "draining *until 20*, $ALL TCP connections are left"
daemon_stop KILL
daemon_start
must 10 server_is s1 maintenance
must 10 drained s1 $ALL
events_start
stay_both_are_well old
drained_of s1 "its connections have ended" 0
expect "told that they are gone" "$(event_count '.kind == "flows-reset" and .server == "s1"')" 0

# What is left at the deadline learns of it.
code 0 defib server maintenance s2 on --deadline 2s --wait
must 5 serves web s3
stay_both_end new reset
drained_of s2 "the time is over" $ALL

# At once.
code 0 defib server maintenance s1 off
stay_both last s3
code 0 defib server maintenance s3 on --now
expect "answer" "$out" "maintenance of s3 is on"
must 5 serves web s1
stay_both_end last reset

# It dies with them.
code 0 defib server maintenance s2 off
stay_both dead s1
code 0 defib server maintenance s1 on
must 5 serves web s2
must 10 drained s1 $ALL
lab_cut s1
stay_both_end dead reset
drained_of s1 "it is down" $ALL

# Back in service it keeps them.
code 0 defib server maintenance s3 off
stay_both kept s2 10ms
code 0 defib server maintenance s2 on --deadline 2s
must 5 serves web s3
must 10 drained s2 $ALL
code 0 defib server maintenance s2 off
must 5 status_is '.servers[] | select(.name == "s2").draining.left_s > 3600'
code 0 defib server maintenance s2 on --deadline 30s
must 10 drained s2 $ALL
stay_both_are_well kept
drained_of s2 "its connections have ended" 0

code 2 defib server maintenance s2 off --now
says "$err" "or NAME off"
code 2 defib server maintenance s2 on --deadline soon
says "$err" "--deadline soon: a time from 1s to 720h"
