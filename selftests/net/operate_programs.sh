#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A program of ours that somebody removes from an interface is noticed, told, and put back; until then
# its servers look dead, but afterwards all is well, and nothing else was touched.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"

# told INTERFACE: is the removal in the events? For wait_until.
told()
{
	event ".kind == \"tampered\" and (.reason | test(\"program of ours was removed from $1; it is back\"))" \
		>/dev/null
}

# put_back INTERFACE COMMAND...: of the gateway, takes a program away
put_back()
{
	: >"$work/events"
	on gateway "${@:2}"
	wait_until 10 told "$1" || fail "${*:2}: not told: $(cat "$work/events")"
	wait_until 10 all_well || fail "${*:2}: not well again: $(status -c .)"
}

lab_start --servers 2
daemon_config --interval 5ms
daemon_ready
events_start
put_back e0 tc filter del dev e0 egress
put_back g0 tc filter del dev g0 ingress
put_back e0 tc qdisc del dev e0 clsact
put_back e0 bpftool link detach pinned \
	"/sys/fs/bpf/defib/$prefix/links/xdp-$(on gateway ip -j link show e0 | jq '.[0].ifindex')"
