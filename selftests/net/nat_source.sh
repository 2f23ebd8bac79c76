#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Translation of the source: servers whose way to the clients is another one still serve; a server, and
# who is in its network, can use the service; a port that differs; and what cannot be had without it.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/nat.sh
. "$(dirname "$0")/../lib/nat.sh"
need jq nft conntrack

# translate MAPPING RULE [OPTION of `tools/lab config`]...: reload, until the table has the rule
translate()
{
	nat_config --nat "$1" "${@:3}"
	reload_daemon
	must 10 eval 'rules | grep -q "'"$2"'"'
	must 10 settled
}

every_client_hears() # HOST SERVER [PORT]
{
	local family
	for family in "${FAMILIES[@]}"; do
		expect "TCP from $1 over IPv$family" "$(hears "$1" "$family" "${3:-}")" "$2"
		[ -n "${3:-}" ] || expect "UDP from $1 over IPv$family" "$(asks "$1" "$family")" "{\"$2\":5}"
	done
}

# servers_leave_by IPV4 IPV6: the default route of the servers
servers_leave_by()
{
	local host
	for host in s1 s2 s3; do
		on "$host" ip route replace default via "$1"
		on "$host" ip -6 route replace default via "$2"
	done
}

nat_start
servers_leave_by 10.78.0.77 fd78::77
expect "without a source" "$(hears client 4 || echo nobody)" nobody

translate "{source: masquerade}" masquerade4
every_client_hears client s1
tracked | grep -q "src=10.77.0.2 dst=10.79.0.100 .*src=10.78.0.11 dst=10.78.0.1 " ||
	fail "not by the interface's address: $(tracked)"

# An address that the servers can answer to, and the upstream's, not the interface's.
on gateway ip addr add 10.78.0.5/24 dev e0
on gateway ip addr add fd78::5/64 dev e0 nodad
translate '{source: [10.78.0.5, "fd78::5"]}' "snat ip to 10.78.0.5"
clients_start
every_client_hears client s1
tracked | grep -q "dst=fd79::100 .*src=fd78::11 dst=fd78::5 " || fail "not by the address: $(tracked)"
lab_cut s1
must 10 served_by s2
must 10 committed 2 s2
every_client_hears client s2
lab_heal s1
must 30 all_well
clients_stop "s1 s2"

# From the servers' own network, s2 itself included, which is moved with the others at once.
servers_leave_by 10.78.0.1 fd78::1
nat_config
reload_daemon
must 10 eval "! rules | grep -q snat.*to"
expect "without hairpin" "$(hears s3 4 || echo nobody)" nobody
translate "{hairpin: true}" hairpin4
must 5 status_is 'any(.interfaces[]; .name == "e0" and .client and .server)'
every_client_hears s3 s2
every_client_hears s2 s2
lab_cut s2
must 10 committed 3 s3
every_client_hears s1 s3
lab_heal s2
must 30 all_well

translate "{source: masquerade, port: 9000}" "tcp dport 80 .*:9000" --ports "[tcp/80]"
servers_leave_by 10.78.0.77 fd78::77
every_client_hears client s3 80
every_client_hears gateway s3 80
code 1 on client timeout 5 bash -c 'exec 3<>/dev/tcp/10.79.0.100/9000'
says "$err" "Connection refused"
