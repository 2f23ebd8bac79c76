#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The host answers its echo, and the service on it does not work: that service moves, others stay. The same
# for a process that hangs. A process that comes back is a standby.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
need jq nginx openssl

who() # who serves: web, web1
{
	status '[.services[].server] | join(" ")'
}

fails() # SERVER TEXT
{
	event_wait 10 ".kind == \"check-failed\" and .server == \"$1\" and .service == \"web\" and
		(.reason | test(\"$2\"))" >/dev/null
}

lab_start --servers 3
second_service
for server in s1 s2 s3; do
	nginx_start "$server"
done
daemon_config --services 2
checked web '{kind: http, path: /health, body: all is well, every: 500ms, fast: 50ms, timeout: 300ms}'
daemon_begin
must 10 checks_are web s1=pass s2=pass s3=pass
events_start
expect "pools" "$(status -c '[.services[] | [.name, .pool, .server]]')" \
	'[["web","app:web","s1"],["web1","app","s1"]]'
traffic_start web --to 10.79.0.100
traffic_start web1 --to 10.79.0.101

# The process dies: its service moves, by policy to the next in order, and its host's other service stays.
nginx_kill s1
must 10 traffic_moved web s2
fails s1 "http .*:80: Connection refused"
event_wait 10 '.kind == "failover" and .pool == "app:web" and .from == "s1" and .to == "s2" and
	(.reason | test("^check: http .*refused")) and .detect_us > 0' >/dev/null
expect "who serves" "$(who)" "s2 s1"
expect "states" "$(status -c '[.services[].state]')" '["serving","serving"]'
expect "the host is well" "$(status '.servers[0].state')" up
must 10 checks_are web s1=fail s2=pass s3=pass
[ "$(check_of web s1 .last | sort -u)" = 'Connection refused' ] || fail "$(check_of web s1 .)"

# A process that hangs accepts connections, and says nothing.
nginx_signal s2 STOP
must 10 traffic_moved web s3
fails s2 "timed out: no answer within 300.*ms"
must 5 service_is web degraded
code 5 defib status
code 0 defib service explain web
says "$out" "s1*fails*Connection refused" "s2*fails*timed out"

# Both are back, and wait.
nginx_signal s2 CONT
nginx_start s1
must 10 checks_are web s1=pass s2=pass s3=pass
event_wait 10 '.kind == "check-passed" and .server == "s2"' >/dev/null
must 10 all_well
expect "who serves" "$(who)" "s3 s1"

# The host dies: who passes is next, not who is first in order.
nginx_kill s1
must 10 checks_are web s1=fail
lab_cut s3
must 10 traffic_moved web s2
expect "who serves" "$(who)" "s2 s1"
expect "lost by the service that was well" "$(traffic_stop web1 .lost)" 0
expect "served web" "$(traffic_stop web '[.edges[].to] | join(" ")')" "s2 s3 s2"
