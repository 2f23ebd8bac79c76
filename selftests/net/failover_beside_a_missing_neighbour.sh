#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A server is gone so long that the kernel looks for its MAC address again: probes to it wait there. Others
# are probed as ever, in both families, and the next death is answered within milliseconds.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq

# replies SERVER: to its addresses, the fewest
replies()
{
	status "first(.servers[] | select(.name == \"$1\")) | [.addresses[].replies] | min"
}

# forget SERVER: the kernel does not know where it is
forget()
{
	local address
	for address in "10.78.0.1${1#s}" "fd78::1${1#s}"; do
		on gateway ip neighbour del "$address" dev e0 2>/dev/null || true
	done
}

# answered SERVER COUNT: for wait_until
answered()
{
	[ "$(replies "$1")" -ge "$2" ]
}

story_start --servers 3
lab_cut s1
must 10 committed 2 s2
must 10 server_is s1 down

# Of 2000 probes in two seconds the queue of one address would hold a few hundred.
forget s1
for server in s2 s3; do
	must 5 answered "$server" "$(($(replies "$server") + 2000))"
done
forget s1
lab_cut s2
event_wait 5 '.kind == "failover" and .epoch == 3 and .to == "s3" and
	(.reason | startswith("expired"))' >/dev/null
