#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# failover.sh [--vlan ID] [--loss PERCENT] [OPTION of `tools/lab config`]...
#
# In the guest, by selftests/vm/*.sh: a server dies, its clients move in IPv4 and IPv6, it comes back, and
# teardown leaves nothing. With VLAN tags between gateway and servers; with loss in both directions, which
# makes suspicions and retransmissions, and no move.
# shellcheck source=selftests/vm/guest/guest.sh
. "$(dirname "$0")/guest.sh"

vlan=0 loss=''
while [ $# -gt 0 ]; do
	case $1 in
	--vlan) vlan=$2 ;;
	--loss) loss=$2 ;;
	*) break ;;
	esac
	shift 2
done

expired='[.servers[].addresses[].expired] | min'

lossy() # suspicions, and no move
{
	netem loss "$loss%"
	must 120 at_least "$expired" 4
	stays "$epoch" s1
	status -r '.servers[] | "\(.name): " + ([.addresses[] |
		"\(.expired) of \(.probes_sent) expired, \(.expired_again) after another"] | join("; "))'
}

device=e0
[ "$vlan" -eq 0 ] || device=e0.$vlan
echo "kernel $(uname -r), $(nproc) processors, servers behind $device"
lab_start --servers 3 --vlan "$vlan"
world "$device" >"$work/before"
daemon_config --interval 10ms --recover 10/200ms "$@"
daemon_begin
events_start
clients_start --rate 100
must 30 served_by s1
[ -z "$loss" ] || lossy
kill_serving s2
netem
must 120 all_well
clients_stop "s1 s2" "$CLIENTS_NOTICE"
story_end "$device"
