#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `redirect: dns`: names, in both families, resolve to the server that serves, soon after each failover; and
# to nothing while nobody is left, if so configured. A restart and a reload leave them right.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
# shellcheck source=selftests/lib/dns.sh
. "$(dirname "$0")/../lib/dns.sh"

# lead_to SERVER: both names do; for wait_until
lead_to()
{
	resolves 1 www.example.org "$1" && resolves 1 ftp.example.org "$1"
}

dns_written() # EPOCH SERVER
{
	event_wait 10 ".kind == \"dns\" and .epoch == $1 and .server == \"$2\"" >/dev/null
}

lab_start --servers 3
dns_add 1
dns_start 1
daemon_config --when-none withdraw
dns_service names app www ftp.example.org. >>"$work/defib.yaml"
dns_section 10.80.1.53 >>"$work/defib.yaml"
daemon_ready
must 10 lead_to s1
events_start
first=$(epoch)
says "$(record 1)" "v=defib1 server=s1 gateway=" "pool=app epoch=$first time=20"
expect "the service" "$(status -c '.services[] | select(.name == "names") |
	[.redirect, .state, .server, .addresses]')" '["dns","serving","s1",[]]'

for ((round = 1; round <= 6; round++)); do
	from=$(status '.pools[0].active[0]')
	lab_cut "$from"
	must 10 status_is ".pools[0].epoch == $((first + round))"
	to=$(status '.pools[0].active[0]')
	dns_written $((first + round)) "$to"
	lead_to "$to" || fail "the names do not lead to $to: $(record 1)"
	lab_heal "$from"
	must 10 all_well
done
jq -cs --argjson first "$first" 'map(select(.epoch > $first)) | group_by(.epoch) |
	map((map(select(.kind == "dns"))[0].mono_ns - map(select(.kind == "failover"))[0].mono_ns) / 1e6) |
	map(round) | "verdict to answer: \(sort) ms"' "$work/events"

# An operator's will, with and without the daemon; names that a reload adds.
code 0 defib service failover names --to s2
must 10 lead_to s2
daemon_stop KILL
lab_cut s2
must 10 status_is '.pools[0].active != ["s2"]'
lead_to s2 || fail "who wrote that?"
daemon_start
must 30 lead_to "$(status '.pools[0].active[0]')"
lab_heal s2
must 30 all_well
sed -i 's/names: \[www,/names: [www, more,/' "$work/defib.yaml"
reload_daemon
must 10 resolves 1 more.example.org "$(status '.pools[0].active[0]')"

# Nobody is left, and then somebody.
lab_cut s1 s2 s3
must 10 status_is '.pools[0].held'
must 10 lead_to -
lab_heal s2
must 30 serves names s2
must 10 lead_to s2
