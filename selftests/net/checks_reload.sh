#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Reloads add checks to a service, change and remove them, and give a service without any its first, while
# clients use all services: they lose no packet and no connection, nobody moves, and checks that are not
# touched go on as they are.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/checks.sh
. "$(dirname "$0")/../lib/checks.sh"
need jq nginx openssl socat

TIMES='every: 300ms, fast: 50ms, timeout: 1s'

# reload: the daemon, with what $work/defib.yaml has become
reload()
{
	code 0 defib config reload
}

# unchecked SERVICE: it has none any more
unchecked()
{
	sed -i "/^  - name: $1\$/{n;/^    checks: /d}" "$work/defib.yaml"
}

# checks_of SERVICE: their kinds
checks_of()
{
	status -c "[first(.services[] | select(.name == \"$1\")).checks // [] | .[].kind] | unique"
}

known()
{
	status_is ".checker.unknown == 0 and .checker.checks == $1"
}

# talk_start: a connection over which a line is sent every 20 ms, and comes back
talk_start()
{
	nsenter --net="/run/netns/$prefix-s1" -- socat TCP6-LISTEN:7000,fork,ipv6only=0 EXEC:cat &
	wait_until 10 listens s1 tcp 7000
	mkfifo "$work/words"
	nsenter --net="/run/netns/$prefix-client" -- socat -t 5 - TCP:10.79.0.101:7000 \
		<"$work/words" >"$work/heard" 2>"$work/talk.err" &
	talk_pid=$!
	(i=0; while echo $((i++)); do sleep 0.02; done >"$work/words") 2>/dev/null &
	wait_until 10 test -s "$work/heard"
}

heard_more() # THAN
{
	[ "$(wc -l <"$work/heard")" -gt "$1" ]
}

lab_start --servers 2
second_service
nginx_start s1
nginx_start s2
daemon_config --services 2
checked web "{kind: tcp, port: 80, $TIMES}"
daemon_begin
must 10 known 4
events_start
traffic_start web --to 10.79.0.100
traffic_start web1 --to fd79::101
talk_start
checker=$(checker_pid)

# Added to a service that has some: what was known of the other is still known at once.
unchecked web
checked web "{kind: tcp, port: 80, $TIMES}" "{kind: http, path: /health, body: all is well, $TIMES}"
reload
expect "checks" "$(checks_of web)" '["http","tcp"]'
expect "of tcp" "$(check_of web s1 'select(.kind == "tcp").state' | sort -u)" pass
must 10 known 8

# Edited, one of them: the other goes on.
unchecked web
checked web "{kind: tcp, port: 80, $TIMES}" "{kind: http, path: /who, body: I am, every: 200ms}"
reload
expect "of tcp" "$(check_of web s1 'select(.kind == "tcp").state' | sort -u)" pass
must 10 known 8

# The first of a service; the other one lost its pool's company by it, and leaves nobody.
checked web1 "{kind: http, path: /health, $TIMES}"
reload
must 10 known 12
must 10 all_well
must 10 checks_are web1 s1=pass s2=pass

# Removed from one, then from both: the process has nothing to do, and ends.
unchecked web
reload
expect "checks" "$(checks_of web)" '[]'
must 10 known 4
expect "the process" "$(checker_pid)" "$checker"
unchecked web1
reload
must 5 status_is '.checker == null'
wait_until 5 test ! -e "/proc/$checker" || fail 'it goes on'
checked web "{kind: tcp, port: 80, $TIMES}"
reload
must 10 known 4

# Many reloads, as fast as they go.
for ((i = 0; i < 10; i++)); do
	unchecked web
	checked web "{kind: tcp, port: 80, every: 3${i}0ms}" "{kind: http, path: /who, every: 4${i}0ms}"
	reload
done
must 10 known 8
must 10 checks_are web s1=pass s2=pass
must 10 all_well

must 10 heard_more $(($(wc -l <"$work/heard") + 10))
kill -0 "$talk_pid" || fail "the connection broke: $(cat "$work/talk.err")"
for name in web web1; do
	expect "lost by $name" "$(traffic_stop "$name" .lost)" 0
	expect "who served $name" "$(jq -rs 'map(select(has("from")).to) | join(" ")' "$work/traffic.$name")" s1
done
expect "failovers" "$(event_count '.kind == "failover" and .from != null')" 0
