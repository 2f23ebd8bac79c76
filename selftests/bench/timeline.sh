#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The stages of a failover, from the last probe that was answered to the first packet at the next server
# and the commit. From the kernel's evidence, the controller's report and the client's stamps; on an idle
# machine, controller alive, IPv4. DEFIB_KILLS sets the number of kills per interval (100).

# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$root/selftests/lib/lab.sh"
# shellcheck source=selftests/lib/bench.sh
. "$root/selftests/lib/bench.sh"

KILLS=${DEFIB_KILLS:-100}

# stage TABLE ROW FROM TO: between two columns of the stamps; a stage that overtook another lasted 0
stage()
{
	awk -F'\t' -v from="$3" -v to="$4" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		{ d = ($at[to] - $at[from]) / 1e3; print (d > 0 ? d : 0) }' "$work/stamps" |
		bench_add "$1" "$2"
}

# stages INTERVAL TABLE
stages()
{
	local table=$2
	bench_open "$table" us "Stages of a failover, $1 x 3"
	[ -z "${daemon_pid:-}" ] || daemon_stop
	daemon_config --interval "${1/ /}" --recover 3/20ms
	daemon_ready
	on gateway "$root/build/lab/outages" --lab "$prefix" --instance "$prefix" --kills "$KILLS" \
		--seed "${SELFTEST_SEED:-1}" --stamps "$work/stamps" --json >"$work/row" ||
		daemon_fail "$1: $(cat "$work/row")"
	stage "$table" 'killed, until the first probe that is missed' cut first_missed
	stage "$table" 'first missed probe, until the verdict' first_missed verdict
	stage "$table" 'verdict, until the switch' verdict switched
	stage "$table" 'switch, until the next request is sent' switched first_sent
	stage "$table" 'request, until it is answered' first_sent first_reply
	stage "$table" 'killed, until a request is answered: all of this' cut first_reply
	stage "$table" 'switch, until the controller has told of it' switched told
	stage "$table" 'switch, until the commit is done' switched committed
	bench_print "$table"
}

lab_start --servers 3
stages '250 us' timeline-250us
stages '1 ms' timeline-1ms
stages '10 ms' timeline-10ms
