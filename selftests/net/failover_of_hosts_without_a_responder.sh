#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Servers that have nothing of ours: `probe: icmp` asks the untouched host, `probe: echo` any UDP echo
# service (RFC 862). Both see a death, and both families follow.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

begin() # OPTION of `tools/lab config`...
{
	daemon_config "$@"
	daemon_begin
	clients_start
}

dies() # SERVER NEXT
{
	lab_cut "$1"
	must 10 served_by "$2"
	epoch=$((epoch + 1))
	must 10 committed "$epoch" "$2"
	must 10 server_is "$1" down
}

end() # MOVES
{
	lab_heal all
	must 30 all_well
	stays "$epoch" "${1##* }"
	clients_stop "$1"
	daemon_stop
	code 0 defib teardown
}

at_exit lab_stop
lab up --servers 3
lab serve
for server in s1 s2 s3; do
	expect "programs on $server" "$(on "$server" ip link show dev eth0 | grep -c xdp || true)" 0
done
begin --probe icmp --interval 5ms
expect "probes" "$(status -c '[.servers[].addresses[].probe] | unique')" '["icmp"]'
dies s1 s2
dies s2 s3
end "s1 s2 s3"

lab respond --userland
begin --probe echo --interval 50ms # a process answers: it may wait for a processor
dies s1 s2
dies s2 s3
end "s1 s2 s3"
