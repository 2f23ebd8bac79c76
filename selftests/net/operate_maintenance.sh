#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A server in maintenance serves nobody and is nobody's successor, whoever is restarted or killed,
# until an operator takes it back.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq

lab_start --servers 3
daemon_config --interval 2ms
daemon_ready
events_start
first=$(epoch)

# It moves the pool away, without a loss, and shows.
traffic_start web --to 10.79.0.100 --rate 2000
code 0 defib server maintenance s1 on
says "$out" "maintenance of s1 is on; connections with it may stay for 5 min"
must 5 serves web s2
must 5 traffic_moved web s2
expect "lost" "$(traffic_stop web .lost)" 0
expect "epoch" "$(epoch)" $((first + 1))
must 5 server_is s1 maintenance
expect "flags" "$(defib -j server show s1 | json -c .server.flags)" '["maintenance"]'
code 0 defib status
says "$(grep '^s1 ' <<<"$out")" maintenance
event_wait 5 '.kind == "failover" and .reason == "maintenance" and .from == "s1" and .to == "s2"' >/dev/null
event_wait 5 '.kind == "maintenance" and .server == "s1" and .to == "on"' >/dev/null
must 5 settled

# Twice is once.
code 0 defib server maintenance s1 on
code 0 defib server maintenance s3 on
code 0 defib server maintenance s3 off
expect "epoch" "$(epoch)" $((first + 1))
expect "events" "$(event_count '.kind == "maintenance" and .server == "s1"')" 1

# It is passed over when the active one dies: round robin from s2 is s3, then s1.
lab_cut s2
must 5 serves web s3
lab_cut s3
must 5 server_is s3 down
must 5 status_is '.services[0].state == "down"'
expect "who serves" "$(status '.services[0].server')" s3
expect "state of s1" "$(status '.servers[0].state')" maintenance

# Restart, SIGKILL, and a death while the daemon is away.
lab_heal all
must 10 server_is s2 up
must 10 server_is s3 up
for signal in TERM KILL; do
	daemon_stop "$signal"
	code 3 defib -j status
	expect "maintenance after SIG$signal" "$(json '.servers[0].state' <<<"$out")" maintenance
	was=$(defib -j status | json '.services[0].server' || true)
	lab_cut "$was"
	next=$([ "$was" = s2 ] && echo s3 || echo s2)
	must 5 serves web "$next"
	lab_heal "$was"
	daemon_start
	must 10 server_is "$was" up
	must 10 settled
	must 5 server_is s1 maintenance
	expect "who serves after SIG$signal" "$(status '.services[0].server')" "$next"
done

# Back: it is a candidate again, but the pool does not move.
now=$(epoch)
code 0 defib server maintenance s1 off
expect "answer" "$out" "maintenance of s1 is off"
must 5 all_well
expect "epoch" "$(epoch)" "$now"
was=$(status '.services[0].server')
code 0 defib service failover web --to s1
must 5 serves web s1

# If nobody is left, it stays where it is, and goes as soon as somebody can take it.
lab_cut s2 s3
must 5 server_is s2 down
must 5 server_is s3 down
code 0 defib server maintenance s1 on
expect "who serves" "$(status '.services[0].server')" s1
lab_heal s3
must 10 serves web s3

code 2 defib server maintenance
code 2 defib server maintenance s1
code 2 defib server maintenance s1 maybe
code 2 defib server maintenance nosuch on
says "$err" "no server nosuch"
