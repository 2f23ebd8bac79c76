# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh, lab.sh and failover.sh set root, prefix, work and more
#
# What the tests of translated services share: source it after selftests/lib/failover.sh.

table=defib_$prefix

# nat_start [OPTION of `tools/lab config`]...: lab and daemon; no server has the service's address
nat_start()
{
	local host
	lab_start --servers 3
	for host in s1 s2 s3; do
		on "$host" ip addr del 10.79.0.100/32 dev lo
		on "$host" ip addr del fd79::100/128 dev lo
	done
	nat_config "$@"
	daemon_begin
	events_start
}

nat_config()
{
	daemon_config --interval 1ms --redirect nat "$@"
}

# tables: of the gateway's firewall, by name; rules: of ours
tables()
{
	on gateway nft list tables
}

rules()
{
	on gateway nft -s list table inet "$table"
}

# tracked: connections of services' clients
tracked()
{
	{ on gateway conntrack -L -f ipv4 && on gateway conntrack -L -f ipv6; } 2>/dev/null |
		grep zone-orig || true
}

# hears HOST FAMILY [PORT]: who answers a TCP connection from that host to the service
hears()
{
	# shellcheck disable=SC2016 # for the other shell
	on "$1" timeout 5 bash -c '
		exec 3<>"/dev/tcp/$0/$1" && echo hello >&3 && read -r -t 3 name <&3 && echo "$name"
	' "${SERVICE[$2]}" "${3:-9000}" 2>/dev/null
}

# asks HOST FAMILY: the same, with datagrams
asks()
{
	on "$1" "$root/build/lab/pace" --json --to "${SERVICE[$2]}" --count 5 | json -c .servers
}
