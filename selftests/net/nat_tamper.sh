#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever somebody does to our table of the firewall is noticed, told with who did it, and put right;
# other tables are left alone; a reload changes it with the services; a teardown leaves nothing.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/nat.sh
. "$(dirname "$0")/../lib/nat.sh"
need jq nft conntrack

everything()
{
	routing
	on gateway nft list ruleset
}

same_rules() # AS
{
	[ "$(rules 2>/dev/null)" = "$1" ]
}

# tamper COMMAND of nft: told, restored
tamper()
{
	local number
	number=$(event_count '.kind == "restored"')
	on gateway nft "$@"
	must 5 same_rules "$ours"
	must 5 eval '[ "$(event_count ".kind == \"restored\"")" -gt '"$number"' ]'
	event '.kind == "tampered" and (.reason | test("^nft \\(process [0-9]+\\) changed table inet '"$table"'"))' \
		>/dev/null || fail "nft $*: told as $(grep tampered "$work/events")"
	: >"$work/events"
}

lab_start --servers 2
nothing=$(everything)
on gateway nft 'add table ip defib; add chain ip defib c { type filter hook forward priority 0; }
	add rule ip defib c counter accept; add table inet defib; add set inet defib s { type mark; }'
foreign=$(on gateway nft -s list ruleset)
nat_config
daemon_begin
events_start
ours=$(rules)
expect "at start told" "$(grep -c "tampered\|restored" "$work/defibd.log" || true)" 0

tamper delete table inet "$table"
tamper flush chain inet "$table" translate
tamper insert rule inet "$table" refuse_forwarded drop
tamper delete element inet "$table" zone '{ 0x00010000 }'
tamper flush ruleset
for family in "${FAMILIES[@]}"; do
	expect "UDP over IPv$family" "$(asks client "$family")" '{"s1":5}'
done

# What is not ours.
on gateway nft "$foreign"
on gateway nft add element inet defib s '{ 1 }'
probes_pass 100
expect "told of a foreign table" "$(event_count '.kind == "tampered"')" 0
on gateway nft delete element inet defib s '{ 1 }'

# A reload to other ports, and back to routing.
nat_config --ports "[udp/9000]"
reload_daemon
must 10 eval 'rules | grep -q "10.79.0.100 . udp . 9000"'
expect "a port that is served" "$(asks client 4)" '{"s1":5}'
code 1 on client timeout 5 bash -c 'exec 3<>/dev/tcp/10.79.0.100/9000'
says "$err" "Connection refused"
expect "ping" "$(on client ping -c 1 -W 2 10.79.0.100 | grep -c ' 0% packet loss')" 1
daemon_config --interval 1ms
reload_daemon
must 10 eval '! rules >/dev/null 2>&1'
must 10 settled
expect "the service" "$(asks client 6)" '{"s1":5}'
nat_config
reload_daemon
must 10 same_rules "$ours"
expect "told of reloads" "$(event_count '.kind == "tampered"')" 0
asks client 4 >/dev/null

# The doctor.
finding() # CHECK
{
	{ defib -j doctor || true; } | json -r ".checks[] | select(.check == \"$1\") | .verdict"
}
expect "the doctor of the table" "$(finding nftables)" ok
expect "the doctor of connection tracking" "$(finding conntrack)" ok
on gateway sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
expect "the doctor of loose tracking" "$(finding "tcp loose")" warn
on gateway sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1

daemon_stop
same_rules "$ours" || fail "a stopped daemon leaves no translation"
expect "served without the daemon" "$(asks client 4)" '{"s1":5}'
on gateway nft delete table inet "$table"
expect "the doctor of no table" "$(finding nftables)" fail
daemon_begin
same_rules "$ours" || fail "not there again after a start: $(rules)"
daemon_stop
code 0 defib teardown
expect "other tables" "$(on gateway nft -s list ruleset)" "$foreign"
expect "tracked connections" "$(tracked)" ""
on gateway nft 'delete table ip defib; delete table inet defib'
expect "after teardown" "$(everything)" "$nothing"
