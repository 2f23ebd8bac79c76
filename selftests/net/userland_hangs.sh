#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Processes of a server stop while its kernel answers: that is named as such, and only the service that needs
# its userland moves, in both families. A server without an agent is never taken for hung, and takes nothing
# over.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
# shellcheck source=selftests/lib/userland.sh
. "$(dirname "$0")/../lib/userland.sh"
need jq nginx openssl

who() # who serves: web, web1
{
	status '[.services[].server] | join(" ")'
}

fetches() # SERVICE-ADDRESS: is there an answer to a request? For wait_until.
{
	on client curl -s -m 2 "http://$1/health" | grep -q "all is well"
}

lab_start --servers 4
second_service
for server in s1 s2 s3; do
	nginx_start "$server"
	agent_start "$server"
done
code 1 on s1 "$root/build/defib" echo agent
# shellcheck disable=SC2154 # agent_start sets agent_s1
says "$err" "an agent runs in this network namespace already: process $agent_s1"
daemon_config --services 2 --servers s4,s1,s2,s3
needs_userland web
sed -i "s/^heartbeat:/&\n  userland: 500ms/" "$work/defib.yaml"
daemon_begin
events_start
code 0 defib service failover web --to s1
code 0 defib service failover web1 --to s1
must 10 serves web s1
must 10 serves web1 s1
must 10 all_well
expect "pools and needs" "$(status -c '[.services[] | [.pool, .needs, .server]]')" \
	'[["app:web","userland","s1"],["app","echo","s1"]]'
for server in s1 s2 s3; do
	must 10 userland_is "$server" well
done
must 10 userland_is s4 unknown
code 0 defib doctor
says "$out" "s4*services need its userland, and its answers tell nothing of it"
must 10 fetches 10.79.0.100

# The agent is one of the processes that stop.
nginx_signal s1 STOP
agent_signal s1 STOP
event_wait 20 '.kind == "userland" and .server == "s1" and .from == "well" and .to == "hung" and
	(.reason | test("^s1 hangs: no sign of life for [0-9]+ ms, while its kernel answers"))' >/dev/null
moved=$(event_wait 10 '.kind == "failover" and .pool == "app:web" and .from == "s1" and
	(.reason | test("^userland: s1 hangs: no sign of life")) and .detect_us > 500000')
to=$(jq -r .to <<<"$moved")
case $to in s2 | s3) ;; *) fail "it moved to $to, which has no agent" ;; esac
must 10 fetches 10.79.0.100
must 10 fetches "[fd79::100]"
expect "who serves" "$(who)" "$to s1"
must 10 server_is s1 up
expect "the other service" "$(event_count '.kind == "failover" and .pool == "app" and .from == "s1"')" 0
code 0 defib service explain web1
says "$out" "userland of s1 hangs for * while its kernel answers; the service does not need it"
code 0 defib service explain web
says "$out" "its userland hung, and the other's has run since" "of the userland of s4 nothing is known"
code 0 defib server show s1
says "$out" "userland*hung since*limit 500 ms"
defib status >"$work/status" || true
grep -q "^s1 *hung " "$work/status" || fail "$(cat "$work/status")"

# It runs again, and waits.
nginx_signal s1 CONT
agent_signal s1 CONT
must 20 userland_is s1 well
event_wait 10 '.kind == "userland" and .server == "s1" and .from == "hung" and .to == "well"' >/dev/null
must 10 all_well
expect "who serves" "$(who)" "$to s1"

# The pool may go to a hung server when the host dies and nobody else is left; and does.
other=$([ "$to" = s2 ] && echo s3 || echo s2)
expect "next" "$(status '.pools[] | select(.name == "app:web") | .next')" "$([ "$to" = s2 ] && echo s3 || echo s4)"
agent_signal "$other" STOP
must 20 userland_is "$other" hung
event_wait 10 ".kind == \"userland\" and .server == \"$other\"" >/dev/null
lab_cut "$to"
must 10 status_is 'any(.services[]; .name == "web" and (.server | IN("s4", "s1")))'
lab_cut s4 s1
must 20 serves web "$other"
agent_signal "$other" CONT
