#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What is no reason to move: agents that end, are killed and come back in time, or all stop at once; a server
# without one. What an agent leaves behind is nothing.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/userland.sh
. "$(dirname "$0")/../lib/userland.sh"
need jq

pin_of() # SERVER
{
	echo "/sys/fs/bpf/defib/userland/$(on "$1" stat -Lc %i /proc/self/ns/net)"
}

stays_here() # nothing moves while probes pass
{
	probes_pass 300
	expect "who serves" "$(status -c '[.services[0].server, .pools[0].epoch]')" "[\"s1\",$epoch]"
}

lab_start --servers 3
code 2 on s1 "$root/build/defib" echo agent --every 1ms
says "$err" "--every 1ms: use a time from 10ms to 10s"
agent_is s1 none || fail "an agent that was refused is there"
daemon_config
needs_userland web
sed -i "s/^heartbeat:/&\n  userland: 1s/" "$work/defib.yaml"
daemon_begin
events_start
must 10 serves web s1
must 10 userland_is s1 unknown
for server in s1 s2 s3; do
	agent_start "$server"
	must 10 userland_is "$server" well
done

# One that ends in good order says so. So does a responder without one, and one that is attached anew.
agent_end s1 TERM
must 10 userland_is s1 gone
event_wait 10 '.kind == "userland" and .server == "s1" and .to == "gone"' >/dev/null
agent_is s1 none || fail "an agent that ended is there"
stays_here
agent_start s1 --every 20ms
must 10 userland_is s1 well
on s1 "$root/build/defib" echo attach eth0 --allow 10.78.0.0/16 fd78::/16 >/dev/null
must 10 userland_is s1 well

# Killed and back within the limit, as a supervisor does it: nobody notices.
agent_end s1 KILL
agent_is s1 killed || fail "an agent that was killed is not"
agent_start s1
stays_here
expect "hung" "$(event_count '.kind == "userland" and .to == "hung"')" 0

# All at once: none of them has run since, so none is better.
for server in s1 s2 s3; do
	agent_signal "$server" STOP
done
for server in s1 s2 s3; do
	must 20 userland_is "$server" hung
done
event_wait 10 '.kind == "no-switch" and .server == "s1" and
	(.reason | test("^userland: s1 hangs: .*; no other server is up and has run since, so nothing moves"))' >/dev/null
stays_here
must 5 service_is web down
for server in s1 s2 s3; do
	agent_signal "$server" CONT
done
for server in s1 s2 s3; do
	must 20 userland_is "$server" well
done

# Killed for good it looks as hung as it is: the pool moves.
agent_end s1 KILL
event_wait 20 '.kind == "failover" and .from == "s1" and (.reason | test("^userland: s1 hangs"))' >/dev/null
agent_is s1 killed || fail "an agent that was killed is not"

# Attached anew, the responder forgets an agent that is dead: nothing is known.
on s1 "$root/build/defib" echo attach eth0 --allow 10.78.0.0/16 fd78::/16 >/dev/null
must 10 userland_is s1 gone

# Neither agent nor responder: no pin. A plain UDP echo tells nothing.
pin=$(pin_of s2)
[ -e "$pin" ] || fail "no $pin"
agent_end s2 TERM
[ -e "$pin" ] || fail "no $pin, and a responder"
on s2 "$root/build/defib" echo detach eth0 >/dev/null
[ ! -e "$pin" ] || fail "$pin is there"
