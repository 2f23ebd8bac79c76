# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for the story; set by net.sh and lab.sh
#
# What the guest's stories share: the lab, and what Debian's kernel has besides. Sourced first.

# shellcheck source=selftests/lib/net.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$root/selftests/lib/failover.sh"

# In software emulation a client may hear nothing for seconds: a measure of the machine, not of ours.
CLIENTS_NOTICE=20

# netem [PARAMETER...]: of tc-netem(8), on both ways between gateway and switch, below what stamps and
# matches probes, and below VLAN interfaces; none: take it away
netem()
{
	netem_on gateway e0 "$@"
	netem_on switch up0 "$@"
}

netem_on() # HOST DEVICE [PARAMETER...]
{
	local host=$1 device=$2
	shift 2
	on "$host" tc qdisc del dev "$device" root 2>/dev/null || true
	[ $# -eq 0 ] || on "$host" tc qdisc add dev "$device" root netem limit 10000 "$@"
}

# at_least FILTER NUMBER: of the status, for wait_until
at_least()
{
	status_is "($1) >= $2"
}

serving()
{
	status '.pools[0].active[0]'
}

# kill_serving NEXT: the serving server dies and must be found out; the next one serves; then it comes back
kill_serving()
{
	local victim
	victim=$(serving)
	lab_cut "$victim"
	must 60 moved $((epoch + 1)) "$1"
	epoch=$((epoch + 1))
	must 60 served_by "$1"
	must 60 committed "$epoch" "$1"
	event_wait 10 ".kind == \"failover\" and .epoch == $epoch" >"$work/failover"
	jq -r --argjson cut "$cut_ns" '"\(.from) died, \(.to) serves: verdict \((.mono_ns - $cut) / 1e5 | round / 10
		) ms after the cut, switch \(.switch_us // 0) us later; \(.reason)"' "$work/failover"
	lab_heal "$victim"
}

# numbers HOST FAMILY: sequence number and time in us of each packet in $work/HOST.pcap, from what pktgen
# writes behind the UDP header: magic, number, seconds, microseconds
numbers()
{
	tcpdump -Z root -n -x -r "$work/$1.pcap" 2>/dev/null | awk -v family="$2" '
	function value(hex,  i, n) {
		for (i = 1; i <= 8; i++) n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
		return n
	}
	function packet(  at) {
		at = (family == 4 ? 28 : 48) * 2 + 1
		if (substr(bytes, 1, 1) == family && substr(bytes, at, 8) == "be9be955")
			printf "%d %.0f\n", value(substr(bytes, at + 8, 8)),
				value(substr(bytes, at + 16, 8)) * 1e6 + value(substr(bytes, at + 24, 8))
		bytes = ""
	}
	/^\t0x/ {
		line = $0
		sub(/^\t0x[0-9a-f]*: */, "", line)
		gsub(/ /, "", line)
		bytes = bytes line
		next
	}
	{ packet() }
	END { packet() }'
}

# world: what the gateway routes by, its programs and our pins
world()
{
	routing
	on gateway tc filter show dev "$1" egress
	on gateway tc filter show dev g0 ingress
	on gateway ip -o -d link show dev "$1" | grep -o 'prog/xdp' || true
	find "/sys/fs/bpf/defib/$prefix" "/run/defib/$prefix" 2>/dev/null || true
}

# story_end INTERFACE: no move but those that were told; teardown leaves what $work/before says
story_end()
{
	expect "epoch" "$(epoch)" "$epoch"
	daemon_stop
	code 0 defib teardown
	world "$1" >"$work/after"
	diff "$work/before" "$work/after" >"$work/diff" || fail "teardown leaves: $(cat "$work/diff")"
}
