#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two servers of a translated service serve at once. When one dies, its datagrams and new connections go to
# the spare; clients of the other one lose nothing, nor does a connection that is busy, and connection
# tracking forgets only what was the dead one's.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/nat.sh
. "$(dirname "$0")/../lib/nat.sh"
# shellcheck source=selftests/lib/pool.sh
. "$(dirname "$0")/../lib/pool.sh"
need jq nft conntrack socat curl

# connects NAME: who answers a new connection of that client
connects()
{
	local to=TCP4:${SERVICE[4]} from=10.77.0.${1#four}
	[[ $1 == four* ]] || to=TCP6:[${SERVICE[6]}] from=[fd77::${1#six}]
	on client timeout 5 socat -t 3 - "$to:9000,bind=$from" <<<hello
}

# connections_follow: TCP goes where the same client's datagrams go
connections_follow()
{
	local name
	for name in "${clients[@]}"; do
		expect "TCP of $name" "$(connects "$name")" "$(now "$name")"
	done
}

# no_entries ZONE: of connection tracking; for wait_until
no_entries()
{
	! tracked | grep -q "zone-orig=$1 "
}

lab_start --servers 3 --sources "$CLIENTS"
for server in s1 s2 s3; do
	on "$server" ip addr del 10.79.0.100/32 dev lo
	on "$server" ip addr del fd79::100/128 dev lo
done
nat_config
sed -i 's/^    when-none/    active: 2\n    when-none/' "$work/defib.yaml"
daemon_begin
events_start
before=$(rules)
farm_start "${SERVICE[4]}" "${SERVICE[6]}"
connections_follow
first=$(of s1) second=$(of s2)
for family in "${FAMILIES[@]}"; do
	[[ $(hears gateway "$family") =~ ^s[12]$ ]] || fail "the gateway's own IPv$family finds nobody"
done
source=$(grep -m 1 four <<<"$second") || fail "no IPv4 client of s2"
serve_file s1 s2 s3
download_start "10.77.0.${source#four}" "${SERVICE[4]}"
kept=$(tracked | grep "udp .*zone-orig=7802 " | grep -o 'src=[^ ]* dst=[^ ]* sport=[0-9]*' | sort -u)

lab_cut s1
must 10 active s2,s3 3
must 10 on_servers "s2|s3"
expect_still s2 "$second"
expect_still s3 "$first"
connections_follow
for family in "${FAMILIES[@]}"; do
	[[ $(hears gateway "$family") =~ ^s[23]$ ]] || fail "the gateway's own IPv$family finds nobody"
done
must 10 no_entries 7801
while read -r entry; do
	tracked | grep "zone-orig=7802 " | grep -qF "$entry" || fail "an entry in use is gone: $entry"
done <<<"$kept"
expect "the table" "$(rules)" "$before"
download_whole

# Nobody is left but one: what was the other's is lent to it, and given back.
lab_cut s3
must 10 active s2 4
must 10 on_servers s2
connections_follow
lab_heal s1
must 20 active s1,s2 5
must 10 on_servers "s1|s2"
expect_still s1 "$first"
connections_follow
lost_nothing "$second"
