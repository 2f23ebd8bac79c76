#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two gateways with the same configuration and a name server each, and nothing between them: both promote the
# same server; a disagreement is told; and when one gateway dies with its name server, no query stays
# unanswered.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
# shellcheck source=selftests/lib/dns.sh
. "$(dirname "$0")/../lib/dns.sh"

# second COMMAND...: defib for the other gateway
second()
{
	in_ns gateway2 "$root/build/defib" --instance "$prefix-2" "$@"
}

second_stop()
{
	kill -KILL "$second_pid" 2>/dev/null || true
	second teardown >/dev/null 2>&1 || true
}

# second_gateway: on the servers' segment, with a way to both name servers
second_gateway()
{
	ns_add gateway2
	wire gateway2 e0 switch p99
	in_ns switch ip link set p99 master br0
	in_ns gateway2 ip address add 10.78.0.2/24 dev e0
	in_ns gateway2 ip address add fd78::2/64 dev e0 nodad
	wire gateway2 d3 gateway d3
	in_ns gateway2 ip address add 10.80.3.2/24 dev d3
	in_ns gateway ip address add 10.80.3.1/24 dev d3
	in_ns gateway2 ip route add 10.80.0.0/16 via 10.80.3.1
	in_ns ns1 ip route add default via 10.80.1.1
	in_ns ns2 ip route add default via 10.80.2.1
}

# config N INTERFACE PEER: of gateway N
config()
{
	daemon_config
	sed -i "s/^  name: $prefix\$/  name: gw$1/; s/\[g0\]/[$2]/; /^services:/,\$d" "$work/defib.yaml"
	{ echo "services:"; dns_service web app www; dns_section "10.80.$1.53"; } >>"$work/defib.yaml"
	echo "  peers: [10.80.$3.53]" >>"$work/defib.yaml"
}

# query: as a resolver that knows both
query()
{
	local answer
	answer=$(lookup 1 A www.example.org)
	[ -n "$answer" ] || answer=$(lookup 2 A www.example.org)
	echo "$answer"
}

both_lead_to()
{
	resolves 1 www.example.org "$1" && resolves 2 www.example.org "$1"
}

told_disputed()
{
	defib -j event list |
		jq -se 'any(.[]; .kind == "dns-disputed" and .to == "disputed" and .from == "gw2")'
}

lab_start --servers 3
dns_add 1
dns_add 2
dns_start 1
dns_start 2
second_gateway
config 2 d3 1
mv "$work/defib.yaml" "$work/second.yaml"
config 1 g0 2
at_exit second_stop
nsenter --net="/run/netns/$(ns gateway2)" -- "$root/build/defibd" -c "$work/second.yaml" \
	--instance "$prefix-2" >>"$work/second.log" 2>&1 &
second_pid=$!
daemon_ready
must 30 both_lead_to s1

# The same evidence, the same server.
lab_cut s1
must 20 both_lead_to s2
says "$(record 1)" "gateway=gw1"
says "$(record 2)" "gateway=gw2"

# An operator's word to one of them only is told by the other.
code 0 second service failover web --to s3
must 40 told_disputed
code 0 second service failover web --to s2
must 20 both_lead_to s2

# One dies, with its name server: each query is answered by the other.
kill -KILL "$second_pid"
dns_stop 2 KILL
for _ in {1..5}; do
	expect "an answer" "$(query)" 10.78.0.12
done
lab_cut s2
must 20 resolves 1 www.example.org s3
expect "an answer" "$(query)" 10.78.0.13
