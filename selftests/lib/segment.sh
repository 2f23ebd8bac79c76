# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # for the test; set by net.sh, lab.sh and failover.sh
#
# A lab in which the client is on the servers' segment as well (c1), so that it reaches a service's address
# there without a router: source it after selftests/lib/failover.sh.
#
#   client c1 ---- pc1 [br0] up0 ---- e0 gateway

SERVICE=([4]=10.78.0.100 [6]=fd78::100)

segment_cable()
{
	ip link add c1 netns "$(ns client)" type veth peer name pc1 netns "$(ns switch)"
	on switch ip link set pc1 master br0 up
	on client ip link set c1 up
	on client ip addr add 10.78.0.200/24 dev c1
	on client ip addr add fd78::200/64 dev c1 nodad
}

# What an operator does on each server; arp_ignore and arp_announce are set by the lab.
segment_hold() # SERVER
{
	on "$1" ip addr add "${SERVICE[4]}/32" dev lo
	on "$1" ip addr add "${SERVICE[6]}/128" dev lo nodad
}

# segment_config [OPTION of `tools/lab config`]...: writes $work/defib.yaml
segment_config()
{
	daemon_config --redirect vip "$@"
	sed -i -e 's/client-interfaces: .*/client-interfaces: [g0, e0]/' \
		-e 's/10\.79\./10.78./; s/fd79:/fd78:/' "$work/defib.yaml"
}

# segment_begin: the daemon runs, all is well, s1 serves, also where it was the last to be up
segment_begin()
{
	daemon_begin
	serves web s1 || code 0 defib service failover web --to s1
	must 10 serves web s1
	must 10 settled
	epoch=$(epoch)
}

# segment_start [OPTION of `tools/lab config`]...: lab, daemon, events
segment_start()
{
	local host
	lab_start
	segment_cable
	for host in s1 s2 s3; do
		segment_hold "$host"
	done
	segment_config "$@"
	segment_begin
	events_start
}

# mac HOST DEVICE
mac()
{
	on "$1" ip -j link show dev "$2" | json '.[0].address'
}

# client_has FAMILY SERVER: whose address the client has found out; for wait_until
client_has()
{
	local known
	known=$(on client ip -j neigh show to "${SERVICE[$1]}" dev c1 | json '.[0].lladdr // ""')
	[ "$known" = "$(mac "$2" eth0)" ]
}

# client_forgets FAMILY: it has to ask again
client_forgets()
{
	on client ip neigh flush to "${SERVICE[$1]}" dev c1
}

# vip_count COUNTER
vip_count()
{
	status ".counters.vip.$1"
}
