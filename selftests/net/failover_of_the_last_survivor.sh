#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The last server dies: nobody can take over, and `when-none` says what becomes of the route. The first
# one to come back takes over.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/failover.sh
. "$(dirname "$0")/../lib/failover.sh"
need jq ping

# What the main table has for the service, in both families.
routes()
{
	local family
	for family in "${FAMILIES[@]}"; do
		route_of "-$family" "${SERVICE[$family]}" | sed 's/ *\(nhid\|via\|dev\|proto\) .*//'
	done | xargs
}

routes_are()
{
	[ "$(routes)" = "$1" ]
}

# Is a client told that there is nobody? One that asks now and then: the kernel does not go on telling
# those that ask a thousand times a second.
refused() # FAMILY
{
	local source=10.77.0.3
	[ "$1" = 4 ] || source=fd77::3
	on client ping -c 1 -W 1 -I "$source" "${SERVICE[$1]}" >"$work/ping" 2>&1 ||
		grep -qi unreachable "$work/ping"
}

all_die() # WHEN-NONE ROUTES
{
	daemon_config --when-none "$1"
	reload_daemon
	must 10 logged "^reload"
	must 10 all_well
	clients_start
	lab_cut s1
	must 10 served_by s2
	must 10 committed $((epoch + 1)) s2
	must 10 server_is s1 down
	lab_cut s2
	must 10 server_is s2 unknown
	must 10 service_is web down
	must 10 routes_are "$2"
	probes_pass 200
	moved $((epoch + 1)) s2 || fail "$1: it moved to nobody: $(status -c .pools)"
	routes_are "$2" || fail "$1: later $(routes)"
}

back()
{
	lab_heal s1
	must 10 served_by s1
	must 10 committed $((epoch + 2)) s1
	must 10 recorded s1
	lab_heal s2
	must 30 all_well
	epoch=$((epoch + 2))
	stays "$epoch" s1
	clients_stop "s1 s2 s1" 60
}

story_start --servers 2 --sources 2
all_die keep "10.79.0.100 fd79::100"
recorded s2 || fail "keep: the tables say $(via 4) $(via 6)"
back

all_die withdraw ""
back

all_die unreachable "unreachable 10.79.0.100 unreachable fd79::100"
for family in "${FAMILIES[@]}"; do
	must 20 refused "$family"
done
back
