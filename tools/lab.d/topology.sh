# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # tools/lab sets lab_*
# The lab's hosts and cables: made, and taken away however far the making got.
#
#   client c0 ---- g0 gateway e0 ---- up0 [br0] p1 ---- eth0 s1        [ ]: in NAME-switch
#                             e0            [br0] p2 ---- eth0 s2
#                             e1 ---- up1 [br1] p3 ---- eth0 s3        a cable of its own
#
#
# With lab_vlan not 0 the addresses of e0, e1, ... and of the servers' eth0 are on VLAN interfaces above them:
# e0.100, eth0.100. The switch passes the tags through.
#
# Reads lab_name, lab_servers, lab_direct, lab_sources, lab_vlan.

LAB_RUN=/run/defib-lab

lab_state() {
	echo "$LAB_RUN/$lab_name"
}

# Which interface of the gateway a server is behind: 0 is the switch, 1.. are cables.
lab_segment() { # NUMBER
	echo $(($1 > lab_servers ? $1 - lab_servers : 0))
}

lab_address4() { # NUMBER
	local segment
	segment=$(lab_segment "$1")
	[ "$segment" -eq 0 ] && echo "10.78.0.$((10 + $1))" || echo "10.78.$segment.$((10 + $1))"
}

# The interface with the addresses of a cable between gateway and server.
lab_device() { # CABLE
	[ "$lab_vlan" -eq 0 ] && echo "$1" || echo "$1.$lab_vlan"
}

lab_network6() { # SEGMENT
	[ "$1" -eq 0 ] && echo "fd78:" || echo "fd78:$1:"
}

lab_address6() { # NUMBER
	echo "$(lab_network6 "$(lab_segment "$1")"):$((10 + $1))"
}

lab_server_names() {
	local i
	for ((i = 1; i <= lab_servers + lab_direct; i++)); do
		echo "s$i"
	done
}

lab_hosts() {
	printf '%s\n' client gateway switch
	lab_server_names
}

# Namespaces of this lab that exist, also those of a lab that was larger or never finished.
lab_namespaces() {
	local path
	for path in "/run/netns/$lab_name"-*; do
		[[ ${path##*/} =~ -(client|gateway|switch|s[0-9]+)$ ]] || continue
		[ "${path##*/}" = "$lab_name${BASH_REMATCH[0]}" ] && echo "${path##*/}"
	done
	return 0
}

in_host() { # HOST CMD...
	local host=$1
	shift
	nsenter --net="/run/netns/$lab_name-$host" "$@"
}

# The defaults of interfaces that do not exist yet: set before any is made. Duplicate address
# detection would keep IPv6 addresses from being used for a second.
host_settings() { # HOST
	local settings=(net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
		net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_ra=0
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0)
	case $1 in
	gateway)
		settings+=(net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
			net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0)
		;;
	switch) # it only bridges
		settings+=(net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1)
		;;
	s*) # several servers hold the service addresses: never answer for them, never announce them
		settings+=(net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2)
		;;
	esac
	in_host "$1" sysctl -qw "${settings[@]}"
}

cable() { # HOST DEVICE HOST DEVICE: lines for ip -batch
	echo "link add $2 netns $lab_name-$1 type veth peer name $4 netns $lab_name-$3"
}

cables() {
	local i segment
	cable client c0 gateway g0
	for ((i = 0; i <= lab_direct; i++)); do
		cable gateway "e$i" switch "up$i"
	done
	for ((i = 1; i <= lab_servers + lab_direct; i++)); do
		cable switch "p$i" "s$i" eth0
	done
}

switch_setup() {
	local i
	for ((i = 0; i <= lab_direct; i++)); do
		echo "link add br$i type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
		echo "link set br$i up"
		echo "link set up$i master br$i up"
	done
	for ((i = 1; i <= lab_servers + lab_direct; i++)); do
		echo "link set p$i master br$(lab_segment "$i") up"
	done
}

# The end of a cable, up, and what is above it: lines for ip -batch
device_setup() { # CABLE
	echo "link set $1 up"
	[ "$lab_vlan" -ne 0 ] || return 0
	echo "link add link $1 name $(lab_device "$1") type vlan id $lab_vlan"
	echo "link set $(lab_device "$1") up"
}

client_setup() {
	local i
	echo "link set lo up"
	echo "link set c0 up"
	for ((i = 0; i < lab_sources; i++)); do
		echo "addr add 10.77.0.$((2 + i))/24 dev c0"
	done
	for ((i = lab_sources - 1; i >= 0; i--)); do # of IPv6 addresses the last added is preferred
		echo "addr add fd77::$((2 + i))/64 dev c0 nodad"
	done
	echo "route add default via 10.77.0.1"
	echo "route add default via fd77::1"
}

gateway_setup() {
	local i device
	echo "link set lo up"
	echo "link set g0 up"
	echo "addr add 10.77.0.1/24 dev g0"
	echo "addr add fd77::1/64 dev g0 nodad"
	for ((i = 0; i <= lab_direct; i++)); do
		device=$(lab_device "e$i")
		device_setup "e$i"
		echo "addr add 10.78.$i.1/24 dev $device"
		echo "addr add $(lab_network6 "$i"):1/64 dev $device nodad"
	done
}

server_setup() { # NUMBER
	local segment device
	segment=$(lab_segment "$1")
	device=$(lab_device eth0)
	echo "link set lo up"
	device_setup eth0
	echo "addr add $(lab_address4 "$1")/24 dev $device"
	echo "addr add $(lab_address6 "$1")/64 dev $device nodad"
	echo "addr add 10.79.0.100/32 dev lo"
	echo "addr add fd79::100/128 dev lo nodad"
	echo "route add default via 10.78.$segment.1"
	echo "route add default via $(lab_network6 "$segment"):1"
}

topology_up() {
	local host state
	state=$(lab_state)
	mkdir -p "$state"
	printf 'lab_servers=%d lab_direct=%d lab_sources=%d lab_vlan=%d\n' "$lab_servers" "$lab_direct" \
		"$lab_sources" "$lab_vlan" >"$state/lab.conf"
	for host in $(lab_hosts); do
		ip netns add "$lab_name-$host"
		host_settings "$host"
	done
	cables | ip -batch -
	switch_setup | ip -n "$lab_name-switch" -batch -
	client_setup | ip -n "$lab_name-client" -batch -
	gateway_setup | ip -n "$lab_name-gateway" -batch -
	for host in $(lab_hosts); do
		case $host in
		s[0-9]*) server_setup "${host#s}" | ip -n "$lab_name-$host" -batch - ;;
		esac
	done
	touch "$state/ready"
}

# Everything that still runs in the lab's namespaces, other than whoever asks.
lab_processes() {
	local namespace pid
	for namespace in $(lab_namespaces); do
		for pid in $(ip netns pids "$namespace" 2>/dev/null); do
			[ "$pid" = $$ ] || echo "$pid"
		done
	done
}

end_processes() {
	local pid round
	for round in TERM KILL; do
		for pid in $(lab_processes); do
			kill -s "$round" "$pid" 2>/dev/null || true
		done
		for ((i = 0; i < 100; i++)); do
			[ -z "$(lab_processes)" ] && return 0
			sleep 0.02
		done
	done
}

topology_down() {
	local namespace
	hosts_unrespond
	end_processes
	for namespace in $(lab_namespaces); do
		ip netns del "$namespace" 2>/dev/null || true
	done
	rm -rf "$(lab_state)"
	rmdir "$LAB_RUN" 2>/dev/null || true
}
