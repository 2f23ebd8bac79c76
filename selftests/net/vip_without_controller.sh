#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With the controller stopped the kernel goes on answering, and with the right server's MAC address; back
# again, it announces what happened. After a reload without such a service, and after teardown, nobody does.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
# shellcheck source=selftests/lib/segment.sh
. "$(dirname "$0")/../lib/segment.sh"
need jq bpftool

asks() # FAMILY
{
	on client "$root/build/lab/pace" --json --to "${SERVICE[$1]}" --count 5 | json -c .servers
}

asked() # SERVER: by a client that has to find out
{
	local family
	for family in "${FAMILIES[@]}"; do
		client_forgets "$family"
		expect "who serves over IPv$family" "$(asks "$family")" "{\"$1\":5}"
		client_has "$family" "$1" || fail "IPv$family: the client found $(on client ip neigh show dev c1)"
	done
}

nobody_answers()
{
	local family
	for family in "${FAMILIES[@]}"; do
		client_forgets "$family"
		expect "who serves over IPv$family" "$(asks "$family" 2>/dev/null)" "{}"
	done
}

client_is_right() # SERVER
{
	client_has 4 "$1" && client_has 6 "$1"
}

segment_start
asked s1
daemon_stop KILL
asked s1
lab_cut s1
must 10 moved $((epoch + 1)) s2
# Who knew it still sends to the dead one; who asks, does not.
client_is_right s1 || fail "who told the client? $(on client ip neigh show dev c1)"
asked s2
lab_cut s2
must 10 moved $((epoch + 2)) s3
client_is_right s2 || fail "who told the client? $(on client ip neigh show dev c1)"
daemon_start
must 20 committed $((epoch + 2)) s3
wait_until 10 client_is_right s3 || fail "not announced: the client has $(on client ip neigh show dev c1)"
lab_heal all
must 30 all_well
asked s3

sed -i.vip '/redirect: vip/d' "$work/defib.yaml"
reload_daemon
must 10 told '.kind == "reload"'
nobody_answers
mv "$work/defib.yaml.vip" "$work/defib.yaml"
reload_daemon
must 10 status_is '.services[0].redirect == "vip"'
asked s3

daemon_stop
code 0 defib teardown
nobody_answers
expect "programs" "$(on gateway bpftool net show | grep -c dfb_)" 0
expect "pins" "$(find "/sys/fs/bpf/defib/$prefix" 2>/dev/null)" ""
