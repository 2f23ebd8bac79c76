#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a failover costs is measured by the streams that services send back to their clients, told next to its
# times, held against the budget, and collected in the table of `loss report`, at 10, 100 and 1,000 packets/s.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$root/selftests/lib/operate.sh"
need jq bpftool chrt

SPORT=4100
LASTS=40s # longer than the test needs

stream() # RATE FILTER: of the answers to it, on the gateway's side of the servers
{
	defib -j loss show |
		json "[.streams[] | select(.dport == $SPORT + $1 and .source == \"10.79.0.100\")] | first | $2"
}

runs() # RATE: it is measured, and nothing of it is missing
{
	[ "$(stream "$1" '.received > 3 and .state == "live"')" = true ]
}

measured() # for wait_until
{
	status_is '.services[0].last_failover.blackout_us != null'
}

send() # RATE
{
	nsenter --net="/run/netns/$prefix-client" -- chrt -f 30 "$root/build/defib" loss send 10.79.0.100 \
		--port 7 --sender socket --rate "$1" --duration "$LASTS" --sport $((SPORT + $1)) \
		>"$work/sent.$1" 2>&1 &
	sending=$!
}

budget() # MS: of the service, by a reload
{
	sed -i "s/blackout-budget: .*/blackout-budget: $1/" "$work/defib.yaml"
	kill -HUP "$daemon_pid"
	event_wait 10 '.kind == "reload"' >&2
}

lab_start --servers 3
for host in s1 s2 s3; do
	on "$host" "$root/build/defib" echo attach eth0 --allow 10.77.0.0/16 10.78.0.0/16 \
		fd77::/16 fd78::/16 >&2
done
daemon_config --interval 2ms --misses 3
sed -i 's/^\( *\)pool: app/&\n\1blackout-budget: 1h/' "$work/defib.yaml"
daemon_ready
events_start

# No stream, nothing measured, and it says so.
defib service failover web >&2
must 10 settled
expect "without a stream" \
	"$(status '.services[0].last_failover | has("blackout_us") and .blackout_us == null')" true

for rate in 10 100 1000; do
	active=$(status '.services[0].server')
	send "$rate"
	must 20 runs "$rate"
	before=$(stream "$rate" .lost)
	lab_cut "$active"
	must 20 measured
	lab_heal "$active"
	must 20 all_well
	found=$(event ".kind == \"blackout\" and .epoch == $(epoch)")
	json -e '.service == "web" and .pool == "app" and .streams == 1 and .budget == "kept" and
		.to != .from and .resolution_us > 0' <<<"$found" >/dev/null || fail "$found"
	# A stream this coarse may have lost nothing; what it lost is what its account has lost since.
	lost=$(($(stream "$rate" .lost) - before))
	[ "$(json .lost <<<"$found")" -le "$lost" ] || fail "$found, but $lost are lost: $(stream "$rate" .)"
	expect "in the status" "$(status '.services[0].last_failover | "\(.blackout_us) \(.lost) \(.budget)"')" \
		"$(json '"\(.blackout_us) \(.lost) \(.budget)"' <<<"$found")"
	kill "$sending"
	wait "$sending" || true
done
code 0 defib service explain web
says "$out" "clients heard nothing for" "was kept"
code 0 defib event list
says "$out" "blackout" "budget of"

# Without a failover that is sure to lose, the budget cannot be broken for sure: nobody answers for a while.
budget 1ms
active=$(status '.services[0].server')
send 1000
must 20 runs 1000
for host in s1 s2 s3; do
	[ "$host" = "$active" ] || lab_cut "$host"
done
must 20 status_is '[.servers[] | select(.state == "up")] | length == 1'
lab_cut "$active"
must 20 eval '[ "$(stream 1000 .state)" = silent ]'
other=s1
[ "$active" != s1 ] || other=s2
lab_heal "$other"
must 20 serves web "$other"
event_wait 20 ".kind == \"blackout\" and .budget == \"broken\" and .lost > 10 and .epoch == $(epoch)" >&2
lab_heal all
must 20 all_well
logged 'warning: blackout: .*budget of 1.00 ms broken' || fail "not a warning: $(grep blackout "$work/defibd.log")"

# The table.
code 0 defib -j loss report
json -e '([.rates[].rate_per_s] | sort) as $r | ($r | index(10)) != null and ($r | index(100)) != null and
	($r | index(1000)) != null and all(.rates[]; .runs >= 1 and .lost.min <= .lost.median and
	.blackout_ms.median <= .blackout_ms.max and .resolution_ms > 0)' <<<"$out" >/dev/null || fail "$out"
code 0 defib loss report
says "$out" "The paper: 0.2 to 0.55 s"
echo "$out"
code 2 defib loss report --since yesterday-or-so
code 0 defib loss report --since 2100-01-01
says "$out" "no failover has been measured"
