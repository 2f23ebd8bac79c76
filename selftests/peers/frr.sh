# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154 # set for selftests/lib/peers.sh; set by it
#
# FRR: every server announces the service by BGP, and a BFD session to each tells bgpd of its death. Debian's
# 8.4 has no BFD for static routes. The gateway prefers the servers by weight.

frr_PROGRAM=/usr/lib/frr/bfdd

# frr_takes INTERVAL_US: bfdd refuses less than 10 ms
frr_takes()
{
	[ "$1" -ge 10000 ]
}

frr_config_bfdd() # INTERVAL_US
{
	cat <<-END
	bfd
	 profile watch
	  receive-interval $(($1 / 1000))
	  transmit-interval $(($1 / 1000))
	  detect-multiplier 3
	END
}

frr_neighbor() # ADDRESS AS WEIGHT
{
	cat <<-END
	 neighbor $1 remote-as $2
	 neighbor $1 timers connect 1
	 neighbor $1 bfd profile watch
	 address-family ipv4 unicast
	  neighbor $1 weight $3
	 exit-address-family
	END
}

# The shortest timers of BGP's own, for when bfdd is away.
frr_bgp() # AS ADDRESS
{
	cat <<-END
	frr defaults datacenter
	router bgp $1
	 bgp router-id $2
	 no bgp ebgp-requires-policy
	 no bgp network import-check
	 timers bgp 1 3
	END
}

frr_config_gateway()
{
	local i
	frr_bgp 65000 10.78.0.1
	for i in $SERVERS; do
		frr_neighbor "10.78.0.1$i" "6500$i" "$((200 - i))"
	done
}

frr_config_server() # NUMBER
{
	frr_bgp "6500$1" "10.78.0.1$1"
	frr_neighbor 10.78.0.1 65000 0
	printf '%s\n' ' address-family ipv4 unicast' "  network $SERVICE_ADDRESS/32" ' exit-address-family'
}

# A real-time priority is for bfdd alone, which keeps the sessions: with it, bgpd and zebra leave nothing of
# two processors to anybody while they look for each other.
frr_run() # HOST DAEMON ARGUMENT...
{
	local host=$1 daemon=$2 dir=$work/frr.$1 FIFO=${FIFO:-}
	[ "$daemon" = bfdd ] || FIFO=
	shift 2
	spawn "$host" "$daemon" "/usr/lib/frr/$daemon" -u frr -g frr -A 127.0.0.1 -P 0 --vty_socket "$dir" \
		-z "$dir/zserv.api" -i "$dir/$daemon.pid" --log "file:$dir/$daemon.log" --log-level errors \
		-f "$dir/$daemon.conf" "$@"
}

frr_run_host() # HOST INTERVAL_US, with bgpd.conf written
{
	local dir=$work/frr.$1
	: >"$dir/zebra.conf"
	frr_config_bfdd "$2" >"$dir/bfdd.conf"
	frr_run "$1" zebra
	wait_until 10 test -S "$dir/zserv.api" || fail "zebra does not start on $1"
	frr_run "$1" bfdd --bfdctl "$dir/bfdd.sock"
	frr_run "$1" bgpd
}

# They drop root for a user of their own.
frr_folder() # HOST
{
	chmod 711 "$work"
	install -d -o frr -g frr "$work/frr.$1"
}

frr_start() # INTERVAL_US
{
	local i
	for i in $SERVERS; do
		frr_folder "s$i"
		frr_config_server "$i" >"$work/frr.s$i/bgpd.conf"
		frr_run_host "s$i" "$1"
	done
	frr_folder gateway
	frr_config_gateway >"$work/frr.gateway/bgpd.conf"
	frr_run_host gateway "$1"
}

frr_ask() # COMMAND: JSON
{
	vtysh --vty_socket "$work/frr.gateway" -c "$1"
}

frr_up() # COMMAND PATH KEY VALUE: are they all?
{
	local up
	up=$(frr_ask "$1" | jq --arg key "$3" --arg value "$4" "[$2 | select(.[\$key] == \$value)] | length")
	[ "$up" = "$COUNT" ]
}

# All sessions of both kinds are up, and the preferred route is in the kernel's table.
frr_ready()
{
	frr_up "show bfd peers json" ".[]" status up &&
		frr_up "show bgp summary json" ".ipv4Unicast.peers[]" state Established && route_via "$FIRST"
}

# What the gateway's bfdd took for a death.
frr_flaps()
{
	frr_ask 'show bfd peers counters json' | jq 'map(."session-down") | add // 0'
}

# frr_freezes: what may be frozen, a line each: PIDS<TAB>NAME
frr_freezes()
{
	local daemon
	for daemon in bfdd bgpd zebra; do
		printf '%s\t%s\n' "$(pids_of gateway "$daemon")" "$daemon on the gateway"
	done
}
