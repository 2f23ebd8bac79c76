#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Services that are translated move like those that are routed: existing flows of datagrams and new
# connections of both families are with the next server at once, nothing in the firewall changes for it,
# and what is left in connection tracking goes afterwards.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/nat.sh
. "$(dirname "$0")/../lib/nat.sh"
need jq nft conntrack

# no_entries_of ZONE...: for wait_until
no_entries_of()
{
	local zone
	for zone; do
		! tracked | grep -q "zone-orig=$zone " || return 1
	done
}

every_client_hears() # SERVER
{
	local family host
	for family in "${FAMILIES[@]}"; do
		for host in client gateway; do
			expect "TCP from $host over IPv$family" "$(hears "$host" "$family")" "$1"
			expect "UDP from $host over IPv$family" "$(asks "$host" "$family")" "{\"$1\":5}"
		done
		expect "ping" "$(on client ping -c 1 -W 2 "${SERVICE[$family]}" | grep -c ' 0% packet loss')" 1
	done
}

nat_start
before=$(rules)
expect "redirect" "$(status '.services[0].redirect')" nat
every_client_hears s1
clients_start

lab_cut s1
must 10 served_by s2
must 10 committed 2 s2
every_client_hears s2
must 10 no_entries_of 7801
lab_heal s1
must 30 server_is s1 up
lab_cut s2
must 10 served_by s3
must 10 committed 3 s3
every_client_hears s3
must 10 no_entries_of 7801 7802
tracked | grep -q "zone-orig=7803 " || fail "the entries in use are gone, too: $(tracked)"
expect "the table" "$(rules)" "$before"
expect "told of the table" "$(event_count '.kind == "tampered" or .kind == "restored"')" 0
clients_stop "s1 s2 s3"

# The daemon is away; what it comes back to is left as it is.
lab_heal all
must 30 all_well
daemon_stop KILL
lab_cut s3
must 10 eval '[ "$(asks client 4)" = "{\"s1\":5}" ]'
daemon_start
must 30 eval "committed 4 s1"
expect "the table" "$(rules)" "$before"
every_client_hears s1
