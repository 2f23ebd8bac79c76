#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What happened is told: to monitors, to the history, to hooks, and to who asks why.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq

# whole FILE: every line is an event as documented, in order of mono_ns or nearly so
whole()
{
	jq -se 'length > 0 and all(.[]; .schema == 1 and (.kind | type) == "string" and
		(.mono_ns | type) == "number" and
		(.time | test("^20[0-9-]+T[0-9:]+[.][0-9]{6}Z$")))' "$1" >/dev/null || fail "$1: $(cat "$1")"
}

listed() # FILTER: does the history have it? For wait_until.
{
	defib -j event list | jq -se "any(.[]; $1)" >/dev/null
}

lab_start --servers 3
daemon_config --interval 2ms
cat >"$work/hook" <<END
#!/bin/sh
cat >"$work/hook.\$DEFIB_EVENT.\$DEFIB_EPOCH"
{ echo "\$#:\$1:\$2"; env | grep ^DEFIB_ | sort; } >"$work/hook.seen"
END
cat >"$work/slow" <<END
#!/bin/sh
echo \$\$ >"$work/slow.pid"
trap : TERM
while :; do sleep 0.1; done
END
chmod 755 "$work" "$work/hook" "$work/slow"
cat >>"$work/defib.yaml" <<END
hooks:
  - {run: [$work/hook, "two words", "\$HOME;*"], on: [failover]}
  - {run: [$work/slow], on: [maintenance], deadline: 100ms}
  - {run: [/bin/false], on: [maintenance]}
  - {run: [/no/such/program], on: [maintenance]}
END
code 3 defib event monitor
code 0 defib event list
says "$err" "nothing is recorded yet"
daemon_ready
events_start
first=$(epoch)
begin=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# A failover: the monitor, the history and the hook have the same.
lab_cut s1
must 5 serves web s2
one=$(event_wait 5 '.kind == "failover"')
expect "failover" "$(json '"\(.from) \(.to) \(.pool) \(.service) \(.epoch)"' <<<"$one")" "s1 s2 app web $((first + 1))"
jq -e '(.reason | test("^expired: [0-9]+ probes of s1 unanswered while s[23] answered")) and .detect_us > 0' \
	<<<"$one" >/dev/null || fail "$one"
must 5 listed ".kind == \"failover\" and .epoch == $((first + 1))"
expect "the history's" "$(defib -j event list | jq -c 'select(.kind == "failover")' | tail -n 1)" "$one"
must 5 test -s "$work/hook.seen"
expect "the hook's input" "$(cat "$work/hook.failover.$((first + 1))")" "$one"
says "$(cat "$work/hook.seen")" "2:two words:\$HOME;*" "DEFIB_EVENT=failover" "DEFIB_FROM=s1" "DEFIB_TO=s2" \
	"DEFIB_POOL=app" "DEFIB_EPOCH=$((first + 1))" "DEFIB_INSTANCE=$prefix"
event_wait 5 '.kind == "commit"' >/dev/null
event_wait 5 '.kind == "server-state" and .server == "s1" and .to == "down"' >/dev/null
lab_heal s1
event_wait 10 '.kind == "server-state" and .server == "s1" and .to == "up"' >/dev/null
whole "$work/events"

# Hooks that fail, hang, or are not there: told, killed, and nothing waits for them.
code 0 defib server maintenance s3 on
event_wait 10 '.kind == "hook-failed" and (.reason | test("slow"))' >/dev/null
event_wait 10 '.kind == "hook-failed" and (.reason | test("/bin/false: exit status 1"))' >/dev/null
event_wait 10 '.kind == "hook-failed" and (.reason | test("/no/such/program"))' >/dev/null
must 5 eval '! kill -0 "$(cat "$work/slow.pid")" 2>/dev/null'
code 0 defib server maintenance s3 off
must 10 all_well

# The history: text, times, and times that are none.
must 5 listed '.kind == "maintenance" and .to == "off"'
code 0 defib event list
says "$out" "failover" "s1 -> s2" "maintenance"
code 0 defib -j event list --since "$begin"
echo "$out" >"$work/list"
whole "$work/list"
expect "since the start" "$(jq -r 'select(.kind == "failover").to' "$work/list")" s2
code 0 defib event list --since 2030-01-01
expect "of the future" "$out" ""
code 0 defib event list --since 1h
says "$out" "failover"
code 2 defib event list --since yesterday
code 2 defib event list --since
code 2 defib event monitor now

# Two monitors have the same; one that does not read disturbs nobody.
nsenter --net="/run/netns/$prefix-gateway" -- "$root/build/defib" --instance "$prefix" event monitor \
	>"$work/text" 2>&1 &
second=$!
must 10 grep -q "State:.S" "/proc/$second/status"
must 10 eval '[ -n "$(find "/proc/$second/fd" -lname "socket:*")" ]'
kill -STOP "$events_pid"
code 0 defib service failover web --to s3
must 5 grep -q "failover .*-> s3" "$work/text"
kill -CONT "$events_pid"
event_wait 5 '.kind == "failover" and .to == "s3"' >/dev/null

# Why it did: the evidence. Why it did not: nobody else answered either.
lab_cut s3
must 5 serves web s1
must 5 settled
code 0 defib service explain web
says "$out" "web is serving; its packets go to s1" "it moved from s3 to s1" "evidence: " "witness: meanwhile s" \
	"s3 (10.78.0.13) is down for" "if s1 died now, s2 would take over" "the routing tables of record followed"
code 0 defib -j service explain web
expect "as JSON" "$(json '"\(.schema) \(.service.name) \(.findings | length > 5)"' <<<"$out")" "1 web true"
code 2 defib service explain nosuch
says "$err" 'no service "nosuch"; there is: web'
code 2 defib service explain
before=$(epoch)
lab_cut uplink
event_wait 10 '.kind == "no-switch" and .server == "s1" and (.reason | test("no-witness"))' >/dev/null
must 10 status_is '.servers[0].state == "unknown"'
code 0 defib service explain web
says "$out" "web is down" "s1 (10.78.0.11) is silent for" "nobody else answers either"
lab_heal uplink
must 10 server_is s1 up
must 10 server_is s2 up
expect "epoch" "$(epoch)" "$before"

# The history outlives the daemon, and says so while it is away.
daemon_stop KILL
code 0 defib event list --since "$begin"
says "$out" "s3 -> s1" "no-switch"
must 5 eval '! kill -0 "$events_pid" 2>/dev/null'
says "$(cat "$work/events.err")" "the daemon hung up"
daemon_start
must 30 server_is s1 up
code 0 defib server maintenance s2 on
must 5 eval '[ "$(defib -j event list --since "$begin" | jq -c "select(.kind == \"maintenance\" and .server == \"s2\")" | wc -l)" = 1 ]'
whole "$work/events"
