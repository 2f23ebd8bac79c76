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
	moves=s1
}

# replaced: for wait_until
replaced()
{
	[ "$(epoch)" = $((epoch + 1)) ] && settled
}

# dies: who serves does. The next in order takes over, or the one after it: a process that answers may
# have waited for a processor just then.
dies()
{
	local dead=${moves##* } next
	lab_cut "$dead"
	must 10 replaced
	epoch=$((epoch + 1))
	next=$(status '.pools[0].active[0]')
	[ "$next" != "$dead" ] || fail "$dead is dead and serves"
	must 10 served_by "$next"
	must 10 server_is "$dead" down
	moves+=" $next"
}

end()
{
	lab_heal all
	must 30 all_well
	stays "$epoch" "${moves##* }"
	clients_stop "$moves"
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
dies
dies
end

lab respond --userland
begin --probe echo --interval 50ms # a process answers: it may wait for a processor
dies
dies
end
