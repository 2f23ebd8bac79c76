# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # net.sh and lab.sh set root, prefix and work
#
# Thousands of servers for a lab: addresses of one namespace, the farm, behind a cable of its own to
# the gateway (e9), with one responder that answers for all of them. Source it after selftests/lib/lab.sh.

FARM_FIRST=256 # number of the first server: the gateway is among those below
FARM_POOL=50   # servers of a pool

farm_address4() # NUMBER
{
	echo "10.80.$(($1 >> 8)).$(($1 & 255))"
}

# farm_neighbours N: room for that many; the limits are the machine's, and go back when the test ends
farm_neighbours()
{
	local family i was
	for family in ipv4 ipv6; do
		for i in 1 2 3; do
			was=$(sysctl -n "net.$family.neigh.default.gc_thresh$i")
			at_exit "sysctl -qw net.$family.neigh.default.gc_thresh$i=$was"
		done
		for i in 3 2 1; do
			sysctl -qw "net.$family.neigh.default.gc_thresh$i=$((2 * $1 + 1024))"
		done
	done
}

# farm_start N: numbers FARM_FIRST and on. Every IPv4 address of the prefix is local but the gateway's; IPv6
# has no such route.
farm_start()
{
	farm_neighbours "$1"
	ns_add farm
	wire gateway e9 farm eth0
	in_ns farm sysctl -qw net.ipv6.conf.eth0.accept_dad=0
	printf '%s\n' 'address add 10.80.0.1/16 dev e9' 'address add fd80::1/64 dev e9 nodad' |
		in_ns gateway ip -batch -
	awk -v first="$FARM_FIRST" -v last="$((FARM_FIRST + $1 - 1))" 'BEGIN {
		print "route add local 10.80.0.0/16 dev eth0"; print "route add 10.80.0.0/24 dev eth0"
		for (i = first; i <= last; i++)
			printf "address add fd80::%x/64 dev eth0 nodad noprefixroute\n", i
		print "route add fd80::/64 dev eth0"
	}' | in_ns farm ip -batch -
	in_ns farm "$root/build/defib" echo attach eth0 --allow 10.80.0.0/16 fd80::/64 >/dev/null
	at_exit "in_ns farm $root/build/defib echo detach eth0 >/dev/null 2>&1"
}

# farm_config N [OPTION of `tools/lab config`]...: the lab's configuration with these servers in it, in
# pools of FARM_POOL with one service each
farm_config()
{
	local n=$1
	shift
	lab config "$@" | awk -v first="$FARM_FIRST" -v last="$((FARM_FIRST + n - 1))" -v size="$FARM_POOL" '
	function pool(i) { return int((i - first) / size) }
	/^  server-interfaces:/ { sub(/\]/, ", e9]"); print; print "  max-servers: " last - first + 65; next }
	/^pools:/ {
		for (i = first; i <= last; i++)
			printf "  - {name: f%d, address: [10.80.%d.%d, \"fd80::%x\"]}\n", i, i / 256, i % 256, i
	}
	/^services:/ {
		for (k = 0; k <= pool(last); k++) {
			printf "  - name: farm%d\n    servers: [", k
			for (i = first + k * size; i < first + (k + 1) * size && i <= last; i++)
				printf "%sf%d", (i > first + k * size ? ", " : ""), i
			print "]"
		}
	}
	{ print }
	END {
		for (k = 0; k <= pool(last); k++)
			printf "  - {name: farm%d, pool: farm%d, address: [10.81.0.%d, \"fd81::%x\"]}\n", k, k, k + 1, k + 1
	}'
}
