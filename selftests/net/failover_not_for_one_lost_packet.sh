#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# One lost probe, or one lost reply, is a suspicion and no more, however often it happens. When only
# IPv6 of the active server dies, its pool moves as one, and the status shows which family it was.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq nft

expired() # TIMES: probes of s1, in each family; for wait_until
{
	status_is "[.servers[] | select(.name == \"s1\").addresses[].expired] | min >= $1"
}

filter() # RULE...: on the switch, between gateway and servers
{
	on switch nft -f - <<-END
	table bridge lossy {
		chain forward {
			type filter hook forward priority 0;
			$(printf '%s\n' "$@")
		}
	}
	END
}

state_of() # SERVER FAMILY: of one address
{
	status ".servers[] | select(.name == \"$1\").addresses[] | select(.family == \"$2\").state"
}

story_start --servers 3
clients_start
at=$(event_count true)
filter 'oifname "p1" ip daddr 10.78.0.11 udp dport 7 numgen inc mod 97 0 drop' \
	'oifname "p1" ip6 daddr fd78::11 udp dport 7 numgen inc mod 97 0 drop' \
	'iifname "p1" ip saddr 10.78.0.11 udp sport 7 numgen inc mod 89 0 drop' \
	'iifname "p1" ip6 saddr fd78::11 udp sport 7 numgen inc mod 89 0 drop'
must 60 expired 30
on switch nft delete table bridge lossy
must 10 all_well
stays "$epoch" s1
tail -n +$((at + 1)) "$work/events" >"$work/since"
suspicions=$(jq -s 'map(select(.server == "s1" and .to == "suspect")) | length' "$work/since")
echo "$suspicions suspicions of s1: $(status -c '.servers[0].addresses[] | {family, expired, expired_again}' | xargs)"
[ "$suspicions" -gt 0 ] || fail "s1 was never suspected: $(cat "$work/since")"
# A machine that stalls may make it unknown, too: that moves nobody.
jq -es 'all(.[]; .kind != "failover" and .kind != "commit" and .to != "down")' "$work/since" >/dev/null ||
	fail "one lost packet led to: $(cat "$work/since")"

filter 'oifname "p1" meta protocol ip6 drop' 'iifname "p1" meta protocol ip6 drop'
must 10 served_by s2
must 10 committed $((epoch + 1)) s2
recorded s2 || fail "the routing tables say $(via 4) $(via 6)"
must 10 server_is s1 down
must 10 eval '[ "$(state_of s1 ipv4) $(state_of s1 ipv6)" = "up down" ]'
stays $((epoch + 1)) s2
on switch nft delete table bridge lossy
must 30 all_well
stays $((epoch + 1)) s2
clients_stop "s1 s2"
