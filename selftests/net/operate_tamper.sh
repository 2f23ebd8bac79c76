#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever somebody does by hand to rules, routes and nexthop objects of ours is noticed, told, and
# put right; and what is not ours is left alone.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq

# as_before: the routing is what it was; for wait_until
as_before()
{
	[ "$(routing)" = "$before" ]
}

# tamper WITH COMMAND of ip...: noticed (WITH is in the text), told as restored, and as it was
tamper()
{
	local told restored
	told=$(event_count '.kind == "tampered"')
	restored=$(event_count '.kind == "restored"')
	on gateway ip "${@:2}"
	wait_until 5 as_before || fail "ip ${*:2}: not restored: $(diff <(echo "$before") <(routing))"
	wait_until 5 eval '[ "$(event_count ".kind == \"tampered\"")" -gt '"$told"' ] &&
		[ "$(event_count ".kind == \"restored\"")" -gt '"$restored"' ]' ||
		fail "ip ${*:2}: not told: $(tail -n 3 "$work/events")"
	event "[select(.kind == \"tampered\" and (.reason | test(\"$1\")))] | length == 1" >/dev/null ||
		fail "ip ${*:2}: no '$1' in $(grep tampered "$work/events")"
	: >"$work/events"
}

lab_start --servers 3
daemon_config --interval 2ms
daemon_ready
events_start
before=$(routing)
first=$(epoch)
serving=$(on gateway ip -j -4 route show 10.79.0.100 | json '.[0].nhid')
serving6=$(on gateway ip -j -6 route show fd79::100 | json '.[0].nhid')
traffic_start four --to 10.79.0.100 --rate 1000
traffic_start six --to fd79::100 --rate 1000

for family in -4 -6; do
	address=10.79.0.100 server=10.78.0.12 object=$serving
	[ "$family" = -4 ] || address=fd79::100 server=fd78::12 object=$serving6
	tamper "deleted rule" "$family" rule del table 780001
	tamper "deleted rule" "$family" rule del pref 779
	tamper "deleted rule" "$family" rule del pref 781
	tamper "deleted route" "$family" route flush table 780001
	tamper "changed route" "$family" route replace \
		default via "$server" dev e0 onlink table 780001 proto 223
	tamper "deleted route" "$family" route del "$address" proto 223
	tamper "changed nexthop" nexthop replace id "$object" via "$server" dev e0 onlink proto 223
	tamper "deleted nexthop" nexthop del id "$object"
done

# All of it at once.
on gateway ip rule flush
on gateway ip rule add pref 32766 table main
on gateway ip rule add pref 32767 table default
tamper "deleted nexthop" nexthop flush proto 223
expect "epoch" "$(epoch)" "$first"
must 5 all_well

# An address taken from the interface takes routes with it.
on gateway ip addr del 10.78.0.1/24 dev e0
event_wait 5 '.kind == "tampered" and (.reason | test("address of interface e0"))' >/dev/null
event_wait 5 '.kind == "sync-failed" and (.reason | test("s1 cannot be reached directly at 10.78.0.11"))' >/dev/null
on gateway ip addr add 10.78.0.1/24 dev e0
must 10 all_well
must 5 as_before

# What is not ours is not touched, whatever it looks like.
on gateway ip route add 198.51.100.0/24 via 10.78.0.12 proto 223
on gateway ip route add 198.51.100.0/24 via 10.78.0.12 table 790000 proto 223
on gateway ip rule add pref 900 from 198.51.100.0/24 lookup 790000 protocol 223
on gateway ip nexthop add id 77 via 10.78.0.12 dev e0 proto 223
foreign=$(routing)
on gateway ip rule del table 780001
wait_until 5 eval '[ "$(routing)" = "$foreign" ]' || fail "what is not ours: $(diff <(echo "$foreign") <(routing))"

expect "errors of the client" "$(traffic_stop four .errors)" 0
traffic_stop six >"$work/six"

# Foreign routes in our place: told, left, and nothing half done; they go, and all is well.
daemon_stop
code 0 defib teardown
expect "nexthop objects" "$(on gateway ip nexthop show | wc -l)" 1
on gateway ip route add 10.79.0.100 via 10.78.0.13 proto static
on gateway ip -6 route add fd79::100 via fd78::13 proto static
: >"$work/defibd.log"
daemon_start
must 20 service_is web serving
must 10 logged "commit-failed: .*route .10.79.0.100 via 10.78.0.13 dev e0 proto static. is not ours and in the way: .ip route del"
events_start
for family in -4 -6; do
	address=10.79.0.100 other=10.78.0.13
	[ "$family" = -4 ] || address=fd79::100 other=fd78::13
	says "$(route_of "$family" "$address")" "$address via $other dev e0 proto static"
	for object in "-4 route show proto 223 table main" "-6 route show proto 223 table main"; do
		# shellcheck disable=SC2086 # words
		expect "ip $object" "$(on gateway ip $object | grep -v 198.51.100)" ""
	done
	expect "nexthop objects" "$(on gateway ip nexthop show | wc -l)" 1
	expect "committed" "$(status '.pools[0].committed')" 0
	on gateway ip "$family" route del "$address"
	[ "$family" = -6 ] || must 10 logged "route .fd79::100 via fd78::13 .*is not ours and in the way"
done
must 10 settled
event_wait 5 '.kind == "commit"' >/dev/null
must 5 eval '[ -n "$(route_of -4 10.79.0.100)" ] && [ -n "$(route_of -6 fd79::100)" ]'

# One that comes later, with a better metric than ours, is told; ours stays behind it.
on gateway ip -6 route add fd79::100 via fd78::13 metric 5
event_wait 5 '.kind == "tampered" and (.reason | test("added foreign route"))' >/dev/null
event_wait 5 '.kind == "sync-failed" and (.reason | test("fd79::100 via fd78::13"))' >/dev/null
expect "routes of fd79::100" "$(route_of -6 fd79::100 | grep -c .)" 2
on gateway ip -6 route del fd79::100 metric 5
must 10 settled
traffic --to fd79::100 --count 20 >"$work/six"
expect "lost" "$(json .lost "$work/six")" 0
