#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The process that checks is killed, and stopped: the daemon says so, nothing moves, it is started again, and
# states come back. What fails while nobody asks is found when somebody asks again. Killed again and again, it
# is started later and later.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
need jq nginx openssl prlimit

gone() # REASON
{
	event_wait 15 ".kind == \"checker\" and .to == \"gone\" and (.reason | test(\"$1\"))" >/dev/null
}

other_checker() # PID
{
	status_is ".checker.pid != null and .checker.pid != $1"
}

all_known()
{
	status_is '.checker.checks == 4 and .checker.unknown == 0'
}

starts()
{
	status .checker.starts
}

started_more() # THAN
{
	status_is ".checker.pid != null and .checker.starts > $1"
}

lab_start --servers 2
nginx_start s1
nginx_start s2
daemon_config
checked web '{kind: http, path: /health, body: all is well, every: 300ms, fast: 50ms, timeout: 250ms}'
daemon_begin
must 10 checks_are web s1=pass s2=pass
must 5 all_known
events_start
clients_start

# Killed.
pid=$(checker_pid)
kill -KILL "$pid"
gone '^it was killed by signal 9 [(]Killed[)]'
must 10 other_checker "$pid"
must 10 all_known
must 10 checks_are web s1=pass s2=pass
event_wait 5 '.kind == "checker" and .to == "running"' >/dev/null
grep -q 'warning: checker: .*killed by signal 9' "$work/defibd.log" || fail 'the log does not say so'

# Stopped, and a server fails meanwhile: nothing is known, so nothing moves until somebody asks.
pid=$(checker_pid)
kill -STOP "$pid"
nginx_kill s1
gone '^it hung'
must 10 served_by s2
event_wait 10 '.kind == "failover" and .to == "s2"' >/dev/null
event '.kind == "failover"' | jq -e --argjson gone "$(event '.kind == "checker" and (.reason |
	test("^it hung"))' | jq .mono_ns)" '.mono_ns > $gone' >/dev/null || fail 'it moved before anybody asked'
must 10 checks_are web s1=fail s2=pass
nginx_start s1
must 10 checks_are web s1=pass s2=pass

# Again and again.
for ((i = 0; i < 5; i++)); do
	before=$(starts)
	kill -KILL "$(checker_pid)"
	must 20 started_more "$before"
done
jq -s '[.[] | select(.kind == "checker")] | [range(1; length) as $i | select(.[$i].to == "running") |
	(.[$i].mono_ns - .[$i - 1].mono_ns) / 1e6 | round] | .[-5:]' -c "$work/events" >"$work/pauses"
jq -e '.[4] > 1000 and .[4] > 4 * .[0]' "$work/pauses" >/dev/null || fail "no patience: $(cat "$work/pauses")"
must 10 all_known
must 10 checks_are web s1=pass s2=pass

# It may not have a descriptor: whoever cannot ask knows nothing.
prlimit --pid "$(checker_pid)" --nofile=8:8
must 15 status_is '.checker.unknown == 4'
[ "$(check_of web s1 .last | sort -u)" = 'cannot ask: Too many open files' ] || fail "$(check_of web s1 .last)"
clients_stop "s1 s2" 20
expect "who serves" "$(status -c '.pools[0] | [.epoch, .active[0]]')" '[2,"s2"]'
