#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A reload is a difference: what it does not name is not disturbed, a faulty one changes nothing.
# shellcheck source=selftests/lib/net.sh
. "$(dirname "$0")/../lib/net.sh"
# shellcheck source=selftests/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
# shellcheck source=selftests/lib/operate.sh
. "$(dirname "$0")/../lib/operate.sh"
need jq bpftool

# configure SERVERS [INTERVAL] [MORE]: the configuration with the pool app of these servers
configure()
{
	local name
	{
		cat <<-END
			gateway: {name: gw, client-interfaces: [g0], server-interfaces: [e0]}
			heartbeat: {interval: ${2:-2ms}, recover: {replies: 10, hold: 100ms}, damping: off}
			servers:
		END
		for name in ${1//,/ }; do
			echo "  - {name: $name, address: [10.78.0.1${name#s}, \"fd78::1${name#s}\"]}"
		done
		echo "pools:"
		echo "  - {name: app, servers: [$1]}"
		[ -z "${4:-}" ] || echo "  - {name: $4, servers: [${1##*,}]}"
		echo "services:"
		echo "  - {name: web, pool: app, address: [10.79.0.100, \"fd79::100\"]}"
		[ -z "${3:-}" ] || echo "  - $3"
	} >"$work/defib.yaml"
}

reloads()
{
	event_count '.kind == "reload"'
}

# reload: and wait until it is told
reload()
{
	local before
	before=$(reloads)
	reload_daemon
	must 5 eval '[ "$(reloads)" -gt '"$before"' ]'
}

# id_of NAME: of a server, as the kernel maps have it
id_of()
{
	map servers | json "select(.value.name == \"$1\").key"
}

ids()
{
	map servers | json 'select(.value.name != "") | "\(.key)=\(.value.name)"' | paste -sd' '
}

# probes_go_on NAME BEFORE: the server's probes were not started anew
probes_of()
{
	status ".servers[] | select(.name == \"$1\").probes_sent"
}

lab_start --servers 4
configure s1,s2
daemon_ready
events_start
first=$(epoch)
expect "ids" "$(ids)" "1=s1 2=s2"

# Servers come and go behind the one that serves: nobody is disturbed.
traffic_start four --to 10.79.0.100 --rate 1000
traffic_start six --to fd79::100 --rate 1000
probes=$(probes_of s1)
configure s1,s2,s3
reload
must 10 all_well
expect "a server is added: ids" "$(ids)" "1=s1 2=s2 3=s3"
expect "candidates" "$(map plans | json -c 'select(.value.name == "app").value.candidates[:4]')" '[1,2,3,0]'
configure s1,s3,s4
reload
must 10 all_well
expect "a standby is removed, one is added: ids" "$(ids)" "1=s1 3=s3 4=s4"

# Between the removal of a target and the word of it, the prober meets a target without an interval.
size=$(bpftool -j map show pinned "/sys/fs/bpf/defib/$prefix/maps/targets" | json .bytes_value)
# shellcheck disable=SC2046 # words on purpose
bpftool map update pinned "/sys/fs/bpf/defib/$prefix/maps/targets" \
	key $((2 * $(id_of s4))) 0 0 0 value $(yes 0 | head -n "$size")
alive=$(map prober | json '.value.alive_ns')
must 5 eval '[ "$(map prober | json ".value.alive_ns")" -gt $((alive + 100000000)) ]'
configure s1,s3,s4 4ms
reload
must 5 eval '[ "$(status ".servers[0].addresses[0].interval_us")" = 4000 ]'
expect "ids" "$(ids)" "1=s1 3=s3 4=s4"
[ "$(probes_of s1)" -gt "$probes" ] || fail "the probes of s1 were started anew"

# Services and pools come and go.
configure s1,s3,s4 2ms '{name: mail, pool: post, address: [10.79.0.101, "fd79::101"]}' post
reload
must 10 service_is mail serving
expect "mail" "$(status '.services[] | select(.name == "mail").server')" s4
must 5 settled
says "$(route_of -4 10.79.0.101)" "nhid"
says "$(route_of -6 fd79::101)" "nhid"
configure s1,s3,s4 2ms '{name: mail, pool: app, address: [10.79.0.102]}'
reload
must 5 eval '[ -z "$(route_of -4 10.79.0.101)$(route_of -6 fd79::101)" ]'
must 5 eval '[ -n "$(route_of -4 10.79.0.102)" ]'
expect "pools" "$(map plans | json 'select(.value.name != "").value.name')" app
expect "services" "$(map services | json .value.name | sort | paste -sd' ')" "mail web web"
configure s1,s3,s4
reload
must 5 eval '[ -z "$(route_of -4 10.79.0.102)" ]'
expect "services" "$(map services | json .value.name | sort | paste -sd' ')" "web web"

# A faulty one, and one that needs a restart, change nothing, and say what is wrong.
before=$(routing)
count=$(reloads)
sed -i 's/interval: 2ms/interval: 2/; s/pool: app/pool: ap/' "$work/defib.yaml"
reload_daemon
must 5 logged 'defib.yaml:2:23: '
must 5 logged 'defib.yaml:[0-9]*:[0-9]*: .*ap'
must 5 logged 'reload-failed: .*defib.yaml is faulty and changes nothing'
for fixed in 'mark-mask: 0x1fff0000' 'table-base: 790000' 'rule-priority: 790' 'max-servers: 12'; do
	configure s1,s2,s3
	sed -i "s/name: gw,/& $fixed,/" "$work/defib.yaml"
	reload_daemon
	must 5 logged "reload-failed: ${fixed%%:*} cannot change while it runs"
done
rm "$work/defib.yaml"
reload_daemon
must 5 logged 'cannot read .*defib.yaml'
expect "ids" "$(ids)" "1=s1 3=s3 4=s4"
expect "routes" "$(routing)" "$before"
expect "reloads that are told" "$(reloads)" "$count"

expect "epoch" "$(epoch)" "$first"
expect "lost, IPv4" "$(traffic_stop four .lost)" 0
expect "lost, IPv6" "$(traffic_stop six .lost)" 0

# The server that serves is removed: the pool moves to the next, once.
traffic_start web --to 10.79.0.100 --rate 2000
configure s3,s4
reload
must 5 serves web s3
must 5 settled
must 5 traffic_moved web s3
expect "epoch" "$(epoch)" $((first + 1))
expect "ids" "$(ids)" "3=s3 4=s4"
event_wait 5 '.kind == "failover" and .to == "s3" and .reason == "removed"' >/dev/null
expect "lost" "$(traffic_stop web .lost)" 0
must 5 eval '! routing | grep -q "lookup 780001\|table 780001"'

# A new address is another target; an id comes back to whoever has none.
configure s3,s4,s1
sed -i 's/10.78.0.14, "fd78::14"/10.78.0.12, "fd78::12"/' "$work/defib.yaml"
reload
must 10 all_well
expect "ids" "$(ids)" "1=s1 3=s3 4=s4"
lab_cut s4
must 1 server_is s4 up
expect "address of s4" "$(status '.servers[] | select(.name == "s4").addresses[0].address')" 10.78.0.12
lab_cut s2
must 5 server_is s4 down
lab_heal all

# The families of a service: without IPv6 its route and probes' verdicts do not matter.
must 10 all_well
configure s3,s4,s1
sed -i 's/address: \[10.79.0.100, "fd79::100"\]/address: 10.79.0.100/' "$work/defib.yaml"
reload
must 5 eval '[ -z "$(route_of -6 fd79::100)" ]'
must 5 all_well
expect "epoch" "$(epoch)" $((first + 1))
